package dev.godwit.bindings.linux;

/**
 * A system call failed in a way its caller cannot go on from.
 *
 * <p>The bindings themselves never throw it: they return {@code -errno}. The wrappers above them do, through
 * {@link #check(long, String)} and its siblings, which allocate nothing when the call went well. The message names
 * operation, arguments and error: {@code KVM_CREATE_VCPU(vm fd 7, id 3): EEXIST (File exists)}.
 */
public final class SystemCallException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String operation;
    private final String arguments;
    private final int errno;

    /**
     * @param operation the system call or request, such as {@code KVM_CREATE_VCPU}
     * @param arguments what it was called with, descriptor first, such as {@code vm fd 7, id 3}; may be empty
     * @param errno the error number, above 0
     */
    public SystemCallException(String operation, String arguments, int errno) {
        super(operation + "(" + arguments + "): " + Errno.name(errno) + " (" + Errno.description(errno) + ")");
        this.operation = operation;
        this.arguments = arguments;
        this.errno = errno;
    }

    /** The system call or request that failed. */
    public String operation() {
        return operation;
    }

    /** What it was called with, descriptor first; may be empty. */
    public String arguments() {
        return arguments;
    }

    /** The error number, above 0; see {@link Errno}. */
    public int errno() {
        return errno;
    }

    /** The error number's name, such as {@code EEXIST}. */
    public String errnoName() {
        return Errno.name(errno);
    }

    /** Returns {@code result} if it is 0 or more; else throws, for a call without arguments worth naming. */
    public static long check(long result, String operation) {
        if (result < 0) {
            throw new SystemCallException(operation, "", errno(result));
        }
        return result;
    }

    /** Returns {@code result} if it is 0 or more; else throws, naming a text such as a path as the argument. */
    public static long check(long result, String operation, String argument) {
        if (result < 0) {
            throw new SystemCallException(operation, argument, errno(result));
        }
        return result;
    }

    /** Returns {@code result} if it is 0 or more; else throws, naming one argument. */
    public static long check(long result, String operation, String name, long argument) {
        if (result < 0) {
            throw new SystemCallException(operation, name + " " + argument, errno(result));
        }
        return result;
    }

    /** Returns {@code result} if it is 0 or more; else throws, naming two arguments. */
    public static long check(
            long result, String operation, String firstName, long first, String secondName, long second) {
        if (result < 0) {
            String arguments = firstName + " " + first + ", " + secondName + " " + second;
            throw new SystemCallException(operation, arguments, errno(result));
        }
        return result;
    }

    /** As {@link #check(long, String)} for a result known to fit, such as a descriptor. */
    public static int checkInt(int result, String operation) {
        return (int) check(result, operation);
    }

    /** As {@link #check(long, String, String)} for a result known to fit, such as a descriptor. */
    public static int checkInt(int result, String operation, String argument) {
        return (int) check(result, operation, argument);
    }

    /** As {@link #check(long, String, String, long)} for a result known to fit, such as a descriptor. */
    public static int checkInt(int result, String operation, String name, long argument) {
        return (int) check(result, operation, name, argument);
    }

    /** As {@link #check(long, String, String, long, String, long)} for a result known to fit. */
    public static int checkInt(
            int result, String operation, String firstName, long first, String secondName, long second) {
        return (int) check(result, operation, firstName, first, secondName, second);
    }

    private static int errno(long result) {
        return (int) -result;
    }
}
