package dev.godwit.agent.transport;

import dev.godwit.agent.transport.TransportException.Kind;
import java.net.InetAddress;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What two agents share so that they accept each other: at least 16 bytes, used only as the key of HMAC-SHA-256 over
 * both sides' nonces.
 */
public final class Secret implements Credentials {
    /** Least length in bytes. */
    public static final int MIN_BYTES = 16;

    private final byte[] key;

    /**
     * A secret.
     *
     * @param key at least {@link #MIN_BYTES} bytes; copied
     */
    public Secret(byte[] key) {
        if (key.length < MIN_BYTES) {
            throw new IllegalArgumentException("a secret has at least " + MIN_BYTES + " bytes, not " + key.length);
        }
        this.key = key.clone();
        // Java's cryptography is loaded now, and not while a peer waits for its first word.
        proof();
    }

    /** One that nobody else has, for a process that calls itself. */
    public static Secret random() {
        byte[] key = new byte[32];
        new SecureRandom().nextBytes(key);
        return new Secret(key);
    }

    @Override
    public boolean reach(InetAddress address) {
        return address.isLoopbackAddress();
    }

    @Override
    public Secret secure(Connection connection, boolean client) throws TransportException {
        if (!connection.isLoopback()) {
            throw new TransportException(
                    Kind.UNAUTHENTICATED,
                    connection.peer() + " is not on the loopback, and this agent has no certificates for TLS");
        }
        return this;
    }

    /** HMAC-SHA-256 of the parts, one after the other. */
    byte[] proof(byte[]... parts) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            for (byte[] part : parts) {
                mac.update(part);
            }
            return mac.doFinal();
        } catch (NoSuchAlgorithmException | InvalidKeyException e) {
            throw new IllegalStateException("every Java platform has HmacSHA256", e);
        }
    }

    /** Whether a proof is right, in time that does not depend on where it is wrong. */
    boolean accepts(byte[] proof, byte[]... parts) {
        return MessageDigest.isEqual(proof(parts), proof);
    }
}
