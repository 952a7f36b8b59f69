/* Packets over a pair of SOCK_SEQPACKET sockets, each with at most one
 * descriptor: VALUE for each value, then START; the answer is a process id or
 * -errno. The supervisor waits for it, so there is one job at a time.
 */
#include "wrapper/starter.h"
#include "wrapper/handoff.h"
#include "wrapper/plan.h"
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum packet_kind { VALUE, START };

/* Both ends are one program in two processes: a struct is its own format. */
struct packet {
	enum packet_kind kind;
	enum starter_what what;
	size_t size;
	bool hidden;
};

/* ---- the process ---- */

struct order {
	struct starter_job job;
	struct value values[PLAN_ITEMS_MAX];
};

static void forget(struct order *o)
{
	for (size_t i = 0; i < o->job.n_values; i++)
		close_p(&o->values[i].fd);
	close_p(&o->job.fd);
	o->job = (struct starter_job){ .values = o->values, .fd = -1 };
}

/* A child of our parent. The C library has no fork that does this; nobody else
 * runs in this process, so it has nothing to prepare. */
static pid_t fork_sibling(void)
{
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	return pid < 0 ? -errno : (pid_t)pid;
}

static void start(const struct starter *s, const struct order *o)
{
	pid_t pid = fork_sibling();

	if (!pid) {
		s->become(s->ctx, &o->job);
		_exit(125);
	}
	(void)!write(s->fd, &pid, sizeof(pid));
}

/* Return: whether to go on. */
static bool take(const struct starter *s, struct order *o)
{
	struct pollfd there = { .fd = s->fd, .events = POLLIN };
	struct packet p;
	int fd = -1;

	(void)poll(&there, 1, -1);
	if (handoff_receive(s->fd, &p, sizeof(p), &fd) != sizeof(p) || fd < 0)
		return false;
	if (p.kind == START) {
		o->job.what = p.what;
		o->job.fd = fd;
		start(s, o);
		forget(o);
		return true;
	}
	if (o->job.n_values == N_ELEMS(o->values)) {
		close(fd);
		return false;
	}
	o->values[o->job.n_values++] =
	    (struct value){ .fd = fd, .size = p.size, .hidden = p.hidden };
	return true;
}

_Noreturn static void serve(const struct starter *s, pid_t parent)
{
	struct order o = { .job.fd = -1 };
	sigset_t all;

	/* seen in ps; what it starts has another name, and its own mask */
	prctl(PR_SET_NAME, STARTER_NAME);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	o.job.values = o.values;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(125);
	while (take(s, &o))
		;
	_exit(0);
}

/* ---- the supervisor's end ---- */

int starter_open(struct starter *s)
{
	pid_t self = getpid(), pid;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int error = errno;

		close(fds[0]);
		close(fds[1]);
		return -error;
	}
	s->fd = fds[pid ? 0 : 1];
	close(fds[pid ? 1 : 0]);
	s->pid = pid;
	if (!pid)
		serve(s, self);
	return 0;
}

static int ask(const struct starter *s, const struct starter_job *job)
{
	struct packet p = { .kind = VALUE };
	int r = 0;

	for (size_t i = 0; !r && i < job->n_values; i++) {
		p.size = job->values[i].size;
		p.hidden = job->values[i].hidden;
		r = handoff_send(s->fd, &p, sizeof(p), job->values[i].fd);
	}
	p.kind = START;
	p.what = job->what;
	return r ? r : handoff_send(s->fd, &p, sizeof(p), job->fd);
}

static int hear(const struct starter *s, pid_t *pid)
{
	pid_t answer;
	ssize_t n;

	do
		n = read(s->fd, &answer, sizeof(answer));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(answer))
		return -ECONNRESET;
	if (answer < 0)
		return answer;
	*pid = answer;
	return 0;
}

static int start_ourselves(
    const struct starter *s, const struct starter_job *job, pid_t *pid)
{
	pid_t made = fork();

	if (made < 0)
		return -errno;
	if (!made) {
		s->become(s->ctx, job);
		_exit(125);
	}
	*pid = made;
	return 0;
}

int starter_start(struct starter *s, const struct starter_job *job, pid_t *pid)
{
	int r;

	if (s->fd < 0)
		return start_ourselves(s, job, pid);
	r = ask(s, job);
	if (r == -EPIPE)
		return -ECONNRESET;
	return r ? r : hear(s, pid);
}

void starter_close(struct starter *s)
{
	if (s->fd < 0)
		return;
	close_p(&s->fd);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
