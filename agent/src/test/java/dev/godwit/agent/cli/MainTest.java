package dev.godwit.agent.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.agent.config.SecretFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;

class MainTest {
    @TempDir
    Path directory;

    static Set<String> commands() {
        return new CommandLine(new Godwit(null)).getSubcommands().keySet();
    }

    @Test
    void helpOfAll() {
        Run run = Run.of("--help");
        assertEquals(0, run.status());
        assertEquals("", run.err());
        for (String command : commands()) {
            assertTrue(run.out().contains("\n  " + command + " "), command);
        }
    }

    @ParameterizedTest
    @MethodSource("commands")
    void helpOfEach(String command) {
        Run run = Run.of(command, "--help");
        assertEquals(0, run.status());
        assertTrue(run.out().contains("Example:\n  godwit "), run.out());
        assertTrue(run.out().contains("Exit status: "), run.out());
        assertTrue(run.out().contains("\n  -h, --help"), run.out());
    }

    @Test
    void version() {
        Run run = Run.of("--version");
        assertEquals(0, run.status());
        assertTrue(run.out().matches("godwit [0-9]\\S*\n"), run.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "|a command is missing; see godwit --help",
                "frobnicate|unknown command 'frobnicate'; known: demo, check, run, agent, memory-host, certs, start,"
                        + " ps, show, heat, logs, input, pause, resume, stop, migrate, cancel, snapshot, restore; see"
                        + " godwit --help",
                "run|missing required parameter: 'IMAGE'; see godwit run --help",
                "run hello --frob|unknown option: '--frob'; see godwit run --help",
                "run hello world|unmatched argument at index 2: 'world'; see godwit run --help",
                "run hello --memory|missing required parameter for option '--memory' (SIZE); see godwit run --help",
                "run hello --memory 1x|--memory: '1x' is not a size; write a whole number of bytes, or one with k, m,"
                        + " g or t, such as 256m",
                "run hello --cpus two|invalid value for option '--cpus': 'two' is not a whole number, or out of range;"
                        + " see godwit run --help",
                "run hello --cpus 0|a guest has 1 to 64 vCPUs, not 0",
                "run hello --memory 4097|memory is a multiple of 4 KiB, not 4097 bytes",
                "run hello --memory 1m|memory is 2 MiB to 1 TiB, not 1048576 bytes",
                "run hello --timeout 30|--timeout: '30' is not a duration; write a whole number with us, ms, s, m or"
                        + " h, such as 300ms",
                "run /nope/x|image /nope/x does not exist",
                "run nope|image 'nope' is neither a file here nor one that comes with Godwit: hello, dirtier, zero,"
                        + " hostile, blk",
                "run hello --large-pages big|--large-pages: 'big' is none of thp, hugetlb, none",
                "start|missing required options and parameters: '--image=FILE', 'NAME'; see godwit start --help",
                "migrate a|missing required option: '--to=HOST:PORT'; see godwit migrate --help",
                "migrate a --to b|--to: 'b' is not an address; write HOST:PORT, such as 127.0.0.1:7000 or [::1]:7000",
                "agent --dir /tmp/x --listen 0.0.0.0:0|--listen: 0.0.0.0:0 is not on the loopback, and this agent has"
                        + " no certificates; make them with godwit certs DIR --host NAME, and start it with"
                        + " --tls DIR/NAME",
                "agent --dir /tmp/x --listen 0.0.0.0:0 --tls /nope|certificate /nope/ca.pem cannot be read: no such"
                        + " file or directory",
                "certs|missing required options and parameters: '--host=NAME[,IP...]', 'DIR'; see godwit certs --help",
                "certs /dev/null --host a|/dev/null is not a directory",
                "certs /nope --host a_b|--host: 'a_b' is neither a host name nor an address; write NAME[,IP...], such"
                        + " as a,10.0.0.1",
                "certs /nope --host a,|--host: '' is neither a host name nor an address; write NAME[,IP...], such as"
                        + " a,10.0.0.1",
                "certs /nope --host 10.0.0.256|--host: '10.0.0.256' is neither a host name nor an address; write"
                        + " NAME[,IP...], such as a,10.0.0.1",
                "certs /nope --host a,a|--host: 'a' is named twice",
                "certs /nope --host a --host a|--host: a is there twice",
                "certs /nope --host a --days 0|--days: 1 to 3650 are right, not 0",
                "agent --dir /tmp/x --listen 127.0.0.1:0 --secret /nope|secret file /nope does not exist",
                "memory-host --size 1m|missing required option: '--listen=HOST:PORT'; see godwit memory-host --help",
                "memory-host --listen 127.0.0.1:0 --size 1m --forget-after soon|--forget-after: 'soon' is not a"
                        + " duration; write a whole number with us, ms, s, m or h, such as 300ms",
                "memory-host --listen 127.0.0.1:0 --size 1m --forget-after 87601h|--forget-after: at most 87600h; 0 is"
                        + " for ever",
                "memory-host --listen 0.0.0.0:0 --size 1m|--listen: 0.0.0.0:0 is not on the loopback, and this agent"
                        + " has no certificates; make them with godwit certs DIR --host NAME, and start it with --tls"
                        + " DIR/NAME",
                "demo --runs 0|--runs: 1 to 10000 are right, not 0",
                "demo --memory 4097|memory is a multiple of 4 KiB, not 4097 bytes",
                "demo --memory 64m|--working-set: 64 MiB and the guest itself do not fit 64 MiB of memory",
            })
    void badUsageIsOneLineAndTwo(String args, String message) {
        Run run = Run.of(args == null ? new String[0] : args.split(" "));
        assertEquals("godwit: " + message + "\n", run.err());
        assertEquals(2, run.status());
        assertEquals("", run.out());
    }

