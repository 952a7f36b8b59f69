#include "wrapper/child.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum step { STEP_PREPARE, STEP_EXEC };

/* What the new process says if it does not get as far as exec. */
struct last_words {
	enum step step;
	int error;
};

_Noreturn static void give_up(int report, enum step step, int error)
{
	struct last_words words = { step, error };
	ssize_t n = write(report, &words, sizeof(words));

	_exit(n == sizeof(words) ? 126 : 125);
}

/* tcsetpgrp() from the background would stop us but for the blocked signal. */
void child_give_terminal(pid_t group)
{
	sigset_t block, old;

	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	sigprocmask(SIG_BLOCK, &block, &old);
	(void)tcsetpgrp(STDIN_FILENO, group);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

void child_become(const struct child_order *order, int report)
{
	int r = 0;

	(void)setpgid(0, 0);
	if (order->terminal)
		child_give_terminal(getpid());
	if (order->prepare) {
		char **environment = NULL;

		r = order->prepare(order->ctx, &environment);
		if (r)
			give_up(report, STEP_PREPARE, -r);
		environ = environment;
	}
	sigprocmask(SIG_SETMASK, order->mask, NULL);
	execvp(order->argv[0], order->argv);
	give_up(report, STEP_EXEC, errno);
}

static int explain(
    const struct last_words *words, const char *command, struct fault *f)
{
	if (words->step == STEP_PREPARE)
		return fault_set(f, CHILD_E_PREPARE,
		    words->error == E2BIG
			? "deliver large values with --deliver file or fd"
			: "check memory and limits of open files",
		    "the values could not be given to the command: %s",
		    strerror(words->error));
	if (words->error == ENOENT)
		return fault_set(f, CHILD_E_NOT_FOUND,
		    "give its full path after --, and check that its loader "
		    "is in the image",
		    "command '%.200s' is not found", command);
	return fault_set(f, CHILD_E_NOT_RUN,
	    words->error == E2BIG
		? "deliver large values with --deliver file or fd"
		: "check that it is a program and may be executed",
	    "command '%.200s' cannot be run: %s", command,
	    strerror(words->error));
}

static ssize_t read_words(int fd, struct last_words *words)
{
	ssize_t n;

	do
		n = read(fd, words, sizeof(*words));
	while (n < 0 && errno == EINTR);
	return n;
}

static int not_started(int code, struct fault *fault)
{
	if (code == -ECONNRESET)
		return fault_set(fault, code, "start the wrapper again",
		    "the process that starts others is gone");
	return fault_set(fault, code,
	    "raise the limit of processes (pids.max, RLIMIT_NPROC)",
	    "no process for the command: %s", strerror(-code));
}

int child_start(pid_t *pid, struct starter *starter,
    const struct starter_job *job, const char *command, struct fault *fault)
{
	struct starter_job reporting = *job;
	struct last_words words;
	CLEANUP(close_p) int hear = -1;
	int ends[2], r;
	pid_t made = 0;

	if (pipe2(ends, O_CLOEXEC))
		return fault_set(fault, -errno, "raise the limit of open files",
		    "no pipe to the command: %s", strerror(errno));
	hear = ends[0];
	reporting.fd = ends[1];
	r = starter_start(starter, &reporting, &made);
	close(ends[1]);
	if (r)
		return not_started(r, fault);
	(void)setpgid(made, made); /* whoever comes first */
	if (read_words(hear, &words) != (ssize_t)sizeof(words)) {
		*pid = made;
		return 0;
	}
	while (waitpid(made, NULL, 0) < 0 && errno == EINTR)
		;
	return explain(&words, command, fault);
}

int child_exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int child_start_code(int code)
{
	switch (code) {
	case CHILD_E_NOT_FOUND:
		return 127;
	case CHILD_E_NOT_RUN:
		return 126;
	default:
		return 125;
	}
}

void child_signals(sigset_t *set)
{
	static const int left_alone[] = { SIGKILL, SIGSTOP, SIGILL, SIGTRAP,
		SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGTSTP, SIGTTIN,
		SIGTTOU };

	sigfillset(set);
	for (size_t i = 0; i < N_ELEMS(left_alone); i++)
		sigdelset(set, left_alone[i]);
}
