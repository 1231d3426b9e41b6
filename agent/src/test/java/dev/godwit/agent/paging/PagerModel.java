package dev.godwit.agent.paging;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A guest whose pages come and go, and beside it a {@link ModelOracle} that knows what is in them. Each step does one thing
 * to the guest's pager that its neighbours may do; after it all pages are looked for where the page map says that they are.
 *
 * <p>Threading: the test's thread, which alone draws random numbers.
 */
final class PagerModel implements AutoCloseable {
    private static final int PER_CHUNK = PageSize.SMALL_PER_LARGE;
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(60);
    private static final int REMEMBERED = 64;

    private final Random random;
    private final long pages;
    private final ModelOracle oracle;
    private final ModelStore store;
    private final List<ModelStore.Delivery> past = new ArrayList<>();
    /** Whether code in Java looks at the guest's memory as well; what it uses stays for a second, which is long here. */
    private final boolean hasDevice;

    private ModelHost host;
    private ModelSource source;
    private boolean mayEvict;
    /** On its way out, or null. */
    private ModelRound round;

    private long version;

    private final Deque<ModelStep> last = new ArrayDeque<>();

    /** What has happened, for the test to see that it did. */
    final Map<ModelStep, Integer> counts = new EnumMap<>(ModelStep.class);

    /** The last few steps. */
    Deque<ModelStep> last() {
        return last;
    }

    PagerModel(Random random, long pages, boolean hasDevice) {
        this.random = random;
        this.pages = pages;
        this.oracle = new ModelOracle(pages);
        this.hasDevice = hasDevice;
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
        ModelStep step = ModelStep.choose(random);
        last.addLast(step);
        if (last.size() > 12) {
            last.removeFirst();
        }
        if (take(step)) {
            counts.merge(step, 1, Integer::sum);
            quiesce();
            oracle.check(host, store, source);
        }
    }

