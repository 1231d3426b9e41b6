package dev.godwit.perf.peer;

import dev.godwit.agent.config.Failure;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A program that answers each number it is sent, on a line, with a line of numbers. One thread at a time. */
public final class CProgram implements AutoCloseable {
    private final Process process;
    private final Writer questions;
    private final BufferedReader answers;
    private final String name;

    public CProgram(Path program, Object... arguments) {
        name = program.getFileName().toString();
        List<String> command = new ArrayList<>(List.of(program.toString()));
        Arrays.stream(arguments).map(Object::toString).forEach(command::add);
        try {
            process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        questions = process.outputWriter(StandardCharsets.US_ASCII);
        answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII));
    }

    /** Sends a number and waits for the answer. */
    public long[] ask(long number) {
        try {
            questions.write(number + "\n");
            questions.flush();
            String line = answers.readLine();
            if (line == null) {
                throw Failure.failed("the C program " + name + " ended in the middle");
            }
            return Arrays.stream(line.split(" ", -1)).mapToLong(Long::parseLong).toArray();
        } catch (IOException e) {
            throw new UncheckedIOException("the C program " + name, e);
        }
    }

    /** Ends it. */
    @Override
    public void close() {
        process.destroy();
        process.onExit().join();
    }
}
