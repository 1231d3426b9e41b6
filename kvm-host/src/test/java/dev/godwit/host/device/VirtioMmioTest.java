package dev.godwit.host.device;

import static dev.godwit.host.device.FakeDriver.toRead;
import static dev.godwit.host.device.FakeDriver.toWrite;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.host.memory.GuestMemory;
import dev.godwit.host.memory.LargePages;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class VirtioMmioTest {
    private static final long BOTH = VirtioMmio.FEATURE_VERSION_1 | VirtioMmio.FEATURE_INDIRECT_DESCRIPTORS;

    private final GuestMemory memory = GuestMemory.allocate(1 << 20, LargePages.NONE);
    private final EchoDevice device = new EchoDevice();
    private final RecordingLine line = new RecordingLine();
    private final VirtioMmio transport = new VirtioMmio(new MmioSlot(3), device, memory, line);
    private final FakeDriver driver = new FakeDriver(memory, transport, 8);

    @AfterEach
    void unmap() {
        memory.close();
    }

    private void assertNeedsReset(boolean expected) {
        assertEquals(
                expected, (driver.get(VirtioMmio.STATUS) & VirtioMmio.NEEDS_RESET) != 0, "fault " + transport.fault());
        assertEquals(expected, transport.fault().isPresent());
    }

    @Test
    void slotsAreThoseOfMicrovm() {
        assertEquals("virtio_mmio.device=512@0xfeb00000:5", new MmioSlot(0).parameter());
        assertEquals("virtio_mmio.device=512@0xfeb00e00:12", new MmioSlot(7).parameter());
        assertEquals(0xfeb0_0600L, transport.slot().base());
        assertEquals(8, transport.slot().irq());
        assertThrows(IllegalArgumentException.class, () -> new MmioSlot(8));
        assertThrows(IllegalArgumentException.class, () -> new MmioSlot(-1));
    }

    @Test
    void identity() {
        assertEquals(0x74726976, driver.get(VirtioMmio.MAGIC));
        assertEquals(2, driver.get(VirtioMmio.VERSION));
        assertEquals(42, driver.get(VirtioMmio.DEVICE_ID));
        assertEquals(0x30 | BOTH, driver.offered());
        driver.set(VirtioMmio.DEVICE_FEATURES_SELECT, 2);
        assertEquals(0, driver.get(VirtioMmio.DEVICE_FEATURES));
        assertEquals(-1, driver.get(VirtioMmio.SHARED_MEMORY_LENGTH_LOW));
        assertEquals(0, driver.get(VirtioMmio.STATUS));
        driver.set(VirtioMmio.MAGIC, 0);
        assertEquals(0x74726976, driver.get(VirtioMmio.MAGIC));
    }

    @Test
    void registersAnswerAlignedWordsOnly() {
        assertEquals(0, transport.read(VirtioMmio.MAGIC, 1));
        assertEquals(0, transport.read(VirtioMmio.MAGIC, 8));
        assertEquals(0, transport.read(2, 4));
        transport.write(VirtioMmio.STATUS, 1, 1);
        transport.write(VirtioMmio.STATUS + 1, 4, 1);
        assertEquals(0, driver.get(VirtioMmio.STATUS));
    }

    @Test
    void configurationTakesAnySizeAndEndsWhereItEnds() {
        assertEquals(0x5a, transport.read(VirtioMmio.CONFIG, 1));
        assertEquals(0x0302, transport.read(VirtioMmio.CONFIG + 2, 2));
        assertEquals(0x0504_0302_015aL, transport.read(VirtioMmio.CONFIG, 8));
        assertEquals(0x05, transport.read(VirtioMmio.CONFIG + 5, 4));
        assertEquals(0, transport.read(VirtioMmio.CONFIG + 6, 4));
        assertEquals(0, transport.read(0x1ff, 8));
        transport.write(VirtioMmio.CONFIG, 4, 0xffff_ff77L);
        assertEquals(0x77, device.config);
        transport.write(0x1ff, 8, -1L);
        assertEquals(0, driver.get(VirtioMmio.CONFIG_GENERATION));
        transport.configChanged();
        assertEquals(1, driver.get(VirtioMmio.CONFIG_GENERATION));
        assertFalse(line.level, "no driver yet");
        driver.start();
        transport.configChanged();
        assertTrue(line.level);
        assertEquals(VirtioMmio.INTERRUPT_CONFIG, driver.get(VirtioMmio.INTERRUPT_STATUS));
    }

    @Test
    void featuresMustBeOfferedAndIncludeVersion1() {
        driver.negotiate(0x30); // without VERSION_1
        assertEquals(0, driver.get(VirtioMmio.STATUS) & VirtioMmio.FEATURES_OK);
        driver.negotiate(BOTH | 1); // bit 0 is not on offer
        assertEquals(0, driver.get(VirtioMmio.STATUS) & VirtioMmio.FEATURES_OK);
        driver.set(VirtioMmio.STATUS, 0xf);
        assertEquals(3, driver.get(VirtioMmio.STATUS), "no DRIVER_OK without FEATURES_OK");
        driver.negotiate(BOTH | 0x10);
        assertEquals(0xb, driver.get(VirtioMmio.STATUS));
        driver.set(VirtioMmio.DRIVER_FEATURES_SELECT, 0);
        driver.set(VirtioMmio.DRIVER_FEATURES, -1); // too late
        driver.set(VirtioMmio.STATUS, 0xf);
        assertEquals(0xf, driver.get(VirtioMmio.STATUS));
    }

    @Test
    void statusBitsAreOnlyAdded() {
        driver.start();
        assertEquals(0xf, driver.get(VirtioMmio.STATUS));
        driver.set(VirtioMmio.STATUS, 1);
        assertEquals(0xf, driver.get(VirtioMmio.STATUS));
        driver.set(VirtioMmio.STATUS, 0x70);
        assertEquals(0xf, driver.get(VirtioMmio.STATUS), "the other bits are not the driver's");
        driver.set(VirtioMmio.STATUS, VirtioMmio.FAILED);
        assertEquals(0x8f, driver.get(VirtioMmio.STATUS));
    }

    @Test
    void queuesBelongToTheSelectedIndexAndNeedFeatures() {
        driver.set(VirtioMmio.QUEUE_SELECT, 0);
        assertEquals(16, driver.get(VirtioMmio.QUEUE_SIZE_MAX));
        driver.set(VirtioMmio.QUEUE_SELECT, 2);
        assertEquals(0, driver.get(VirtioMmio.QUEUE_SIZE_MAX));
        driver.set(VirtioMmio.QUEUE_SELECT, -1);
        assertEquals(0, driver.get(VirtioMmio.QUEUE_SIZE_MAX));
        driver.setUpQueue();
        assertEquals(0, driver.get(VirtioMmio.QUEUE_READY), "features first");
        driver.negotiate(BOTH);
        driver.setUpQueue();
        assertEquals(1, driver.get(VirtioMmio.QUEUE_READY));
        driver.set(VirtioMmio.QUEUE_SELECT, 1);
        assertEquals(0, driver.get(VirtioMmio.QUEUE_READY));
        driver.set(VirtioMmio.QUEUE_SELECT, 0);
        driver.set(VirtioMmio.QUEUE_SIZE, 3);
        driver.set(VirtioMmio.QUEUE_READY, 1);
        assertNeedsReset(false);
        driver.set(VirtioMmio.QUEUE_READY, 0);
        assertEquals(0, driver.get(VirtioMmio.QUEUE_READY));
    }

    @Test
    void unusableQueuesNeedAReset() {
        long[][] layouts = {
            {3, 0x1000, 0x3000, 0x4000}, // not a power of two
            {0, 0x1000, 0x3000, 0x4000},
            {32, 0x1000, 0x3000, 0x4000}, // above the maximum
            {-1, 0x1000, 0x3000, 0x4000},
            {8, 0x1008, 0x3000, 0x4000}, // misaligned
            {8, 0x1000, 0x3001, 0x4000},
            {8, 0x1000, 0x3000, 0x4002},
            {8, (1 << 20) - 64, 0x3000, 0x4000}, // runs out of RAM
            {8, 0x1000, 1 << 20, 0x4000},
            {8, 0x1000, 0x3000, -16},
            {8, 0xfeb0_0600L, 0x3000, 0x4000}, // its own registers
            {8, Long.MAX_VALUE & ~15L, 0x3000, 0x4000},
        };
        for (long[] layout : layouts) {
            driver.negotiate(BOTH);
            driver.set(VirtioMmio.QUEUE_SELECT, 0);
            driver.set(VirtioMmio.QUEUE_SIZE, (int) layout[0]);
            int[] registers = {VirtioMmio.QUEUE_DESCRIPTOR_LOW, VirtioMmio.QUEUE_DRIVER_LOW, VirtioMmio.QUEUE_DEVICE_LOW
            };
            for (int i = 0; i < 3; i++) {
                driver.set(registers[i], (int) layout[i + 1]);
                driver.set(registers[i] + 4, (int) (layout[i + 1] >>> 32));
            }
            driver.set(VirtioMmio.QUEUE_READY, 1);
            assertEquals(0, driver.get(VirtioMmio.QUEUE_READY), Arrays.toString(layout));
            assertNeedsReset(true);
        }
        driver.start();
        assertNeedsReset(false);
        driver.request(toWrite(0x8000, 1));
    }

    @Test
    void requestsAreServedAndInterrupt() {
        driver.start();
        driver.put(0x8000, "0123456789");
        int used = driver.request(toRead(0x8000, 4), toRead(0x8006, 4), toWrite(0x9000, 3), toWrite(0x9100, 5));
        assertEquals(8, used);
        assertEquals("012", driver.text(0x9000, 3));
        assertEquals("36789", driver.text(0x9100, 5));
        assertTrue(line.level);
        assertEquals(VirtioMmio.INTERRUPT_USED, driver.get(VirtioMmio.INTERRUPT_STATUS));
        driver.set(VirtioMmio.INTERRUPT_ACKNOWLEDGE, VirtioMmio.INTERRUPT_USED);
        assertFalse(line.level);
        assertEquals(0, driver.get(VirtioMmio.INTERRUPT_STATUS));
        driver.kick();
        assertFalse(line.level, "nothing new, no interrupt");
        driver.availableFlags(1);
        driver.request(toWrite(0x9000, 1));
        assertFalse(line.level, "the driver polls");
        for (int i = 0; i < 70_000; i++) { // past the wrap of the 16-bit indices
            driver.request(toRead(0x8000, 1), toWrite(0x9000, 1));
        }
    }

    @Test
    void aCauseThatCameSinceTheDriverLookedGivesAnotherEdge() {
        driver.start();
        driver.request(toWrite(0x9000, 1));
        transport.configChanged();
        int rises = line.rises;
        driver.set(VirtioMmio.INTERRUPT_ACKNOWLEDGE, VirtioMmio.INTERRUPT_USED);
        assertTrue(line.level);
        assertEquals(rises + 1, line.rises);
    }

    @Test
    void nothingIsServedBeforeDriverOkOrOnAnotherQueue() {
        driver.negotiate(BOTH);
        driver.setUpQueue();
        driver.offer(driver.chain(toWrite(0x8000, 1)));
        driver.kick();
        assertEquals(0, device.served);
        driver.set(VirtioMmio.STATUS, 0xf);
        driver.set(VirtioMmio.QUEUE_NOTIFY, 1);
        driver.set(VirtioMmio.QUEUE_NOTIFY, 2);
        driver.set(VirtioMmio.QUEUE_NOTIFY, -1);
        assertEquals(0, device.served);
        driver.kick();
        assertEquals(1, device.served);
        driver.set(VirtioMmio.STATUS, 0x8f);
        driver.offer(driver.chain(toWrite(0x8000, 1)));
        driver.kick();
        assertEquals(1, device.served, "the driver gave up");
    }

    @Test
    void resetForgetsEverything() {
        driver.start();
        driver.request(toWrite(0x8000, 1));
        assertTrue(line.level);
        int resets = device.resets;
        driver.set(VirtioMmio.STATUS, 0);
        assertEquals(resets + 1, device.resets);
        assertFalse(line.level);
        assertEquals(0, driver.get(VirtioMmio.STATUS));
        assertEquals(0, driver.get(VirtioMmio.QUEUE_READY));
        assertEquals(0, driver.get(VirtioMmio.INTERRUPT_STATUS));
        driver.start();
        driver.request(toWrite(0x8000, 1));
    }

    @Test
    void stateMovesInTheMiddleOfAQueue() {
        driver.start();
        driver.put(0x8000, "abc");
        for (int i = 0; i < 11; i++) {
            driver.request(toRead(0x8000, 3), toWrite(0x9000, 3));
        }
        device.config = 0x11;
        int head = driver.chain(toRead(0x8000, 3), toWrite(0xa000, 3));
        driver.offer(head); // the guest stops between offering and kicking
        byte[] state = transport.saveState();

        EchoDevice otherDevice = new EchoDevice();
        RecordingLine otherLine = new RecordingLine();
        VirtioMmio other = new VirtioMmio(new MmioSlot(3), otherDevice, memory, otherLine);
        other.restoreState(transport.stateVersion(), state);
        assertArrayEquals(state, other.saveState());
        assertEquals(0x11, otherDevice.config);
        assertTrue(otherLine.level, "the interrupt was not acknowledged yet");
        driver.transport = other;
        driver.kick();
        assertEquals(3, driver.takeUsed(head));
        assertEquals("abc", driver.text(0xa000, 3));
        driver.set(VirtioMmio.INTERRUPT_ACKNOWLEDGE, 3);
        assertFalse(otherLine.level);
    }

    @Test
    void malformedStateIsRefusedAndChangesNothing() {
        driver.start();
        driver.request(toWrite(0x8000, 1));
        byte[] good = transport.saveState();
        assertThrows(DeviceStateException.class, () -> transport.restoreState(2, good));
        for (int i = 0; i < good.length; i++) {
            byte[] shorter = Arrays.copyOf(good, i);
            assertThrows(DeviceStateException.class, () -> transport.restoreState(1, shorter));
        }
        assertThrows(DeviceStateException.class, () -> transport.restoreState(1, Arrays.copyOf(good, good.length + 1)));
        long seed = System.nanoTime();
        System.out.println("VirtioMmioTest state fuzz seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        int refused = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] bad = good.clone();
            for (int n = random.nextInt(1, 4); n > 0; n--) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt();
            }
            VirtioMmio victim = new VirtioMmio(new MmioSlot(3), new EchoDevice(), memory, new RecordingLine());
            byte[] before = victim.saveState();
            try {
                victim.restoreState(1, bad);
                driver.transport = victim;
                driver.kick();
            } catch (DeviceStateException e) {
                refused++;
                assertArrayEquals(before, victim.saveState(), "seed " + seed);
            }
        }
        assertTrue(refused > 1000, "seed " + seed);
        assertArrayEquals(good, transport.saveState());
    }

    @Test
    void aStateWithFeaturesNotOfferedHereIsRefused() {
        driver.start();
        byte[] state = transport.saveState();
        state[4] |= 1;
        String message = assertThrows(DeviceStateException.class, () -> transport.restoreState(1, state))
                .getMessage();
        assertTrue(message.contains("virtio-mmio-3") && message.contains("0x1 "), message);
    }

    @Test
    void randomAccessesThrowNothing() {
        long seed = System.nanoTime();
        System.out.println("VirtioMmioTest register fuzz seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        MmioBus bus = new MmioBus();
        bus.attach(transport.slot().base(), MmioSlot.SIZE, transport);
        for (int i = 0; i < 300_000; i++) {
            if (i % 1000 == 0) {
                driver.start();
            }
            long gpa = transport.slot().base() + random.nextInt(-16, MmioSlot.SIZE + 16);
            int size = 1 + random.nextInt(8);
            if (random.nextInt(4) != 0) {
                gpa &= ~3L;
                size = 4;
            }
            if (random.nextBoolean()) {
                bus.read(gpa, size);
            } else {
                bus.write(gpa, size, random.nextBoolean() ? random.nextLong() : random.nextInt(16));
            }
        }
        byte[] state = transport.saveState();
        VirtioMmio other = new VirtioMmio(new MmioSlot(3), new EchoDevice(), memory, new RecordingLine());
        other.restoreState(1, state);
        assertArrayEquals(state, other.saveState(), "seed " + seed);
    }
}
