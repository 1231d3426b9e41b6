package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.gen.msghdr;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Filling a message and taking from its front, against a queue of ranges. */
class GatherMessageTest {
    @Test
    void advancingEqualsTakingBytesOneByOne() {
        long seed = new Random().nextLong();
        System.out.println("GatherMessageTest seed " + seed);
        Random random = new Random(seed);
        try (Arena arena = Arena.ofConfined()) {
            GatherMessage message = new GatherMessage(arena, 16);
            for (int round = 0; round < 500; round++) {
                message.clear();
                ArrayDeque<Long> bytes = new ArrayDeque<>();
                int ranges = 1 + random.nextInt(16);
                for (int i = 0; i < ranges; i++) {
                    long start = 0x10000L * i + random.nextInt(100);
                    long length = 1L + random.nextInt(50);
                    message.add(start, length);
                    for (long at = start; at < start + length; at++) {
                        bytes.add(at);
                    }
                }
                while (!bytes.isEmpty()) {
                    int taken = random.nextInt(bytes.size() + 1);
                    for (int i = 0; i < taken; i++) {
                        bytes.remove();
                    }
                    assertEquals(!bytes.isEmpty(), message.advance(taken), () -> "seed " + seed);
                    if (!bytes.isEmpty()) {
                        assertEquals(bytes.element(), firstByte(message), () -> "seed " + seed);
                        assertEquals(bytes.element(), message.address(0), () -> "seed " + seed);
                        assertEquals(bytes.size(), left(message), () -> "seed " + seed);
                    }
                }
                assertEquals(0, message.count());
            }
        }
    }

    private static long left(GatherMessage message) {
        long sum = 0;
        for (int i = 0; i < message.count(); i++) {
            sum += message.length(i);
        }
        return sum;
    }

    @Test
    void aRangeOfNoBytesIsNone() {
        try (Arena arena = Arena.ofConfined()) {
            GatherMessage message = new GatherMessage(arena, 1);
            message.add(1, 0);
            assertEquals(0, message.count());
            message.add(2, 1);
            assertEquals(2, message.address(0));
            assertThrows(IndexOutOfBoundsException.class, () -> message.length(1));
        }
    }

    @Test
    void refusesTooMuch() {
        try (Arena arena = Arena.ofConfined()) {
            assertThrows(IllegalArgumentException.class, () -> new GatherMessage(arena, 0));
            assertThrows(IllegalArgumentException.class, () -> new GatherMessage(arena, 1025));
            GatherMessage message = new GatherMessage(arena, 1);
            message.add(1, 10);
            assertTrue(message.isFull());
            assertThrows(IllegalStateException.class, () -> message.add(2, 10));
            assertThrows(IllegalArgumentException.class, () -> message.advance(11));
        }
    }

    @SuppressWarnings("restricted")
    private static long firstByte(GatherMessage message) {
        MemorySegment inC = MemorySegment.ofAddress(message.address())
                .reinterpret(msghdr.layout().byteSize());
        long ranges = inC.get(ValueLayout.JAVA_LONG, msghdr.msg_iov$offset());
        assertEquals(message.rangesAddress(), ranges);
        assertEquals(message.count(), msghdr.msg_iovlen(inC));
        return MemorySegment.ofAddress(ranges).reinterpret(8).get(ValueLayout.JAVA_LONG, 0);
    }
}
