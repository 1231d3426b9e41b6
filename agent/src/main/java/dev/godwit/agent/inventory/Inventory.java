package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.NetworkPolicy;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.config.Sizes;
import dev.godwit.agent.memoryhost.RemoteConfig;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.memoryhost.StandBy;
import dev.godwit.agent.metrics.AgentMetrics;
import dev.godwit.agent.migration.ChunkRun;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.MigrationException;
import dev.godwit.agent.migration.Snapshot;
import dev.godwit.agent.migration.SnapshotReport;
import dev.godwit.agent.migration.TargetHost;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.bindings.linux.SystemCallException;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import dev.godwit.host.machine.MachineConfigException;
import dev.godwit.host.memory.LargePages;
import dev.godwit.host.memory.ReadyMemory;
import dev.godwit.host.thread.PromptThread;
import dev.godwit.host.vcpu.StopReason;
import java.lang.foreign.Arena;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The guests of one agent, by name. Thread-safe. One guest's end touches no other.
 *
 * <p>A guest that ends by itself stays listed with its reason and its log until {@link #remove(String)}; one that migrated away
 * leaves a {@link Departed} line.
 */
public final class Inventory implements TargetHost, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Inventory.class);
    private static final int DEPARTED_KEPT = 1000;
    private static final long GIVING_BACK_NANOS = 2_000_000_000;
    private static final long LOOK_NANOS = 10_000_000;

    private final Kvm kvm;
    private final Credentials credentials;
    private final AgentMetrics metrics;
    private final ConcurrentMap<String, Guest> guests = new ConcurrentHashMap<>();
    private final Deque<Departed> departed = new ArrayDeque<>();
    private final ExecutorService reaper = PromptThread.pool("reaper-");
    private final Migrations migrations;
    private final Room room;

    /**
     * An empty inventory, which owns {@code kvm} from now on.
     *
     * @param credentials for memory hosts
     * @param reports where migrations leave their reports
     */
    public Inventory(
            Kvm kvm, Credentials credentials, Mover.Factory movers, ReportStore reports, AgentMetrics metrics) {
        this(kvm, credentials, movers, reports, metrics, Optional.empty());
    }

    /** As above, with memory that is ready for guests that arrive; closed with it. */
    public Inventory(
            Kvm kvm,
            Credentials credentials,
            Mover.Factory movers,
            ReportStore reports,
            AgentMetrics metrics,
            Optional<ReadyMemory> ready) {
        this(kvm, credentials, movers, reports, metrics, ready, HostMemory::now);
    }

    Inventory(
            Kvm kvm,
            Credentials credentials,
            Mover.Factory movers,
            ReportStore reports,
            AgentMetrics metrics,
            Optional<ReadyMemory> ready,
            Supplier<HostMemory> memory) {
        this.kvm = kvm;
        this.credentials = credentials;
        this.room = new Room(memory, ready, guests.values());
        this.metrics = metrics;
        this.migrations = new Migrations(movers, reports, metrics, this::departed);
    }

    /** The migrations out of this agent. */
    public Migrations migrations() {
        return migrations;
    }

    /** All guests here, by name. */
    public List<Guest> guests() {
        return guests.values().stream()
                .sorted(Comparator.comparing(Guest::name))
                .toList();
    }

    /** The memory that guests here may have. */
    public Room room() {
        return room;
    }

    /** The guests that went to other agents, the latest first. */
    public List<Departed> departed() {
        synchronized (departed) {
            return List.copyOf(departed);
        }
    }

    /**
     * The guest of that name.
     *
     * @throws Failure not found
     */
    public Guest guest(String name) {
        Guest guest = guests.get(name);
        if (guest != null) {
            return guest;
        }
        for (Departed gone : departed()) {
            if (gone.guest().name().equals(name)) {
                throw Failure.notFound("guest " + name + " migrated to " + gone.target());
            }
        }
        throw Failure.notFound("no guest is named " + Quoted.of(name));
    }

    /**
     * Builds a guest and lets it run.
     *
     * @param image a file's path, or the name of an image that comes with Godwit
     * @param remote where the part of its memory is to be that is not here, if there is to be one
     * @param paused leave it at its entry
     * @throws Failure when the name is bad or taken, there is not enough memory, or the memory host does not do
     * @throws dev.godwit.host.boot.ImageException when the image does not fit
     * @throws dev.godwit.host.machine.MachineConfigException when the host cannot build the machine
     */
    public Guest start(String name, String image, MachineConfig config, Optional<RemoteConfig> remote, boolean paused) {
        long since = System.nanoTime();
        GuestDescription description = new GuestDescription(GuestNames.check(name), image, config, remote);
        remote.ifPresent(there -> check(there, config));
        Guest guest = reserve(Guest.starting(description, since));
        room.make();
        try (Arena arena = Arena.ofConfined()) {
            PvhImage file = Images.open(image, arena);
            Machine machine = Machine.boot(kvm, config, file);
            guest.attach(machine);
            if (remote.isPresent()) {
                guest.attach(RemoteMemory.create(machine, remote.get(), credentials, room::lend));
            }
            run(guest, machine, paused);
            metrics.started(System.nanoTime() - since);
            return guest;
        } catch (TransportException e) {
            abandon(guest);
            throw new Failure(Failure.Kind.FAILED, "guest " + name + " is not started: " + e.getMessage(), e);
        } catch (SystemCallException | MachineConfigException e) {
            abandon(guest);
            throw HostMemory.explained(config, e);
        } catch (RuntimeException | Error e) {
            abandon(guest);
            throw e;
        }
    }

    private void check(RemoteConfig remote, MachineConfig config) {
        NetworkPolicy.check("--memory-host", new InetSocketAddress(remote.host(), remote.port()), credentials);
        if (remote.localBytes() >= config.memoryBytes()) {
            throw Failure.badInput("--local: with " + Sizes.human(remote.localBytes()) + " of "
                    + Sizes.human(config.memoryBytes()) + " here nothing is left for a memory host; give less");
        }
        if (config.largePages() == LargePages.HUGETLB) {
            throw Failure.badInput("--memory-host: reserved large pages cannot go to a memory host by parts;"
                    + " take --large-pages thp or none");
        }
    }

    /**
     * Writes a guest to a file that does not exist yet; the guest goes on.
     *
     * @throws Failure when it cannot be written, and then no file is left
     */
    public SnapshotReport snapshot(String name, Path file) {
        Guest guest = guest(name);
        Machine machine = guest.beginSnapshot();
        try {
            return Snapshot.save(machine, guest.outgoing(), file);
        } catch (MigrationException e) {
            throw failure(e);
        } finally {
            guest.endSnapshot();
        }
    }

    /**
     * Builds a guest from a snapshot, under a name of its own, and lets it run.
     *
     * @param paused leave it where it was
     * @throws Failure when the file is no snapshot, the name is bad or taken, or this host cannot run it
     */
    public Guest restore(String name, Path file, boolean paused) {
        long since = System.nanoTime();
        GuestNames.check(name);
        if (!Files.isRegularFile(file)) {
            throw Failure.badInput(
                    "snapshot " + file + (Files.exists(file) ? " is no regular file" : " does not exist"));
        }
        Guest guest = null;
        try {
            GuestDescription saved = Snapshot.describe(file);
            guest = reserve(Guest.starting(
                    new GuestDescription(name, saved.image(), saved.config()).tracked(saved.tracking()), since));
            room.make();
            Snapshot.Restored restored = rebuild(file, saved.config());
            if (!restored.notRestored().isEmpty()) {
                LOG.warn("guest {}: not restored: {}", name, String.join(", ", restored.notRestored()));
            }
            guest.lacks(restored.notRestored());
            guest.arrived(false);
            Guest loading = guest;
            guest.attach(restored.machine());
            run(guest, restored.machine(), paused);
            var _ = restored.loaded().thenRun(loading::completed);
            return guest;
        } catch (MigrationException e) {
            abandon(guest);
            throw failure(e);
        } catch (RuntimeException | Error e) {
            abandon(guest);
            throw e;
        }
    }

    private Snapshot.Restored rebuild(Path file, MachineConfig config) throws MigrationException {
        try {
            return Snapshot.restore(kvm, file);
        } catch (SystemCallException | MachineConfigException e) {
            throw HostMemory.explained(config, e);
        }
    }

    private static Failure failure(MigrationException e) {
        Failure.Kind kind = switch (e.kind()) {
            case REFUSED, PROTOCOL -> Failure.Kind.BAD_INPUT;
            case NOT_CAPABLE -> Failure.Kind.NOT_CAPABLE;
            default -> Failure.Kind.FAILED;
        };
        return new Failure(kind, e.getMessage(), e);
    }

    private void run(Guest guest, Machine machine, boolean paused) {
        watch(guest, machine);
        if (!paused) {
            machine.resume();
        }
    }

    private void abandon(Guest guest) {
        if (guest != null) {
            try {
                guest.close();
            } finally {
                // Not sooner: the next of that name may need its memory.
                remove(guest);
            }
        }
    }

    /** Ends a guest if need be and forgets it. */
    public void remove(String name) {
        Guest guest = guest(name);
        guest.stop();
        remove(guest);
    }

    @Override
    public Admission admit(GuestDescription description) throws RefusedException {
        Guest guest = null;
        try {
            GuestNames.check(description.name());
            guest = reserve(Guest.arriving(description));
            try (StandBy call = standBy(description)) {
                Machine machine = Machine.empty(kvm, description.config());
                guest.attach(machine);
                if (call != null) {
                    guest.attach(RemoteMemory.standBy(machine, call, room::lend));
                }
                return new Arrival(guest, machine);
            }
        } catch (TransportException e) {
            abandon(guest);
            throw new RefusedException("this agent cannot have the guest's pages: " + e.getMessage());
        } catch (SystemCallException | MachineConfigException e) {
            abandon(guest);
            throw new RefusedException(
                    HostMemory.explained(description.config(), e).getMessage());
        } catch (RuntimeException e) {
            abandon(guest);
            throw new RefusedException(e.getMessage());
        } catch (Error e) {
            abandon(guest);
            throw e;
        }
    }

    /** Of a guest without a memory host null. */
    private StandBy standBy(GuestDescription description) {
        if (description.remote().isEmpty()) {
            return null;
        }
        RemoteConfig remote = description.remote().get();
        check(remote, description.config());
        return StandBy.begin(remote, description.config().memoryBytes(), credentials);
    }

    private final class Arrival implements Admission {
        private final Guest guest;
        private final Machine machine;

        Arrival(Guest guest, Machine machine) {
            this.guest = guest;
            this.machine = machine;
        }

        @Override
        public Machine machine() {
            return machine;
        }

        /** No more than a guest with a memory host has here. */
        @Override
        public void back(List<ChunkRun> large) {
            room.back(machine.memory(), large, guest.promisedBytes());
        }

        @Override
        public Optional<RemoteMemory> remote() {
            return guest.remote();
        }

        @Override
        public void adopt(boolean whole) {
            guest.arrived(whole);
            watch(guest, machine);
            metrics.arrived();
        }

        @Override
        public void completed() {
            guest.completed();
        }

        @Override
        public void abandon(String reason) {
            Inventory.this.abandon(guest);
        }
    }

    private Guest reserve(Guest guest) {
        boolean comes = guest.state() == GuestState.ARRIVING;
        long since = System.nanoTime();
        Guest there = putIfNew(guest);
        // One that comes a second time right after it was cancelled: the first may still be given back.
        while (comes
                && there != null
                && there.state() == GuestState.ARRIVING
                && System.nanoTime() - since < GIVING_BACK_NANOS) {
            LockSupport.parkNanos(LOOK_NANOS);
            there = putIfNew(guest);
        }
        if (there == null) {
            return guest;
        }
        // A guest that is sent to the agent it is on meets itself.
        boolean itself = comes && there.state() == GuestState.MIGRATING;
        throw Failure.conflict("a guest is already named " + guest.name()
                + (itself ? ", which is just migrating: is this the agent that it is on?" : ""));
    }

    /** The guest that has its name, or null: then it is here now. */
    private Guest putIfNew(Guest guest) {
        synchronized (room) {
            Guest there = guests.get(guest.name());
            if (there == null) {
                room.admit(guest.description());
                guests.put(guest.name(), guest);
            }
            return there;
        }
    }

    private void remove(Guest guest) {
        guests.remove(guest.name(), guest);
    }

    /** Its thread is the vCPU's own, which cannot close its machine: the reaper does. */
    private void watch(Guest guest, Machine machine) {
        var _ = machine.whenStopped().thenAcceptAsync(reason -> reap(guest, reason), reaper);
    }

    private static void reap(Guest guest, StopReason reason) {
        try {
            if (reason.kind() != StopReason.Kind.MIGRATED) { // which is said where it is done
                LOG.info("guest {} ended: {}", guest.name(), reason);
            }
            guest.closeIfStopped();
        } catch (RuntimeException e) {
            LOG.error("guest {} leaves something behind", guest.name(), e);
        }
    }

    private void departed(Guest guest, String target) {
        Departed gone = new Departed(guest.outgoing(), target, Instant.now());
        remove(guest);
        synchronized (departed) {
            departed.addFirst(gone);
            if (departed.size() > DEPARTED_KEPT) {
                departed.removeLast();
            }
        }
    }

    /** Cancels migrations, ends all guests and gives everything back. */
    @Override
    public void close() {
        migrations.close();
        try {
            for (Guest guest : guests()) {
                guest.shutDown();
                remove(guest);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        reaper.close();
        room.close();
        kvm.close();
    }
}
