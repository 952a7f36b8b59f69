#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* Where a release program begins, in place of musl's rcrt1.o, which knows
 * neither of two things: relative relocations in the packed form (DT_RELR: one
 * word for up to 63 of them instead of 24 bytes each, a tenth of the program),
 * and that what the linker marked read-only after relocation (PT_GNU_RELRO) is
 * to be made so.
 *
 * It runs before the C library is there: no call out of this file, no stack
 * protector, nothing that needs a relocation. The program is linked at address
 * 0, so the address of its first byte is what each relocation adds.
 *
 * It is not built by meson: tools/release compiles it for x86-64 and links it
 * first.
 */

extern const char __ehdr_start[] __attribute__((visibility("hidden")));

int main(int, char **, char **);
void _init(void) __attribute__((weak));
void _fini(void) __attribute__((weak));
_Noreturn int __libc_start_main(int (*)(int, char **, char **), int, char **,
    void (*)(void), void (*)(void), void (*)(void));

__asm__(".text\n"
	".global _start\n"
	".hidden start_program\n"
	".type _start, @function\n"
	"_start:\n"
	"	endbr64\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	lea _DYNAMIC(%rip), %rsi\n"
	"	.hidden _DYNAMIC\n"
	"	call start_program\n"
	".size _start, . - _start\n");

static void relocate(uintptr_t base, const Elf64_Rela *entry, size_t size)
{
	const Elf64_Rela *end = entry + size / sizeof(*entry);

	for (; entry < end; entry++) {
		if (ELF64_R_TYPE(entry->r_info) != R_X86_64_RELATIVE)
			__builtin_trap(); /* the linker made another program */
		*(uintptr_t *)(base + entry->r_offset) =
		    base + (uintptr_t)entry->r_addend;
	}
}

/* An even word is an address; an odd one says by its other bits which of the 63
 * words that follow are relocated too. */
static void relocate_packed(
    uintptr_t base, const Elf64_Relr *entry, size_t size)
{
	const Elf64_Relr *end = entry + size / sizeof(*entry);
	uintptr_t *next = NULL;

	for (; entry < end; entry++) {
		if (!(*entry & 1)) {
			next = (uintptr_t *)(base + *entry);
			*next++ += base;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++)
			if (*entry >> bit & 1)
				next[bit - 1] += base;
		next += 63;
	}
}

static void make_readonly(uintptr_t start, size_t size)
{
	long r;

	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(SYS_mprotect), "D"(start & -4096UL),
			 "S"(((start + size) & -4096UL) - (start & -4096UL)),
			 "d"(1 /* PROT_READ */)
			 : "rcx", "r11", "memory");
	if (r)
		__builtin_trap();
}

_Noreturn __attribute__((visibility("hidden"))) void start_program(
    uintptr_t *stack, const Elf64_Dyn *dynamic);

_Noreturn void start_program(uintptr_t *stack, const Elf64_Dyn *dynamic)
{
	uintptr_t base = (uintptr_t)__ehdr_start, value[64] = { 0 };
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)base;
	const Elf64_Phdr *part = (const Elf64_Phdr *)(base + head->e_phoff);

	for (; dynamic->d_tag != DT_NULL; dynamic++)
		if ((uintptr_t)dynamic->d_tag < 64)
			value[dynamic->d_tag] = dynamic->d_un.d_val;
	relocate(base, (const Elf64_Rela *)(base + value[DT_RELA]),
	    value[DT_RELASZ]);
	relocate_packed(base, (const Elf64_Relr *)(base + value[DT_RELR]),
	    value[DT_RELRSZ]);
	for (int i = 0; i < head->e_phnum; i++)
		if (part[i].p_type == PT_GNU_RELRO)
			make_readonly(base + part[i].p_vaddr, part[i].p_memsz);
	__libc_start_main(
	    main, (int)stack[0], (char **)(stack + 1), _init, _fini, NULL);
}
