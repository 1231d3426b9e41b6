package dev.godwit.agent.certs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.certs.ClusterDirectory.Made;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.PemFile;
import dev.godwit.agent.config.TlsDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClusterDirectoryTest {
    @TempDir
    Path scratch;

    private Path directory;

    @BeforeEach
    void name() {
        directory = scratch.resolve("certs");
    }

    private Made issue(String... hosts) {
        return issue(directory, 30, hosts);
    }

    private static Made issue(Path directory, int days, String... hosts) {
        return new ClusterDirectory(directory, Clock.systemUTC())
                .issue(
                        Stream.of(hosts)
                                .map(host -> HostNames.parse("--host", host))
                                .toList(),
                        days);
    }

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private static void refused(String message, Runnable what) {
        Failure e = assertThrows(Failure.class, what::run);
        assertEquals(Failure.Kind.BAD_INPUT, e.kind());
        assertTrue(e.getMessage().contains(message), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void oneCommandMakesACluster() throws Exception {
        Made made = issue("a,10.0.0.1,a.example.org", "fd00::1");
        assertTrue(made.newCa());
        assertEquals(
                Set.of("ca.pem", "ca-key.pem", "a", "fd00::1"),
                Stream.of(directory.toFile().list()).collect(Collectors.toSet()));
        assertEquals("rwx------", mode(directory));
        assertEquals("rw-------", mode(made.caKey()));
        for (ClusterDirectory.Host host : made.hosts()) {
            assertEquals("rwx------", mode(host.directory()));
            assertEquals("rw-------", mode(host.directory().resolve("key.pem")));
            TlsDirectory.read(host.directory()); // which checks that the three belong together
        }
        X509Certificate a = PemFile.certificate(directory.resolve("a/cert.pem"));
        assertEquals(
                List.of(List.of(2, "a"), List.of(7, "10.0.0.1"), List.of(2, "a.example.org")),
                List.copyOf(a.getSubjectAlternativeNames()));
        assertEquals(-1, a.getBasicConstraints());
        assertEquals(0, PemFile.certificate(made.ca()).getBasicConstraints());
        assertEquals(made.hosts().getFirst().notAfter(), a.getNotAfter().toInstant());
    }

    @Test
    void theCaIsUsedAgainAndNothingIsOverwritten() throws Exception {
        issue("a");
        byte[] ca = Files.readAllBytes(directory.resolve("ca.pem"));
        byte[] key = Files.readAllBytes(directory.resolve("a/key.pem"));
        assertFalse(issue("b").newCa());
        refused("a exists, and nothing is overwritten", () -> issue("c", "a"));
        assertFalse(Files.exists(directory.resolve("c")));
        assertEquals(-1, java.util.Arrays.mismatch(ca, Files.readAllBytes(directory.resolve("ca.pem"))));
        assertEquals(-1, java.util.Arrays.mismatch(key, Files.readAllBytes(directory.resolve("a/key.pem"))));
        PemFile.certificate(directory.resolve("b/cert.pem"))
                .verify(PemFile.certificate(directory.resolve("a/ca.pem")).getPublicKey());
    }

    @Test
    void twoClustersHaveTwoNames() {
        issue("a");
        issue(scratch.resolve("other"), 30, "a");
        assertNotEquals(
                PemFile.certificate(directory.resolve("ca.pem")).getSubjectX500Principal(),
                PemFile.certificate(scratch.resolve("other/ca.pem")).getSubjectX500Principal());
    }

    @Test
    void aCaThatIsNotWholeIsNamed() throws Exception {
        issue("a");
        issue(scratch.resolve("other"), 30, "a");
        Path key = directory.resolve("ca-key.pem");
        Files.copy(scratch.resolve("other/ca-key.pem"), key, StandardCopyOption.REPLACE_EXISTING);
        refused("ca-key.pem is not the key of ", () -> issue("b"));
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r--r--"));
        refused("is open to others; run: chmod 600 ", () -> issue("b"));
        Files.delete(key);
        refused("private key " + key + " cannot be read: no such file or directory", () -> issue("b"));
        Files.writeString(directory.resolve("ca.pem"), "nothing");
        refused("ca.pem holds no certificate in PEM form", () -> issue("b"));
        assertFalse(Files.exists(directory.resolve("b")));
    }

    @Test
    void noHostOutlivesTheCa() {
        Clock old = Clock.offset(Clock.systemUTC(), Duration.ofDays(1 - ClusterDirectory.CA_DAYS));
        new ClusterDirectory(directory, old).issue(List.of(HostNames.parse("--host", "a")), 1);
        refused("--days: the CA itself ends before, at ", () -> issue(directory, 2, "b"));
    }

    @Test
    void filesOfTwoHostsDoNotMix() throws Exception {
        issue("a", "b");
        Files.copy(directory.resolve("b/key.pem"), directory.resolve("a/key.pem"), StandardCopyOption.REPLACE_EXISTING);
        refused(
                "a/cert.pem is of no use: its private key is another certificate's",
                () -> TlsDirectory.read(directory.resolve("a")));
        issue(scratch.resolve("other"), 30, "b");
        Files.copy(scratch.resolve("other/ca.pem"), directory.resolve("b/ca.pem"), StandardCopyOption.REPLACE_EXISTING);
        refused(
                "b/cert.pem is of no use: its certificate is not of this cluster's CA",
                () -> TlsDirectory.read(directory.resolve("b")));
    }
}
