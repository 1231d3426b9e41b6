package dev.godwit.host.device;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SerialLogTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    /** The byte that the guest of these tests writes at an offset. */
    private static byte pattern(long offset) {
        return (byte) (offset * 31 + (offset >>> 8));
    }

    private static void fill(SerialLog log, long from, long to) {
        for (long i = from; i < to; i++) {
            log.append(pattern(i));
        }
    }

    private static void check(SerialLog.Chunk chunk) {
        for (int i = 0; i < chunk.bytes().length; i++) {
            assertEquals(pattern(chunk.offset() + i), chunk.bytes()[i], "offset " + (chunk.offset() + i));
        }
    }

    private static void append(SerialLog log, String text) {
        for (byte b : text.getBytes(StandardCharsets.US_ASCII)) {
            log.append(b);
        }
    }

    @Test
    void keepsTheLastBytesByAbsoluteOffset() {
        SerialLog log = new SerialLog(10_000);
        fill(log, 0, 12_345);
        assertEquals(2345, log.startOffset());
        assertEquals(12_345, log.endOffset());
        SerialLog.Chunk all = log.read(0, Integer.MAX_VALUE);
        assertEquals(2345, all.offset());
        assertEquals(12_345, all.next());
        check(all);
        assertEquals(100, log.read(5000, 100).bytes().length);
        assertEquals(5000, log.read(5000, 100).offset());
        check(log.read(5000, 100));
        assertEquals(0, log.read(12_345, 100).bytes().length);
        assertEquals(12_345, log.read(Long.MAX_VALUE, 100).offset());
        assertEquals(2345, log.read(Long.MIN_VALUE, 1).offset());
        assertEquals(0, log.read(5000, -1).bytes().length);
    }

    @Test
    void agreesWithAnUnboundedLogForAllSizes() {
        long seed = System.nanoTime();
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 50; round++) {
            int capacity = 1 + random.nextInt(9000);
            SerialLog log = new SerialLog(capacity);
            long end = random.nextInt(30_000);
            fill(log, 0, end);
            long start = Math.max(0, end - capacity);
            assertEquals(start, log.startOffset(), "seed " + seed);
            for (int i = 0; i < 20; i++) {
                long from = start + random.nextLong(end - start + 1);
                int max = random.nextInt(5000);
                SerialLog.Chunk chunk = log.read(from, max);
                assertEquals(from, chunk.offset(), "seed " + seed);
                assertEquals(Math.min(max, end - from), chunk.bytes().length, "seed " + seed);
                check(chunk);
            }
        }
    }

    @Test
    void stateCarriesBytesAndOffsets() {
        SerialLog source = new SerialLog(5000);
        fill(source, 0, 20_000);
        SerialLog target = new SerialLog(5000);
        target.restoreState(1, source.saveState());
        assertEquals(15_000, target.startOffset());
        fill(target, 20_000, 22_000);
        assertEquals(17_000, target.startOffset());
        check(target.read(0, Integer.MAX_VALUE));

        SerialLog smaller = new SerialLog(100);
        smaller.restoreState(1, source.saveState());
        assertEquals(19_900, smaller.startOffset());
        check(smaller.read(0, Integer.MAX_VALUE));

        SerialLog larger = new SerialLog(100_000);
        larger.restoreState(1, source.saveState());
        fill(larger, 20_000, 60_000);
        assertEquals(15_000, larger.startOffset());
        check(larger.read(0, Integer.MAX_VALUE));
    }

    @Test
    void malformedStateIsRefused() {
        SerialLog log = new SerialLog(100);
        append(log, "kept");
        byte[] good = log.saveState();
        assertThrows(DeviceStateException.class, () -> log.restoreState(0, good));
        assertThrows(DeviceStateException.class, () -> log.restoreState(1, new byte[0]));
        for (int i = 0; i < good.length; i++) {
            byte[] shorter = Arrays.copyOf(good, i);
            assertThrows(DeviceStateException.class, () -> log.restoreState(1, shorter));
        }
        assertThrows(DeviceStateException.class, () -> log.restoreState(1, Arrays.copyOf(good, good.length + 1)));
        byte[] huge = good.clone();
        huge[11] = 0x7f; // two thousand million bytes announced
        assertThrows(DeviceStateException.class, () -> log.restoreState(1, huge));
        byte[] negative = good.clone();
        negative[7] = -1;
        assertThrows(DeviceStateException.class, () -> log.restoreState(1, negative));
        assertEquals("kept", new String(log.read(0, 100).bytes(), StandardCharsets.US_ASCII));
    }

    @Test
    void awaitMoreTimesOutAndEnds() throws InterruptedException {
        SerialLog log = new SerialLog();
        assertFalse(log.awaitMore(0, Duration.ofMillis(1)));
        log.append((byte) 'x');
        assertTrue(log.awaitMore(0, Duration.ZERO));
        log.end();
        assertTrue(log.ended());
        assertFalse(log.awaitMore(1, LONG));
        assertTrue(log.awaitMore(0, Duration.ofDays(1_000_000_000)));
    }

    @Test
    void aFollowerSeesEveryByteOfAGuestThatDoesNotOutrunIt() throws Exception {
        SerialLog log = new SerialLog(1 << 20);
        long total = 300_000;
        FutureTask<Long> follower = new FutureTask<>(() -> {
            long offset = 0;
            while (offset < total && log.awaitMore(offset, LONG)) {
                SerialLog.Chunk chunk = log.read(offset, 1000);
                assertEquals(offset, chunk.offset());
                check(chunk);
                offset = chunk.next();
            }
            return offset;
        });
        Thread thread = Thread.ofPlatform().daemon().start(follower);
        fill(log, 0, total);
        assertEquals(total, follower.get(30, TimeUnit.SECONDS));
        thread.join();
    }

    @Test
    void aSlowFollowerLosesBytesButNeverOrder() throws Exception {
        SerialLog log = new SerialLog(64);
        long total = 500_000;
        FutureTask<Long> follower = new FutureTask<>(() -> {
            long offset = 0;
            while (log.awaitMore(offset, LONG)) {
                SerialLog.Chunk chunk = log.read(offset, 7);
                assertTrue(chunk.offset() >= offset);
                check(chunk);
                offset = chunk.next();
            }
            return offset;
        });
        Thread thread = Thread.ofPlatform().daemon().start(follower);
        fill(log, 0, total);
        log.end();
        assertEquals(total, follower.get(30, TimeUnit.SECONDS));
        thread.join();
    }

    @Test
    void teeCopiesWhatIsThereAndWhatFollows() {
        SerialLog log = new SerialLog();
        append(log, "before ");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SerialTee tee = SerialTee.start(log, 0, out);
        append(log, "after");
        tee.close();
        assertEquals("before after", out.toString(StandardCharsets.US_ASCII));
    }

    @Test
    void aBlockedStreamHoldsUpNeitherGuestNorMemory() throws Exception {
        SerialLog log = new SerialLog(100);
        CountDownLatch blocked = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        ByteArrayOutputStream seen = new ByteArrayOutputStream();
        OutputStream slow = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("bytes come in arrays");
            }

            @Override
            public void write(byte[] bytes, int from, int length) throws IOException {
                blocked.countDown();
                try {
                    release.await();
                } catch (InterruptedException e) {
                    throw new IOException(e);
                }
                seen.write(bytes, from, length);
            }
        };
        log.append((byte) '!');
        SerialTee tee = SerialTee.start(log, 0, slow);
        assertTrue(blocked.await(30, TimeUnit.SECONDS));
        for (int i = 0; i < 1000; i++) {
            log.append((byte) '.');
        }
        release.countDown();
        tee.close();
        assertEquals(
                "!\n[900 bytes of serial output lost]\n" + ".".repeat(100), seen.toString(StandardCharsets.US_ASCII));
    }

    @Test
    void aBrokenStreamEndsTheTeeOnly() {
        SerialLog log = new SerialLog();
        append(log, "x");
        OutputStream broken = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException("gone");
            }
        };
        SerialTee tee = SerialTee.start(log, 0, broken);
        tee.close();
        append(log, "y");
        assertArrayEquals(new byte[] {'x', 'y'}, log.read(0, 10).bytes());
    }

    @Test
    void aCapacityBelowOneIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new SerialLog(0));
    }
}
