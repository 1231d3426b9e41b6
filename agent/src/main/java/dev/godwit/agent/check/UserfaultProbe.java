package dev.godwit.agent.check;

import dev.godwit.agent.check.CheckReport.Userfault;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.Ioctl;
import dev.godwit.bindings.linux.UserfaultCalls;
import dev.godwit.bindings.linux.UserfaultIoctl;
import dev.godwit.bindings.linux.gen.linux_h;
import dev.godwit.bindings.linux.gen.uffdio_api;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Tries userfaultfd: whether it is allowed cannot be read anywhere. */
final class UserfaultProbe {
    private UserfaultProbe() {}

    static Userfault probe() {
        int fd = UserfaultCalls.userfaultfd(FileCalls.O_CLOEXEC | FileCalls.O_NONBLOCK);
        if (fd < 0) {
            return new Userfault(false, Errno.description(-fd), null, false);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment api = uffdio_api.allocate(arena);
            uffdio_api.api(api, linux_h.UFFD_API());
            long result = Ioctl.ioctl(fd, UserfaultIoctl.UFFDIO_API, api.address());
            if (result < 0) {
                return new Userfault(false, Errno.description((int) -result), null, false);
            }
            long features = uffdio_api.features(api);
            return new Userfault(true, null, features, (features & linux_h.UFFD_FEATURE_MOVE()) != 0);
        } finally {
            FileCalls.close(fd);
        }
    }
}
