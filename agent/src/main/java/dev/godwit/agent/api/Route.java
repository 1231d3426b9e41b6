package dev.godwit.agent.api;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One operation of the API.
 *
 * @param method HTTP's
 * @param path with names in braces for the parts that vary
 */
record Route(String method, String path, Action action) {
    /** What it does. */
    @FunctionalInterface
    interface Action {
        Reply handle(Call call) throws InterruptedException, java.io.IOException;
    }

    /** What stands for the names in braces, if the path is this route's. */
    Optional<Map<String, String>> match(List<String> segments) {
        List<String> pattern = split(path);
        if (pattern.size() != segments.size()) {
            return Optional.empty();
        }
        Map<String, String> names = new HashMap<>();
        for (int i = 0; i < pattern.size(); i++) {
            String part = pattern.get(i);
            if (part.startsWith("{")) {
                names.put(part.substring(1, part.length() - 1), segments.get(i));
            } else if (!part.equals(segments.get(i))) {
                return Optional.empty();
            }
        }
        return Optional.of(names);
    }

    /** A segment as it was meant; only now, since it may stand for a slash. */
    static String decode(String segment) {
        return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    static List<String> split(String path) {
        return List.of(path.substring(1).split("/", -1));
    }
}
