package dev.godwit.bindings.headers;

import dev.godwit.bindings.kvm.KvmExitReason;
import dev.godwit.bindings.kvm.gen.kvm_h;
import dev.godwit.bindings.linux.Errno;
import dev.godwit.bindings.linux.EventCalls;
import dev.godwit.bindings.linux.FileCalls;
import dev.godwit.bindings.linux.MemoryCalls;
import dev.godwit.bindings.linux.NumaCalls;
import dev.godwit.bindings.linux.ProcessCalls;
import dev.godwit.bindings.linux.SignalCalls;
import dev.godwit.bindings.linux.SocketCalls;
import dev.godwit.bindings.linux.UserfaultCalls;
import dev.godwit.bindings.linux.gen.linux_h;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.TreeMap;

/** The constants of the bindings by name. */
final class Constants {
    private static final Class<?>[] WRITTEN = {
        Errno.class,
        EventCalls.class,
        FileCalls.class,
        KvmExitReason.class,
        MemoryCalls.class,
        NumaCalls.class,
        ProcessCalls.class,
        SignalCalls.class,
        SocketCalls.class,
        UserfaultCalls.class
    };

    private Constants() {}

    /** Those that jextract has made: methods without parameters, named as macros are. */
    static Map<String, Number> generated() {
        Map<String, Number> found = new TreeMap<>();
        for (Class<?> header : new Class<?>[] {kvm_h.class, linux_h.class}) {
            for (Method method : header.getDeclaredMethods()) {
                boolean number = method.getReturnType() == int.class || method.getReturnType() == long.class;
                if (number && method.getParameterCount() == 0 && Modifier.isPublic(method.getModifiers())) {
                    try {
                        found.put(method.getName(), (Number) method.invoke(null));
                    } catch (IllegalAccessException | InvocationTargetException e) {
                        throw new LinkageError(method.toString(), e);
                    }
                }
            }
        }
        return found;
    }

    /** Those that stand in the hand-written classes. */
    static Map<String, Number> written() {
        Map<String, Number> found = new TreeMap<>();
        for (Class<?> type : WRITTEN) {
            found.putAll(fields(type));
        }
        return found;
    }

    /** The numbers among a class's static fields that are public, or private system call numbers. */
    static Map<String, Number> fields(Class<?> type) {
        Map<String, Number> found = new TreeMap<>();
        for (Field field : type.getDeclaredFields()) {
            boolean number = field.getType() == int.class || field.getType() == long.class;
            boolean shown =
                    Modifier.isPublic(field.getModifiers()) || field.getName().startsWith("SYS_");
            if (number && shown && Modifier.isStatic(field.getModifiers())) {
                try {
                    field.setAccessible(true);
                    found.put(field.getName(), (Number) field.get(null));
                } catch (IllegalAccessException e) {
                    throw new LinkageError(field.toString(), e);
                }
            }
        }
        return found;
    }
}
