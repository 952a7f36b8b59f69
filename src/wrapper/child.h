/* wrapper/child.h: the command: start it, tell how it ended.
 *
 * The command leads a process group of its own, so that a stop reaches all of
 * it and a signal from the terminal reaches it once; where the wrapper has the
 * terminal, the group gets it. Reaping is the supervisor's, which waits for
 * everything.
 */
#pragma once
#include "base/fault.h"
#include "wrapper/starter.h"
#include <signal.h>

struct child_order {
	char *const *argv; /* NULL-terminated; looked up in PATH */
	/* In the new process: make its environment. Return 0 or -errno. May be
	 * NULL: the wrapper's own. */
	int (*prepare)(void *ctx, char ***environment);
	void *ctx;
	const sigset_t *mask; /* signals that the command has blocked */
	bool terminal;	      /* hand the terminal over, if it is ours */
};

/** child_become() - in the new process: prepare and exec, or say on @report, a
 * pipe that is closed by an exec, why not */
_Noreturn void child_become(const struct child_order *order, int report);

/** child_start() - have @starter make a process that calls child_become(), with
 * the job's descriptor for @report; returns when exec has happened
 * @job: what and values; its descriptor is filled in here
 * @command: argv[0], for what is said
 * @pid: of the command, which is also its group
 * Return: 0; positive, with @fault: */
enum {
	CHILD_E_NOT_FOUND = 1, /* no such command */
	CHILD_E_NOT_RUN,       /* it is there but cannot be executed */
	CHILD_E_PREPARE,       /* its environment could not be made */
};
/* -errno with @fault: no process could be made. */
MUST_USE int child_start(pid_t *pid, struct starter *starter,
    const struct starter_job *job, const char *command, struct fault *fault);

/** child_give_terminal() - make @group the terminal's foreground; from the
 * background too */
void child_give_terminal(pid_t group);

/** child_exit_code() - what the wrapper ends with, of a status of waitpid(2):
 * the command's own code, or 128 + the signal that ended it */
int child_exit_code(int status);
/** child_start_code() - of a code of child_start(): 127, 126, or 125 */
int child_start_code(int code);

/** child_signals() - the signals that the wrapper takes and passes on: all but
 * those that cannot be taken, that report a fault of the process itself, that
 * stop a job, and SIGCHLD (which is in the set, but not passed on) */
void child_signals(sigset_t *set);
