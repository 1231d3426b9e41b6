package dev.godwit.agent.cli;

import dev.godwit.agent.api.StartRequest;
import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.inventory.Images;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.tracking.DirtyTracking;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Option;

/** What a guest is made of, on the command line. */
final class MachineOptions {
    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            defaultValue = "256m",
            description = "Guest RAM; k, m, g are 2^10, 2^20, 2^30 bytes. Default: ${DEFAULT-VALUE}.")
    private String memory;

    @Option(
            names = {"-c", "--cpus"},
            paramLabel = "N",
            defaultValue = "1",
            description = "vCPUs, 1 to 64. Default: ${DEFAULT-VALUE}.")
    private int cpus;

    @Option(
            names = "--cmdline",
            paramLabel = "TEXT",
            defaultValue = "",
            description = "What the guest is told at its start.")
    private String cmdline;

    @Option(
            names = "--disk",
            paramLabel = "FILE[,ro]",
            description = "A file or block device shown as a virtio disk; up to 8 times.")
    private List<String> disks = new ArrayList<>();

    @Option(
            names = "--large-pages",
            paramLabel = "KIND",
            defaultValue = "thp",
            description =
                    "What backs guest RAM: thp (2 MiB pages as far as there are any), hugetlb (reserved ones), none."
                            + " Default: ${DEFAULT-VALUE}.")
    private String largePages;

    @Option(
            names = "--dirty-tracking",
            paramLabel = "KIND",
            defaultValue = "log",
            description = "How writes are tracked in a migration: log or ring. Default: ${DEFAULT-VALUE}.")
    private String dirtyTracking;

    StartRequest request(String name, String image, boolean paused) {
        oneOf("--large-pages", largePages, LargePages.values());
        oneOf("--dirty-tracking", dirtyTracking, DirtyTracking.values());
        return new StartRequest(
                name,
                Images.resolve(image),
                Sizes.parse("--memory", memory),
                cpus,
                cmdline,
                largePages,
                dirtyTracking,
                disks.stream().map(MachineOptions::disk).toList(),
                paused);
    }

    private static void oneOf(String option, String text, Enum<?>[] values) {
        List<String> names = Arrays.stream(values)
                .map(value -> value.name().toLowerCase(Locale.ROOT))
                .toList();
        if (!names.contains(text)) {
            throw Failure.badInput(option + ": " + Quoted.of(text) + " is none of " + String.join(", ", names));
        }
    }

    private static StartRequest.Disk disk(String text) {
        boolean readOnly = text.endsWith(",ro");
        String file = readOnly ? text.substring(0, text.length() - 3) : text;
        if (file.isEmpty()) {
            throw Failure.badInput("--disk: the file's name is missing");
        }
        return new StartRequest.Disk(Path.of(file).toAbsolutePath().normalize().toString(), readOnly);
    }
}
