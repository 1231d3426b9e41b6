package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.process.JavaCommand;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CheckCommandTest {
    private static final String ADVICE = "advice   no real-time priority is allowed: who brings a page that a guest"
            + " waits for takes turns with all other threads\n"
            + "         CAP_SYS_NICE (root has it), or LimitRTPRIO=1 in the agent's systemd unit; in Docker --cap-add"
            + " SYS_NICE\n";
    private static final String NICE =
            "advice   nice values down to -10 are not allowed: guests may have to take turns with the streams of their"
                    + " memory, and who asks the agent with its guests\n"
                    + "         CAP_SYS_NICE (root has it), or LimitNICE=-10 in the agent's systemd unit; in Docker"
                    + " --cap-add SYS_NICE\n";

    @Test
    void urgentThreadsThatAreNotGrantedAreSaidWithWhatWouldHelp() throws Exception {
        Run here = Run.of("check");
        assertEquals(here.out().contains(", urgent threads no\n"), here.out().contains(ADVICE), here.out());

        List<String> command = new ArrayList<>(List.of("prlimit", "--rtprio=0:0", "--nice=0:0"));
        if (System.getProperty("user.name").equals("root")) {
            // Of what root may do, all but that.
            command.addAll(List.of("setpriv", "--bounding-set=-sys_nice"));
        }
        command.addAll(JavaCommand.of(List.of(), Main.class, "check"));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(here.status(), process.waitFor(), said);
        assertTrue(said.contains(", urgent threads no\n"), said);
        assertTrue(said.contains(ADVICE), said);
        assertTrue(said.contains(NICE), said);
    }
}
