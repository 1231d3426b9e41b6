package dev.godwit.agent.api;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import java.util.Map;

/**
 * One request, as routes see it.
 *
 * @param path what stands for the names in braces in the route's path
 * @param query the parameters after the question mark
 * @param body all of it; empty when there is none
 */
@SuppressWarnings("ArrayRecordComponent") // a plain carrier, never compared
record Call(Map<String, String> path, Map<String, String> query, byte[] body) {
    String name() {
        return path.get("name");
    }

    String id() {
        return path.get("id");
    }

    <T> T request(Class<T> type) {
        if (body.length == 0) {
            throw Failure.badInput("the request has no body; a JSON object is needed");
        }
        return Json.readRequest(body, type);
    }

    boolean flag(String parameter) {
        String text = query.getOrDefault(parameter, "false");
        if (!text.equals("true") && !text.equals("false")) {
            throw Failure.badInput("parameter '" + parameter + "': " + Quoted.of(text) + " is neither true nor false");
        }
        return text.equals("true");
    }

    long number(String parameter, long otherwise, long least, long most) {
        String text = query.get(parameter);
        if (text == null) {
            return otherwise;
        }
        try {
            long value = Long.parseLong(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw Failure.badInput("parameter '" + parameter + "': " + Quoted.of(text) + " is not a whole number from "
                + least + " to " + most);
    }
}
