package dev.godwit.agent.inventory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlGroupMemoryTest {
    private static final ControlGroupMemory NONE = new ControlGroupMemory(Long.MAX_VALUE, Long.MAX_VALUE);

    @TempDir
    private Path root;

    @Test
    void thereMayBeNoGroups() {
        assertEquals(NONE, ControlGroupMemory.read(root));
    }

    @Test
    void theTightestGroupOnTheWayUpCounts() throws IOException {
        file("proc/self/cgroup", "0::/outer/inner\n");
        file("sys/fs/cgroup/outer/inner/memory.max", "max\n");
        file("sys/fs/cgroup/outer/inner/memory.current", "10\n");
        file("sys/fs/cgroup/outer/memory.max", "1000\n");
        file("sys/fs/cgroup/outer/memory.current", "700\n");
        file("sys/fs/cgroup/outer/memory.stat", "active_file 3\ninactive_file 100\n");
        assertEquals(new ControlGroupMemory(1000, 400), ControlGroupMemory.read(root));
    }

    @Test
    void aContainerOfVersionOneSeesItselfAtTheRoot() throws IOException {
        file("proc/self/cgroup", "4:cpu,memory:/docker/0123\n1:cpuset:/docker/0123\n0::/\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
        file("sys/fs/cgroup/memory/memory.usage_in_bytes", "1200\n");
        assertEquals(new ControlGroupMemory(1000, 0), ControlGroupMemory.read(root));
    }

    @Test
    void aPathThatLeavesTheMountIsNotFollowed() throws IOException {
        file("proc/self/cgroup", "0::/../../../secret\n");
        file("secret/memory.max", "1\n");
        file("secret/memory.current", "1\n");
        assertEquals(NONE, ControlGroupMemory.read(root));
    }

    private void file(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
