package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/** What a TLS engine complains of, in one line for people. */
final class TlsErrors {
    private static final Pattern ALERT = Pattern.compile("Received fatal alert: (\\w+)");

    /** Alerts about the certificate that this side has shown, or has not. */
    private static final Set<String> CERTIFICATE = Set.of(
            "access_denied",
            "bad_certificate",
            "certificate_expired",
            "certificate_required",
            "certificate_revoked",
            "certificate_unknown",
            "unknown_ca",
            "unsupported_certificate");

    private TlsErrors() {}

    static TransportException explained(Connection connection, SSLException e) {
        String peer = connection.peer();
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof PeerTrust.Distrust distrust) {
                return new TransportException(Kind.UNAUTHENTICATED, peer + " is not trusted: " + distrust.getMessage());
            }
        }
        String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        Matcher alert = ALERT.matcher(text);
        if (alert.find()) {
            return refused(connection, alert.group(1));
        }
        if (text.contains("Empty client certificate chain")) {
            return new TransportException(Kind.UNAUTHENTICATED, peer + " is not trusted: it shows no certificate");
        }
        return new TransportException(
                Kind.MALFORMED,
                "TLS with " + peer + ": " + text.lines().findFirst().orElse(""));
    }

    private static TransportException refused(Connection connection, String alert) {
        String peer = connection.peer();
        if (CERTIFICATE.contains(alert)) {
            return new TransportException(
                    Kind.UNAUTHENTICATED,
                    peer + " does not take this agent's certificate (" + alert
                            + "): it must be of the same CA, valid now, and name the host that was called");
        }
        return switch (alert) {
            case PlainOrTls.ALERT -> PlainOrTls.agentIsPlain(connection);
            case "protocol_version" ->
                new TransportException(Kind.VERSION, peer + " has no TLS in common with this agent, which has 1.3");
            default -> new TransportException(Kind.MALFORMED, peer + " refuses TLS: " + alert);
        };
    }
}
