package dev.godwit.agent.memoryhost;

import dev.godwit.agent.memoryhost.RegionLink.Lane;
import dev.godwit.agent.transport.Connection;
import dev.godwit.agent.transport.Credentials;
import dev.godwit.agent.transport.Handshake;
import dev.godwit.agent.transport.Handshake.Role;
import dev.godwit.agent.transport.TransportException;
import java.time.Duration;

/**
 * How a guest's side calls its memory host: opens connections to the guest's region there, and asks what is first to be
 * asked on each.
 *
 * @param pages of guest RAM
 * @param reserved the most that the memory host has to hold
 * @param stall a memory host that moves no byte for so long is away
 */
record RegionCaller(RemoteConfig config, Credentials credentials, long pages, long reserved, Duration stall) {
    static final int FETCH = 0;
    static final int STORE = 1;

    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

    /** Looks whether the region is there: both connections, on which one may wait to become its owner. */
    Lane[] standBy() throws TransportException {
        return both(lanes -> {
            for (Lane lane : lanes) {
                ask(lane, RegionRequest.STANDBY, 0);
            }
        });
    }

    /** What is said on two new connections, of which none stays when it fails. */
    interface FirstWords {
        void say(Lane[] lanes) throws TransportException;
    }

    /** Two connections, by the number of their stream, on which that has been said. */
    Lane[] both(FirstWords words) throws TransportException {
        Lane first = open(FETCH);
        Lane second = null;
        try {
            second = open(STORE);
            Lane[] lanes = {first, second};
            words.say(lanes);
            return lanes;
        } catch (TransportException | RuntimeException | Error e) {
            first.close();
            if (second != null) {
                second.close();
            }
            throw e;
        }
    }

    private Lane open(int stream) throws TransportException {
        Connection connection = Connection.connect(config.address(), CONNECT_TIMEOUT);
        try {
            connection.setStall(stall);
            Handshake.connect(connection, credentials, Role.MEMORY, config.region(), stream);
            return new Lane(connection);
        } catch (TransportException | RuntimeException | Error e) {
            connection.close();
            throw e;
        }
    }

    /**
     * Asks; see {@link RegionRequest}.
     *
     * @throws Refusal when the answer is another than OK
     */
    RegionAnswer ask(Lane lane, int type, long epoch) throws TransportException {
        RegionAnswer answer = RegionAnswer.ask(lane.connection, type, epoch, pages, reserved);
        if (answer.status() != RegionStatus.OK) {
            throw new Refusal(answer.status(), "memory host " + config.at() + ": " + answer.text(reserved));
        }
        return answer;
    }

    /** The memory host's own word that it does not. */
    static final class Refusal extends TransportException {
        private static final long serialVersionUID = 1;

        private final RegionStatus status;

        Refusal(RegionStatus status, String message) {
            super(Kind.REFUSED, message);
            this.status = status;
        }

        RegionStatus status() {
            return status;
        }
    }
}
