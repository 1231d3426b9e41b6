package dev.godwit.host.machine;

import dev.godwit.host.device.GuestStop;
import dev.godwit.host.vcpu.StopReason;
import java.util.concurrent.atomic.AtomicReference;

/** Where devices leave word that the guest asked for its end; the first word counts. */
final class GuestEnd implements GuestStop {
    private final AtomicReference<StopReason> reason = new AtomicReference<>();

    @Override
    public void stop(Reason why, int value) {
        reason.compareAndSet(
                null,
                switch (why) {
                    case EXIT -> new StopReason(StopReason.Kind.EXIT, value, "the guest exited with " + value);
                    case RESET -> new StopReason(StopReason.Kind.RESET, value, "");
                });
    }

    /** Why the guest ends, or null while it goes on. */
    StopReason reason() {
        return reason.get();
    }
}
