package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.godwit.bindings.linux.gen.sockaddr;
import dev.godwit.bindings.linux.gen.sockaddr_in;
import dev.godwit.bindings.linux.gen.sockaddr_in6;
import dev.godwit.bindings.linux.gen.sockaddr_storage;
import dev.godwit.bindings.linux.gen.sockaddr_un;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;

/**
 * Java's socket addresses as the kernel's structures, and back.
 *
 * <p>Threading: any thread. Errors: IllegalArgumentException for an address that the structure cannot hold.
 *
 * <p>Source: {@code ip(7)}, {@code ipv6(7)}, {@code unix(7)}.
 */
public final class SocketAddresses {
    private SocketAddresses() {}

    /** {@link SocketCalls#AF_INET} or {@link SocketCalls#AF_INET6}: the domain of the socket for this address. */
    public static int family(InetSocketAddress address) {
        return resolved(address) instanceof Inet6Address ? SocketCalls.AF_INET6 : SocketCalls.AF_INET;
    }

    /** The address as a {@code sockaddr_in} or {@code sockaddr_in6}, whose size is the segment's. */
    public static MemorySegment toNative(InetSocketAddress address, SegmentAllocator allocator) {
        InetAddress host = resolved(address);
        short port = bigEndian((short) address.getPort());
        if (host instanceof Inet6Address six) {
            MemorySegment result = allocator.allocate(sockaddr_in6.layout()).fill((byte) 0);
            sockaddr_in6.sin6_family(result, (short) SocketCalls.AF_INET6);
            sockaddr_in6.sin6_port(result, port);
            sockaddr_in6.sin6_scope_id(result, six.getScopeId());
            sockaddr_in6.sin6_addr(result).copyFrom(MemorySegment.ofArray(six.getAddress()));
            return result;
        }
        MemorySegment result = allocator.allocate(sockaddr_in.layout()).fill((byte) 0);
        sockaddr_in.sin_family(result, (short) SocketCalls.AF_INET);
        sockaddr_in.sin_port(result, port);
        sockaddr_in.sin_addr(result).copyFrom(MemorySegment.ofArray(host.getAddress()));
        return result;
    }

    /** The path as a {@code sockaddr_un}. */
    public static MemorySegment toNative(String path, SegmentAllocator allocator) {
        byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
        MemorySegment result = allocator.allocate(sockaddr_un.layout()).fill((byte) 0);
        MemorySegment field = sockaddr_un.sun_path(result);
        if (bytes.length >= field.byteSize()) {
            throw new IllegalArgumentException(
                    path + " has " + bytes.length + " bytes, a socket's path at most " + (field.byteSize() - 1));
        }
        sockaddr_un.sun_family(result, (short) SocketCalls.AF_UNIX);
        field.copyFrom(MemorySegment.ofArray(bytes));
        return result;
    }

    /** Room for an address of any family. */
    public static MemorySegment allocateAny(SegmentAllocator allocator) {
        return allocator.allocate(sockaddr_storage.layout()).fill((byte) 0);
    }

    /** The internet address in {@code address}, which the kernel has filled in. */
    public static InetSocketAddress toJava(MemorySegment address) {
        int family = sockaddr.sa_family(address);
        if (family == SocketCalls.AF_INET) {
            InetAddress host = host(sockaddr_in.sin_addr(address).toArray(JAVA_BYTE), 0);
            return new InetSocketAddress(host, port(sockaddr_in.sin_port(address)));
        }
        if (family == SocketCalls.AF_INET6) {
            int scope = sockaddr_in6.sin6_scope_id(address);
            InetAddress host = host(sockaddr_in6.sin6_addr(address).toArray(JAVA_BYTE), scope);
            return new InetSocketAddress(host, port(sockaddr_in6.sin6_port(address)));
        }
        throw new IllegalArgumentException("not an internet address: family " + family);
    }

    private static InetAddress host(byte[] bytes, int scope) {
        try {
            return scope == 0 ? InetAddress.getByAddress(bytes) : Inet6Address.getByAddress(null, bytes, scope);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(bytes.length + " bytes are no address", e);
        }
    }

    private static InetAddress resolved(InetSocketAddress address) {
        if (address.isUnresolved()) {
            throw new IllegalArgumentException("unknown host " + address.getHostString());
        }
        return address.getAddress();
    }

    private static int port(short networkOrder) {
        return Short.toUnsignedInt(bigEndian(networkOrder));
    }

    private static short bigEndian(short value) {
        return Short.reverseBytes(value);
    }
}
