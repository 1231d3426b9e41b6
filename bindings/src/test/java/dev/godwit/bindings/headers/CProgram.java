package dev.godwit.bindings.headers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * A C program, compiled with gcc against the headers that the bindings are made from, that prints facts about them.
 *
 * <p>What this machine's headers lack is left out by {@code #ifdef}, and named in the test's output. Newer headers are
 * used when KERNEL_HEADERS names their folder. Without gcc the test is aborted; it fails if CI=true.
 */
final class CProgram {
    private static final Path HEADERS = Path.of("jextract").toAbsolutePath();

    private final StringBuilder statements = new StringBuilder();

    /** Prints the numbers of the C expressions under {@code name}, if {@code macro} is defined or empty. */
    void print(String macro, String name, String... expressions) {
        if (!macro.isEmpty()) {
            statements.append("#ifdef ").append(macro).append('\n');
        }
        statements.append("printf(\"%s\", \"").append(name).append("\");\n");
        for (String expression : expressions) {
            statements
                    .append("printf(\" %lld\", (long long)(")
                    .append(expression)
                    .append("));\n");
        }
        statements.append("printf(\"\\n\");\n");
        if (!macro.isEmpty()) {
            statements.append("#else\nprintf(\"%s\\n\", \"").append(name).append("\");\n#endif\n");
        }
    }

    /** Compiles and runs the program: what it printed by name. Names that the headers lack are reported and left out. */
    Map<String, List<Long>> run(String title, Path folder) throws IOException, InterruptedException {
        List<String> lines = output(folder);
        Map<String, List<Long>> facts = new HashMap<>();
        TreeSet<String> absent = new TreeSet<>();
        for (String line : lines) {
            String[] words = line.split(" ", -1);
            List<Long> numbers = new ArrayList<>();
            for (int i = 1; i < words.length; i++) {
                numbers.add(Long.parseLong(words[i]));
            }
            if (numbers.isEmpty()) {
                absent.add(words[0]);
            } else {
                facts.put(words[0], numbers);
            }
        }
        System.out.println(title + ": " + facts.size() + " compared with C"
                + (absent.isEmpty() ? "" : "; not in this machine's headers, not compared: " + absent));
        return facts;
    }

    private List<String> output(Path folder) throws IOException, InterruptedException {
        Path source = folder.resolve("facts.c");
        Path program = folder.resolve("facts");
        Files.writeString(source, """
            #include "%s/linux.h"
            #include "%s/kvm.h"
            #include <stddef.h>
            #include <stdio.h>
            /* the C library's short cuts to members */
            #undef sa_handler
            #undef sa_sigaction
            int main(void) {
            """.formatted(HEADERS, HEADERS) + statements + "return 0;\n}\n");
        List<String> compile = new ArrayList<>(List.of("gcc", "-w", "-o", program.toString()));
        String newer = System.getenv("KERNEL_HEADERS");
        if (newer != null) {
            compile.addAll(List.of("-I", newer, "-I", newer + "/x86_64-linux-gnu"));
        }
        compile.add(source.toString());
        execute(compile, folder, "compile");
        return Files.readAllLines(execute(List.of(program.toString()), folder, "run"));
    }

    private static Path execute(List<String> command, Path folder, String step)
            throws IOException, InterruptedException {
        Path output = folder.resolve(step + ".log");
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
        } catch (IOException e) {
            String message = command.getFirst() + " does not start, layouts are not compared with C: " + e.getMessage();
            System.out.println(message);
            if ("true".equals(System.getenv("CI"))) {
                fail(message, e);
            }
            return abort(message);
        }
        int exit = process.waitFor();
        assertEquals(0, exit, () -> String.join(" ", command) + " in " + folder + ":\n" + content(output));
        return output;
    }

    private static String content(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
