package dev.godwit.agent.config;

import java.io.Serial;
import java.util.Locale;

/** Something that did not happen; the message is one line for the user, and the kind says whose turn it is. */
public final class Failure extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    /** Sorts of failure, which the API and the exit codes tell apart. */
    public enum Kind {
        /** What was asked for is not possible or makes no sense. */
        BAD_INPUT,
        /** There is nothing of that name. */
        NOT_FOUND,
        /** Not in the state that things are in. */
        CONFLICT,
        /** It was tried and did not work out. */
        FAILED,
        /** This host cannot do it. */
        NOT_CAPABLE;

        /** The spelling of the API. */
        public String text() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }

        /** The kind of that spelling; {@link #FAILED} for one that is not known. */
        public static Kind of(String text) {
            for (Kind kind : values()) {
                if (kind.text().equals(text)) {
                    return kind;
                }
            }
            return FAILED;
        }
    }

    private final Kind kind;

    public Failure(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public Failure(Kind kind, String message, Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    public Kind kind() {
        return kind;
    }

    public static Failure badInput(String message) {
        return new Failure(Kind.BAD_INPUT, message);
    }

    public static Failure notFound(String message) {
        return new Failure(Kind.NOT_FOUND, message);
    }

    public static Failure conflict(String message) {
        return new Failure(Kind.CONFLICT, message);
    }

    public static Failure failed(String message) {
        return new Failure(Kind.FAILED, message);
    }
}
