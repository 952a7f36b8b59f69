/* inject PID CALL [ARGUMENT ...]: have process PID make a system call, and
 * print what it returned: a number, or -errno. So a test sees what its filter
 * and its Landlock rules do, and not what a copy of them would.
 *
 * An argument is a number, or a text after '@', which is put below the
 * process's stack. The process has to wait in a system call, as a loop does
 * nearly always: the instruction that it waits in is run once more, with other
 * registers. Exit status: 0; 1: it did not work; 77: not on this machine.
 */
#include <errno.h>
#include <seccomp.h>
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

enum { ARGUMENTS = 6, ROOM = 512, SYSCALL = 0x050f };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		die("it did not stop");
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

static void call(pid_t pid, struct user_regs_struct *regs)
{
	long code;

	errno = 0;
	code = ptrace(PTRACE_PEEKTEXT, pid, regs->rip - 2, 0);
	if (errno || (code & 0xffff) != SYSCALL)
		die("it does not wait in a system call");
	regs->rip -= 2;
	regs->orig_rax = UINT64_MAX; /* nothing to be begun again */
	if (ptrace(PTRACE_SETREGS, pid, 0, regs) ||
	    ptrace(PTRACE_SINGLESTEP, pid, 0, 0))
		die("going one step");
	stop(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, regs))
		die("reading what it returned");
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
	struct user_regs_struct before, now;
	pid_t pid = argc < 3 ? 0 : (pid_t)strtol(argv[1], NULL, 10);
	int number = argc < 3 ? 0 : seccomp_syscall_resolve_name(argv[2]);

	if (pid <= 0 || number < 0 || argc > 3 + ARGUMENTS)
		die("usage: inject PID CALL [ARGUMENT ...]");
	if (ptrace(PTRACE_ATTACH, pid, 0, 0))
		die("attaching");
	stop(pid);
	if (ptrace(PTRACE_GETREGS, pid, 0, &before))
		die("reading registers");
	now = before;
	set_arguments(pid, &now, argc - 3, argv + 3);
	now.rax = (unsigned long long)number;
	call(pid, &now);
	printf("%lld\n", (long long)now.rax);
	if (ptrace(PTRACE_SETREGS, pid, 0, &before) ||
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