    /** Before anything is taken: neither its directory nor memory. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "much|'much' is not a size; write a whole number of bytes, or one with k, m, g or t, such as 256m",
                "``|'' is not a size; write a whole number of bytes, or one with k, m, g or t, such as 256m",
                "-2m|'-2m' is not a size; write a whole number of bytes, or one with k, m, g or t, such as 256m",
                "1.5g|'1.5g' is not a size; write a whole number of bytes, or one with k, m, g or t, such as 256m",
                "8388608t|'8388608t' is more than the largest size, 8388607t",
                "1|1 is not a multiple of 2m, the size of a page",
                "3m|3m is not a multiple of 2m, the size of a page",
                "1048577k|1048577k is not a multiple of 2m, the size of a page",
                "8388607t|8388607t is more than this host has to give, [0-9.]+ [MGT]iB",
                "1024t|1024t is more than this host has to give, [0-9.]+ [MGT]iB",
            })
    @Timeout(60)
    void readyMemoryThatCannotBeIsOneLineAndTwo(String size, String message) {
        Path secret = directory.resolve("secret");
        SecretFile.readOrCreate(secret);
        Path agent = directory.resolve("agent");
        Run run = Run.of(
                "agent",
                "--dir=" + agent,
                "--listen=127.0.0.1:0",
                "--secret=" + secret,
                "--ready-memory=" + (size == null ? "" : size));
        assertTrue(run.err().matches("godwit: --ready-memory: " + message + "\n"), run.err());
        assertEquals(2, run.status());
        assertEquals("", run.out());
        assertFalse(Files.exists(agent));
    }

    @Test
    void noAgentIsOneLineAndOne() {
        Path socket = directory.resolve("api.sock");
        String line = "godwit: no agent at " + socket
                + "; start one with: godwit agent --dir DIR --listen 127.0.0.1:7000, and name it with --agent"
                + " DIR/api.sock\n";
        for (Run run : new Run[] {
            Run.of("--agent", socket.toString(), "ps"),
            Run.of("ps", "--agent", socket.toString()),
            Run.with(Map.of("GODWIT_AGENT", socket.toString()), "", "ps")
        }) {
            assertEquals(line, run.err());
            assertEquals(1, run.status());
        }
    }

    @Test
    void stackTracesOnlyForWhoAsks() {
        assertFalse(Run.of("run", "nope").err().contains("\tat "));
        Run debug = Run.with(Map.of("GODWIT_DEBUG", "1"), "", "run", "nope");
        assertTrue(debug.err().contains("\tat "), debug.err());
        assertEquals(2, debug.status());
    }
}
