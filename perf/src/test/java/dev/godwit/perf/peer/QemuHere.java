package dev.godwit.perf.peer;

import dev.godwit.agent.config.Failure;
import org.junit.jupiter.api.Assumptions;

/** The QEMU that tests use: {@code -Dgodwit.test.qemu}, or that on the PATH. */
public final class QemuHere {
    private QemuHere() {}

    /** It; without, the test is given up, but fails where {@code CI} is set. */
    public static Qemu get() {
        try {
            return Qemu.find(System.getProperty("godwit.test.qemu", Qemu.DEFAULT_PROGRAM));
        } catch (Failure e) {
            if (System.getenv("CI") != null) {
                throw e;
            }
            return Assumptions.abort(e.getMessage());
        }
    }
}
