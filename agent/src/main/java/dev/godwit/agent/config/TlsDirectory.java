package dev.godwit.agent.config;

import dev.godwit.agent.transport.TlsIdentity;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;

/** The directory with a host's certificates: {@value #CA}, {@value #CERTIFICATE} and {@value #KEY}. */
public final class TlsDirectory {
    /** The certificate of the CA whose certificates are taken. */
    public static final String CA = "ca.pem";

    /** This host's certificate. */
    public static final String CERTIFICATE = "cert.pem";

    /** Its private key, PKCS #8, which only its owner may read. */
    public static final String KEY = "key.pem";

    private TlsDirectory() {}

    /**
     * Reads a host's identity.
     *
     * @throws Failure bad input, when a file is absent, unreadable or something else, the key is open to others, or the
     *     three do not belong together
     */
    public static TlsIdentity read(Path directory) {
        X509Certificate ca = PemFile.certificate(directory.resolve(CA));
        X509Certificate certificate = PemFile.certificate(directory.resolve(CERTIFICATE));
        PrivateKey key = PemFile.privateKey(
                directory.resolve(KEY), certificate.getPublicKey().getAlgorithm());
        try {
            return TlsIdentity.of(ca, certificate, key);
        } catch (GeneralSecurityException e) {
            throw Failure.badInput(directory.resolve(CERTIFICATE) + " is of no use: " + e.getMessage());
        }
    }
}
