package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.Backing;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A guest whose pages come and go, and beside it an array that says what is in them. Each step does one thing to the
 * guest's pager that its neighbours may do; after it all pages are looked for where the page map says that they are.
 */
final class PagerModel implements AutoCloseable {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(5);
    private static final int REMEMBERED = 64;

    /** Pages on their way out. */
    private record Round(List<Integer> chunks, PageSet pages, int[] checksums, Arena arena) {}

    private final Random random;
    private final long pages;
    private final long[] oracle;
    private final boolean[] touched;
    private final ModelStore store;
    private final List<ModelStore.Delivery> past = new ArrayList<>();
    private ModelHost host;
    private ModelSource source;
    private boolean mayEvict;
    private Round round;
    private boolean sent;
    private long version;

    private final Deque<Step> last = new ArrayDeque<>();

    /** What has happened, for the test to see that it did. */
    final Map<Step, Integer> counts = new EnumMap<>(Step.class);

    /** The last few steps. */
    Deque<Step> last() {
        return last;
    }

    /** What may happen. */
    enum Step {
        TOUCH(30),
        FETCH(20),
        FETCH_AGAIN(2),
        PUSH(25),
        PUSH_AGAIN(2),
        EVICT(20),
        SEND(20),
        STORED(20),
        FAIL(2),
        RELEASE(3),
        SETTLE(1),
        MAKE_LARGE(2),
        AWAY(1),
        BACK(4),
        LIMIT(1),
        NO_LIMIT(2),
        MIGRATE(2);

        private final int weight;

        Step(int weight) {
            this.weight = weight;
        }
    }

    PagerModel(Random random, long pages) {
        this.random = random;
        this.pages = pages;
        this.oracle = new long[Math.toIntExact(pages) * ModelHost.WORDS];
        this.touched = new boolean[Math.toIntExact(pages)];
        this.store = new ModelStore(pages);
        this.host = newHost();
        start();
        mayEvict = true;
    }

    private ModelHost newHost() {
        return new ModelHost(pages, random.nextInt(3) > 0 ? LargePages.THP : LargePages.NONE);
    }

    private void start() {
        host.pager.arm();
        store.serve(host.pager);
        host.pager.attach(Place.REMOTE, store);
        host.pager.start();
    }

    /** One thing happens, and nothing is lost. */
    void step() throws Exception {
        Step step = choose();
        last.addLast(step);
        if (last.size() > 12) {
            last.removeFirst();
        }
        if (take(step)) {
            counts.merge(step, 1, Integer::sum);
            quiesce();
            check();
        }
    }

    private static final int ALL_WEIGHTS =
            Arrays.stream(Step.values()).mapToInt(step -> step.weight).sum();

    private Step choose() {
        int left = random.nextInt(ALL_WEIGHTS);
        for (Step step : Step.values()) {
            left -= step.weight;
            if (left < 0) {
                return step;
            }
        }
        throw new IllegalStateException();
    }

    /** False when there is nothing to do it to. */
    private boolean take(Step step) throws Exception {
        return switch (step) {
            case TOUCH -> touch();
            case FETCH -> fetch();
            case FETCH_AGAIN -> fetchAgain();
            case PUSH -> push();
            case PUSH_AGAIN -> pushAgain();
            case EVICT -> evict();
            case SEND -> send();
            case STORED -> stored();
            case FAIL -> fail();
            case RELEASE -> release();
            case SETTLE -> settle();
            case MAKE_LARGE -> makeLarge();
            case AWAY -> away();
            case BACK -> back();
            case LIMIT -> limit();
            case NO_LIMIT -> noLimit();
            case MIGRATE -> migrate();
        };
    }

    private boolean touch() {
        boolean any = false;
        for (int i = 1 + random.nextInt(3); i > 0 && host.canTouch(); i--) {
            long page = random.nextInt(3) == 0 ? random.nextLong(pages) : random.nextLong(Math.min(pages, 700));
            if (!host.isTouching(page)) {
                boolean write = random.nextBoolean();
                long value = random.nextInt(4) == 0 ? 0 : page << 40 | ++version;
                host.touch(page, random.nextInt(ModelHost.WORDS), write, value);
                touched[(int) page] = true;
                any = true;
            }
        }
        return any;
    }

