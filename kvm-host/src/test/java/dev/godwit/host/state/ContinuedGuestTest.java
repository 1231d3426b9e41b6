package dev.godwit.host.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.host.kvm.VcpuExit;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.raw.RawGuest;
import dev.godwit.host.vcpu.StopReason;
import dev.godwit.host.vcpu.VcpuThread;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest is taken out of the middle of a computation, again and again, and goes on in another VM. */
@Tag("kvm")
@Timeout(120)
class ContinuedGuestTest {
    private static final long SEED = Long.getLong("godwit.test.seed", System.nanoTime());
    private static final long STEPS = 200_000_000;
    private static final long PROGRESS = 0x20000;
    private static final long RESULT = PROGRESS + 8;

    /*
     * loop: x = rbx: x ^= x << 13; x ^= x >>> 7; x ^= x << 17
     *       xmm0 += x; mov [rdi],r10; dec r10; jnz loop
     *       movq [rdi+8],xmm0; mov [r12],ebx; hlt
     */
    private static final byte[] CODE = HexFormat.of()
            .parseHex("4889d848c1e00d4831c34889d848c1e8074831c34889d848c1e0114831c366480f6ecb660fd4c14c891749ffca75d1"
                    + "660fd6470841891c24f4");

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theResultIsRight(boolean chips) throws Exception {
        Random random = new Random(SEED);
        long state = random.nextLong() | 1;
        int hops = 0;
        try (GuestMemory memory = GuestMemory.allocate(4 << 20, LargePages.THP)) {
            // Both VMs see the same RAM: only the rest is carried over.
            RawGuest guest = new RawGuest(memory, 1, chips);
            guest.load(CODE);
            RawGuest.setRegisters(guest.vcpus.getFirst(), regs -> {
                kvm_regs.rbx(regs, state);
                kvm_regs.r10(regs, STEPS);
                kvm_regs.rdi(regs, PROGRESS);
            });
            long left = STEPS;
            memory.slice(PROGRESS, 8).set(ValueLayout.JAVA_LONG, 0, left);
            CountDownLatch done = new CountDownLatch(1);
            while (true) {
                VcpuThread thread = start(guest, done);
                long pauseAt = left - 1 - random.nextInt(8_000_000);
                while (pauseAt > 0 && guest.read(PROGRESS) > pauseAt && done.getCount() > 0) {
                    Thread.onSpinWait();
                }
                if (pauseAt <= 0) {
                    assertTrue(done.await(60, TimeUnit.SECONDS), "seed " + SEED);
                    thread.join();
                    break;
                }
                thread.requestPause();
                thread.awaitOutside();
                left = guest.read(PROGRESS);
                Saved saved = new VcpuState(guest.kvm, guest.vm).save(guest.vcpus.getFirst());
                thread.requestStop();
                thread.join();
                guest.close();
                guest = new RawGuest(memory, 1, chips);
                new VcpuState(guest.kvm, guest.vm)
                        .restore(guest.vcpus.getFirst(), saved.section(), ElapsedTime.ADVANCE);
                hops++;
            }
            assertEquals(expected(state), guest.read(RESULT), "after " + hops + " VMs, seed " + SEED);
            guest.close();
        }
        assertTrue(hops > 5, hops + " VMs");
    }

    private static VcpuThread start(RawGuest guest, CountDownLatch done) {
        VcpuThread thread = new VcpuThread(
                guest.vcpus.getFirst(),
                "vcpu-0",
                exit -> exit instanceof VcpuExit.Mmio
                        ? new StopReason(StopReason.Kind.EXIT, 0, "")
                        : new StopReason(StopReason.Kind.KVM_ERROR, 0, exit.toString()),
                (vcpu, reason) -> {
                    if (reason.kind() == StopReason.Kind.EXIT) {
                        done.countDown();
                    }
                });
        thread.resume();
        return thread;
    }

    private static long expected(long start) {
        long x = start;
        long sum = 0;
        for (long i = 0; i < STEPS; i++) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
            sum += x;
        }
        return sum;
    }
}
