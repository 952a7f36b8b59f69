/* The process is followed by its pidfd, which the loop watches, so no signal
 * handler and no other child is touched. It gets three descriptors besides the
 * standard ones: nothing to read, nothing to write to, our standard error for
 * its log, and, as its environment says, the device as 3 and its socket as 4.
 * Its environment has those words and nothing of ours.
 *
 * Each start makes a new socket: a process that ends properly removes the file.
 */
#include "link/wgchild.h"
#include "base/backoff.h"
#include "link/wguapi.h"
#include "net/loop.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FD_DEVICE = 3, FD_SOCKET = 4, FD_SPARE = 10, EXEC_FAILED = 127 };

static const struct backoff_rule resting = { WGCHILD_REST_LEAST_MS,
	WGCHILD_REST_MOST_MS };

static const bool moves[WGCHILD_STATES][WGCHILD_STATES] = {
	[WGCHILD_RUNS] = { [WGCHILD_RESTS] = true, [WGCHILD_ENDS] = true },
	[WGCHILD_RESTS] = { [WGCHILD_RUNS] = true, [WGCHILD_ENDED] = true },
	[WGCHILD_ENDS] = { [WGCHILD_ENDED] = true },
	[WGCHILD_ENDED] = { [WGCHILD_RUNS] = true },
};

struct wgchild {
	struct loop *loop;
	struct wgchild_order order;
	char *program, *name, *socket;
	enum wgchild_state state;
	pid_t pid;
	int process; /* its pidfd; -1: none */
	uv_poll_t *watch;
	struct wheel_timer timer; /* to start again, or to kill */
	struct loop_task report;
	uint64_t started;
	unsigned failures, restarts;
};

static void child_move(struct wgchild *c, enum wgchild_state to)
{
	INVARIANT(moves[c->state][to]);
	c->state = to;
}

/* ---- starting ------------------------------------------------------------ */

/* In the new process: only calls that are safe between fork() and execve(). */
_Noreturn static void become(
    const struct wgchild *c, int socket, pid_t parent, char *const *environment)
{
	char *const words[] = { c->program, c->name, NULL };
	int nothing = open("/dev/null", O_RDWR);
	int device = fcntl(c->order.device, F_DUPFD, FD_SPARE);
	int door = fcntl(socket, F_DUPFD, FD_SPARE);
	sigset_t none;

	sigemptyset(&none);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent ||
	    sigprocmask(SIG_SETMASK, &none, NULL) || nothing < 0 ||
	    dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(nothing, STDOUT_FILENO) < 0 || dup2(device, FD_DEVICE) < 0 ||
	    dup2(door, FD_SOCKET) < 0 ||
	    syscall(SYS_close_range, FD_SOCKET + 1, ~0U, 0))
		_exit(EXEC_FAILED);
	execve(c->program, words, environment);
	_exit(EXEC_FAILED);
}

static int watch_process(struct wgchild *c);

static int start(struct wgchild *c, struct fault *fault)
{
	char *const environment[] = { "WG_TUN_FD=3", "WG_UAPI_FD=4",
		"WG_PROCESS_FOREGROUND=1", "LOG_LEVEL=error", NULL };
	CLEANUP(close_p) int door = -1;
	pid_t parent = getpid(), pid;
	int r = wguapi_listen(&door, c->socket, fault);

	if (r)
		return r;
	pid = fork();
	if (!pid)
		become(c, door, parent, environment);
	if (pid < 0)
		return fault_set(
		    fault, -errno, NULL, "%s: %s", c->program, strerror(errno));
	c->pid = pid;
	c->process = (int)syscall(SYS_pidfd_open, pid, 0);
	c->started = loop_now(c->loop);
	r = c->process < 0 ? -errno : watch_process(c);
	if (!r)
		return 0;
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	close_p(&c->process);
	c->process = -1;
	c->pid = 0;
	return fault_set(fault, r, NULL, "%s: %s", c->program, strerror(-r));
}

static void start_again(struct wheel_timer *t, uint64_t now);

static void rest(struct wgchild *c, const struct fault *why)
{
	uint64_t ms;

	c->failures++;
	ms =
	    backoff_ms(&resting, c->failures, loop_random(c->loop, UINT32_MAX));
	loop_after(c->loop, &c->timer, ms, start_again);
	c->order.failed(c->order.ctx, why);
}

static void start_again(struct wheel_timer *t, uint64_t now)
{
	struct wgchild *c = CONTAINER_OF(t, struct wgchild, timer);
	struct fault fault = FAULT_NONE;

	(void)now;
	if (start(c, &fault)) {
		rest(c, &fault);
		return;
	}
	child_move(c, WGCHILD_RUNS);
	c->restarts++;
	c->order.again(c->order.ctx);
}

