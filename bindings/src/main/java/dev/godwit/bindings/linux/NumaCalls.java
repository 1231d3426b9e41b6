package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Where memory lives among NUMA nodes. The C library has no functions for these: they go by system call number (x86-64).
 *
 * <p>Threading: any thread. Errors: {@code -errno}, never an exception. A page's status can read -EBUSY though it has
 * moved: ask again instead of trusting it.
 *
 * <p>Safety: the kernel reads and writes the arrays whose addresses it gets; nothing keeps them reachable.
 *
 * <p>Source: {@code mbind(2)}, {@code set_mempolicy(2)}, {@code get_mempolicy(2)}, {@code move_pages(2)}.
 */
public final class NumaCalls {
    public static final int MPOL_DEFAULT = 0;
    public static final int MPOL_PREFERRED = 1;
    public static final int MPOL_BIND = 2;
    public static final int MPOL_INTERLEAVE = 3;
    public static final int MPOL_LOCAL = 4;

    public static final int MPOL_F_NODE = 1;
    public static final int MPOL_F_ADDR = 2;
    public static final int MPOL_F_MEMS_ALLOWED = 4;
    public static final int MPOL_MF_STRICT = 1;
    public static final int MPOL_MF_MOVE = 2;
    public static final int MPOL_MF_MOVE_ALL = 4;

    private static final long SYS_mbind = 0xed;
    private static final long SYS_set_mempolicy = 0xee;
    private static final long SYS_get_mempolicy = 0xef;
    private static final long SYS_move_pages = 0x117;

    private static final MethodHandle SYSCALL6 = Native.variadicCall(
            "syscall",
            1,
            FunctionDescriptor.of(
                    JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private NumaCalls() {}

    /**
     * Sets the policy of a range of memory.
     *
     * @param mode an {@code MPOL_} mode
     * @param nodeMask address of a bit mask of nodes, or 0
     * @param maxNode how many bits of it count, plus 1
     * @param flags {@code MPOL_MF_} bits
     */
    public static int mbind(long address, long length, int mode, long nodeMask, long maxNode, int flags) {
        return (int) call(SYS_mbind, address, length, mode, nodeMask, maxNode, flags);
    }

    /** Sets the calling thread's policy; arguments as for {@link #mbind}. */
    public static int setMempolicy(int mode, long nodeMask, long maxNode) {
        return (int) call(SYS_set_mempolicy, mode, nodeMask, maxNode, 0, 0, 0);
    }

    /**
     * Asks for the policy of the thread, or with {@link #MPOL_F_ADDR} of an address, or with
     * {@link #MPOL_F_NODE}{@code | }{@link #MPOL_F_ADDR} for the node of the page at an address.
     *
     * @param mode address of an {@code int} that receives the mode or node, or 0
     * @param nodeMask address of a bit mask that receives the nodes, or 0
     * @param flags {@code MPOL_F_} bits
     */
    public static int getMempolicy(long mode, long nodeMask, long maxNode, long address, int flags) {
        return (int) call(SYS_get_mempolicy, mode, nodeMask, maxNode, address, flags, 0);
    }

    /**
     * Moves pages to nodes, or asks where they are.
     *
     * @param processId 0 for this process
     * @param count how many pages
     * @param pages address of {@code count} addresses
     * @param nodes address of {@code count} {@code int}s, or 0 to ask only
     * @param status address of {@code count} {@code int}s that receive each page's node or {@code -errno}
     * @param flags {@link #MPOL_MF_MOVE} or {@link #MPOL_MF_MOVE_ALL}
     * @return 0, the number of pages that could not be moved, or {@code -errno}
     */
    public static long movePages(int processId, long count, long pages, long nodes, long status, int flags) {
        return call(SYS_move_pages, processId, count, pages, nodes, status, flags);
    }

    private static long call(long number, long a, long b, long c, long d, long e, long f) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            return ErrnoCapture.result((long) SYSCALL6.invokeExact(capture, number, a, b, c, d, e, f), capture);
        } catch (Throwable t) {
            throw Native.thrownBy(t);
        }
    }
}
