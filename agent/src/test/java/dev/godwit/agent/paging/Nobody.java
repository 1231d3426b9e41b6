package dev.godwit.agent.paging;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A store that brings nothing, and notes what it was asked for. */
final class Nobody implements PageStore {
    /** The first page of each request. */
    final List<Long> requests = new CopyOnWriteArrayList<>();

    @Override
    public void request(long first, int count) {
        requests.add(first);
    }
}
