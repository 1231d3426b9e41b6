package dev.godwit.images;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * How often a {@code dirtier} guest accessed each page of its working set since its window was last zeroed: its answer to
 * {@code a}. It is the truth that access tracking can be judged by. Only the working set is counted, not the guest's
 * tables and code, which it uses all the time: leave other pages out of a judgement. Immutable.
 */
public final class AccessCounts {
    private static final String LINE = "ACCESSES ";
    private static final String END = "ACCESSED ";

    private final long[] pages;
    private final long[] counts;

    private AccessCounts(long[] pages, long[] counts) {
        this.pages = pages;
        this.counts = counts;
    }

    /** Takes the lines of an answer as they come; others are passed over. One thread at a time. */
    public static final class Reader {
        private final List<long[]> pages = new ArrayList<>();
        private final List<long[]> counts = new ArrayList<>();

        /**
         * The answer, once its last line has come.
         *
         * @throws IllegalArgumentException if a line is damaged, or the sum of all is not what the guest says
         */
        public Optional<AccessCounts> accept(String line) {
            String text = line.strip();
            if (text.startsWith(LINE)) {
                GuestLine fields = new GuestLine("ACCESSES", text);
                long[] run = PackedNumbers.unpack(fields.text("counts"));
                long first = fields.number("first");
                pages.add(
                        IntStream.range(0, run.length).mapToLong(i -> first + i).toArray());
                counts.add(run);
            } else if (text.startsWith(END)) {
                return Optional.of(finish(new GuestLine("ACCESSED", text)));
            }
            return Optional.empty();
        }

        private AccessCounts finish(GuestLine end) {
            AccessCounts all = new AccessCounts(joined(pages), joined(counts));
            if (all.pages() != end.number("pages") || all.total() != end.number("accesses")) {
                throw new IllegalArgumentException("the guest counted " + end.number("accesses") + " accesses to "
                        + end.number("pages") + " pages, its lines say " + all.total() + " to " + all.pages());
            }
            pages.clear();
            counts.clear();
            return all;
        }

        private static long[] joined(List<long[]> parts) {
            return parts.stream().flatMapToLong(Arrays::stream).toArray();
        }
    }

    /** Pages in the working set. */
    public int pages() {
        return pages.length;
    }

    /**
     * Guest page number (guest-physical address over 4096) of one of them, ascending.
     *
     * @param index 0 to {@link #pages()} − 1
     */
    public long page(int index) {
        return pages[index];
    }

    /** Accesses to that page. */
    public long count(int index) {
        return counts[index];
    }

    /** Accesses to all of them. */
    public long total() {
        return Arrays.stream(counts).sum();
    }

    /**
     * The most accessed: as many as this share of the pages, rounded up, of those that were accessed at all. Among pages
     * accessed equally often the lower ones come first.
     *
     * @param share 0 to 1; a tenth gives the top decile
     * @return their indexes
     */
    public BitSet top(double share) {
        if (!(share >= 0 && share <= 1)) {
            throw new IllegalArgumentException("a share of " + share + " is not in 0..1");
        }
        BitSet top = new BitSet(pages.length);
        IntStream.range(0, pages.length)
                .filter(i -> counts[i] > 0)
                .boxed()
                .sorted((a, b) -> Long.compare(counts[b], counts[a])) // stable
                .limit((long) Math.ceil(share * pages.length))
                .forEach(top::set);
        return top;
    }

    /** Share of all accesses that went to these pages, by index; 0 if there were none. */
    public double shareOf(BitSet indexes) {
        long sum = indexes.stream().mapToLong(i -> counts[i]).sum();
        return sum == 0 ? 0 : (double) sum / total();
    }
}
