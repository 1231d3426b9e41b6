package dev.godwit.agent.api;

import dev.godwit.agent.transport.Secret;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;

/** Agents in this process, for tests. */
final class TestAgent {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private TestAgent() {}

    static Agent start(Path directory) {
        return Agent.start(directory, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), secret());
    }

    static Secret secret() {
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) 7);
        return new Secret(key);
    }

    static StartRequest request(String name, String image, long memory, String cmdline) {
        return new StartRequest(name, image, memory, 1, cmdline, null, null, null, null);
    }

    /** Reads a guest's log until it contains a text. */
    static String awaitLog(ApiClient client, String name, String wanted) {
        StringBuilder text = new StringBuilder();
        long next = 0;
        while (text.indexOf(wanted) < 0) {
            LogChunk chunk = client.log(name, next, PATIENCE);
            if (chunk.bytes().length == 0) {
                throw new AssertionError("'" + wanted + "' is not in the log: " + text);
            }
            next = chunk.next();
            text.append(new String(chunk.bytes(), StandardCharsets.UTF_8));
        }
        return text.toString();
    }
}
