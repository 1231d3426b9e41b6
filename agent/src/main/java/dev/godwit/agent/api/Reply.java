package dev.godwit.agent.api;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/** One answer: complete, so that its length is known. */
@SuppressWarnings("ArrayRecordComponent") // a plain carrier, never compared
record Reply(int status, String contentType, Map<String, String> headers, byte[] body) {
    static final String JSON = "application/json";
    static final String BYTES = "application/octet-stream";

    static Reply ok(Object value) {
        return new Reply(200, JSON, Map.of(), Json.write(value));
    }

    static Reply created(Object value) {
        return new Reply(201, JSON, Map.of(), Json.write(value));
    }

    static Reply accepted(Object value) {
        return new Reply(202, JSON, Map.of(), Json.write(value));
    }

    static Reply nothing() {
        return new Reply(204, JSON, Map.of(), new byte[0]);
    }

    static Reply text(String contentType, String text) {
        return new Reply(200, contentType, Map.of(), text.getBytes(StandardCharsets.UTF_8));
    }

    static Reply error(int status, String kind, String message) {
        return new Reply(status, JSON, Map.of(), Json.write(new ErrorView(message, kind)));
    }

    Reply with(Map<String, String> more) {
        return new Reply(status, contentType, more, body);
    }
}
