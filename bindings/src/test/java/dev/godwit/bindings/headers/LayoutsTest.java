package dev.godwit.bindings.headers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.PaddingLayout;
import java.lang.foreign.SequenceLayout;
import java.lang.foreign.UnionLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares size and offset of every generated struct, union and field with the C compiler's. */
class LayoutsTest {
    /** What came after Linux 6.1, with a macro that came with it. */
    private static final Map<String, String> NEWER = Map.ofEntries(
            Map.entry("uffdio_move", "UFFDIO_MOVE"),
            Map.entry("uffdio_poison", "UFFDIO_POISON"),
            Map.entry("pm_scan_arg", "PAGEMAP_SCAN"),
            Map.entry("page_region", "PAGEMAP_SCAN"),
            Map.entry("kvm_userspace_memory_region2", "KVM_SET_USER_MEMORY_REGION2"),
            Map.entry("kvm_create_guest_memfd", "KVM_CREATE_GUEST_MEMFD"),
            Map.entry("kvm_memory_attributes", "KVM_SET_MEMORY_ATTRIBUTES"),
            Map.entry("kvm_pre_fault_memory", "KVM_PRE_FAULT_MEMORY"),
            Map.entry("kvm_run.hypercall.flags", "KVM_EXIT_HYPERCALL_LONG_MODE"),
            Map.entry("kvm_run.memory_fault", "KVM_EXIT_MEMORY_FAULT"),
            Map.entry("kvm_run.iocsr_io", "KVM_EXIT_LOONGARCH_IOCSR"));

    private final CProgram program = new CProgram();
    private final Map<String, List<Long>> expected = new TreeMap<>();

    @TempDir
    Path folder;

    @Test
    void everyStructAndFieldLiesWhereCPutsIt() throws IOException, InterruptedException {
        for (Class<?> structure : GeneratedClasses.topLevelStructures()) {
            add(structure.getSimpleName(), GeneratedClasses.layout(structure));
        }
        Map<String, List<Long>> actual = program.run("layouts", folder);
        assertTrue(actual.size() > 500, () -> actual.size() + " facts");
        actual.forEach((name, numbers) -> assertEquals(numbers, expected.get(name), name));
    }

    private void add(String name, GroupLayout layout) {
        // a name that begins with __ is a typedef of the C library
        String kind = layout instanceof UnionLayout ? "union " : "struct ";
        String type = name.startsWith("__") ? name : kind + name;
        expected.put(name, List.of(layout.byteSize()));
        program.print(macro(name), name, "sizeof(" + type + ")");
        addMembers(name, type, "", layout, 0);
    }

    private void addMembers(String name, String type, String prefix, GroupLayout group, long start) {
        for (MemoryLayout member : group.memberLayouts()) {
            String field = member.name().orElse("");
            if (member instanceof PaddingLayout || field.startsWith("__empty_")) {
                continue; // the second is the kernel's trick to have a flexible array in a union
            }
            long offset = start + group.byteOffset(PathElement.groupElement(field));
            if (field.startsWith("$anon$")) {
                addMembers(name, type, prefix, (GroupLayout) member, offset);
            } else {
                addField(name, type, prefix + field, member, offset);
            }
        }
    }

    private void addField(String name, String type, String path, MemoryLayout member, long offset) {
        String fullName = name + "." + path;
        String place = "offsetof(" + type + ", " + path + ")";
        if (member.byteSize() == 0) { // a flexible array has no size in C
            expected.put(fullName, List.of(offset));
            program.print(macro(fullName), fullName, place);
        } else {
            String size = "sizeof(((" + type + " *)0)->" + path + ")";
            expected.put(fullName, List.of(offset, member.byteSize()));
            program.print(macro(fullName), fullName, place, size);
        }
        if (member instanceof GroupLayout nested) {
            addMembers(name, type, path + ".", named(name, path, nested), offset);
        } else if (member instanceof SequenceLayout array
                && array.elementLayout() instanceof GroupLayout element
                && array.elementCount() > 0) {
            addMembers(name, type, path + "[0].", element, offset);
        }
    }

    /** jextract drops the names of the groups in a packed struct's member; the member's own class has them. */
    private static GroupLayout named(String name, String path, GroupLayout layout) {
        boolean complete = layout.memberLayouts().stream()
                .allMatch(m -> m instanceof PaddingLayout || m.name().isPresent());
        return complete ? layout : GeneratedClasses.layout(GeneratedClasses.nested(name, path));
    }

    private static String macro(String fullName) {
        return NEWER.entrySet().stream()
                .filter(e -> fullName.equals(e.getKey()) || fullName.startsWith(e.getKey() + "."))
                .map(Map.Entry::getValue)
                .findAny()
                .orElse("");
    }
}
