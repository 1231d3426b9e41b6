/*
 * The guest of the exit round trip: from the PVH entry to ring 3, there WARMUP writes to port 0xf8, then EXITS more
 * between two looks at the time stamp counter. The difference goes to the serial port as eight bytes, least first, and
 * the guest ends with 0. So the guest itself measures what its exits cost, under whatever host.
 *
 * One page-aligned block, linked at 1 MiB: all offsets in it are fixed. Ring 3 may use the ports by the TSS's bitmap.
 */
#define LOAD 0x100000
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000
#define TSS 0x4000
#define TSS_LIMIT (104 + 8192)
#define TSS_END 0x7000

	.section .note.pvh, "a", @note
	.long 4, 8, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad entry

	.section .text, "ax"
	.code32
	.globl entry
entry:
	lgdt	gdt_pointer
	movl	$iret_frame, %esp
	movl	$0x20, %eax		/* CR4.PAE */
	movl	%eax, %cr4
	movl	$(LOAD + PML4), %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER.LME */
	movl	$0x100, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x80010033, %eax	/* CR0: PG WP NE ET MP PE */
	movl	%eax, %cr0
	ljmpl	$0x08, $1f
	.code64
1:	movl	$0x28, %eax
	ltr	%ax
	iretq

user:
	movl	$WARMUP, %ecx
2:	outb	%al, $0xf8
	decl	%ecx
	jnz	2b
	call	clock
	movq	%rax, %rbx
	movl	$EXITS, %ecx		/* 0 is for ever, or nearly */
3:	outb	%al, $0xf8
	decl	%ecx
	jnz	3b
	call	clock
	subq	%rbx, %rax
	movl	$8, %ecx
	movl	$0x3f8, %edx
4:	outb	%al, %dx
	shrq	$8, %rax
	decl	%ecx
	jnz	4b
	xorl	%eax, %eax
	outl	%eax, $0xf4
5:	jmp	5b

clock:
	lfence
	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	ret

	.balign 16
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08: ring 0 code, 64 bits */
	.quad 0
	.quad 0x00cff3000000ffff	/* 0x18: ring 3 data */
	.quad 0x00affb000000ffff	/* 0x20: ring 3 code, 64 bits */
	.quad TSS_LIMIT | (LOAD + TSS) << 16 | 0x89 << 40 /* 0x28, 16 bytes */
	.quad 0
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
	.balign 16
iret_frame:
	.quad user, 0x23, 2, stack_top, 0x1b
	.zero 64
stack_top:

	.org PML4
	.quad LOAD + PDPT + 0x27
	.org PDPT
	.quad LOAD + PD + 0x27
	.org PD
	.quad 0xe7			/* 0 to 2 MiB, accessed and dirty already */
	.org TSS
	.zero 102
	.word 104			/* the I/O bitmap, all zeros */
	.zero 8192
	.byte 0xff
	.org TSS_END
	.section .note.GNU-stack, "", @progbits
