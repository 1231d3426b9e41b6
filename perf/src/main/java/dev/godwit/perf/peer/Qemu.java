package dev.godwit.perf.peer;

import dev.godwit.agent.config.Failure;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/**
 * A QEMU that is installed here.
 *
 * @param program its path, or a name that is looked for on the PATH
 * @param version as it prints it, such as {@code 10.0.2}
 */
public record Qemu(String program, String version) {
    /** What is asked for where nothing else is said. */
    public static final String DEFAULT_PROGRAM = "qemu-system-x86_64";

    private static final String BEFORE_VERSION = "version ";
    private static final long PATIENCE_SECONDS = 20;

    /**
     * Asks the program for its version.
     *
     * @throws Failure not capable, with one line, when it does not run or is no QEMU
     */
    public static Qemu find(String program) {
        try {
            Process process = new ProcessBuilder(program, "--version")
                    .redirectErrorStream(true)
                    .start();
            process.getOutputStream().close();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            int at = text.indexOf(BEFORE_VERSION);
            if (at < 0 || !text.startsWith("QEMU")) {
                throw notCapable(program + " does not say that it is a QEMU; name one with --qemu PATH");
            }
            return new Qemu(
                    program, text.substring(at + BEFORE_VERSION.length()).split("\\s", 2)[0]);
        } catch (IOException e) {
            throw notCapable("no QEMU: " + program + " does not run; install qemu-system-x86 or name one with --qemu"
                    + " PATH, or measure without it: bench migrate --peer none");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Failure.failed("interrupted");
        }
    }

    private static Failure notCapable(String message) {
        return new Failure(Failure.Kind.NOT_CAPABLE, message);
    }
}
