package dev.godwit.agent.migration;

import dev.godwit.agent.paging.PageStore;
import dev.godwit.agent.paging.Pager;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.transport.PagedFile;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a guest's memory out of its snapshot while it runs already: first the chunks that it waits for, the others
 * behind them. A chunk's checksum is compared before the guest sees it; a guest whose snapshot turns out to be damaged
 * is stopped.
 *
 * <p>Threading: {@link PageStore}'s methods on the pager's thread; it has threads of its own and ends by itself, when
 * all is there or the guest has ended.
 */
final class SnapshotMemory implements PageStore {
    private static final Logger LOG = LoggerFactory.getLogger(SnapshotMemory.class);

    private final Arena arena;
    private final Machine machine;
    private final PagedFile file;
    private final String name;
    private final SnapshotHeader header;
    /** One of each chunk, copied: the file may be truncated by somebody while it is read. */
    private final int[] checksums;

    private final PageSet present;
    private final PageSet large;
    private final Pager pager;
    /** 1 for a chunk that somebody loads or has loaded. */
    private final AtomicIntegerArray taken;

    private final ExecutorService urgent = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("snapshot-urgent").factory());
    private final CompletableFuture<Void> ended = new CompletableFuture<>();

    private SnapshotMemory(
            Machine machine, PagedFile file, String name, SnapshotHeader header, MemorySegment mapped, Arena arena) {
        this.arena = arena;
        this.machine = machine;
        this.file = file;
        this.name = name;
        this.header = header;
        this.checksums = header.checksums(mapped);
        this.present = new PageSet(arena, header.pages());
        this.large = new PageSet(arena, header.chunks());
        present.segment().copyFrom(header.present(mapped));
        large.segment().copyFrom(header.large(mapped));
        this.taken = new AtomicIntegerArray((int) header.chunks());
        this.pager = new Pager(machine.memory());
    }

    /**
     * Begins: from now on the machine may run. Closes the machine when it cannot.
     *
     * @param file closed at the end, and {@code arena}, in which it is mapped, too
     */
    static SnapshotMemory begin(
            Machine machine, PagedFile file, String name, SnapshotHeader header, MemorySegment mapped, Arena arena)
            throws TransportException {
        SnapshotMemory memory = null;
        try {
            memory = new SnapshotMemory(machine, file, name, header, mapped, arena);
            PageMapMessage.checkEnd(memory.present);
            memory.pager.preferLarge(memory.large);
            memory.pager.locate(memory.located(), Place.ON_DISK);
            memory.pager.arm();
            memory.pager.attach(Place.ON_DISK, memory);
            memory.pager.start();
        } catch (TransportException | RuntimeException | Error e) {
            if (memory != null) {
                memory.urgent.close();
                memory.pager.close();
            }
            machine.close();
            throw e;
        }
        PromptThread.of("snapshot-load", memory::loadAll).start();
        return memory;
    }

    /** Completes when nothing of the file is needed any more. */
    CompletableFuture<Void> ended() {
        return ended.copy();
    }

    /** The pages in the file; of a reserved large page, which goes in as a whole, also those that are zeros. */
    private PageSet located() {
        if (!machine.memory().isReserved()) {
            return present;
        }
        PageSet whole = new PageSet(arena, present.pages());
        whole.addAll(present);
        whole.widenToChunks();
        return whole;
    }

    private void loadAll() {
        try {
            pager.settleWhole();
            for (long chunk = 0; chunk < header.chunks() && isWanted(); chunk++) {
                load(chunk);
            }
            CompletableFuture.anyOf(pager.complete(), machine.whenStopped()).get();
            if (isWanted()) {
                pager.finish(large);
            }
        } catch (InterruptedException | ExecutionException | RuntimeException | Error e) {
            damaged("its memory cannot be brought out of snapshot " + name + ": " + e);
        } finally {
            urgent.close();
            pager.close();
            file.close();
            arena.close();
            ended.complete(null);
        }
    }

    private boolean isWanted() {
        return machine.state() != Machine.State.STOPPED;
    }

    @Override
    public void request(long first, int count) {
        urgent.execute(() -> {
            try {
                load(first / PageSize.SMALL_PER_LARGE);
            } catch (RuntimeException | Error e) {
                damaged("its memory cannot be brought out of snapshot " + name + ": " + e);
            }
        });
    }

    private void load(long chunk) {
        if (!taken.compareAndSet((int) chunk, 0, 1) || !isWanted()) {
            return;
        }
        long first = chunk * PageSize.SMALL_PER_LARGE;
        long end = Math.min(first + PageSize.SMALL_PER_LARGE, header.pages());
        long page = present.next(first, end);
        if (page == end) {
            return;
        }
        try {
            if (large.contains(chunk)) {
                pager.staging().populateLarge(first);
            }
            CRC32C crc = new CRC32C();
            for (long at = page; at < end; ) {
                long stop = present.nextAbsent(at, end);
                MemorySegment into = pager.staging()
                        .segment()
                        .asSlice(at << PageSize.SMALL_SHIFT, (stop - at) << PageSize.SMALL_SHIFT);
                file.read(SnapshotHeader.offsetOf(at), into);
                SnapshotHeader.update(crc, into);
                at = present.next(stop, end);
            }
            if ((int) crc.getValue() != checksums[(int) chunk]) {
                damaged("snapshot " + name + " is damaged: the checksum of 2 MiB chunk " + chunk + " is wrong");
                return;
            }
            pager.arrived(Place.ON_DISK, first, end - first);
        } catch (TransportException e) {
            damaged(e.getMessage());
        }
    }

    private void damaged(String why) {
        if (isWanted()) {
            LOG.error("{}", why);
            machine.stop(new StopReason(StopReason.Kind.PAGES_LOST, 0, why));
        }
    }
}
