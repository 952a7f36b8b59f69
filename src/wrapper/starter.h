/* wrapper/starter.h: the process that starts all others for the supervisor, so
 * that the supervisor can give up what the command is to keep
 *
 * A filter of system calls, Landlock rules and no_new_privs are inherited, and
 * none of them can be taken off again. So there is a process that has none of
 * them. It was forked before there was anything to hide, holds no value and
 * listens to the supervisor only. What it can start was fixed then: it is told
 * which, and given descriptors. What it starts is the supervisor's child, not
 * its own (CLONE_PARENT), so that waiting and reaping are as if there were none
 * between.
 */
#pragma once
#include "wrapper/value.h"

#define STARTER_NAME "pharos-starter"

enum starter_what {
	STARTER_COMMAND,
	STARTER_HOOK,  /* the rotation's command */
	STARTER_FETCH, /* the fetching process */
	STARTER_WHAT_COUNT
};

struct starter_job {
	enum starter_what what;
	const struct value *values;
	size_t n_values;
	int fd; /* one more descriptor; not -1 */
};

struct starter {
	int fd; /* -1: no process of its own; the supervisor forks */
	pid_t pid;
	/* In the new process. Descriptors are its own to keep; they are closed
	 * when something is executed. */
	void (*become)(void *ctx, const struct starter_job *job);
	void *ctx; /* as it was at starter_open() */
};

/** starter_open() - begin; become and ctx are set
 * Return: 0; -errno. */
MUST_USE int starter_open(struct starter *s);
/** starter_start() - a new child of ours that becomes @job
 * @pid: set on success
 * Return: 0; -errno: -ECONNRESET: the starter is not there any more. */
MUST_USE int starter_start(
    struct starter *s, const struct starter_job *job, pid_t *pid);
/** starter_close() - it ends; repeatable */
void starter_close(struct starter *s);
