package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.Failure;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgentDirectoryTest {
    @TempDir
    Path parent;

    @Test
    void isMadeForItsOwnerOnly() throws IOException {
        Path path = parent.resolve("x/a");
        try (AgentDirectory directory = AgentDirectory.take(path)) {
            assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
            assertEquals(path.resolve("api.sock"), directory.socket());
        }
    }

    @Test
    void isForOneAgentAtATime() {
        try (AgentDirectory first = AgentDirectory.take(parent)) {
            Failure e = assertThrows(Failure.class, () -> AgentDirectory.take(parent));
            assertEquals("another agent serves " + first.socket(), e.getMessage());
            assertEquals(Failure.Kind.CONFLICT, e.kind());
        }
        AgentDirectory.take(parent).close();
    }

    @Test
    void takesOverASocketThatNobodyServes() throws IOException {
        Path socket = parent.resolve("api.sock");
        try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(socket));
        }
        assertTrue(Files.exists(socket), "closing a socket leaves its file");
        AgentDirectory.take(parent).close();
    }

    @Test
    void leavesASocketThatSomebodyServes() throws IOException {
        Path socket = parent.resolve("api.sock");
        try (ServerSocketChannel other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            other.bind(UnixDomainSocketAddress.of(socket));
            Failure e = assertThrows(Failure.class, () -> AgentDirectory.take(parent));
            assertEquals("another agent serves " + socket, e.getMessage());
        }
    }

    @Test
    void isRefusedWhenItIsAFile() throws IOException {
        Path file = Files.createFile(parent.resolve("file"));
        Failure e = assertThrows(Failure.class, () -> AgentDirectory.take(file));
        assertEquals("--dir: " + file + " is not a directory", e.getMessage());
        assertEquals(Failure.Kind.BAD_INPUT, e.kind());
    }

    @Test
    void isRefusedWhenItsSocketsPathIsTooLong() {
        Path deep = parent.resolve("d".repeat(110));
        Failure e = assertThrows(Failure.class, () -> AgentDirectory.take(deep));
        assertEquals(
                "--dir: " + deep
                        + " is longer than 80 bytes; a socket in it would have a longer path than the system takes",
                e.getMessage());
    }
}
