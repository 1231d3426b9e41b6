package dev.godwit.bindings.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/** Makes the method handles of the C library's functions; every handle captures {@code errno}. */
final class Native {
    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBC = LINKER.defaultLookup();

    private static final MethodHandle SYSCALL = variadicCall(
            "syscall",
            1,
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private Native() {}

    /** A system call without a function in the C library: its result or {@code -errno}. Unused arguments are 0. */
    static long systemCall(long number, long first, long second, long third, long fourth, long fifth) {
        MemorySegment capture = ErrnoCapture.ofThread();
        try {
            long result = (long) SYSCALL.invokeExact(capture, number, first, second, third, fourth, fifth);
            return ErrnoCapture.result(result, capture);
        } catch (Throwable e) {
            throw thrownBy(e);
        }
    }

    /** A handle whose first parameter is the capture segment of {@link ErrnoCapture}. */
    @SuppressWarnings("restricted") // the descriptor is written next to the C prototype at each use
    static MethodHandle call(String function, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(symbol(function), descriptor, ErrnoCapture.OPTION);
    }

    /** As {@link #call}, for a C function with {@code fixed} parameters before its ellipsis. */
    @SuppressWarnings("restricted")
    static MethodHandle variadicCall(String function, int fixed, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(
                symbol(function), descriptor, ErrnoCapture.OPTION, Linker.Option.firstVariadicArg(fixed));
    }

    /** A handle without a capture segment, for functions that never fail. */
    @SuppressWarnings("restricted")
    static MethodHandle plainCall(String function, FunctionDescriptor descriptor) {
        return LINKER.downcallHandle(symbol(function), descriptor);
    }

    static MemorySegment symbol(String function) {
        return LIBC.findOrThrow(function);
    }

    /**
     * The address of {@code segment} for a call that will use all of it. The caller fences the segment after the call,
     * so that it is not freed meanwhile; a shared arena must not be closed meanwhile by another thread.
     */
    static long address(MemorySegment segment) {
        if (!segment.isNative() || !segment.scope().isAlive() || !segment.isAccessibleBy(Thread.currentThread())) {
            throw new IllegalArgumentException(
                    "not native memory that this thread may use: " + segment + " in " + Thread.currentThread());
        }
        return segment.address();
    }

    /** A downcall throws nothing of its own: what comes out of one is ours, such as a closed arena's complaint. */
    static RuntimeException thrownBy(Throwable failure) {
        if (failure instanceof RuntimeException unchecked) {
            return unchecked;
        }
        if (failure instanceof Error error) {
            throw error;
        }
        return new IllegalStateException(failure);
    }
}
