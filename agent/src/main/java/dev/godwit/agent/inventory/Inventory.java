package dev.godwit.agent.inventory;

import dev.godwit.agent.config.Failure;
import dev.godwit.agent.config.Quoted;
import dev.godwit.agent.metrics.AgentMetrics;
import dev.godwit.agent.migration.GuestDescription;
import dev.godwit.agent.migration.TargetHost;
import dev.godwit.host.boot.PvhImage;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.machine.MachineConfig;
import java.lang.foreign.Arena;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The guests of one agent, by name. Thread-safe. One guest's end touches no other.
 *
 * <p>A guest that ends by itself stays listed with its reason and its log until {@link #remove(String)}; one that migrated away
 * leaves a {@link Departed} line.
 */
public final class Inventory implements TargetHost, AutoCloseable {
    private static final int DEPARTED_KEPT = 1000;

    private final Kvm kvm;
    private final AgentMetrics metrics;
    private final ConcurrentMap<String, Guest> guests = new ConcurrentHashMap<>();
    private final Deque<Departed> departed = new ArrayDeque<>();
    private final ExecutorService reaper = Executors.newCachedThreadPool(
            Thread.ofPlatform().daemon().name("reaper-", 0).factory());
    private final Migrations migrations;

    /**
     * An empty inventory, which owns {@code kvm} from now on.
     *
     * @param reports where migrations leave their reports
     */
    public Inventory(Kvm kvm, Mover.Factory movers, ReportStore reports, AgentMetrics metrics) {
        this.kvm = kvm;
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
     * @param paused leave it at its entry
     * @throws Failure when the name is bad or taken, or there is not enough memory
     * @throws dev.godwit.host.boot.ImageException when the image does not fit
     * @throws dev.godwit.host.machine.MachineConfigException when the host cannot build the machine
     */
    public Guest start(String name, String image, MachineConfig config, boolean paused) {
        long since = System.nanoTime();
        GuestDescription description = new GuestDescription(GuestNames.check(name), image, config);
        HostMemory.now().admit(config);
        Guest guest = reserve(Guest.starting(description, since));
        try (Arena arena = Arena.ofConfined()) {
            PvhImage file = Images.open(image, arena);
            Machine machine = Machine.boot(kvm, config, file);
            guest.attach(machine);
            watch(guest, machine);
            if (!paused) {
                machine.resume();
            }
            metrics.started(System.nanoTime() - since);
            return guest;
        } catch (RuntimeException | Error e) {
            remove(guest);
            throw e;
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
            HostMemory.now().admit(description.config());
            guest = reserve(Guest.arriving(description));
            Machine machine = Machine.empty(kvm, description.config());
            guest.attach(machine);
            return new Arrival(guest, machine);
        } catch (RuntimeException e) {
            if (guest != null) {
                remove(guest);
            }
            throw new RefusedException(e.getMessage());
        }
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

        @Override
        public void adopt() {
            guest.arrived();
            watch(guest, machine);
            metrics.arrived();
        }

        @Override
        public void abandon(String reason) {
            remove(guest);
            guest.close();
        }
    }

    private Guest reserve(Guest guest) {
        if (guests.putIfAbsent(guest.name(), guest) != null) {
            throw Failure.conflict("a guest is already named " + guest.name());
        }
        return guest;
    }

    private void remove(Guest guest) {
        guests.remove(guest.name(), guest);
    }

    /** Its thread is the vCPU's own, which cannot close its machine: the reaper does. */
    private void watch(Guest guest, Machine machine) {
        machine.whenStopped().thenAcceptAsync(reason -> guest.onStopped(), reaper);
    }

    private void departed(Guest guest, String target) {
        remove(guest);
        synchronized (departed) {
            departed.addFirst(new Departed(guest.description(), target, Instant.now()));
            if (departed.size() > DEPARTED_KEPT) {
                departed.removeLast();
            }
        }
    }

    /** Cancels migrations, ends all guests and gives everything back. */
    @Override
    public void close() {
        migrations.close();
        for (Guest guest : guests()) {
            guest.close();
            remove(guest);
        }
        reaper.close();
        kvm.close();
    }
}
