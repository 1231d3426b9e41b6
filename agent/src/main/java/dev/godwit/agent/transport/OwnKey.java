package dev.godwit.agent.transport;

import java.net.Socket;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedKeyManager;

/** One key and its certificate, shown to every peer: what a stranger makes of it, it says in its alert. */
final class OwnKey extends X509ExtendedKeyManager {
    private static final String NAME = "own";

    private final PrivateKey key;
    private final X509Certificate certificate;

    OwnKey(PrivateKey key, X509Certificate certificate) {
        this.key = key;
        this.certificate = certificate;
    }

    private String nameIf(String... types) {
        return Arrays.asList(types).contains(certificate.getPublicKey().getAlgorithm()) ? NAME : null;
    }

    @Override
    public String chooseEngineClientAlias(String[] types, Principal[] issuers, SSLEngine engine) {
        return nameIf(types);
    }

    @Override
    public String chooseEngineServerAlias(String type, Principal[] issuers, SSLEngine engine) {
        return nameIf(type);
    }

    @Override
    public X509Certificate[] getCertificateChain(String name) {
        return new X509Certificate[] {certificate};
    }

    @Override
    public PrivateKey getPrivateKey(String name) {
        return key;
    }

    @Override
    public String[] getClientAliases(String type, Principal[] issuers) {
        return new String[] {NAME};
    }

    @Override
    public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
        return nameIf(types);
    }

    @Override
    public String[] getServerAliases(String type, Principal[] issuers) {
        return new String[] {NAME};
    }

    @Override
    public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
        return nameIf(type);
    }
}
