package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("kvm")
class DemoIT {
    @Test
    void showsWhatItSays() throws Exception {
        Set<Path> before = directories();
        Run run = Run.of("demo", "--memory", "64m", "--working-set", "8m", "--runs", "2");
        assertEquals("", run.err());
        assertEquals(0, run.status());
        for (String part : List.of(
                "run 1 of 2: ",
                "\nRUN  TOTAL",
                "\n2    ",
                "\nDowntime, median of 2: ",
                "\nWhat the guest saw: ",
                "      up to 10 µs  ",
                " pages at the end and all its writes before: none is wrong.\n")) {
            assertTrue(run.out().contains(part), () -> part + " is not in " + run.out());
        }
        // Another demo may run beside this one; its directory goes with it.
        Set<Path> left = directories();
        left.removeAll(before);
        for (int i = 0; i < 6000 && !left.isEmpty(); i++) {
            LockSupport.parkNanos(10_000_000);
            left.retainAll(directories());
        }
        assertEquals(Set.of(), left);
    }

    @Test
    void json() throws Exception {
        Run run = Run.of("demo", "--memory", "64m", "--working-set", "8m", "--runs", "1", "--json");
        assertEquals(0, run.status(), run.err());
        JsonNode result = new ObjectMapper().readTree(run.out());
        assertEquals(0, result.get("errors").asInt());
        assertEquals("completed", result.at("/runs/0/migration/outcome").asText());
        assertTrue(result.at("/runs/0/guest/maxGapMicros").asLong() > 0);
        assertTrue(result.get("pagesChecked").asLong() > 2000);
    }

    private static Set<Path> directories() throws Exception {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return files.filter(f -> f.getFileName().toString().startsWith("godwit-demo"))
                    .collect(Collectors.toCollection(HashSet::new));
        }
    }
}
