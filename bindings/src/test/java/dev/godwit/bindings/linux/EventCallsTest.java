package dev.godwit.bindings.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.godwit.bindings.linux.gen.epoll_event;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** Event counters, poll and epoll. */
class EventCallsTest {
    @Test
    void aCounterAddsUp() {
        int fd = EventCalls.eventfd(0, EventCalls.EFD_NONBLOCK | EventCalls.EFD_CLOEXEC);
        assertEquals(-Errno.EAGAIN, EventCalls.take(fd));
        assertEquals(0, EventCalls.poll(fd, EventCalls.POLLIN, 0));
        assertEquals(0, EventCalls.add(fd, 3));
        assertEquals(0, EventCalls.add(fd, 4));
        assertEquals(EventCalls.POLLIN, EventCalls.poll(fd, EventCalls.POLLIN, 1000));
        assertEquals(7, EventCalls.take(fd));
        assertEquals(0, FileCalls.close(fd));
        assertEquals(-Errno.EBADF, EventCalls.add(fd, 1));
        assertEquals(EventCalls.POLLNVAL, EventCalls.poll(fd, EventCalls.POLLIN, 0));
    }

    @Test
    void epollTellsWhichDescriptorsAreReady() {
        int epoll = EventCalls.epollCreate1(EventCalls.EPOLL_CLOEXEC);
        int first = EventCalls.eventfd(0, EventCalls.EFD_CLOEXEC);
        int second = EventCalls.eventfd(0, EventCalls.EFD_CLOEXEC);
        try (Arena arena = Arena.ofConfined()) {
            long data = 0x1122334455667788L;
            assertEquals(0, EventCalls.epollCtl(epoll, EventCalls.EPOLL_CTL_ADD, first, EventCalls.EPOLLIN, data));
            assertEquals(0, EventCalls.epollCtl(epoll, EventCalls.EPOLL_CTL_ADD, second, EventCalls.EPOLLIN, data + 1));
            MemorySegment capture = ErrnoCapture.allocate(arena);
            MemorySegment events = arena.allocate(epoll_event.layout(), 4);
            assertEquals(0, EventCalls.epollWait(capture, epoll, events.address(), 4, 0));
            EventCalls.add(first, 1);
            EventCalls.add(second, 1);
            assertEquals(2, EventCalls.epollWait(capture, epoll, events.address(), 4, 1000));
            long sum = EventCalls.epollData(events, 0) + EventCalls.epollData(events, 1);
            assertEquals(2 * data + 1, sum);
            assertEquals(EventCalls.EPOLLIN, EventCalls.epollEvents(events, 1));
            assertEquals(0, EventCalls.epollCtl(epoll, EventCalls.EPOLL_CTL_DEL, first, 0, 0));
            assertEquals(-Errno.ENOENT, EventCalls.epollCtl(epoll, EventCalls.EPOLL_CTL_DEL, first, 0, 0));
        }
        assertTrue(FileCalls.close(first) + FileCalls.close(second) + FileCalls.close(epoll) == 0);
    }
}
