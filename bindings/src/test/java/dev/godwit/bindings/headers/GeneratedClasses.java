package dev.godwit.bindings.headers;

import dev.godwit.bindings.linux.Errno;
import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.reflect.InvocationTargetException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Finds the generated classes among the compiled ones. */
final class GeneratedClasses {
    private GeneratedClasses() {}

    /** Every generated class that describes a struct or union, nested ones too. */
    static List<Class<?>> structures() {
        return all().filter(GeneratedClasses::hasLayout).toList();
    }

    /** The structs and unions that C code can name. */
    static List<Class<?>> topLevelStructures() {
        return structures().stream().filter(c -> c.getEnclosingClass() == null).toList();
    }

    /** The class of the struct or union that is a member of another. */
    static Class<?> nested(String structure, String member) {
        return structures().stream()
                .filter(c -> c.getName().endsWith("." + structure + "$" + member))
                .findAny()
                .orElseThrow();
    }

    static GroupLayout layout(Class<?> structure) {
        try {
            return (GroupLayout) structure.getMethod("layout").invoke(null);
        } catch (NoSuchMethodException | IllegalAccessException | InvocationTargetException e) {
            throw new LinkageError(structure.getName(), e);
        }
    }

    private static boolean hasLayout(Class<?> type) {
        return Stream.of(type.getMethods())
                .anyMatch(m -> m.getName().equals("layout") && GroupLayout.class.isAssignableFrom(m.getReturnType()));
    }

    private static Stream<Class<?>> all() {
        return Stream.of("kvm", "linux").flatMap(part -> inPackage("dev.godwit.bindings." + part + ".gen").stream());
    }

    private static List<Class<?>> inPackage(String name) {
        List<Class<?>> classes = new ArrayList<>();
        try (Stream<Path> files = Files.list(compiled().resolve(name.replace('.', '/')))) {
            for (Path file : files.sorted().toList()) {
                String simple = file.getFileName().toString();
                if (simple.endsWith(".class")) {
                    classes.add(Class.forName(name + "." + simple.substring(0, simple.length() - ".class".length())));
                }
            }
        } catch (IOException e) {
            throw new AssertionError(name, e);
        } catch (ClassNotFoundException e) {
            throw new LinkageError(name, e);
        }
        return classes;
    }

    private static Path compiled() {
        try {
            return Path.of(Errno.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }
}
