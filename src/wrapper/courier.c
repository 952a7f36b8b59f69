#include "wrapper/courier.h"
#include "base/secret.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void courier_become(int program, int socket, pid_t parent)
{
	static char name[] = "pharos-wrapper", word[] = COURIER_WORD;
	char *argv[] = { name, word, NULL }, *none[] = { NULL };
	sigset_t empty;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(125);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	if (socket == COURIER_FD ? fcntl(socket, F_SETFD, 0)
				 : dup2(socket, COURIER_FD) < 0)
		_exit(125);
	fexecve(program, argv, none);
	_exit(125);
}

static int send_job(int fd, const struct courier_order *order)
{
	CLEANUP(free_p) uint8_t *bytes = malloc(HANDOFF_MOST);
	int pass = order->job->session ? order->session->fd : -1;
	size_t n = HANDOFF_MOST;
	int r;

	if (!bytes)
		return -ENOMEM;
	r = handoff_write_job(order->job, bytes, HANDOFF_MOST, &n);
	if (!r)
		r = handoff_send(fd, bytes, n, pass);
	/* a proxy's password; not the rest, of which each page would be made
	 * only to be wiped */
	secret_wipe(bytes, n);
	return r;
}

static int start(struct courier *c, const struct courier_order *order)
{
	CLEANUP(close_p) int ours = -1, theirs = -1;
	int fds[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	/* The job is in the socket before there is anybody to read it. */
	r = send_job(ours, order);
	if (r)
		return r;
	r = starter_start(order->starter,
	    &(struct starter_job){ .what = STARTER_FETCH, .fd = theirs },
	    &c->pid);
	if (r)
		return r;
	c->fd = ours;
	ours = -1;
	return 0;
}

int courier_open(
    struct courier *c, const struct courier_order *order, struct fault *fault)
{
	int r;

	*c = (struct courier)COURIER_NONE;
	r = batch_new(&c->batch, order->plan, order->job);
	if (!r)
		r = start(c, order);
	if (!r)
		return 0;
	batch_free(STEAL(c->batch));
	return fault_set(fault, r,
	    "check the limits of memory, processes and open files",
	    "the fetching process could not be started: %s", strerror(-r));
}

static void wait_for(struct courier *c)
{
	if (!c->pid)
		return;
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
}

static int lost(struct courier *c, struct fault *fault)
{
	const char *hint = "please report this, with the log lines before it";

	wait_for(c);
	if (WIFSIGNALED(c->status))
		return fault_set(fault, COURIER_E_LOST, hint,
		    "the fetching process was ended by signal %d",
		    WTERMSIG(c->status));
	return fault_set(fault, COURIER_E_LOST, hint,
	    "the fetching process ended early, with %d",
	    WEXITSTATUS(c->status));
}

int courier_hear(struct courier *c, struct fault *fault)
{
	uint8_t bytes[HANDOFF_REPLY_MOST];

	while (!c->batch->over) {
		int passed = -1;
		ssize_t n =
		    handoff_receive(c->fd, bytes, sizeof(bytes), &passed);

		if (n == -EAGAIN)
			return 0;
		if (n == 0 || n == -ECONNRESET)
			return lost(c, fault);
		if (n < 0 || batch_take(c->batch, bytes, (size_t)n, passed))
			return fault_set(fault, COURIER_E_LOST,
			    "please report this",
			    "the fetching process made no sense");
	}
	return COURIER_E_OVER;
}

bool courier_reaped(struct courier *c, pid_t pid, int status)
{
	if (!c->pid || pid != c->pid)
		return false;
	c->pid = 0;
	c->status = status;
	return true;
}

void courier_close(struct courier *c)
{
	wait_for(c);
	close_p(&c->fd);
	batch_free(STEAL(c->batch));
}

void courier_leave(struct courier *c)
{
	if (c->batch->lingers)
		batch_free(STEAL(c->batch));
	else
		courier_close(c);
}

bool courier_leaving(const struct courier *c)
{
	return c->fd >= 0 && !c->batch;
}
