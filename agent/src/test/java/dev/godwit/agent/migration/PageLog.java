package dev.godwit.agent.migration;

import dev.godwit.agent.stream.PageFrame;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Reads off a data or page connection, from its first byte, which pages go over it, in their order. */
final class PageLog extends OutputStream {
    /** What a source says before the first frame: HELLO and PROOF. */
    private static final int HANDSHAKE_BYTES = 64 + 32;

    private final List<Long> pages = new ArrayList<>();
    private final MemorySegment head = MemorySegment.ofArray(new byte[PageFrame.MAX_HEAD_BYTES]);
    private int headBytes;
    private long passOver = HANDSHAKE_BYTES;

    /** The pages so far; one that goes twice is there twice. */
    synchronized List<Long> pages() {
        return List.copyOf(pages);
    }

    @Override
    public void write(int b) {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int count) {
        ByteBuffer in = ByteBuffer.wrap(bytes, offset, count);
        while (in.hasRemaining()) {
            if (passOver > 0) {
                int now = (int) Math.min(passOver, in.remaining());
                in.position(in.position() + now);
                passOver -= now;
            } else {
                head.set(ValueLayout.JAVA_BYTE, headBytes++, in.get());
                takeHead();
            }
        }
    }

    private void takeHead() {
        if (headBytes < PageFrame.HEADER_BYTES) {
            return;
        }
        int runs = head.get(PageFrame.U32, PageFrame.TYPE) == PageFrame.PAGES
                ? head.get(PageFrame.U32, PageFrame.RUNS)
                : 0;
        if (headBytes < PageFrame.HEADER_BYTES + runs * PageFrame.RUN_BYTES) {
            return;
        }
        for (int i = 0; i < runs; i++) {
            long run = PageFrame.HEADER_BYTES + (long) i * PageFrame.RUN_BYTES;
            long first = head.get(PageFrame.U64, PageFrame.FIRST_PAGE) + head.get(PageFrame.U16, run);
            for (int page = 0; page < head.get(PageFrame.U16, run + 2); page++) {
                pages.add(first + page);
            }
        }
        // Of the end of a round it is 0.
        passOver = head.get(PageFrame.U64, PageFrame.CONTENT_BYTES);
        headBytes = 0;
    }
}