    private boolean fetch() throws Exception {
        List<ModelStore.Delivery> deliveries = new ArrayList<>();
        for (int i = random.nextInt(4); i >= 0; i--) {
            ModelStore.Wanted wanted = store.takeRequest(random.nextInt(1000));
            if (wanted == null) {
                break;
            }
            // In pieces, in any order, some of them twice.
            for (int from = 0; from < wanted.count(); ) {
                int stop = Math.min(wanted.count(), from + 1 + random.nextInt(wanted.count()));
                ModelStore.Delivery delivery = store.delivery(wanted.first() + from, stop - from);
                for (int times = random.nextInt(8) == 0 ? 2 : 1; times > 0; times--) {
                    deliveries.add(random.nextInt(deliveries.size() + 1), delivery);
                }
                remember(delivery);
                from = stop;
            }
        }
        if (deliveries.isEmpty()) {
            return false;
        }
        store.deliver(deliveries);
        return true;
    }

    private void remember(ModelStore.Delivery delivery) {
        if (past.size() < REMEMBERED) {
            past.add(delivery);
        } else {
            past.set(random.nextInt(REMEMBERED), delivery);
        }
    }

    private boolean fetchAgain() throws Exception {
        if (past.isEmpty()) {
            return false;
        }
        store.deliver(List.of(past.get(random.nextInt(past.size()))));
        return true;
    }

    private boolean push() {
        if (source == null || host.pager.elsewhere() == 0) {
            return false;
        }
        ModelStore.Wanted wanted = source.takeRequest(random.nextInt(1000));
        if (wanted != null && random.nextInt(4) > 0) {
            source.deliver(host.pager, wanted.first(), wanted.count());
        } else {
            long first = random.nextLong(pages);
            int most = (int) Math.min(pages - first, PER_CHUNK - first % PER_CHUNK);
            source.push(host.pager, first, 1 + random.nextInt(most));
        }
        goIfAllIsHere();
        return true;
    }

    /** From the source everything has come that will: from now on pages may leave. */
    private void goIfAllIsHere() {
        if (host.pager.elsewhere() == 0) {
            for (int chunk = 0; chunk < host.pager.chunks(); chunk++) {
                host.pager.settle(chunk);
            }
            mayEvict = true;
        }
    }

    /** Late: the guest has written these pages since, and some of them are elsewhere again. */
    private boolean pushAgain() {
        if (source == null) {
            return false;
        }
        long first = random.nextLong(pages);
        int most = (int) Math.min(pages - first, PER_CHUNK - first % PER_CHUNK);
        source.deliver(host.pager, first, 1 + random.nextInt(most));
        if (!mayEvict) {
            goIfAllIsHere();
        }
        return true;
    }

    private boolean evict() {
        if (!mayEvict || round != null) {
            return false;
        }
        Arena arena = Arena.ofShared();
        PageSet cold = new PageSet(arena, pages);
        int share = random.nextInt(3) == 0 ? 100 : 1 + random.nextInt(60);
        for (long page = 0; page < pages; page++) {
            if (random.nextInt(100) < share) {
                cold.add(page);
            }
        }
        round = new Round(new ArrayList<>(), new PageSet(arena, pages), new int[(int) pages], arena);
        sent = false;
        for (int i = random.nextInt(3); i >= 0; i--) {
            int chunk = random.nextInt(host.pager.chunks());
            if (!round.chunks.contains(chunk)) {
                round.chunks.add(chunk);
                if (host.pager.takeOut(chunk, cold) > 0) {
                    host.pager.collectStaged(chunk, round.pages);
                }
            }
        }
        for (long page = round.pages.next(0, pages); page < pages; page = round.pages.next(page + 1, pages)) {
            round.checksums[(int) page] = checksum(page);
        }
        return true;
    }

    /** Of what is staged; -1 of zeros. */
    private int checksum(long page) {
        long first = ModelHost.read(host.pager.staging(), page, 0);
        long last = ModelHost.read(host.pager.staging(), page, 1);
        return (first | last) == 0 ? -1 : ModelStore.checksum(first, last);
    }

    private boolean send() {
        if (round == null || sent) {
            return false;
        }
        // What the guest has had back in the meantime goes all the same, whatever is in its place.
        for (long page = round.pages.next(0, pages); page < pages; page = round.pages.next(page + 1, pages)) {
            for (int which = 0; which < ModelHost.WORDS; which++) {
                store.store(page, which, ModelHost.read(host.pager.staging(), page, which));
            }
        }
        sent = true;
        return true;
    }

