package dev.godwit.agent.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.transport.ClusterCredentials;
import dev.godwit.agent.transport.Secret;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HostPortTest {
    @ParameterizedTest
    @CsvSource({
        "127.0.0.1:7000, 127.0.0.1:7000",
        "localhost:1, 127.0.0.1:1",
        "[::1]:65535, [0:0:0:0:0:0:0:1]:65535",
        "0.0.0.0:0, 0.0.0.0:0"
    })
    void reads(String text, String digits) {
        assertEquals(digits, HostPort.text(HostPort.parseListen("--listen", text)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "7000", "localhost", "localhost:", ":7000", "::1:7000", "a b:1", "[::1]", "h:1234567", "h:-1"
            })
    void refusesInOneLine(String text) {
        Failure e = assertThrows(Failure.class, () -> HostPort.parseListen("--listen", text));
        assertEquals(
                "--listen: '" + text + "' is not an address; write HOST:PORT, such as 127.0.0.1:7000 or [::1]:7000",
                e.getMessage());
    }

    @Test
    void refusesPorts() {
        assertEquals(
                "--listen: port 65536 in 'localhost:65536' is not in 0 to 65535",
                assertThrows(Failure.class, () -> HostPort.parseListen("--listen", "localhost:65536"))
                        .getMessage());
        assertEquals(
                "--to: port 0 in 'localhost:0' is not in 1 to 65535",
                assertThrows(Failure.class, () -> HostPort.parseTarget("--to", "localhost:0"))
                        .getMessage());
    }

    @Test
    void refusesHostsThatNobodyKnows() {
        assertEquals(
                "--to: no address is known for host 'nobody.invalid'",
                assertThrows(Failure.class, () -> HostPort.parseTarget("--to", "nobody.invalid:1"))
                        .getMessage());
    }

    @Test
    void offTheLoopbackOnlyWithCertificates() {
        InetSocketAddress out = new InetSocketAddress("192.0.2.1", 7000);
        Secret secret = new Secret(new byte[Secret.MIN_BYTES]);
        Failure e = assertThrows(Failure.class, () -> NetworkPolicy.check("target", out, secret));
        assertEquals(
                "target: 192.0.2.1:7000 is not on the loopback, and this agent has no certificates; make them with"
                        + " godwit certs DIR --host NAME, and start it with --tls DIR/NAME",
                e.getMessage());
        assertDoesNotThrow(() -> NetworkPolicy.check("target", out, new ClusterCredentials(secret, null)));
        assertDoesNotThrow(() -> NetworkPolicy.check("--listen", new InetSocketAddress("127.0.0.9", 1), secret));
        assertThrows(Failure.class, () -> NetworkPolicy.check("--listen", new InetSocketAddress("0.0.0.0", 1), secret));
    }
}
