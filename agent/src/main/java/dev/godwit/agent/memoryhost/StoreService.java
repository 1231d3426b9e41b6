package dev.godwit.agent.memoryhost;

import dev.godwit.agent.stream.PageFrame;
import dev.godwit.agent.stream.PagesHead;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.bindings.linux.GatherMessage;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** One STORE connection: receives pages straight into the region's memory. */
final class StoreService {
    private final Connection connection;
    private final Attachment owner;
    private final RegionPages pages;
    private final PagesHead head;
    private final GatherMessage message;
    private final MemorySegment answer;
    private final MemorySegment waste;
    private RegionStatus status = RegionStatus.OK;

    StoreService(Arena arena, Connection connection, Attachment owner, RegionPages pages) {
        this.connection = connection;
        this.owner = owner;
        this.pages = pages;
        this.head = new PagesHead(arena, connection, pages.pages());
        this.message = new GatherMessage(arena, PageFrame.MAX_RUNS);
        this.answer = arena.allocate(StoreFrame.ANSWER_BYTES, 8);
        this.waste = arena.allocate(PageSize.SMALL, 8);
    }

    /** Serves until the owner says that the region is to go, or the connection breaks. */
    void serve() throws TransportException {
        while (true) {
            int type = head.receiveHeader();
            if (owner.isBroken()) {
                // What was sent before it was broken can still be read.
                throw new TransportException(Kind.CLOSED, connection.peer() + " is not the owner any more");
            }
            switch (type) {
                case PageFrame.PAGES -> receivePages();
                case PageFrame.ROUND_END -> {
                    answer(status, head.first());
                    status = RegionStatus.OK;
                }
                case StoreFrame.GONE -> {
                    return;
                }
                default -> throw head.malformed("frame type 0x" + Integer.toHexString(type));
            }
        }
    }

    private void receivePages() throws TransportException {
        head.receiveRuns(PageFrame.AFTERWARDS);
        if (!pages.prepare(head)) {
            status = RegionStatus.NO_ROOM;
            readOff();
            return;
        }
        boolean whole = false;
        try {
            receiveContent();
            whole = true;
        } finally {
            if (!whole) {
                pages.undo(head);
            }
        }
        pages.stored(head);
    }

    private void receiveContent() throws TransportException {
        message.clear();
        for (int i = 0, runs = head.runs(); i < runs; i++) {
            if (head.isContent(i)) {
                message.add(
                        pages.segment().address() + (head.runFirst(i) << PageSize.SMALL_SHIFT),
                        (long) head.runPages(i) << PageSize.SMALL_SHIFT);
            }
        }
        if (message.count() > 0) {
            connection.receive(message);
        }
    }

    private void readOff() throws TransportException {
        for (long i = 0, count = head.contentPages(); i < count; i++) {
            connection.receive(waste);
        }
    }

    void answer(RegionStatus what, long number) throws TransportException {
        answer.set(PageFrame.U32, StoreFrame.STATUS, what.number());
        answer.set(PageFrame.U64, StoreFrame.NUMBER, number);
        connection.send(answer);
    }
}
