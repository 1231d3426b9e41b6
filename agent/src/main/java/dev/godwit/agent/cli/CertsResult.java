package dev.godwit.agent.cli;

import dev.godwit.agent.certs.ClusterDirectory;
import java.util.List;

/**
 * What {@code godwit certs --json} prints.
 *
 * @param newCa whether the CA was made now
 */
record CertsResult(String ca, String caKey, boolean newCa, List<Host> hosts) {
    /**
     * A host's files.
     *
     * @param directory for {@code godwit agent --tls}
     * @param notAfter the end of its certificate, ISO 8601
     */
    record Host(List<String> names, String directory, String notAfter) {}

    static CertsResult of(ClusterDirectory.Made made) {
        return new CertsResult(
                made.ca().toString(),
                made.caKey().toString(),
                made.newCa(),
                made.hosts().stream()
                        .map(host -> new Host(
                                host.names(),
                                host.directory().toString(),
                                host.notAfter().toString()))
                        .toList());
    }
}
