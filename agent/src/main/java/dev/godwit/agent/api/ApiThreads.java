package dev.godwit.agent.api;

import dev.godwit.host.thread.Precedence;
import dev.godwit.host.thread.PromptThread;
import java.util.concurrent.ThreadFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The threads that serve the API. They come before guests: an agent with many busy ones would not be heard among them,
 * neither by who asks nor by who wants to stop one. Handlers wait, for a guest to pause, for the next byte of a log.
 */
final class ApiThreads extends QueuedThreadPool {
    private static final Logger LOG = LoggerFactory.getLogger(ApiThreads.class);

    /** Further callers take their turn. */
    private static final int MOST = 1024;

    /** One that takes connections, one that looks who says something, and some to answer where no more can be had. */
    private static final int LEAST = 6;

    private static final int SPARE_MILLIS = 5000;

    ApiThreads() {
        this(work -> PromptThread.of("api", Precedence.CONTROL, work));
    }

    ApiThreads(ThreadFactory factory) {
        super(MOST, LEAST, SPARE_MILLIS, -1, null, null, factory);
        setMaxEvictCount(MOST);
        // An agent that ends does not wait for those that wait, nor does it interrupt who writes a snapshot.
        setStopTimeout(0);
    }

    @Override
    protected void startThread() {
        try {
            super.startThread();
        } catch (OutOfMemoryError e) { // what Java throws when the system has no thread to give
            LOG.warn("a caller waits for another to be answered: this host has no more threads: {}", e.getMessage());
        }
    }
}
