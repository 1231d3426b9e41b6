package dev.godwit.agent.certs;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.FileErrors;
import dev.godwit.agent.config.PemFile;
import dev.godwit.agent.config.TlsDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;

/**
 * A cluster's CA and the certificates of its hosts:
 *
 * <pre>
 *   DIR/ca.pem          whose certificates are taken
 *   DIR/ca-key.pem      what makes them, mode 0600; no host needs it
 *   DIR/NAME/ca.pem     what host NAME needs: the directory of godwit agent --tls
 *           /cert.pem
 *           /key.pem    mode 0600
 * </pre>
 *
 * <p>The CA is made once and used again. Nothing is overwritten.
 */
public final class ClusterDirectory {
    /** How long a CA is valid. */
    public static final int CA_DAYS = 3650;

    private static final String CA_KEY = "ca-key.pem";

    /** Clocks differ a little. */
    private static final Duration BACKDATED = Duration.ofHours(1);

    private final Path directory;
    private final Instant now;

    /**
     * What was made.
     *
     * @param ca the CA's certificate
     * @param caKey its private key
     * @param newCa whether it was made now
     */
    public record Made(Path ca, Path caKey, boolean newCa, List<Host> hosts) {
        public Made {
            hosts = List.copyOf(hosts);
        }
    }

    /**
     * One host's files.
     *
     * @param directory for {@code godwit agent --tls}
     * @param notAfter the end of its certificate
     */
    public record Host(List<String> names, Path directory, Instant notAfter) {
        public Host {
            names = List.copyOf(names);
        }
    }

    private record Authority(X509Certificate certificate, PrivateKey key, boolean made) {}

    /** A directory, which need not exist. */
    public ClusterDirectory(Path directory, Clock clock) {
        this.directory = directory;
        this.now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
    }

    /**
     * Makes the CA, if there is none, and a key and certificate for each host.
     *
     * @param days how long they are valid
     * @throws Failure bad input, when a host is there already, or the CA's files are not right; nothing is made then
     */
    public Made issue(List<HostNames> hosts, int days) {
        if (Files.exists(directory) && !Files.isDirectory(directory)) {
            throw Failure.badInput(directory + " is not a directory");
        }
        Set<String> names = new HashSet<>();
        for (HostNames host : hosts) {
            Path path = directory.resolve(host.own());
            if (!names.add(host.own())) {
                throw Failure.badInput("--host: " + host.own() + " is there twice");
            }
            if (Files.exists(path)) {
                throw Failure.badInput(path + " exists, and nothing is overwritten; remove it to make a new one");
            }
        }
        try {
            PrivateFiles.makeDirectories(directory);
            Authority ca = authority();
            Instant end = now.plus(Duration.ofDays(days));
            if (end.isAfter(ca.certificate.getNotAfter().toInstant())) {
                throw Failure.badInput("--days: the CA itself ends before, at "
                        + ca.certificate.getNotAfter().toInstant());
            }
            List<Host> made = new ArrayList<>();
            for (HostNames host : hosts) {
                made.add(issue(host, ca, end));
            }
            return new Made(directory.resolve(TlsDirectory.CA), directory.resolve(CA_KEY), ca.made, made);
        } catch (IOException e) {
            throw Failure.failed("certificates in " + directory + " cannot be made: " + FileErrors.text(e));
        }
    }

    private Authority authority() throws IOException {
        Path file = directory.resolve(TlsDirectory.CA);
        Path keyFile = directory.resolve(CA_KEY);
        if (Files.exists(file) || Files.exists(keyFile)) {
            X509Certificate certificate = PemFile.certificate(file);
            return new Authority(
                    certificate,
                    PemFile.privateKey(keyFile, certificate.getPublicKey().getAlgorithm()),
                    false);
        }
        KeyPair keys = X509Maker.keyPair();
        // Another cluster's CA has another name, too.
        String name = "godwit cluster CA "
                + HexFormat.of().toHexDigits(keys.getPublic().hashCode());
        X509Certificate certificate =
                X509Maker.authority(keys, name, now.minus(BACKDATED), now.plus(Duration.ofDays(CA_DAYS)));
        PrivateFiles.writeKey(keyFile, keys.getPrivate());
        PrivateFiles.writeCertificate(file, certificate);
        return new Authority(certificate, keys.getPrivate(), true);
    }

    private Host issue(HostNames names, Authority ca, Instant end) throws IOException {
        KeyPair keys = X509Maker.keyPair();
        X509Certificate certificate =
                X509Maker.host(ca.certificate, ca.key, keys.getPublic(), names.all(), now.minus(BACKDATED), end);
        try {
            certificate.verify(ca.certificate.getPublicKey());
        } catch (GeneralSecurityException e) {
            throw Failure.badInput(
                    directory.resolve(CA_KEY) + " is not the key of " + directory.resolve(TlsDirectory.CA));
        }
        // Complete before it has its name: there is never half of it.
        Path made = PrivateFiles.makeNursery(directory);
        PrivateFiles.writeCertificate(made.resolve(TlsDirectory.CA), ca.certificate);
        PrivateFiles.writeCertificate(made.resolve(TlsDirectory.CERTIFICATE), certificate);
        PrivateFiles.writeKey(made.resolve(TlsDirectory.KEY), keys.getPrivate());
        Path there = directory.resolve(names.own());
        Files.move(made, there, StandardCopyOption.ATOMIC_MOVE);
        return new Host(names.all(), there, end);
    }
}
