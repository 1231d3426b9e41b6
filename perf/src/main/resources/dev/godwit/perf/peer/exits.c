/*
 * The exit round trip in C: exits IMAGE MEMORY_BYTES
 *
 * For each line on standard input it builds a VM as Godwit does (one slot of large pages, interrupt chips and timer in
 * the kernel, one vCPU at the image's PVH entry), runs it to its end in the plainest loop there is, and prints
 * "CYCLES KHZ": the eight bytes the guest sent to its serial port, and the frequency of its time stamp counter.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LARGE_PAGE (2ul << 20)

static int check(const char *what, int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

#define CALL(fd, request, argument) check(#request, ioctl(fd, request, argument))

static void *map(unsigned long bytes, int flags, int fd)
{
	void *address = mmap(0, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (address == MAP_FAILED)
		check("mmap", -1);
	return address;
}

static unsigned char *image;
static volatile unsigned char mark; /* what stands for the device */

static void load(unsigned char *memory)
{
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	Elf64_Phdr *segments = (Elf64_Phdr *)(image + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			memcpy(memory + segments[i].p_paddr, image + segments[i].p_offset, segments[i].p_filesz);
}

static void flat(struct kvm_segment *segment, int type, int selector)
{
	*segment = (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .db = 1, .s = 1, .g = 1};
}

static void enter(int vcpu)
{
	struct kvm_sregs sregs;
	CALL(vcpu, KVM_GET_SREGS, &sregs);
	flat(&sregs.cs, 0xb, 0x8);
	flat(&sregs.ds, 0x3, 0x10);
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){.limit = 0x67, .selector = 0x18, .type = 0xb, .present = 1};
	sregs.cr0 = 0x11;
	sregs.cr4 = sregs.efer = 0;
	CALL(vcpu, KVM_SET_SREGS, &sregs);
	struct kvm_regs regs = {.rflags = 2, .rip = ((Elf64_Ehdr *)image)->e_entry};
	CALL(vcpu, KVM_SET_REGS, &regs);
}

static void set_cpuid(int kvm, int vcpu)
{
	static char room[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
	struct kvm_cpuid2 *list = (struct kvm_cpuid2 *)room;
	list->nent = 256;
	CALL(kvm, KVM_GET_SUPPORTED_CPUID, list);
	CALL(vcpu, KVM_SET_CPUID2, list);
}

/* Until the guest ends; returns what it sent to its serial port. */
static unsigned long run(int vcpu, struct kvm_run *state)
{
	unsigned long sent = 0;
	int bytes = 0;
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			check("KVM_RUN", -1);
		}
		if (state->exit_reason != KVM_EXIT_IO || state->io.direction != KVM_EXIT_IO_OUT) {
			fprintf(stderr, "unexpected exit %u\n", state->exit_reason);
			exit(1);
		}
		unsigned char value = *((unsigned char *)state + state->io.data_offset);
		switch (state->io.port) {
		case 0xf8:
			mark = value;
			break;
		case 0x3f8:
			sent |= (unsigned long)value << 8 * bytes++;
			break;
		case 0xf4:
			return sent;
		}
	}
}

static void once(int kvm, unsigned long size)
{
	unsigned char *reserved = map(size + LARGE_PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char *memory = (unsigned char *)(((unsigned long)reserved + LARGE_PAGE - 1) & -LARGE_PAGE);
	madvise(memory, size, MADV_HUGEPAGE);
	int vm = CALL(kvm, KVM_CREATE_VM, 0);
	struct kvm_userspace_memory_region slot = {.memory_size = size, .userspace_addr = (unsigned long)memory};
	CALL(vm, KVM_SET_USER_MEMORY_REGION, &slot);
	CALL(vm, KVM_SET_TSS_ADDR, 0xfeffd000);
	__u64 identity_map = 0xfeffc000;
	CALL(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	CALL(vm, KVM_CREATE_IRQCHIP, 0);
	struct kvm_pit_config pit = {.flags = 1};
	CALL(vm, KVM_CREATE_PIT2, &pit);
	int vcpu = CALL(vm, KVM_CREATE_VCPU, 0);
	int khz = CALL(vcpu, KVM_GET_TSC_KHZ, 0);
	set_cpuid(kvm, vcpu);
	int state_bytes = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *state = map(state_bytes, MAP_SHARED, vcpu);
	load(memory);
	enter(vcpu);
	unsigned long cycles = run(vcpu, state);
	printf("%lu %d\n", cycles, khz);
	fflush(stdout);
	munmap(state, state_bytes);
	close(vcpu);
	close(vm);
	munmap(reserved, size + LARGE_PAGE);
}

int main(int count, char **arguments)
{
	if (count != 3)
		return 2;
	int file = check(arguments[1], open(arguments[1], O_RDONLY));
	image = map(lseek(file, 0, SEEK_END), MAP_PRIVATE, file);
	int kvm = check("/dev/kvm", open("/dev/kvm", O_RDWR | O_CLOEXEC));
	char line[64];
	while (fgets(line, sizeof line, stdin))
		once(kvm, strtoul(arguments[2], 0, 10));
	return 0;
}
