package dev.godwit.host.device;

/** Copies what it may read to what it may write, byte by byte, over and over; one writable byte of configuration. */
final class EchoDevice implements VirtioDevice {
    static final int MAX_QUEUE = 16;

    int resets;
    int served;
    int config = 0x5a;

    @Override
    public int deviceId() {
        return 42;
    }

    @Override
    public long features() {
        return 0x30;
    }

    @Override
    public int queueCount() {
        return 2;
    }

    @Override
    public int maxQueueSize(int queue) {
        return MAX_QUEUE;
    }

    @Override
    public int configLength() {
        return 6;
    }

    @Override
    public int readConfig(int offset) {
        return offset == 0 ? config : offset;
    }

    @Override
    public void writeConfig(int offset, int value) {
        if (offset == 0) {
            config = value;
        }
    }

    @Override
    public void process(int index, Virtqueue queue, long features) throws MalformedQueueException {
        for (DescriptorChain chain = queue.next(); chain != null; chain = queue.next()) {
            long writable = Math.min(chain.writableLength(), 4096);
            for (long i = 0; i < writable; i++) {
                chain.writeByte(i, chain.readableLength() == 0 ? 0xee : chain.readByte(i % chain.readableLength()));
            }
            served++;
            queue.complete(chain, writable);
        }
    }

    @Override
    public void reset() {
        resets++;
    }

    @Override
    public String stateName() {
        return "echo";
    }

    @Override
    public int stateVersion() {
        return 7;
    }

    @Override
    public byte[] saveState() {
        return new byte[] {(byte) config};
    }

    @Override
    public void restoreState(int version, byte[] state) {
        StateReader in = new StateReader(stateName(), version, stateVersion(), state);
        int newConfig = in.u8("config");
        in.end();
        config = newConfig;
    }
}
