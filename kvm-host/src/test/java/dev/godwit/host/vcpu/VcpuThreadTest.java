package dev.godwit.host.vcpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.kvm.gen.kvm_regs;
import dev.godwit.bindings.linux.SignalCalls;
import dev.godwit.host.kvm.VcpuExit;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.raw.RawGuest;
import dev.godwit.host.thread.Precedence;
import dev.godwit.host.thread.ThreadStat;
import dev.godwit.host.thread.Uninterruptibly;
import dev.godwit.host.vcpu.VcpuThread.State;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** One vCPU thread, kicked where it may be: in the guest, in the host, and waiting to be started by the guest. */
@Tag("kvm")
@Timeout(120)
class VcpuThreadTest {
    private static final StopReason END = new StopReason(StopReason.Kind.EXIT, 1, "");

    /** again: mov [r12], eax; inc rbx; jmp again. */
    private static final String KNOCKS = "41890424 48ffc3 ebf7";

    /** Guest-physical address of what {@link #COUNTS} counts. */
    private static final long COUNTER = 0x20000;

    /** mov rdi, COUNTER; again: inc qword [rdi]; jmp again. */
    private static final String COUNTS = "48c7c700000200 48ff07 ebfb";

    private final AtomicReference<StopReason> ended = new AtomicReference<>();
    private GuestMemory memory;
    private RawGuest guest;
    private VcpuThread thread;

    @BeforeEach
    void mapMemory() {
        memory = GuestMemory.allocate(2 << 20, LargePages.NONE);
    }

    @AfterEach
    void closeAll() {
        thread.requestStop();
        thread.join();
        assertEquals(State.STOPPED, thread.state());
        guest.close();
        // Commands that come too late touch nothing.
        thread.resume();
        thread.requestPause();
        thread.requestStop();
        thread.awaitOutside();
        memory.close();
    }

    private void start(String code, ExitHandler handler) {
        guest = new RawGuest(memory, 1, false);
        guest.load(HexFormat.of().parseHex(code.replace(" ", "")));
        start(0, handler);
    }

    private void start(int vcpu, ExitHandler handler) {
        thread = new VcpuThread(guest.vcpus.get(vcpu), "vcpu-" + vcpu, handler, (v, reason) -> ended.set(reason));
    }

    private void pause() {
        thread.requestPause();
        thread.awaitOutside();
        assertEquals(State.PAUSED, thread.state());
    }

    private void awaitState(State state) {
        while (thread.state() != state) {
            Thread.onSpinWait();
        }
    }

    private void awaitCount(long count) {
        while (guest.read(COUNTER) < count) {
            Thread.onSpinWait();
        }
    }

    @Test
    void itComesFirst() {
        start(COUNTS, exit -> END);
        AtomicInteger granted = new AtomicInteger();
        Thread ordinary = Thread.ofPlatform().start(() -> {
            Precedence.GUEST.take();
            granted.set(ThreadStat.nice(SignalCalls.gettid()));
        });
        Uninterruptibly.join(ordinary);
        assertEquals(granted.get(), ThreadStat.nice(thread.threadId()));
    }

    @Test
    void inTheGuest() {
        start(COUNTS, exit -> END);
        for (int i = 0; i < 200; i++) {
            long before = guest.read(COUNTER);
            thread.resume();
            // Every other pause comes at once, perhaps before the guest is entered: both have to work.
            awaitState(State.RUNNING);
            if (i % 2 == 0) {
                awaitCount(before + 1);
            }
            pause();
            long paused = guest.read(COUNTER);
            for (int look = 0; look < 1000; look++) {
                assertEquals(paused, guest.read(COUNTER), "a paused guest does nothing");
            }
        }
        assertNull(ended.get());
    }

    @Test
    void inTheHost() throws InterruptedException {
        CountDownLatch inHandler = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger exits = new AtomicInteger();
        start(KNOCKS, exit -> {
            exits.incrementAndGet();
            inHandler.countDown();
            await(goOn);
            return null;
        });
        thread.resume();
        inHandler.await();
        thread.requestPause();
        assertEquals(State.RUNNING, thread.state(), "what is in flight is finished first");
        goOn.countDown();
        thread.awaitOutside();
        assertEquals(State.PAUSED, thread.state());
        assertEquals(1, exits.get(), "and nothing after it");
    }

