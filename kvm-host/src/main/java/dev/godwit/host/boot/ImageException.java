package dev.godwit.host.boot;

import java.io.Serial;

/** A guest image that cannot be started; the message is one line naming the file, what is wrong and what would be right. */
public final class ImageException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    public ImageException(String message) {
        super(message);
    }
}