    /** False when there is nothing to do it to. */
    private boolean take(ModelStep step) throws Exception {
        return switch (step) {
            case TOUCH -> touch(ModelHost.Who.GUEST);
            case USE -> hasDevice && touch(ModelHost.Who.DEVICE);
            case KEEP -> hasDevice && host.kept.size() < 4 && touch(ModelHost.Who.RING);
            case LET_GO -> letGo();
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

    private boolean touch(ModelHost.Who who) {
        boolean any = false;
        for (int i = 1 + random.nextInt(3); i > 0 && host.canTouch(); i--) {
            long page = random.nextInt(3) == 0 ? random.nextLong(pages) : random.nextLong(Math.min(pages, 700));
            if (!host.isTouching(page)) {
                boolean write = random.nextBoolean();
                long value = random.nextInt(4) == 0 ? 0 : page << 40 | ++version;
                host.touch(who, page, random.nextInt(ModelHost.WORDS), write, value);
                oracle.touched(page);
                any = true;
            }
        }
        return any;
    }

    private boolean letGo() {
        if (host.kept.isEmpty()) {
            return false;
        }
        host.memory.release(host.kept.remove(random.nextInt(host.kept.size())));
        return true;
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
            source.push(host.pager, first, 1 + random.nextInt(most), random.nextBoolean());
        }
        goIfAllIsHere();
        return true;
    }

    /** From the source everything has come that will: from now on pages may leave. */
    private void goIfAllIsHere() {
        if (host.pager.elsewhere() == 0) {
            for (int chunk = 0; chunk < host.pager.chunks(); chunk++) {
                host.pager.leaving().settle(chunk);
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
        round = new ModelRound(random, host);
        return true;
    }

    private boolean send() {
        if (round == null || round.isSent()) {
            return false;
        }
        round.send(store);
        return true;
    }

    private boolean stored() {
        if (round == null || !round.isSent()) {
            return false;
        }
        round.stored();
        endRound();
        return true;
    }

    private boolean fail() {
        if (round == null) {
            return false;
        }
        round.fail();
        endRound();
        return true;
    }

    private void endRound() {
        round.close();
        round = null;
        if (random.nextBoolean()) {
            try (Arena arena = Arena.ofConfined()) {
                host.pager
                        .leaving()
                        .residentIs(Backing.scan(arena, host.memory).resident().cardinality());
            }
        }
        host.pager.leaving().madeRoom();
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
        host.pager.leaving().settle(random.nextInt(host.pager.chunks()));
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
        host.pager.leaving().limitResident(random.nextLong(pages), () -> {});
        return true;
    }

    private boolean noLimit() {
        host.pager.leaving().limitResident(Long.MAX_VALUE, () -> {});
        return true;
    }

    /** To a host of its own, with what is elsewhere left there. */
    private boolean migrate() throws Exception {
        if (!mayEvict || random.nextInt(4) > 0) {
            return false;
        }
        calm();
        boolean[] following = new boolean[(int) pages];
        ModelHost there = moved(following, random.nextInt(3) * 50);
        locate(following, there.pager);
        moveTo(there, following);
        mayEvict = false;
        start();
        goIfAllIsHere();
        return true;
    }

    /**
     * Where the guest goes, with all that does not follow and is at no memory host.
     *
     * @param following filled with what follows
     * @param follows of a hundred
     */
    private ModelHost moved(boolean[] following, int follows) {
        ModelHost there = newHost();
        int present = random.nextInt(100);
        // Of one chunk, or of none, nothing follows: all may be taken aside together with those that lack a page.
        long whole = random.nextInt(2 * there.pager.chunks());
        for (long page = 0; page < pages; page++) {
            if (host.pager.map().place(page) == Place.REMOTE) {
                continue;
            }
            if (oracle.isTouched(page) && page / PER_CHUNK != whole && random.nextInt(100) < follows) {
                following[(int) page] = true;
                if (random.nextInt(100) < present) {
                    // Of a round that was sent before.
                    ModelHost.write(there.memory, page, 0, -1);
                }
            } else if ((oracle.word(page, 0) | oracle.word(page, 1)) != 0) {
                ModelHost.write(there.memory, page, 0, oracle.word(page, 0));
                ModelHost.write(there.memory, page, 1, oracle.word(page, 1));
            }
        }
        if (random.nextBoolean()) {
            preferLarge(there.pager);
        }
        return there;
    }

    private void moveTo(ModelHost there, boolean[] following) {
        if (source != null) {
            source.close();
        }
        source = new ModelSource(oracle.words(), following);
        host.close();
        host = there;
        host.pager.attach(Place.AT_SOURCE, source);
    }

    /** Any of them, as they were large pages where the guest came from or not. */
    private void preferLarge(Pager there) {
        try (Arena arena = Arena.ofConfined()) {
            PageSet large = new PageSet(arena, there.chunks());
            for (int chunk = 0; chunk < there.chunks(); chunk++) {
                if (random.nextInt(4) > 0) {
                    large.add(chunk);
                }
            }
            there.preferLarge(large);
        }
    }

    private void locate(boolean[] following, Pager there) {
        try (Arena arena = Arena.ofConfined()) {
            PageSet remote = new PageSet(arena, pages);
            int[] checksums = host.pager.map().collect(Place.REMOTE, remote);
            // Said before the pause, when more of them were there.
            PageSet named = new PageSet(arena, pages);
            int[] said = new int[(int) pages];
            int count = 0;
            int known = 0;
            for (long page = 0; page < pages; page++) {
                if (remote.contains(page) || random.nextInt(8) == 0) {
                    named.add(page);
                    said[count++] = remote.contains(page) ? checksums[known++] : random.nextInt(PageMap.MAX_FRAMES);
                }
            }
            there.locate(named, Place.REMOTE, Arrays.copyOf(said, count));
            named.removeAll(remote);
            there.unlocate(named, Place.REMOTE);
            there.locate(set(arena, following), Place.AT_SOURCE);
        }
    }

    private static PageSet set(Arena arena, boolean[] of) {
        PageSet set = new PageSet(arena, of.length);
        for (int page = 0; page < of.length; page++) {
            if (of[page]) {
                set.add(page);
            }
        }
        return set;
    }

    /** Until nobody waits for anything that nobody is asked for. */
    private void quiesce() throws Exception {
        long deadline = System.nanoTime() + PATIENCE;
        while (true) {
            store.deliver(List.of());
            oracle.harvest(host);
            if (host.pagesTouched() == host.pager.waiting()) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new TimeoutException(
                        host.pager.waiting() + " pages are waited for, and touched are" + host.touchedPages());
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
                assertTrue(System.nanoTime() < deadline, () -> "nobody brings" + host.touchedPages());
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
        oracle.check(host, store, source);
        assertEquals(0, host.pager.elsewhere(Place.REMOTE));
    }

    /** To a host where all of it is to be, all at home: no pager is needed any more in the end. */
    void leaveForGood() throws Exception {
        boolean[] following = new boolean[(int) pages];
        ModelHost there = moved(following, 50 + random.nextInt(51));
        try (Arena arena = Arena.ofConfined()) {
            there.pager.locate(set(arena, following), Place.AT_SOURCE);
        }
        moveTo(there, following);
        new ModelLastMove(random, oracle, host, source).run();
    }

    @Override
    public void close() {
        host.close();
        store.close();
        if (source != null) {
            source.close();
        }
        if (round != null) {
            round.close();
        }
    }
}
