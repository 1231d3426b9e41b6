package dev.godwit.agent.migration;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.agent.transport.ProcessIdentity;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.agent.transport.TransportException.Kind;
import dev.godwit.host.kvm.CpuId;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.machine.MachineConfigException;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.state.CpuIdCheck;
import dev.godwit.host.tracking.AccessTracking;
import dev.godwit.host.tracking.DirtyTracking;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * What a source tells of its guest and a target decides on, as JSON. Unknown members are refused: a target that does not
 * know a feature cannot carry it.
 *
 * @param streams data connections that will come
 * @param stallMillis how long either side may be silent
 * @param mayPostcopy whether the guest may have to run before all of its memory is there
 * @param source the process that makes the offer, see {@link ProcessIdentity}, in hexadecimal digits
 * @param cpu the CPU the guest was given
 * @param memoryHost where some of its pages are, or null
 * @param tracking how the guest's accesses are tracked and are to be at the target, or null
 * @param large the longest runs of chunks that are large pages where it comes from
 */
@JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
record Offer(
        String name,
        String image,
        long memoryBytes,
        int cpus,
        String commandLine,
        String largePages,
        String dirtyTracking,
        List<OfferedDisk> disks,
        int streams,
        long stallMillis,
        boolean mayPostcopy,
        String source,
        CpuId cpu,
        OfferedMemoryHost memoryHost,
        OfferedTracking tracking,
        List<ChunkRun> large) {

    /** The longest, in bytes. */
    static final int MAX_BYTES = 1 << 20;

    /** CPU features named in a refusal. */
    private static final int MOST_NAMED = 8;

    record OfferedDisk(String file, boolean readOnly) {}

    /** As in {@link RemoteConfig}, and how many pages the guest has on its own host now. */
    record OfferedMemoryHost(String host, int port, String region, long localBytes, long residentPages) {
        static OfferedMemoryHost of(RemoteConfig remote, long residentPages) {
            return new OfferedMemoryHost(
                    remote.host(), remote.port(), remote.region().toString(), remote.localBytes(), residentPages);
        }

        RemoteConfig config() {
            return new RemoteConfig(host, port, UUID.fromString(region), localBytes);
        }
    }

    /** As in {@link AccessTracking}. */
    record OfferedTracking(double share, long halfLifeMillis) {
        static OfferedTracking of(AccessTracking tracking) {
            return new OfferedTracking(tracking.share(), tracking.halfLife().toMillis());
        }

        AccessTracking settings() {
            return new AccessTracking(share, Duration.ofMillis(halfLifeMillis));
        }
    }

    private static final JsonMapper JSON = JsonMapper.builder(com.fasterxml.jackson.core.JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(8)
                            .maxStringLength(1 << 16)
                            .build())
                    .build())
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .build();

    /** What is told of a guest that has none of its pages on its own host, or no memory host. */
    static Offer of(GuestDescription guest, MigrationOptions options, CpuId cpu, List<ChunkRun> large) {
        return of(guest, options, cpu, large, 0);
    }

    /**
     * What is told of a guest.
     *
     * @param residentPages of one with a memory host: how many it has on its own host
     */
    static Offer of(
            GuestDescription guest, MigrationOptions options, CpuId cpu, List<ChunkRun> large, long residentPages) {
        MachineConfig config = guest.config();
        return new Offer(
                guest.name(),
                guest.image(),
                config.memoryBytes(),
                config.cpus(),
                config.commandLine(),
                config.largePages().text(),
                config.dirtyTracking().text(),
                config.disks().stream()
                        .map(d -> new OfferedDisk(d.file().toString(), d.readOnly()))
                        .toList(),
                options.streams(),
                options.stall().toMillis(),
                options.mayPostcopy(),
                HexFormat.of().formatHex(ProcessIdentity.own().encode()),
                cpu,
                guest.remote()
                        .map(remote -> OfferedMemoryHost.of(remote, residentPages))
                        .orElse(null),
                guest.tracking().map(OfferedTracking::of).orElse(null),
                large);
    }

    /** Pages of a guest with a memory host that it has on its own host; 0 of others. */
    long residentPages() {
        return memoryHost == null ? 0 : memoryHost.residentPages;
    }

    byte[] encode() {
        try {
            return JSON.writeValueAsBytes(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static Offer decode(byte[] payload) throws TransportException {
        try {
            Offer offer = JSON.readValue(payload, Offer.class);
            if (offer == null || offer.isIncomplete()) {
                throw new TransportException(Kind.MALFORMED, "an offer with null for a member");
            }
            if (offer.streams < 1 || offer.streams > MigrationOptions.MAX_STREAMS) {
                throw new TransportException(Kind.MALFORMED, "an offer of " + offer.streams + " streams");
            }
            if (offer.large.size() > ChunkRun.MOST || offer.large.contains(null)) {
                throw new TransportException(Kind.MALFORMED, "an offer of " + offer.large.size() + " runs of chunks");
            }
            if (!ChunkRun.areOf(offer.large, Math.ceilDiv(offer.memoryBytes, PageSize.LARGE))) {
                throw new TransportException(Kind.MALFORMED, "an offer of large pages that its guest cannot have");
            }
            if (offer.residentPages() < 0 || offer.residentPages() > PageSize.pagesIn(offer.memoryBytes)) {
                throw new TransportException(Kind.MALFORMED, "an offer of more pages than its guest has");
            }
            if (offer.stallMillis < 100 || offer.stallMillis > 3_600_000) {
                throw new TransportException(
                        Kind.MALFORMED, "an offer with a stall time of " + offer.stallMillis + " ms");
            }
            return offer;
        } catch (TransportException e) {
            throw e;
        } catch (IOException e) {
            throw new TransportException(
                    Kind.MALFORMED, "an offer that is not as it should be: " + firstLine(e.getMessage()));
        }
    }

    private boolean isIncomplete() {
        return Stream.of(name, image, commandLine, largePages, dirtyTracking, disks, source, cpu, large)
                .anyMatch(Objects::isNull);
    }

    private static String firstLine(String text) {
        return text.lines().findFirst().orElse("");
    }

    /** Who makes the offer, as far as that is known. */
    ProcessIdentity sourceProcess() {
        try {
            return ProcessIdentity.decode(HexFormat.of().parseHex(source));
        } catch (IllegalArgumentException e) {
            return ProcessIdentity.NONE;
        }
    }

    /**
     * The guest, as this host would build it.
     *
     * @throws TargetHost.RefusedException when no host could
     */
    GuestDescription guest() throws TargetHost.RefusedException {
        try {
            return new GuestDescription(
                    name,
                    image,
                    new MachineConfig(
                            memoryBytes,
                            cpus,
                            commandLine,
                            LargePages.valueOf(largePages.toUpperCase(Locale.ROOT)),
                            DirtyTracking.valueOf(dirtyTracking.toUpperCase(Locale.ROOT)),
                            disks.stream()
                                    .map(d -> new MachineConfig.Disk(Path.of(d.file), d.readOnly))
                                    .toList()),
                    Optional.ofNullable(memoryHost).map(OfferedMemoryHost::config),
                    Optional.ofNullable(tracking).map(OfferedTracking::settings));
        } catch (MachineConfigException e) {
            throw new TargetHost.RefusedException(e.getMessage());
        } catch (IllegalArgumentException | NullPointerException e) {
            throw new TargetHost.RefusedException("the guest's description is not valid: " + e.getMessage());
        }
    }

    /**
     * Looks whether the guest can go on where a new one would be given this CPU.
     *
     * @throws TargetHost.RefusedException when that lacks what the guest has seen
     */
    void requireRunnableOn(CpuId there) throws TargetHost.RefusedException {
        List<String> missing = CpuIdCheck.missing(cpu, there);
        if (!missing.isEmpty()) {
            throw new TargetHost.RefusedException("this host's CPU lacks what the guest was given: " + someOf(missing));
        }
    }

    /** The first few, and how many more. */
    private static String someOf(List<String> names) {
        int shown = Math.min(names.size(), MOST_NAMED);
        String more = shown < names.size() ? " and " + (names.size() - shown) + " more" : "";
        return String.join(", ", names.subList(0, shown)) + more;
    }
}