/* ---- ending -------------------------------------------------------------- */

static void report_end(struct loop_task *t)
{
	struct wgchild *c = CONTAINER_OF(t, struct wgchild, report);

	c->order.ended(c->order.ctx);
}

static void has_ended(struct wgchild *c)
{
	child_move(c, WGCHILD_ENDED);
	loop_cancel(c->loop, &c->timer);
	(void)unlink(c->socket);
	loop_post(c->loop, &c->report, report_end);
}

static void free_watch(uv_handle_t *h)
{
	free(h);
}

static void describe_end(
    const struct wgchild *c, const siginfo_t *end, struct fault *fault)
{
	if (end->si_code == CLD_EXITED && end->si_status == EXEC_FAILED)
		fault_set(fault, -ENOEXEC, "install it, or name another one",
		    "%s: it could not be started", c->program);
	else if (end->si_code == CLD_EXITED)
		fault_set(fault, -ECHILD, "its log, above, says why",
		    "%s ended by itself, with status %d", c->program,
		    end->si_status);
	else
		fault_set(fault, -ECHILD, NULL, "%s was ended by signal %d",
		    c->program, end->si_status);
}

static void on_exit_of(uv_poll_t *watch, int status, int events)
{
	struct wgchild *c = watch->data;
	struct fault fault = FAULT_NONE;
	siginfo_t end = { .si_code = 0 };

	(void)status;
	(void)events;
	if (waitid(P_PIDFD, (id_t)c->process, &end, WEXITED | WNOHANG) ||
	    !end.si_pid)
		return;
	uv_close((uv_handle_t *)c->watch, free_watch);
	c->watch = NULL;
	close_p(&c->process);
	c->process = -1;
	c->pid = 0;
	if (c->state == WGCHILD_ENDS) {
		has_ended(c);
		return;
	}
	if (loop_now(c->loop) - c->started >= WGCHILD_STEADY_MS)
		c->failures = 0;
	describe_end(c, &end, &fault);
	child_move(c, WGCHILD_RESTS);
	rest(c, &fault);
}

static int watch_process(struct wgchild *c)
{
	int r;

	c->watch = calloc(1, sizeof(*c->watch));
	if (!c->watch)
		return -ENOMEM;
	r = uv_poll_init(loop_uv(c->loop), c->watch, c->process);
	if (r) {
		free(STEAL(c->watch));
		return r;
	}
	c->watch->data = c;
	r = uv_poll_start(c->watch, UV_READABLE, on_exit_of);
	if (r)
		uv_close((uv_handle_t *)STEAL(c->watch), free_watch);
	return r;
}

static void lose_patience(struct wheel_timer *t, uint64_t now)
{
	struct wgchild *c = CONTAINER_OF(t, struct wgchild, timer);

	(void)now;
	(void)syscall(SYS_pidfd_send_signal, c->process, SIGKILL, NULL, 0);
}

void wgchild_end(struct wgchild *c)
{
	if (c->state == WGCHILD_RESTS) {
		has_ended(c);
	} else if (c->state == WGCHILD_RUNS) {
		child_move(c, WGCHILD_ENDS);
		(void)syscall(
		    SYS_pidfd_send_signal, c->process, SIGTERM, NULL, 0);
		loop_after(c->loop, &c->timer, WGCHILD_END_MS, lose_patience);
	}
}

/* ---- the object ---------------------------------------------------------- */

int wgchild_new(struct wgchild **out, struct loop *l,
    const struct wgchild_order *order, struct fault *fault)
{
	struct wgchild *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (c) {
		*c = (struct wgchild){ .loop = l,
			.order = *order,
			.state = WGCHILD_ENDED,
			.process = -1,
			.program = strdup(order->program),
			.name = strdup(order->name),
			.socket = strdup(order->socket) };
		if (c->program && c->name && c->socket)
			r = start(c, fault);
		else
			fault_set(fault, r, NULL, "no memory");
	}
	if (r) {
		wgchild_free(c);
		return r;
	}
	child_move(c, WGCHILD_RUNS);
	*out = c;
	return 0;
}

void wgchild_free(struct wgchild *c)
{
	if (!c)
		return;
	INVARIANT(c->state == WGCHILD_ENDED);
	loop_unpost(c->loop, &c->report);
	free(c->program);
	free(c->name);
	free(c->socket);
	free(c);
}

enum wgchild_state wgchild_state(const struct wgchild *c)
{
	return c->state;
}

pid_t wgchild_pid(const struct wgchild *c)
{
	return c->pid;
}

unsigned wgchild_restarts(const struct wgchild *c)
{
	return c->restarts;
}
