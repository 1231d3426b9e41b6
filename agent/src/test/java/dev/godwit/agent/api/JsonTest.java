package dev.godwit.agent.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.godwit.agent.config.Failure;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"nmae\":\"a\"}|unknown field 'nmae'; known are cmdline, cpus, dirtyTracking, disks, image,"
                        + " largePages, memoryBytes, memoryHost, name, paused",
                "{\"cpus\":\"2\"}|field 'cpus': a value of type whole number is needed",
                "{\"cpus\":2.5}|field 'cpus': a value of type whole number is needed",
                "{\"cpus\":true}|field 'cpus': a value of type whole number is needed",
                "{\"memoryBytes\":{}}|field 'memoryBytes': a value of type whole number is needed",
                "{\"name\":[]}|field 'name': a value of type text is needed",
                "{\"name\":7}|field 'name': a value of type text is needed",
                "{\"paused\":1}|field 'paused': a value of type true or false is needed",
                "{\"disks\":{}}|field 'disks': a value of type list is needed",
                "{\"disks\":[5]}|field 'disks.[0]': a value of type object is needed",
                "[]|the body is not what is needed here: a JSON object",
                "5|the body is not what is needed here: a JSON object",
                "\"x\"|the body is not what is needed here: a JSON object",
                "null|the body is null; a JSON object is needed",
            })
    void saysWhatIsWrong(String body, String message) {
        assertEquals(message, refusal(body.getBytes(StandardCharsets.UTF_8)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{",
                "{\"name\":\"a\"} {}",
                "{\"name\":\"a\",\"name\":\"b\"}",
                "{\"cpus\":99999999999999}",
                "{name:\"a\"}",
                "hello",
                "\u0000"
            })
    void refusesInOneLine(String body) {
        String message = refusal(body.getBytes(StandardCharsets.UTF_8));
        assertFalse(message.contains("\n"), message);
    }

    @Test
    void refusesDepth() {
        String body = "{\"disks\":" + "[".repeat(100_000);
        String message = refusal(body.getBytes(StandardCharsets.UTF_8));
        assertFalse(message.contains("\n"), message);
    }

    @Test
    void refusesGarbage() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int i = 0; i < 2000; i++) {
            byte[] body = new byte[1 + random.nextInt(200)];
            random.nextBytes(body);
            String message = refusal(body);
            assertFalse(message.contains("\n"), () -> "seed " + seed + ": " + message);
        }
    }

    @Test
    void leavesOutWhatIsNotThere() {
        assertEquals("{\"error\":\"x\"}", new String(Json.write(new ErrorView("x", null)), StandardCharsets.UTF_8));
    }

    @Test
    void takesAnswersOfLaterAgents() {
        byte[] answer = "{\"accepted\":3,\"new\":{}}".getBytes(StandardCharsets.UTF_8);
        assertEquals(3, Json.readAnswer(answer, InputView.class).accepted());
        assertThrows(Failure.class, () -> Json.readAnswer(new byte[] {1}, InputView.class));
    }

    private static String refusal(byte[] body) {
        Failure e = assertThrows(Failure.class, () -> Json.readRequest(body, StartRequest.class));
        assertEquals(Failure.Kind.BAD_INPUT, e.kind());
        return e.getMessage();
    }
}
