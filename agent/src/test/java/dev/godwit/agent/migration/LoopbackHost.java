package dev.godwit.agent.migration;

import dev.godwit.agent.transport.Secret;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.memory.Userfault;
import dev.godwit.host.vcpu.StopReason;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A host for tests: a migration server and the machines that arrived. */
class LoopbackHost implements TargetHost, AutoCloseable {
    static final Secret SECRET = new Secret(new byte[32]);

    final Map<String, Machine> arrived = new ConcurrentHashMap<>();
    final List<String> completed = new CopyOnWriteArrayList<>();
    final List<String> abandoned = new CopyOnWriteArrayList<>();
    /** For tests of a host that cannot page. */
    volatile Optional<String> pagingProblem = Userfault.problem();

    private final Kvm kvm;
    private final MigrationServer server;

    LoopbackHost(Kvm kvm) throws TransportException {
        this.kvm = kvm;
        server = new MigrationServer(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), SECRET, this);
        server.start();
    }

    InetSocketAddress address() {
        return server.address();
    }

    /** For tests of what a host does wrong: called before a guest is admitted. */
    void admitting(GuestDescription guest) throws RefusedException {}

    /** For tests of what a host does wrong: called before a guest is adopted. */
    void adopting(GuestDescription guest) {}

    /** For tests of what happens meanwhile: called when the machine is there and not accepted yet. */
    void backing(Machine machine) {}

    @Override
    public Optional<String> pagingProblem() {
        return pagingProblem;
    }

    @Override
    public Admission admit(GuestDescription guest) throws RefusedException {
        admitting(guest);
        Machine machine = Machine.empty(kvm, guest.config());
        return new Admission() {
            @Override
            public Machine machine() {
                return machine;
            }

            @Override
            public void back(List<ChunkRun> large) {
                backing(machine);
            }

            @Override
            public void adopt(boolean whole) {
                adopting(guest);
                arrived.put(guest.name(), machine);
            }

            @Override
            public void completed() {
                completed.add(guest.name());
            }

            @Override
            public void abandon(String reason) {
                machine.close();
                abandoned.add(reason);
            }
        };
    }

    /** Ends the migrations under way, and nothing else. */
    void closeServer() {
        server.close();
    }

    @Override
    public void close() {
        server.close();
        arrived.values().forEach(machine -> {
            machine.stop(new StopReason(StopReason.Kind.STOPPED, 0, "the test has ended"));
            machine.close();
        });
    }
}
