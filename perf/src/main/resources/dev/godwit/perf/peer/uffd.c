/*
 * What a userfaultfd round trip costs with nothing around it: uffd TOUCHING-CPU SERVING-CPU
 *
 * For each line with a number N on standard input one thread touches N missing pages, one after the other, while another
 * spins on the userfaultfd and puts in a page that it has ready by UFFDIO_COPY. Prints four numbers of nanoseconds: median
 * and 99th percentile of the whole touch, then the same from the moment the fault has been read until the copy is done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, MOST = 1 << 16 };

static int fd, serving;
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
	if (count != 3)
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
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		long n = strtol(line, 0, 10);
		if (n < 1 || n > MOST)
			return 2;
		measure(n);
	}
	return 0;
}