    @Test
    void whileItWaitsToBeStartedByTheGuest() {
        guest = new RawGuest(memory, 2, true);
        // The second vCPU has an APIC and nobody who sends it a start-up interrupt.
        start(1, exit -> END);
        for (int i = 0; i < 100; i++) {
            thread.resume();
            awaitState(State.RUNNING);
            pause();
        }
        assertNull(ended.get());
    }

    @Test
    void itsOwnEndAndItsOwnFault() throws InterruptedException {
        CountDownLatch told = new CountDownLatch(2);
        guest = new RawGuest(memory, 2, false);
        guest.load(HexFormat.of().parseHex(KNOCKS.replace(" ", "")));
        thread = new VcpuThread(guest.vcpus.getFirst(), "vcpu-0", exit -> END, (v, reason) -> {
            ended.set(reason);
            told.countDown();
        });
        AtomicReference<StopReason> fault = new AtomicReference<>();
        VcpuThread other = new VcpuThread(
                guest.vcpus.getLast(),
                "vcpu-1",
                exit -> {
                    throw new IllegalStateException("a device's defect");
                },
                (v, reason) -> {
                    fault.set(reason);
                    told.countDown();
                });
        thread.resume();
        other.resume();
        told.await();
        other.join();
        assertEquals(END, ended.get());
        assertEquals(StopReason.Kind.AGENT_ERROR, fault.get().kind());
        assertTrue(fault.get().detail().endsWith("a device's defect"));
    }

    @Test
    void undisturbedWorkSeesNoKick() throws InterruptedException {
        CountDownLatch inWork = new CountDownLatch(1);
        CountDownLatch kicked = new CountDownLatch(1);
        AtomicReference<Boolean> pending = new AtomicReference<>();
        AtomicReference<Boolean> after = new AtomicReference<>();
        start(KNOCKS, exit -> {
            if (pending.get() == null) {
                VcpuThread.undisturbed(() -> {
                    inWork.countDown();
                    await(kicked);
                    pending.set(signalPending());
                });
                after.set(signalPending());
            }
            return null;
        });
        thread.resume();
        inWork.await();
        thread.requestPause();
        kicked.countDown();
        thread.awaitOutside();
        assertEquals(State.PAUSED, thread.state());
        assertTrue(pending.get());
        assertFalse(after.get());
    }

    @Test
    void exitsOfAllSizes() throws InterruptedException {
        // mov [r12], al | ax | eax | rax; then reads into the same, each stored at rdi and beyond
        String writes = "41880424 6641890424 41890424 49890424";
        String reads = "418a0424 884700 66418b0424 66894708 418b0424 894710 498b0424 48894718";
        StringBuilder log = new StringBuilder();
        CountDownLatch done = new CountDownLatch(1);
        start(writes + reads + KNOCKS, exit -> {
            VcpuExit.Mmio door = (VcpuExit.Mmio) exit;
            assertEquals(RawGuest.DOOR, door.address());
            if (log.length() > 200) {
                done.countDown();
                return END;
            }
            if (door.isWrite()) {
                log.append("w%d=%x ".formatted(door.size(), door.value()));
            } else {
                log.append("r%d ".formatted(door.size()));
                door.setValue(0x1122334455667788L);
            }
            return null;
        });
        RawGuest.setRegisters(guest.vcpus.getFirst(), regs -> {
            kvm_regs.rax(regs, 0x8899aabbccddeeffL);
            kvm_regs.rdi(regs, 0x20000);
        });
        thread.resume();
        done.await();
        assertTrue(
                log.toString().startsWith("w1=ff w2=eeff w4=ccddeeff w8=8899aabbccddeeff r1 r2 r4 r8 w4="),
                log.toString());
        assertEquals(0x88, guest.read(0x20000));
        assertEquals(0x7788, guest.read(0x20008));
        assertEquals(0x55667788, guest.read(0x20010));
        assertEquals(0x1122334455667788L, guest.read(0x20018));
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whether a signal waits for the calling thread. */
    private static boolean signalPending() {
        try {
            return Files.readAllLines(Path.of("/proc/thread-self/status")).stream()
                    .anyMatch(line -> line.startsWith("SigPnd:") && !line.matches("SigPnd:\\s+0+"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
