package dev.godwit.bindings.headers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.kvm.KvmIoctl;
import dev.godwit.bindings.linux.PagemapIoctl;
import dev.godwit.bindings.linux.SocketIoctl;
import dev.godwit.bindings.linux.UserfaultIoctl;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares constants and request numbers: hand-written with generated, and both with the C compiler's. */
class ConstantsTest {
    @TempDir
    Path folder;

    @Test
    void handWrittenConstantsEqualTheGeneratedOnes() {
        Map<String, Number> generated = Constants.generated();
        Constants.written().forEach((name, value) -> {
            Number other = generated.get(name);
            assertNotNull(other, () -> name + " is not in the include lists, so nothing checks it");
            assertEquals(other.longValue(), value.longValue(), name);
        });
    }

    @Test
    void generatedConstantsEqualThoseOfC() throws IOException, InterruptedException {
        Map<String, Number> generated = Constants.generated();
        CProgram program = new CProgram();
        for (String name : generated.keySet()) {
            // the modes of linux/mempolicy.h are enumerators, which #ifdef does not see
            program.print(isOldEnumerator(name) ? "" : name, name, name);
        }
        Map<String, List<Long>> actual = program.run("constants", folder);
        assertTrue(actual.size() > 700, () -> actual.size() + " facts");
        actual.forEach((name, numbers) -> {
            Number ours = generated.get(name);
            long theirs = ours instanceof Integer ? numbers.getFirst().intValue() : numbers.getFirst();
            assertEquals(theirs, ours.longValue(), name);
        });
    }

    @Test
    void requestNumbersEqualThoseOfC() throws IOException, InterruptedException {
        Map<String, Number> requests = new TreeMap<>(Constants.fields(KvmIoctl.class));
        requests.putAll(Constants.fields(UserfaultIoctl.class));
        requests.putAll(Constants.fields(PagemapIoctl.class));
        requests.putAll(Constants.fields(SocketIoctl.class));
        CProgram program = new CProgram();
        for (String name : requests.keySet()) {
            program.print(name, name, name);
        }
        Map<String, List<Long>> actual = program.run("request numbers", folder);
        assertTrue(actual.size() > 90, () -> actual.size() + " facts");
        actual.forEach((name, numbers) ->
                assertEquals(numbers.getFirst(), requests.get(name).longValue(), name));
    }

    private static boolean isOldEnumerator(String name) {
        return name.matches("MPOL_[A-Z]+") || name.equals("MPOL_PREFERRED_MANY");
    }
}
