package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Addresses there and back. */
class SocketAddressesTest {
    @ParameterizedTest
    @CsvSource({"127.0.0.1,1,16", "255.1.2.3,65535,16", "::1,8080,28", "2001:db8::ff00:42:8329,443,28"})
    void convertsThereAndBack(String host, int port, int size) throws UnknownHostException {
        try (Arena arena = Arena.ofConfined()) {
            InetSocketAddress address = new InetSocketAddress(InetAddress.getByName(host), port);
            var inC = SocketAddresses.toNative(address, arena);
            assertEquals(size, inC.byteSize());
            assertEquals(address, SocketAddresses.toJava(inC));
        }
    }

    @Test
    void refusesWhatIsNoAddress() {
        try (Arena arena = Arena.ofConfined()) {
            InetSocketAddress unknown = InetSocketAddress.createUnresolved("host.invalid", 1);
            assertThrows(IllegalArgumentException.class, () -> SocketAddresses.toNative(unknown, arena));
            assertThrows(IllegalArgumentException.class, () -> SocketAddresses.toNative("x".repeat(108), arena));
            var path = SocketAddresses.toNative("/run/x.sock", arena);
            assertEquals(110, path.byteSize());
            assertThrows(IllegalArgumentException.class, () -> SocketAddresses.toJava(path));
        }
    }
}
