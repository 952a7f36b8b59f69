/* inject PID CALL [ARGUMENT ...]: have process PID make a system call, and
 * print what it returned: a number, or -errno. So a test sees what its filter
 * and its Landlock rules do, and not what a copy of them would.
 *
 * An argument is a number, or a text after '@', which is put below the
 * process's stack. When the process enters its next system call, ours is put in
 * its place; after it, the process makes its own once more. One that waits is
 * woken for it.
 *
 * Exit status: 0; 1: it did not work; 77: not on this machine.
 */
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__

enum { ARGUMENTS = 6, ROOM = 512 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* On to where a system call is entered, and, the next time, to where it is
 * left. */
static void go_on(pid_t pid)
{
	int status, pass = 0;

	do {
		if (ptrace(PTRACE_SYSCALL, pid, 0, pass))
			die("going on");
		if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
			die("it ended");
		pass = WSTOPSIG(status);
	} while (pass != (SIGTRAP | 0x80));
}

static void stop(pid_t pid)
{
	int status;

	if (ptrace(PTRACE_ATTACH, pid, 0, 0))
		die("attaching");
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		die("it did not stop");
	if (ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD))
		die("setting options");
}

/* @text to @at, a word at a time. */
static void put_text(pid_t pid, uint64_t at, const char *text)
{
	char room[ROOM] = "";

	if (strlen(text) >= sizeof(room))
		die("a text is too long");
	strncpy(room, text, sizeof(room) - 1);
	for (size_t i = 0; i <= strlen(text); i += sizeof(long)) {
		long word;

		memcpy(&word, room + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, pid, at + i, word))
			die("writing a text");
	}
}

static void set_arguments(
    pid_t pid, struct user_regs_struct *regs, int argc, char **argv)
{
	unsigned long long *to[ARGUMENTS] = { &regs->rdi, &regs->rsi,
		&regs->rdx, &regs->r10, &regs->r8, &regs->r9 };
	uint64_t room = (regs->rsp & ~UINT64_C(15)) - 8192;

	for (int i = 0; i < ARGUMENTS; i++) {
		*to[i] = 0;
		if (i >= argc)
			continue;
		if (*argv[i] != '@') {
			*to[i] = (uint64_t)strtoll(argv[i], NULL, 0);
			continue;
		}
		put_text(pid, room, argv[i] + 1);
		*to[i] = room;
		room += ROOM;
	}
}

int main(int argc, char **argv)
{
	struct user_regs_struct own, ours;
	pid_t pid = argc < 3 ? 0 : (pid_t)strtol(argv[1], NULL, 10);
	int number = argc < 3 ? 0 : seccomp_syscall_resolve_name(argv[2]);

	if (pid <= 0 || number < 0 || argc > 3 + ARGUMENTS)
		die("usage: inject PID CALL [ARGUMENT ...]");
	stop(pid);
	go_on(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &own))
		die("reading registers");
	ours = own;
	set_arguments(pid, &ours, argc - 3, argv + 3);
	ours.orig_rax = (unsigned long long)number;
	if (ptrace(PTRACE_SETREGS, pid, 0, &ours))
		die("putting ours in its place");
	go_on(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &ours))
		die("reading what it returned");
	printf("%lld\n", (long long)ours.rax);
	own.rip -= 2; /* its own once more */
	own.rax = own.orig_rax;
	if (ptrace(PTRACE_SETREGS, pid, 0, &own) ||
	    ptrace(PTRACE_DETACH, pid, 0, 0))
		die("letting it go");
	return 0;
}

#else

int main(void)
{
	fprintf(stderr, "inject: not written for this machine\n");
	return 77;
}

#endif