    private boolean stored() {
        if (round == null || !sent) {
            return false;
        }
        for (int chunk : round.chunks) {
            host.pager.stored(chunk, round.pages, (map, page) -> {
                int sum = round.checksums[(int) page];
                map.set(page, sum < 0 ? Place.ZERO : Place.REMOTE, Math.max(0, sum));
            });
        }
        endRound();
        return true;
    }

    private boolean fail() {
        if (round == null) {
            return false;
        }
        round.chunks.forEach(host.pager::settle);
        endRound();
        return true;
    }

    private void endRound() {
        round.arena.close();
        round = null;
        if (random.nextBoolean()) {
            try (Arena arena = Arena.ofConfined()) {
                host.pager.residentIs(
                        Backing.scan(arena, host.memory).resident().cardinality());
            }
        }
        host.pager.madeRoom();
    }

    /** The store forgets what it need not have. */
    private boolean release() {
        if (round != null) {
            return false;
        }
        for (int i = 0; i < 64; i++) {
            long page = random.nextLong(pages);
            if (host.pager.map().place(page) != Place.REMOTE) {
                store.release(page);
            }
        }
        return true;
    }

    private boolean settle() {
        if (!mayEvict) {
            return false;
        }
        host.pager.settle(random.nextInt(host.pager.chunks()));
        return true;
    }

    private boolean makeLarge() {
        for (int chunk = 0; chunk < host.pager.chunks(); chunk++) {
            host.pager.makeLarge(chunk);
        }
        return true;
    }

    private boolean away() {
        store.goAway();
        return true;
    }

    private boolean back() {
        if (!store.isAway()) {
            return false;
        }
        store.comeBack();
        return true;
    }

    private boolean limit() {
        if (!mayEvict) {
            return false;
        }
        host.pager.limitResident(random.nextLong(pages), () -> {});
        return true;
    }

    private boolean noLimit() {
        host.pager.limitResident(Long.MAX_VALUE, () -> {});
        return true;
    }

    /** To a host of its own, with what is elsewhere left there. */
    private boolean migrate() throws Exception {
        if (!mayEvict || random.nextInt(4) > 0) {
            return false;
        }
        calm();
        ModelHost there = newHost();
        int follows = random.nextInt(3) * 50;
        int present = random.nextInt(100);
        boolean[] following = new boolean[(int) pages];
        for (long page = 0; page < pages; page++) {
            if (host.pager.map().place(page) == Place.REMOTE) {
                there.pager.map().set(page, Place.REMOTE, host.pager.map().frameIn(page, Place.REMOTE));
            } else if (touched[(int) page] && random.nextInt(100) < follows) {
                following[(int) page] = true;
                there.pager.map().set(page, Place.AT_SOURCE, 0);
                if (random.nextInt(100) < present) {
                    // Of a round that was sent before.
                    ModelHost.write(there.memory, page, 0, -1);
                }
            } else if ((oracle(page, 0) | oracle(page, 1)) != 0) {
                ModelHost.write(there.memory, page, 0, oracle(page, 0));
                ModelHost.write(there.memory, page, 1, oracle(page, 1));
            }
        }
        if (source != null) {
            source.close();
        }
        source = new ModelSource(oracle.clone(), following);
        host.close();
        host = there;
        host.pager.attach(Place.AT_SOURCE, source);
        mayEvict = false;
        start();
        goIfAllIsHere();
        return true;
    }

    private long oracle(long page, int which) {
        return oracle[(int) page * ModelHost.WORDS + which];
    }

