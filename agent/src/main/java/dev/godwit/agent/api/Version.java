package dev.godwit.agent.api;

/** Which Godwit this is. */
public final class Version {
    /** As users see it; from the jar's manifest, if it runs from one. */
    public static final String TEXT = text();

    private Version() {}

    private static String text() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "0.1.0" : version;
    }
}
