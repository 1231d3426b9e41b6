package dev.godwit.host.memory;

/**
 * A guest-physical address in bytes, from 0 upwards.
 *
 * @param value the address, at least 0
 */
public record GuestAddress(long value) implements Comparable<GuestAddress> {
    public GuestAddress {
        if (value < 0) {
            throw new IllegalArgumentException("a guest-physical address is at least 0, not " + value);
        }
    }

    /** The address {@code bytes} further on. */
    public GuestAddress plus(long bytes) {
        return new GuestAddress(Math.addExact(value, bytes));
    }

    @Override
    public int compareTo(GuestAddress other) {
        return Long.compare(value, other.value);
    }

    @Override
    public String toString() {
        return "0x" + Long.toHexString(value);
    }
}
