// From the reset vector into 64-bit mode, and the entries of the kernel's two services: system calls and exceptions.
// The ROM lies in the last 64 KB below 4 GB, the rest at 1 MB, where Bochs loads it. A gigabyte is mapped as it is.

#define TABLES 0x3f800000 // PML4, page directory pointers, page directory, then the page tables that kernel.c fills
#define BLOCK 0x180000    // what run.py says of the program

// The ROM is not linked where it lies; it is also visible in the last 64 KB of the first megabyte.
.section .rom, "ax"
rom:
#define IN_ROM(label) (0xf0000 + label - rom)
.code16
real:
    cli
    lgdtl %cs:(descriptors_size - rom)
    movl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $IN_ROM(protected)
.code32
protected:
    movw $24, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    // Bochs reads the image into consecutive memory of its own, but gives the guest blocks of that in the order in which
    // they are touched first. So all are touched, in order, before any other.
    movl $0x100000, %eax
1:  movb (%eax), %cl
    addl $0x1000, %eax
    cmpl $0x40000000, %eax
    jb 1b
    movl $TABLES + 0x1003, TABLES
    movl $TABLES + 0x2003, TABLES + 0x1000
    movl $TABLES + 0x2000, %edi
    movl $0x83, %eax                    // pages of 2 MB to begin with
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    cmpl $0x40000083, %eax
    jb 1b
    movl $TABLES, %eax
    movl %eax, %cr3
    movl $0x40620, %eax                 // CR4: PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
    movl %eax, %cr4
    movl $0xc0000080, %ecx              // EFER: SCE, LME
    xorl %edx, %edx
    movl $0x101, %eax
    wrmsr
    movl $0x80000023, %eax              // CR0: PG, NE, MP, PE
    movl %eax, %cr0
    ljmpl $16, $0x100000
.balign 8
descriptors:
    .quad 0
    .quad 0x00cf9a000000ffff            // 8: code of 32 bits
    .quad 0x00af9a000000ffff            // 16: code of 64 bits
    .quad 0x00cf92000000ffff            // 24: data
descriptors_size:
    .word 31
    .long IN_ROM(descriptors)
.org 0xfff0
.code16
    jmp real
.org 0x10000

.code64
.text
.globl _start, system_call_entry, exception_entries
_start:
    movl $BLOCK, %esp
    movl $BLOCK, %edi
    call kernel_start                   // returns the program's stack
    movq %rax, %rsp
    movl $BLOCK, %ecx
    xorl %edx, %edx
    jmpq *(%rcx)

// The program runs in ring 0 as well, so SYSCALL changes nothing but rcx and r11. Its red zone stays.
system_call_entry:
    leaq -128(%rsp), %rsp
    pushq %r11
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %rbp
    movq %rsp, %rbp
    andq $-16, %rsp
    movq %r10, %rcx                     // the fourth argument
    movq %rax, %r9                      // the sixth, which no call here needs, gives way to the number
    call system_call
    movq %rbp, %rsp
    popq %rbp
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popfq
    leaq 128(%rsp), %rsp
    jmpq *%rcx

// 32 entries of 16 bytes: the exception's number goes where the CPU has put an error code, or would have.
.balign 16
exception_entries:
.set number, 0
.rept 32
    .balign 16
    pushq $number
    jmp exception_common
    .set number, number + 1
.endr
exception_common:
    popq %rdi
    movq (%rsp), %rsi                   // the error code, or the address where there is none
    movq 8(%rsp), %rdx
    movq %cr2, %rcx
    andq $-16, %rsp
    call exception
.section .note.GNU-stack, "", @progbits
