package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.RemoteMap;
import dev.godwit.agent.paging.PageMap;
import dev.godwit.agent.paging.Place;
import dev.godwit.agent.stream.StreamRehearsal;
import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.memory.PageSet;
import dev.godwit.host.memory.PageSize;
import dev.godwit.host.memory.Userfault;
import java.lang.foreign.Arena;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Migrates an empty machine from this process to itself, a few times. A JVM's first migration loads some hundred classes
 * and runs them interpreted, part of it while the guest is paused; after a rehearsal no guest pays for that, and the
 * fixed part of the downtime is known from measurement.
 */
public final class Rehearsal {
    private static final int TIMES = 3;

    /** Java compiles what is called often: before that a greeting takes ten times as long, and a migration has several. */
    private static final int GREETINGS = 200;

    /** Also for a pause: how slow the first are is what a rehearsal is for. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** So often the map of a guest of 256 MiB is gone through. */
    private static final int LOOKS = 400;

    private static final long MAPPED = 1 << 16;

    /** And so often the sets of its pages, which are a bit for each. */
    private static final int SET_PASSES = 500;

    private static final AtomicBoolean PRACTISED = new AtomicBoolean();
    private static final MachineConfig CONFIG = MachineConfig.of(8L << 20);

    private Rehearsal() {}

    /**
     * Rehearses; takes a second or so the first time.
     *
     * @return how long the last empty machine stood still
     * @throws MigrationException when this host cannot migrate even an empty machine
     * @throws TransportException when it cannot listen on its loopback
     */
    public static Duration run(Kvm kvm) throws MigrationException, TransportException {
        Secret secret = Secret.random();
        InetSocketAddress anyPort = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        List<Machine> visitors = new ArrayList<>();
        MigrationReport report = null;
        try (MigrationServer server = new MigrationServer(anyPort, secret, guest -> {
            Machine machine = Machine.empty(kvm, guest.config());
            visitors.add(machine);
            return new Visit(machine);
        })) {
            server.start();
            for (int i = 0; i < TIMES; i++) {
                report = migrateOnce(kvm, server.address(), secret, MigrationMode.PRECOPY);
                if (Userfault.problem().isEmpty()) {
                    migrateOnce(kvm, server.address(), secret, MigrationMode.POSTCOPY);
                }
            }
            // Once in a process is enough.
            if (!PRACTISED.get() && greet(server.address(), secret)) {
                lookAtMaps();
                StreamRehearsal.run();
                PRACTISED.set(true);
            }
        } finally {
            visitors.forEach(Machine::close);
        }
        return Duration.ofNanos(report.downtime().total() * 1000);
    }

    /** Asks about sessions that there never were; whether anybody knows that they were not. */
    private static boolean greet(InetSocketAddress target, Secret secret) {
        for (int i = 0; i < GREETINGS; i++) {
            try (SourceLink link = new SourceLink(target, secret, UUID.randomUUID(), PATIENCE, "rehearsal")) {
                if (link.ask() == Outcome.UNKNOWN) {
                    return false;
                }
            }
        }
        return true;
    }

    /** What goes through all the pages of a guest that stands still: a loop that Java has not compiled takes 10 ms a GiB. */
    private static void lookAtMaps() throws TransportException {
        try (Arena arena = Arena.ofConfined()) {
            PageMap map = new PageMap(arena, MAPPED);
            PageSet pages = new PageSet(arena, MAPPED);
            for (long page = 0; page < MAPPED; page += 3) {
                pages.add(page);
            }
            for (int i = 0; i < LOOKS; i++) {
                map.setAll(pages, Place.AT_SOURCE);
                byte[] told = RemoteMapMessage.encode(new RemoteMap(pages, map.collect(Place.AT_SOURCE, pages)));
                try (Arena own = Arena.ofConfined()) {
                    RemoteMap heard = RemoteMapMessage.decode(own, told, MAPPED);
                    map.setAll(heard.pages(), Place.REMOTE, heard.checksums());
                }
                map.collectPages(Place.REMOTE, pages);
            }
            PageSet sum = new PageSet(arena, MAPPED);
            for (int i = 0; i < SET_PASSES; i++) {
                sum.removeAll(pages);
                sum.addAll(pages);
                var _ = sum.cardinality();
            }
        }
    }

    private static MigrationReport migrateOnce(Kvm kvm, InetSocketAddress target, Secret secret, MigrationMode mode)
            throws MigrationException {
        try (Machine machine = Machine.empty(kvm, CONFIG)) {
            // Something to send: one page in each chunk, so that all paths are taken.
            for (long at = 0; at < CONFIG.memoryBytes(); at += PageSize.LARGE) {
                machine.memory().segment().asSlice(at, PageSize.SMALL).fill((byte) 1);
            }
            GuestDescription guest = new GuestDescription("rehearsal", "", CONFIG);
            MigrationOptions options = MigrationOptions.DEFAULT.withMode(mode).withDowntime(PATIENCE);
            return new Migration(machine, guest, target, secret, options).run();
        }
    }

    /** The empty machine at its target; closed with all others at the end. */
    private record Visit(Machine machine) implements TargetHost.Admission {
        @Override
        public void adopt(boolean whole) {
            // Nobody is waiting for it.
        }

        @Override
        public void abandon(String reason) {
            // Closed with the others.
        }
    }
}
