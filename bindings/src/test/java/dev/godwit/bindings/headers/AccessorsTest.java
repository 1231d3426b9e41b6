package dev.godwit.bindings.headers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import org.junit.jupiter.api.Test;

/** Writes every simple field of every generated structure: it reads back, and no byte beside it changes. */
class AccessorsTest {
    private static final byte BEFORE = 0x5a;

    @Test
    void everyFieldReadsBackAndTouchesNothingElse() throws ReflectiveOperationException {
        int fields = 0;
        for (Class<?> structure : GeneratedClasses.structures()) {
            fields += roundTrips(structure);
        }
        int tried = fields;
        assertTrue(tried > 400, () -> tried + " fields");
    }

    private static int roundTrips(Class<?> structure) throws ReflectiveOperationException {
        MemoryLayout layout = GeneratedClasses.layout(structure);
        int fields = 0;
        try (Arena arena = Arena.ofConfined()) {
            for (Method setter : structure.getMethods()) {
                Class<?>[] parameters = setter.getParameterTypes();
                boolean simple = parameters.length == 2
                        && parameters[0] == MemorySegment.class
                        && parameters[1].isPrimitive()
                        && setter.getReturnType() == void.class;
                if (simple) {
                    MemorySegment memory = arena.allocate(layout).fill(BEFORE);
                    roundTrip(structure, setter, parameters[1], memory);
                    fields++;
                }
            }
        }
        return fields;
    }

    private static void roundTrip(Class<?> structure, Method setter, Class<?> type, MemorySegment memory)
            throws ReflectiveOperationException {
        String field = structure.getName() + "." + setter.getName();
        Object value = value(type);
        setter.invoke(null, memory, value);
        assertEquals(
                value,
                structure.getMethod(setter.getName(), MemorySegment.class).invoke(null, memory),
                field);
        long start = (long) structure.getMethod(setter.getName() + "$offset").invoke(null);
        long size =
                ((ValueLayout) structure.getMethod(setter.getName() + "$layout").invoke(null)).byteSize();
        for (long i = 0; i < memory.byteSize(); i++) {
            long at = i;
            boolean inside = i >= start && i < start + size;
            assertEquals(!inside, memory.get(ValueLayout.JAVA_BYTE, i) == BEFORE, () -> field + " at byte " + at);
        }
    }

    /** No byte of it equals the bytes around. */
    private static Object value(Class<?> type) {
        return switch (type.getName()) {
            case "byte" -> (byte) 0x81;
            case "char" -> (char) 0x8283;
            case "short" -> (short) 0x8283;
            case "int" -> 0x84858687;
            case "long" -> 0x88898a8b8c8d8e8fL;
            default -> throw new AssertionError("no value for " + type);
        };
    }
}