    /** Until nobody waits for anything that nobody is asked for. */
    private void quiesce() throws Exception {
        long deadline = System.nanoTime() + PATIENCE;
        while (true) {
            store.deliver(List.of());
            harvest();
            if (host.pagesTouched() == host.pager.waiting()) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new TimeoutException(
                        host.pager.waiting() + " pages are waited for, and touched are" + touchedPages());
            }
        }
    }

    private String touchedPages() {
        StringBuilder text = new StringBuilder();
        try (Arena arena = Arena.ofConfined()) {
            PageSet here = Backing.scan(arena, host.memory).resident();
            PageSet staged = new PageSet(arena, pages);
            for (int chunk = 0; chunk < host.pager.chunks(); chunk++) {
                host.pager.collectStaged(chunk, staged);
            }
            for (ModelHost.Touch touch : host.touches) {
                long page = touch.page();
                text.append(" page ")
                        .append(page)
                        .append(' ')
                        .append(host.pager.map().place(page));
                text.append(staged.contains(page) ? ", staged" : "");
                text.append(here.contains(page) ? ", here" : "");
                text.append(host.pager.isWhole((int) (page / PER_CHUNK)) ? ", whole" : "");
            }
        }
        return text.toString();
    }

    private void harvest() throws Exception {
        for (Iterator<ModelHost.Touch> each = host.touches.iterator(); each.hasNext(); ) {
            ModelHost.Touch touch = each.next();
            if (touch.result().isDone()) {
                int at = (int) touch.page() * ModelHost.WORDS + touch.word();
                if (touch.write()) {
                    oracle[at] = touch.value();
                } else {
                    assertEquals(oracle[at], touch.result().get(), () -> "a read of page " + touch.page());
                }
                each.remove();
            }
        }
    }

    /** Nobody waits for anything, and nothing is on its way. */
    void calm() throws Exception {
        long deadline = System.nanoTime() + PATIENCE;
        if (round != null) {
            fail();
        }
        if (store.isAway()) {
            store.comeBack();
        }
        noLimit();
        quiesce();
        while (!host.touches.isEmpty()) {
            boolean fetched = fetch();
            if (!push() && !fetched) {
                // What was lost on the way is asked for again.
                assertTrue(System.nanoTime() < deadline, () -> "nobody brings" + touchedPages());
            }
            quiesce();
        }
    }

    /** All comes back. */
    void comeHome() throws Exception {
        calm();
        for (long page = 0; page < pages; page++) {
            if (host.pager.map().place(page).hasStore()) {
                host.touch(page, random.nextInt(ModelHost.WORDS), false, 0);
                calm();
            }
        }
        check();
        assertEquals(0, host.pager.elsewhere(Place.REMOTE));
    }

    /** The invariant. */
    private void check() {
        try (Arena arena = Arena.ofConfined()) {
            PageSet here = Backing.scan(arena, host.memory).resident();
            PageSet aside = Backing.scan(arena, host.pager.staging()).resident();
            PageSet staged = new PageSet(arena, pages);
            for (int chunk = 0; chunk < host.pager.chunks(); chunk++) {
                host.pager.collectStaged(chunk, staged);
            }
            long remote = 0;
            long atSource = 0;
            for (long page = 0; page < pages; page++) {
                Place place = host.pager.map().place(page);
                boolean elsewhere = place.hasStore() && !staged.contains(page);
                if (elsewhere || staged.contains(page)) {
                    assertFalse(here.contains(page), "in two places: page " + page + ", " + place);
                    assertFalse(
                            host.pager.isWhole((int) (page / PER_CHUNK)),
                            "in a chunk that is all there: page " + page + ", " + place);
                }
                remote += elsewhere && place == Place.REMOTE ? 1 : 0;
                atSource += elsewhere && place == Place.AT_SOURCE ? 1 : 0;
                check(page, place, staged, here, aside);
            }
            assertEquals(remote, host.pager.elsewhere(Place.REMOTE), "pages in REMOTE");
            assertEquals(atSource, host.pager.elsewhere(Place.AT_SOURCE), "pages in AT_SOURCE");
            assertEquals(atSource, host.pager.elsewhere(), "pages that have still to come");
        }
    }

    private void check(long page, Place place, PageSet staged, PageSet here, PageSet aside) {
        for (int which = 0; which < ModelHost.WORDS; which++) {
            long is;
            if (staged.contains(page)) {
                is = aside.contains(page) ? ModelHost.read(host.pager.staging(), page, which) : 0;
            } else {
                is = switch (place) {
                    case RESIDENT -> here.contains(page) ? ModelHost.read(host.memory, page, which) : 0;
                    case ZERO -> 0;
                    case REMOTE -> store.word(page, which);
                    case AT_SOURCE -> source.word(page, which);
                    default -> throw new AssertionError("page " + page + " is " + place);
                };
            }
            long wanted = oracle(page, which);
            if (is != wanted) {
                throw new AssertionError("page " + page + ", " + place + (staged.contains(page) ? ", staged" : "")
                        + ": " + Long.toHexString(is) + " instead of " + Long.toHexString(wanted));
            }
        }
        if (place == Place.REMOTE && !staged.contains(page)) {
            assertEquals(
                    ModelStore.checksum(oracle(page, 0), oracle(page, 1)),
                    host.pager.map().frameIn(page, Place.REMOTE),
                    "checksum of page " + page);
        }
    }

    @Override
    public void close() {
        host.close();
        store.close();
        if (source != null) {
            source.close();
        }
        if (round != null) {
            round.arena.close();
        }
    }
}
