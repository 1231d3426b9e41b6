package dev.godwit.agent.migration;

import dev.godwit.agent.memoryhost.HostRoom;
import dev.godwit.agent.memoryhost.Pot;
import dev.godwit.agent.memoryhost.RemoteMemory;
import dev.godwit.agent.memoryhost.StandBy;
import dev.godwit.agent.transport.TransportException;
import dev.godwit.host.kvm.Kvm;
import dev.godwit.host.machine.Machine;
import dev.godwit.host.vcpu.StopReason;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A target for tests, of guests with pages at a memory host. */
class RemoteHost implements TargetHost, AutoCloseable {
    /** So often a session looks for the guest's remote memory before it takes it: when the guest begins to come. */
    private static final int LOOKS_BEFORE_TAKE = 1;

    /** How the session ended here: null when it was adopted, else why it was not. */
    final CompletableFuture<String> end = new CompletableFuture<>();

    private final Kvm kvm;
    private final HostRoom room;
    private final MigrationServer server;
    private volatile Machine machine;
    private volatile RemoteMemory memory;
    private int looks;

    RemoteHost(Kvm kvm) throws TransportException {
        this(kvm, new Pot(Long.MAX_VALUE));
    }

    RemoteHost(Kvm kvm, HostRoom room) throws TransportException {
        this.kvm = kvm;
        this.room = room;
        server = new MigrationServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), LoopbackHost.SECRET, this);
        server.start();
    }

    InetSocketAddress address() {
        return server.address();
    }

    Machine machine() {
        return machine;
    }

    RemoteMemory memory() {
        return memory;
    }

    /** For tests of what goes wrong then: the guest's pages are about to be made this side's. */
    void taking() {}

    /** For tests of what goes wrong then: the guest is about to be run, and its pages are this side's. */
    void adopting() {}

    /** For tests of what goes wrong then: the guest is let in. */
    void admitted() {}

    @Override
    public Admission admit(GuestDescription coming) throws RefusedException {
        Machine empty = Machine.empty(kvm, coming.config());
        try (StandBy call =
                StandBy.begin(coming.remote().orElseThrow(), coming.config().memoryBytes(), LoopbackHost.SECRET)) {
            machine = empty;
            memory = RemoteMemory.standBy(empty, call, room);
        } catch (TransportException e) {
            empty.close();
            throw new RefusedException(e.getMessage());
        }
        admitted();
        return new Admission() {
            @Override
            public Machine machine() {
                return empty;
            }

            @Override
            public Optional<RemoteMemory> remote() {
                if (looks++ == LOOKS_BEFORE_TAKE) {
                    taking();
                }
                return Optional.of(memory);
            }

            @Override
            public void adopt(boolean whole) {
                adopting();
                end.complete(null);
            }

            @Override
            public void abandon(String reason) {
                closeGuest();
                end.complete(reason);
            }
        };
    }

    private void closeGuest() {
        machine.stop(new StopReason(StopReason.Kind.STOPPED, 0, "the test has ended"));
        memory.close();
        machine.close();
    }

    @Override
    public void close() {
        server.close();
        if (end.isDone() && end.join() == null) {
            closeGuest();
        }
    }
}
