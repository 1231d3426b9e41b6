package dev.godwit.agent.migration;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import java.io.IOException;
import java.util.List;

/**
 * What the target tells once the guest runs there with all of its memory, when nothing is urgent any more, as JSON.
 *
 * @param largePageBytes bytes of guest RAM backed by large pages now: what came in small ones has been made whole
 * @param notRestored state that could not be restored, by name
 * @param faults how the guest waited for its memory; null when it came whole
 */
record SummaryMessage(long largePageBytes, List<String> notRestored, FaultSummary faults) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    byte[] encode() {
        try {
            return JSON.writeValueAsBytes(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static SummaryMessage decode(byte[] payload) throws TransportException {
        try {
            SummaryMessage message = JSON.readValue(payload, SummaryMessage.class);
            if (message == null || message.notRestored == null || message.notRestored.contains(null)) {
                throw new TransportException(Kind.MALFORMED, "a SUMMARY with null for a member");
            }
            return message;
        } catch (TransportException e) {
            throw e;
        } catch (IOException | NullPointerException e) {
            throw new TransportException(Kind.MALFORMED, "a SUMMARY that is not as it should be");
        }
    }
}
