package dev.godwit.agent.memoryhost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RegionAnswerTest {
    /** Pages free and asked for; a memory host that lies is not believed to have less than nothing. */
    @ParameterizedTest
    @CsvSource({
        "256, 512, '2 MiB are to be reserved, and 1 MiB are free'",
        "-1, 512, '2 MiB are to be reserved, and 0 bytes are free'",
        "512, 512, 'its disk or its memory is full, or it has as many guests as it can'",
        "9223372036854775807, 1, 'its disk or its memory is full, or it has as many guests as it can'"
    })
    void saysWhatThereIsNoRoomFor(long free, long asked, String why) {
        assertEquals("it has no room: " + why, new RegionAnswer(RegionStatus.NO_ROOM, 0, free).text(asked));
    }
}
