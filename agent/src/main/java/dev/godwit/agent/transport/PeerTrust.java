package dev.godwit.agent.transport;

import java.io.Serial;
import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Whom to believe: whoever shows a certificate that the cluster's CA has signed, that says it may be used as it is, and,
 * of an agent that was called, that names the host it was called by. The JDK's own checks do the work; this class asks
 * them one after the other, so that a refusal says which of them failed.
 */
final class PeerTrust extends X509ExtendedTrustManager {
    /** Extended key usages, RFC 5280, 4.2.1.12. */
    static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

    static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

    private final X509ExtendedTrustManager jdk;

    /** A peer that is not believed; the message is for people and begins with "its certificate". */
    static final class Distrust extends CertificateException {
        @Serial
        private static final long serialVersionUID = 1;

        Distrust(String message, CertificateException cause) {
            super(message, cause);
        }
    }

    /**
     * Trust in what {@code jdk} trusts.
     *
     * @param jdk the platform's PKIX trust manager for the cluster's CA alone
     */
    PeerTrust(X509ExtendedTrustManager jdk) {
        this.jdk = jdk;
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        checkClientTrusted(chain, authType);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        checkServerTrusted(chain, authType);
        try {
            // Again, and now with the name that the engine was told to look for.
            jdk.checkServerTrusted(chain, authType, engine);
        } catch (CertificateException e) {
            throw new Distrust(
                    "its certificate is for " + String.join(", ", names(chain[0])) + ", not for "
                            + engine.getHandshakeSession().getPeerHost(),
                    e);
        }
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        requireUsage(chain, CLIENT_AUTH, "clients");
        try {
            jdk.checkClientTrusted(chain, authType);
        } catch (CertificateException e) {
            throw why(chain[0], e);
        }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        requireUsage(chain, SERVER_AUTH, "servers");
        try {
            jdk.checkServerTrusted(chain, authType);
        } catch (CertificateException e) {
            throw why(chain[0], e);
        }
    }

    /** The JDK takes a certificate without this extension for anything. */
    private static void requireUsage(X509Certificate[] chain, String usage, String whose) throws CertificateException {
        List<String> usages = chain[0].getExtendedKeyUsage();
        if (usages == null || !usages.contains(usage)) {
            throw new Distrust("its certificate is not for " + whose + " (extended key usage)", null);
        }
    }

    private static Distrust why(X509Certificate certificate, CertificateException e) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof CertificateExpiredException) {
                return new Distrust(
                        "its certificate has expired, at "
                                + certificate.getNotAfter().toInstant(),
                        e);
            }
            if (cause instanceof CertificateNotYetValidException) {
                return new Distrust(
                        "its certificate is not valid before "
                                + certificate.getNotBefore().toInstant(),
                        e);
            }
        }
        return new Distrust("its certificate is not of this cluster's CA", e);
    }

    /** The hosts and addresses that a certificate is for. */
    static List<String> names(X509Certificate certificate) {
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            return names == null
                    ? List.of()
                    : names.stream().map(name -> String.valueOf(name.get(1))).toList();
        } catch (CertificateException e) {
            return List.of(); // as good as none
        }
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return jdk.getAcceptedIssuers();
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket) {
        throw new UnsupportedOperationException("connections here are engines");
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket) {
        throw new UnsupportedOperationException("connections here are engines");
    }
}
