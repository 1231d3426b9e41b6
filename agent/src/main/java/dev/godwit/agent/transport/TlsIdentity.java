package dev.godwit.agent.transport;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Who this agent is to agents on other hosts: its certificate, the key of it, and the CA whose certificates it takes.
 *
 * <p>Threading: any thread.
 */
public final class TlsIdentity {
    private static final String TLS_1_3 = "TLSv1.3";

    /** The quickest on a CPU with AES instructions first. */
    private static final String[] SUITES = {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"
    };

    private final X509Certificate certificate;
    private final KeyManager[] own;
    private final TrustManager[] trusted;
    private final SecureRandom random = new SecureRandom();

    private TlsIdentity(PeerTrust trust, X509Certificate certificate, PrivateKey key) {
        this.certificate = certificate;
        own = new KeyManager[] {new OwnKey(key, certificate)};
        trusted = new TrustManager[] {trust};
    }

    /**
     * An identity.
     *
     * @param key of the certificate
     * @throws GeneralSecurityException when the three do not belong together, the certificate has expired or may not be
     *     used; the message is for people
     */
    public static TlsIdentity of(X509Certificate ca, X509Certificate certificate, PrivateKey key)
            throws GeneralSecurityException {
        PeerTrust trust = new PeerTrust(trustIn(ca));
        X509Certificate[] chain = {certificate};
        trust.checkServerTrusted(chain, "UNKNOWN");
        trust.checkClientTrusted(chain, "UNKNOWN");
        if (!belongs(key, certificate)) {
            throw new CertificateException("its private key is another certificate's");
        }
        return new TlsIdentity(trust, certificate, key);
    }

    /** An identity that may be of no use, for tests. */
    static TlsIdentity unchecked(X509Certificate ca, X509Certificate certificate, PrivateKey key)
            throws GeneralSecurityException {
        return new TlsIdentity(new PeerTrust(trustIn(ca)), certificate, key);
    }

    private static X509ExtendedTrustManager trustIn(X509Certificate ca) throws GeneralSecurityException {
        try {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setCertificateEntry("ca", ca);
            TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
            factory.init(store);
            return (X509ExtendedTrustManager) factory.getTrustManagers()[0];
        } catch (IOException e) {
            throw new IllegalStateException("an empty key store is made from nothing", e);
        }
    }

    private static boolean belongs(PrivateKey key, X509Certificate certificate) throws GeneralSecurityException {
        String algorithm = certificate.getPublicKey().getAlgorithm();
        if (!algorithm.equals(key.getAlgorithm())) {
            return false;
        }
        Signature signature = Signature.getInstance(
                switch (algorithm) {
                    case "EC" -> "SHA256withECDSA";
                    case "RSA" -> "SHA256withRSA";
                    default -> algorithm;
                });
        byte[] something = certificate.getSignature();
        signature.initSign(key);
        signature.update(something);
        byte[] signed = signature.sign();
        signature.initVerify(certificate.getPublicKey());
        signature.update(something);
        return signature.verify(signed);
    }

    /** The first of the names and addresses that the certificate is for; empty when there is none. */
    String name() {
        return PeerTrust.names(certificate).stream().findFirst().orElse("");
    }

    /**
     * An engine for one connection. It has a context of its own, so that no session is ever resumed: every connection
     * shows its certificate.
     *
     * @param client whether this side connected; it then wants the peer's certificate to name {@code host}
     */
    SSLEngine engine(boolean client, String host, int port) {
        try {
            SSLContext context = SSLContext.getInstance(TLS_1_3);
            context.init(own, trusted, random);
            int scope = host.indexOf('%');
            SSLEngine engine = context.createSSLEngine(scope < 0 ? host : host.substring(0, scope), port);
            engine.setUseClientMode(client);
            SSLParameters parameters = engine.getSSLParameters();
            parameters.setProtocols(new String[] {TLS_1_3});
            parameters.setCipherSuites(SUITES);
            if (client) {
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
            } else {
                parameters.setNeedClientAuth(true);
            }
            engine.setSSLParameters(parameters);
            return engine;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java platform has TLS 1.3", e);
        }
    }
}
