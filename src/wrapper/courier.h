/* wrapper/courier.h: the fetching process, as the supervisor sees it: started
 * with a job, heard until its batch is over, ended.
 *
 * It is this same program, executed anew with COURIER_WORD, so that TLS is
 * loaded there and never here; it has no environment, dies with its parent, and
 * ends after one job.
 */
#pragma once
#include "wrapper/batch.h"
#include "wrapper/starter.h"
#include <signal.h>

#define COURIER_WORD "fetch-process" /* argv[1] of it */
enum { COURIER_FD = 3 };	     /* where it finds its socket */

struct courier {
	int fd;	   /* -1: none is under way */
	pid_t pid; /* 0: none, or reaped */
	int status;
	struct batch *batch;
};
#define COURIER_NONE                                                           \
	{                                                                      \
		.fd = -1                                                       \
	}

struct courier_order {
	struct starter *starter;
	const struct plan *plan; /* borrowed until courier_close() */
	const struct handoff_job *job;
	const struct value *session; /* with job->session */
};

/** courier_become() - in the new process: be the fetching process
 * @program: descriptor of this executable; not COURIER_FD
 * @socket: to the supervisor, whose process id is @parent */
_Noreturn void courier_become(int program, int socket, pid_t parent);

/** courier_open() - start it
 * Return: 0; -errno with @fault. */
MUST_USE int courier_open(
    struct courier *c, const struct courier_order *order, struct fault *fault);
/** courier_hear() - take what it has said; c->fd is readable then
 * Return: 0: more will come; COURIER_E_OVER: c->batch is whole, or has a fault
 * of the whole; COURIER_E_LOST with @fault: it ended early, or made no sense.
 */
enum { COURIER_E_OVER = 1, COURIER_E_LOST };
MUST_USE int courier_hear(struct courier *c, struct fault *fault);
/** courier_reaped() - was @pid it? Then it is noted as ended. */
bool courier_reaped(struct courier *c, pid_t pid, int status);
/** courier_leave() - its batch is over and taken: end it, unless it lingers: it
 * gives its token up then, and ends. c->fd is readable when it has;
 * courier_close() is due then, or when that takes too long.
 * courier_leaving() - is it in that? */
void courier_leave(struct courier *c);
bool courier_leaving(const struct courier *c);
/** courier_close() - end it if it has not ended, forget its batch; repeatable
 */
void courier_close(struct courier *c);
