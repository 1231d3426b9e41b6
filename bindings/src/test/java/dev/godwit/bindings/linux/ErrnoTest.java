package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Field;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Names, numbers and texts of errors. */
class ErrnoTest {
    private static final Set<String> SECOND_NAMES = Set.of("EWOULDBLOCK", "ENOTSUP");

    @Test
    void everyNumberHasItsName() throws IllegalAccessException {
        int checked = 0;
        for (Field field : Errno.class.getFields()) {
            if (!SECOND_NAMES.contains(field.getName())) {
                assertEquals(field.getName(), Errno.name(field.getInt(null)));
                checked++;
            }
        }
        int numbers = checked;
        assertTrue(numbers > 130, () -> numbers + " numbers");
    }

    @Test
    void numbersWithoutANameAreShown() {
        assertEquals("errno 0", Errno.name(0));
        assertEquals("errno 41", Errno.name(41));
        assertEquals("errno 9999", Errno.name(9999));
        assertEquals("errno -1", Errno.name(-1));
    }

    @Test
    void textsAreTheCLibrarys() {
        assertEquals("File exists", Errno.description(Errno.EEXIST));
        assertEquals("Interrupted system call", Errno.description(Errno.EINTR));
    }
}
