package dev.godwit.agent.transport;

import dev.godwit.agent.certs.ClusterDirectory;
import dev.godwit.agent.certs.HostNames;
import dev.godwit.agent.config.PemFile;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.List;

/** A CA of its own in a directory, and hosts with certificates of it. */
record Cluster(Path directory) {
    /** A host's identity, whether or not it is of any use now; made on first use, some time from now. */
    TlsIdentity identity(String names, Duration fromNow) {
        Path files = issue(names, fromNow);
        return read(files, PemFile.certificate(files.resolve("ca.pem")));
    }

    /** A host of this cluster that takes another's certificates. */
    TlsIdentity identityTrusting(String names, X509Certificate ca) {
        return read(issue(names, Duration.ZERO), ca);
    }

    private Path issue(String names, Duration fromNow) {
        HostNames host = HostNames.parse("host", names);
        Clock clock = Clock.offset(Clock.systemUTC(), fromNow);
        return new ClusterDirectory(directory, clock)
                .issue(List.of(host), 1)
                .hosts()
                .getFirst()
                .directory();
    }

    TlsIdentity identity(String names) {
        return identity(names, Duration.ZERO);
    }

    X509Certificate ca() {
        return PemFile.certificate(directory.resolve("ca.pem"));
    }

    private static TlsIdentity read(Path files, X509Certificate ca) {
        X509Certificate certificate = PemFile.certificate(files.resolve("cert.pem"));
        PrivateKey key = PemFile.privateKey(files.resolve("key.pem"), "EC");
        try {
            return TlsIdentity.unchecked(ca, certificate, key);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
