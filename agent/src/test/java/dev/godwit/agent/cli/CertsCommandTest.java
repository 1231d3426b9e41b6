package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.godwit.agent.config.TlsDirectory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertsCommandTest {
    @TempDir
    Path scratch;

    private String directory() {
        return scratch.resolve("certs").toString();
    }

    @Test
    void saysWhatToCopyWhere() {
        Run run = Run.of("certs", directory(), "--host", "a,10.0.0.1", "--host", "fd00::1");
        assertEquals(0, run.status(), run.err());
        assertTrue(run.out().startsWith("made the CA " + directory() + "/ca.pem; its key "), run.out());
        assertTrue(run.out().contains(directory() + "/a: for a, 10.0.0.1, until "), run.out());
        assertTrue(run.out().contains("scp -pr " + directory() + "/a a:.config/godwit/tls\n"), run.out());
        assertTrue(run.out().contains("/fd00::1 [fd00::1]:.config/godwit/tls\n"), run.out());
    }

    @Test
    void jsonNamesTheFiles() throws Exception {
        Run.of("certs", directory(), "--host", "a");
        Run run = Run.of("certs", directory(), "--host", "b", "--json");
        assertEquals(0, run.status(), run.err());
        JsonNode made = new ObjectMapper().readTree(run.out());
        assertEquals(false, made.get("newCa").booleanValue());
        TlsDirectory.read(Path.of(made.get("hosts").get(0).get("directory").textValue()));
    }

    @Test
    void nothingIsOverwritten() {
        Run.of("certs", directory(), "--host", "a");
        Run again = Run.of("certs", directory(), "--host", "a");
        assertEquals(2, again.status());
        assertEquals(
                "godwit: " + directory() + "/a exists, and nothing is overwritten; remove it to make a new one\n",
                again.err());
    }

    /** An agent takes what lies in the user's configuration, and says what is wrong with it. */
    @Test
    void anAgentTakesThoseOfTheUser() throws Exception {
        Run.of("certs", directory(), "--host", "a");
        Path tls = Files.createDirectories(scratch.resolve("godwit")).resolve("tls");
        Files.createSymbolicLink(tls, scratch.resolve("certs/a"));
        Files.delete(tls.resolve("key.pem"));
        Run run = Run.with(
                Map.of("XDG_CONFIG_HOME", scratch.toString()),
                "",
                "agent",
                "--dir",
                scratch.resolve("dir").toString(),
                "--listen",
                "0.0.0.0:0");
        assertEquals(2, run.status());
        assertEquals("godwit: private key " + tls + "/key.pem cannot be read: no such file or directory\n", run.err());
    }
}
