package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** The message names operation, arguments and error. */
class SystemCallExceptionTest {
    @Test
    void aResultPasses() {
        assertEquals(7, SystemCallException.checkInt(7, "open", "/dev/kvm"));
        assertEquals(0, SystemCallException.check(0, "KVM_RUN", "vcpu fd", 9));
    }

    @Test
    void aFailureNamesEverything() {
        var failure = assertThrows(
                SystemCallException.class,
                () -> SystemCallException.check(-Errno.EEXIST, "KVM_CREATE_VCPU", "vm fd", 7, "id", 3));
        assertEquals("KVM_CREATE_VCPU(vm fd 7, id 3): EEXIST (File exists)", failure.getMessage());
        assertEquals("KVM_CREATE_VCPU", failure.operation());
        assertEquals("vm fd 7, id 3", failure.arguments());
        assertEquals(Errno.EEXIST, failure.errno());
        assertEquals("EEXIST", failure.errnoName());
    }

    @Test
    void argumentsMayBeATextOrNone() {
        assertEquals(
                "open(/dev/none): ENOENT (No such file or directory)",
                assertThrows(
                                SystemCallException.class,
                                () -> SystemCallException.check(-Errno.ENOENT, "open", "/dev/none"))
                        .getMessage());
        assertEquals(
                "getpid(): EPERM (Operation not permitted)",
                assertThrows(SystemCallException.class, () -> SystemCallException.checkInt(-1, "getpid"))
                        .getMessage());
    }
}
