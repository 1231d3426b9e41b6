package dev.godwit.agent.check;

import dev.godwit.agent.check.CheckReport.Userfault;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.SystemCallException;

/** Tries userfaultfd: whether it is allowed cannot be read anywhere. */
final class UserfaultProbe {
    private UserfaultProbe() {}

    static Userfault probe() {
        try (var userfault = dev.godwit.host.memory.Userfault.open()) {
            return new Userfault(true, null, userfault.features(), userfault.canMove());
        } catch (SystemCallException e) {
            return new Userfault(false, Errno.description(e.errno()), null, false);
        }
    }
}
