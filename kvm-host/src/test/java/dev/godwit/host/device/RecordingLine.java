package dev.godwit.host.device;

/** An interrupt line that remembers its level and how often it rose. */
final class RecordingLine implements InterruptLine {
    boolean level;
    int rises;

    @Override
    public void set(boolean newLevel) {
        if (newLevel && !level) {
            rises++;
        }
        level = newLevel;
    }
}
