package dev.godwit.host.tracking;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.kvm.gen.kvm_clear_dirty_log;
import dev.godwit.bindings.kvm.gen.kvm_dirty_log;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.kvm.Vm;
import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.MemorySlots;
import dev.godwit.host.memory.MemorySlots.Slot;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.thread.Urgency;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Tracks writes by KVM's dirty log.
 *
 * <p>Where the host offers manual protection, reading the log leaves it as it is and only the pages that were dirty are
 * cleared and write-protected again, in chunks: KVM holds its lock for one chunk at a time, so a vCPU that writes waits
 * for one chunk and not for all of RAM. Elsewhere reading the log clears it.
 *
 * <p>Source: {@code KVM_GET_DIRTY_LOG}, {@code KVM_CLEAR_DIRTY_LOG} and {@code KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2} in
 * {@code Documentation/virt/kvm/api.rst}.
 */
public final class DirtyLogTracker implements DirtyTracker {
    /** Most words that one clear covers: 64 MiB of guest RAM, about half a millisecond when all of it was written. */
    private static final long CHUNK_WORDS = 256;

    /** A clean stretch this long, in words, ends a clear; clearing over a shorter one is cheaper than another call. */
    private static final long GAP_WORDS = 32;

    private final Vm vm;
    private final MemorySlots memorySlots;
    private final List<Slot> slots;
    private final GuestMemory memory;
    private final int mode;

    /** What one round found; KVM fills it and reads it back. */
    private final PageSet round;

    private final MemorySegment[] getArguments;
    private final MemorySegment clearArgument;

    /** A tracker in the best mode that the host offers. Enables that mode on the VM. */
    public DirtyLogTracker(Vm vm, MemorySlots slots, GuestMemory memory) {
        this(vm, slots, memory, vm.extension(kvm_h.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2()));
    }

    /** A tracker in a chosen mode: {@code KVM_DIRTY_LOG_} bits, 0 for none. */
    DirtyLogTracker(Vm vm, MemorySlots slots, GuestMemory memory, int offered) {
        this.vm = vm;
        this.memorySlots = slots;
        this.slots = slots.slots();
        this.memory = memory;
        int known = kvm_h.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE() | kvm_h.KVM_DIRTY_LOG_INITIALLY_SET();
        this.mode = (offered & kvm_h.KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE()) != 0 ? offered & known : 0;
        if (mode != 0) {
            vm.enable(kvm_h.KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2(), mode);
        }
        // Freed when the tracker is unreachable: nobody else keeps these addresses, and no call outlives its caller.
        Arena arena = Arena.ofAuto();
        this.round = new PageSet(arena, memory.pages());
        this.getArguments = new MemorySegment[this.slots.size()];
        for (Slot slot : this.slots) {
            MemorySegment argument = kvm_dirty_log.allocate(arena);
            kvm_dirty_log.slot(argument, slot.number());
            kvm_dirty_log.dirty_bitmap(argument, words(slot.firstPage() >>> 6));
            getArguments[slot.number()] = argument;
        }
        this.clearArgument = kvm_clear_dirty_log.allocate(arena);
    }

    @Override
    public void start() {
        memorySlots.setDirtyLogging(this, true);
        // Logs that start all set are protected by the first clear; others start clean, and this finds little.
        try (Urgency.Pause _ = Urgency.pauseOver(memory.size())) {
            fetch(true);
        }
        memory.drainWritten(round);
    }

    @Override
    public long collect(PageSet into) {
        return collect(into, true);
    }

    /** Where reading the log does not clear it. */
    @Override
    public boolean peek(PageSet into) {
        if (mode == 0) {
            return false;
        }
        fetch(false);
        memory.peekWritten(round);
        into.addAll(round);
        return true;
    }

    @Override
    public void collectOf(PageSet which, PageSet into) {
        if (mode == 0) {
            throw new UnsupportedOperationException(
                    "a " + name() + " without manual protection is collected as a whole");
        }
        fetch(false);
        for (long i = 0, n = round.wordCount(); i < n; i++) {
            round.setWord(i, round.word(i) & which.word(i));
        }
        slots.forEach(this::clearDirty);
        memory.drainWritten(which, round);
        into.addAll(round);
    }

    @Override
    public long collectLast(PageSet into) {
        return collect(into, false);
    }

    private long collect(PageSet into, boolean again) {
        fetch(again);
        // The agent's writes come after the clear: a page in both was protected in time all the same.
        memory.drainWritten(round);
        long pages = 0;
        for (long i = 0, n = round.wordCount(); i < n; i++) {
            long word = round.word(i);
            if (word != 0) {
                pages += Long.bitCount(word);
                into.orWord(i, word);
            }
        }
        return pages;
    }

    @Override
    public void stop() {
        memorySlots.setDirtyLogging(this, false);
    }

    @Override
    public String name() {
        if (mode == 0) {
            return "dirty log";
        }
        return (mode & kvm_h.KVM_DIRTY_LOG_INITIALLY_SET()) != 0
                ? "dirty log, manual protection, initially set"
                : "dirty log, manual protection";
    }

    /**
     * Reads the log into {@link #round}.
     *
     * @param again whether to protect what was dirty, so that it is logged again when it is written again
     */
    private void fetch(boolean again) {
        for (int i = 0; i < slots.size(); i++) {
            SystemCallException.check(
                    vm.state(KvmIoctl.KVM_GET_DIRTY_LOG, getArguments[i]), "KVM_GET_DIRTY_LOG", "slot", i);
            if (again && mode != 0) {
                clearDirty(slots.get(i));
            }
        }
    }

    private void clearDirty(Slot slot) {
        long firstWord = slot.firstPage() >>> 6;
        long endWord = firstWord + ((slot.pages() + 63) >>> 6);
        long word = firstWord;
        while (word < endWord) {
            if (round.word(word) == 0) {
                word++;
                continue;
            }
            long stop = Math.min(endWord, word + CHUNK_WORDS);
            long end = word + 1;
            for (long i = end; i < stop && i - end < GAP_WORDS; i++) {
                if (round.word(i) != 0) {
                    end = i + 1;
                }
            }
            clear(slot, word, end);
            word = end;
        }
    }

    private void clear(Slot slot, long word, long end) {
        long first = (word << 6) - slot.firstPage();
        // All but a slot's last range are whole words, as KVM wants it.
        long pages = Math.min((end - word) << 6, slot.pages() - first);
        kvm_clear_dirty_log.slot(clearArgument, slot.number());
        kvm_clear_dirty_log.first_page(clearArgument, first);
        kvm_clear_dirty_log.num_pages(clearArgument, (int) pages);
        clearArgument.set(
                ValueLayout.JAVA_LONG,
                kvm_clear_dirty_log.dirty_bitmap$offset(),
                round.segment().address() + word * Long.BYTES);
        SystemCallException.check(
                vm.state(KvmIoctl.KVM_CLEAR_DIRTY_LOG, clearArgument),
                "KVM_CLEAR_DIRTY_LOG",
                "slot",
                slot.number(),
                "first page",
                first);
    }

    private MemorySegment words(long word) {
        return MemorySegment.ofAddress(round.segment().address() + word * Long.BYTES);
    }
}
