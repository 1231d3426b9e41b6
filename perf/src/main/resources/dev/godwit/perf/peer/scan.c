/*
 * How fast one core reads memory, in C: scan BYTES
 *
 * For each line with a number N on standard input it reads all of a block of that many bytes N times, eight bytes at a
 * time or as many as the compiler makes of it, and prints the nanoseconds that took. The block is zeros in large pages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

int main(int count, char **arguments)
{
	if (count != 2)
		return 2;
	unsigned long bytes = strtoul(arguments[1], 0, 10), large = 2ul << 20;
	char *reserved = mmap(0, bytes + large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (reserved == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	unsigned long *block = (unsigned long *)(((unsigned long)reserved + large - 1) & -large);
	madvise(block, bytes, MADV_HUGEPAGE);
	memset(block, 0, bytes);
	char line[64];
	while (fgets(line, sizeof line, stdin)) {
		struct timespec from, to;
		long n = strtol(line, 0, 10);
		unsigned long all = 0;
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (long i = 0; i < n; i++) {
			for (unsigned long w = 0; w < bytes / sizeof *block; w++)
				all |= block[w];
			__asm__ volatile("" ::: "memory"); /* each round reads anew */
		}
		clock_gettime(CLOCK_MONOTONIC, &to);
		if (all)
			return 1;
		printf("%ld\n", (to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec - from.tv_nsec);
		fflush(stdout);
	}
	return 0;
}
