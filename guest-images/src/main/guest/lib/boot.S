/*
 * Entry by PVH and the way to ring 3.
 *
 * Ring 0 is a handful of plain integer instructions: some hosts emulate it, ring 3 runs natively
 * everywhere. Page tables, GDT, TSS and the iretq frame are therefore data made by the assembler
 * and linker, not by code. There is no IDT: a fault in the guest is a triple fault.
 */
#include "boot.h"

	.section .note.pvh, "a", @note
	.balign 4
	.long 4			/* name size */
	.long 8			/* descriptor size */
	.long 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_entry

/* 32-bit protected mode, paging off, ebx = hvm_start_info. */
	.section .text.boot, "ax"
	.code32
	.globl pvh_entry
pvh_entry:
	outb	%al, $BOOT_MARK_PORT	/* first instruction: the host times the start by it */
	cli
#ifdef HALT_HOOK
	/* A command line that begins with "mode=hal" halts for good, which ring 3 cannot. */
	movl	24(%ebx), %edi
	cmpl	$0x65646f6d, (%edi)	/* "mode" */
	jne	1f
	cmpl	$0x6c61683d, 4(%edi)	/* "=hal" */
	jne	1f
	movl	$0x3f8, %edx
	.irp	c, 'H', 'A', 'L', 'T', '\n'
	movb	$\c, %al
	outb	%al, %dx
	.endr
2:	hlt
	jmp	2b
1:
#endif
	lgdt	gdt_pointer
	movl	$bsp_frame, %esp
	movl	$TSS_SELECTOR(0), %ecx
	jmp	enter_long_mode

/* Application processors arrive here from the trampoline: one at a time, ap_frame is theirs. */
	.globl ap_entry32
ap_entry32:
	movl	$KERNEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %ss
	movl	$ap_frame, %esp
	movl	ap_tss_selector, %ecx

/* esp = iretq frame, ecx = TSS selector, ebx is kept for ring 3. */
enter_long_mode:
	movl	%ecx, %esi
	movl	$0x20, %eax		/* CR4.PAE */
	movl	%eax, %cr4
	movl	$page_map_level4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx	/* EFER.LME */
	movl	$0x100, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x80010033, %eax	/* CR0: PG WP NE ET MP PE */
	movl	%eax, %cr0
	ljmpl	$KERNEL_CODE64, $1f
	.code64
1:	ltr	%si
	iretq

/* First instruction of ring 3 on the boot processor. */
bsp_user_entry:
	movl	%ebx, %edi
	xorl	%ebp, %ebp
	call	boot_main
3:	pause
	jmp	3b

/* Ring 3 of an application processor: rdi = worker argument, taken from the frame's stack. */
	.globl ap_user_entry
ap_user_entry:
	popq	%rdi
	popq	%rax
	xorl	%ebp, %ebp
	call	*%rax
4:	pause
	jmp	4b

/* Real-mode start of an application processor, copied to TRAMPOLINE. */
	.section .rodata.trampoline, "a"
	.code16
	.globl trampoline_start, trampoline_end
trampoline_start:
	cli
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	trampoline_gdt - trampoline_start
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$KERNEL_CODE32, $ap_entry32
	.balign 8
trampoline_gdt:
	.word	GDT_BYTES - 1
	.long	gdt
trampoline_end:

	.section .data.boot, "aw"
	.code64
	.balign 16
	.globl gdt
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* KERNEL_CODE32 */
	.quad 0x00af9b000000ffff	/* KERNEL_CODE64 */
	.quad 0x00cf93000000ffff	/* KERNEL_DATA */
	.quad 0
	.quad 0x00cff3000000ffff	/* USER_DATA */
	.quad 0x00affb000000ffff	/* USER_CODE */
	.quad 0
	/* One descriptor a processor, since ltr marks it busy; all name the one TSS, which nobody writes. */
	.rept MAX_CPUS
	.quad tss_descriptor_low	/* computed by the linker script */
	.quad 0
	.endr

gdt_pointer:
	.word GDT_BYTES - 1
	.long gdt

/*
 * I/O privilege for ring 3, besides the TSS's bitmap. PVM heeds the bitmap alone. QEMU's emulation of
 * SVM heeds it only while the TSS descriptor is not marked busy, and restored state has it busy.
 */
	.set USER_FLAGS, 0x3002
	.balign 16
bsp_frame:
	.quad bsp_user_entry, USER_CODE, USER_FLAGS, bsp_stack_top, USER_DATA
	.balign 16
	.globl ap_frame, ap_tss_selector
ap_frame:
	.quad ap_user_entry, USER_CODE, USER_FLAGS, 0, USER_DATA
ap_tss_selector:
	.long 0

/* No stack is ever taken from the TSS: all it holds is an I/O bitmap of zeros. */
	.section .data.tss, "aw"
	.balign 4096
	.globl tss
tss:
	.zero 102
	.word 104			/* I/O bitmap base */
	.zero 8192
	.byte 0xff
tss_end:

/* Identity map of the first 4 GiB in 2 MiB pages, user-accessible. Ring 3 adds the rest.
 * Accessed and dirty are set already: an idle guest writes no memory, not even so. */
	.section .data.tables, "aw"
	.balign 4096
	.globl page_map_level4, page_directory_pointers
page_map_level4:
	.quad page_directory_pointers + 0x27
	.zero 511 * 8
page_directory_pointers:
	.quad low_directories + 0x27
	.quad low_directories + 0x1027
	.quad low_directories + 0x2027
	.quad low_directories + 0x3027
	.zero 508 * 8
low_directories:
	.set address, 0
	.rept 2048
	.quad address + 0xe7
	.set address, address + 0x200000
	.endr

	.section .bss.stack, "aw", @nobits
	.balign 16
	.zero 16384
bsp_stack_top:

	.section .note.GNU-stack, "", @progbits
