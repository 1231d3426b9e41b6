package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.images.GuestImage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Guest images by name: a file, or one that comes with Godwit. */
public final class Images {
    private Images() {}

    /** The names of the images that come with Godwit. */
    public static List<String> builtIn() {
        return Arrays.stream(GuestImage.values()).map(GuestImage::imageName).toList();
    }

    /**
     * The name under which an agent, which has another working directory, finds what a user means here: a path wins if
     * it has a slash or exists.
     */
    public static String resolve(String image) {
        if (image.isEmpty()) {
            throw Failure.badInput("the image's name is missing");
        }
        try {
            Path path = Path.of(image);
            return image.contains("/") || Files.exists(path)
                    ? path.toAbsolutePath().normalize().toString()
                    : image;
        } catch (InvalidPathException e) {
            throw Failure.badInput("image " + Quoted.of(image) + " is no path: " + e.getReason());
        }
    }

    /**
     * Opens a resolved image.
     *
     * @throws Failure bad input, for a name that is neither
     * @throws dev.godwit.host.boot.ImageException when the file cannot be started
     */
    public static PvhImage open(String image, Arena arena) {
        if (image.contains("/")) {
            return PvhImage.open(Path.of(image), arena);
        }
        GuestImage builtIn = GuestImage.named(image)
                .orElseThrow(() -> Failure.badInput("image " + Quoted.of(image)
                        + " is neither a file here nor one that comes with Godwit: " + String.join(", ", builtIn())));
        byte[] bytes = builtIn.bytes();
        return PvhImage.parse(image, arena.allocate(bytes.length, 8).copyFrom(MemorySegment.ofArray(bytes)));
    }
}
