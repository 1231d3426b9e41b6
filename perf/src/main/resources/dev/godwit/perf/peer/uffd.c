/*
 * What a userfaultfd round trip costs with nothing around it: uffd TOUCHING-CPU SERVING-CPU [SOURCE-CPU]
 *
 * For each line with a number N on standard input one thread touches N missing pages, one after the other, while another
 * spins on the userfaultfd and puts in a page by UFFDIO_COPY: one that it has ready or, with a source, one that it asks for
 * and spins for on a TCP connection over the loopback, at whose other end a third thread waits. Prints four numbers of
 * nanoseconds: median and 99th percentile of the whole touch, then the same from the moment the fault has been read until
 * the copy is done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MOST = 1 << 16 };

static int fd, serving, source, asking = -1, answering;
static char *ready;
static long served[MOST], touched[MOST];

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	long x = *(const long *)a, y = *(const long *)b;
	return (x > y) - (x < y);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("sched_setaffinity");
}

static void *answer(void *unused)
{
	(void)unused;
	char page[PAGE], request[8];
	memset(page, 1, PAGE);
	pin(source);
	while (recv(answering, request, sizeof request, MSG_WAITALL) == sizeof request)
		if (send(answering, page, PAGE, 0) != PAGE)
			die("send");
	return 0;
}

static void connect_source(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof address;
	int on = 1, listening = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	asking = socket(AF_INET, SOCK_STREAM, 0);
	if (listening < 0 || asking < 0 || bind(listening, (struct sockaddr *)&address, size) || listen(listening, 1) ||
	    getsockname(listening, (struct sockaddr *)&address, &size) ||
	    connect(asking, (struct sockaddr *)&address, size) || (answering = accept(listening, 0, 0)) < 0)
		die("loopback");
	setsockopt(asking, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(answering, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (pthread_create(&thread, 0, answer, 0))
		die("pthread_create");
}

static void fetch(unsigned long address)
{
	if (send(asking, &address, sizeof address, 0) != sizeof address)
		die("send");
	for (size_t at = 0; at < PAGE;) {
		ssize_t got = recv(asking, ready + at, PAGE - at, MSG_DONTWAIT);
		if (got > 0)
			at += got;
		else if (got == 0 || errno != EAGAIN)
			die("recv");
	}
}

static void *serve(void *count)
{
	pin(serving);
	for (long i = 0, n = (long)count; i < n;) {
		struct uffd_msg message;
		ssize_t got = read(fd, &message, sizeof message);
		if (got < 0 && errno == EAGAIN)
			continue;
		long since = now();
		if (got != sizeof message || message.event != UFFD_EVENT_PAGEFAULT)
			die("userfaultfd");
		if (asking >= 0)
			fetch(message.arg.pagefault.address);
		struct uffdio_copy copy = {
			.dst = message.arg.pagefault.address & -(unsigned long)PAGE,
			.src = (unsigned long)ready,
			.len = PAGE,
		};
		if (ioctl(fd, UFFDIO_COPY, &copy))
			die("UFFDIO_COPY");
		served[i++] = now() - since;
	}
	return 0;
}

static void print(long *times, long n)
{
	qsort(times, n, sizeof *times, ascending);
	printf("%ld %ld", times[n / 2], times[n * 99 / 100]);
}

static void measure(long n)
{
	char *memory = mmap(0, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	struct uffdio_register range = {
		.range = {.start = (unsigned long)memory, .len = n * PAGE},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	if (ioctl(fd, UFFDIO_REGISTER, &range))
		die("UFFDIO_REGISTER");
	pthread_t server;
	if (pthread_create(&server, 0, serve, (void *)n))
		die("pthread_create");
	for (long i = 0; i < n; i++) {
		long since = now();
		*(volatile char *)(memory + i * PAGE) = 1;
		touched[i] = now() - since;
	}
	pthread_join(server, 0);
	munmap(memory, n * PAGE);
	print(touched, n);
	printf(" ");
	print(served, n);
	printf("\n");
	fflush(stdout);
}

int main(int count, char **arguments)
{
	if (count != 3 && count != 4)
		return 2;
	pin(atoi(arguments[1]));
	serving = atoi(arguments[2]);
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		die("userfaultfd");
	struct uffdio_api api = {.api = UFFD_API};
	if (ioctl(fd, UFFDIO_API, &api))
		die("UFFDIO_API");
	ready = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ready == MAP_FAILED)
		die("mmap");
	memset(ready, 1, PAGE);
	if (count == 4) {
		source = atoi(arguments[3]);
		connect_source();
	}
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		long n = strtol(line, 0, 10);
		if (n < 1 || n > MOST)
			return 2;
		measure(n);
	}
	return 0;
}
