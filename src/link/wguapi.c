/* A process that does not like a line answers at once and leaves the rest of
 * the request; what we then send it finds nobody. So when sending fails with
 * EPIPE the answer is read all the same: it says what was wrong.
 */
#include "link/wguapi.h"
#include "base/file.h"
#include "base/secret.h"
#include "wire/uapi.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 16 };

struct call {
	const char *path;
	struct fault *fault;
	int64_t deadline;
	int fd;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int failed(const struct call *c, int code, const char *doing)
{
	return fault_set(c->fault, code, NULL, "%s: %s: %s", c->path, doing,
	    strerror(-code));
}

static void end_call(struct call *c)
{
	close_p(&c->fd);
}

static int place_of(struct sockaddr_un *out, const char *path)
{
	if (strlen(path) > WGUAPI_PATH_MOST)
		return -ENAMETOOLONG;
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

static int dial(const char *path, int *out)
{
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un place;
	int r = place_of(&place, path);

	if (r)
		return r;
	if (fd < 0 || connect(fd, (struct sockaddr *)&place, sizeof(place)))
		return -errno;
	*out = steal_fd(&fd);
	return 0;
}

static int begin_call(struct call *c)
{
	int r = dial(c->path, &c->fd);

	c->deadline = now_ms() + WGUAPI_MS;
	return r ? fault_set(c->fault, r,
		       "is the process that carries the interface running?",
		       "%s: %s", c->path, strerror(-r))
		 : 0;
}

/* Until the descriptor is ready. Return: 0; -ETIMEDOUT; -errno. */
static int wait_for(const struct call *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	for (;;) {
		int64_t left = c->deadline - now_ms();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int send_all(void *ctx, const void *bytes, size_t n)
{
	const struct call *c = ctx;
	const char *at = bytes;

	while (n) {
		ssize_t sent = send(c->fd, at, n, MSG_NOSIGNAL);
		int r;

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (sent >= 0) {
			at += sent;
			n -= (size_t)sent;
			continue;
		}
		r = wait_for(c, POLLOUT);
		if (r)
			return r;
	}
	return 0;
}

/* Return: how many bytes; 0: the end; -errno. */
static ssize_t receive(const struct call *c, char *to, size_t room)
{
	for (;;) {
		ssize_t n = recv(c->fd, to, room, 0);
		int r;

		if (n >= 0)
			return n;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		r = wait_for(c, POLLIN);
		if (r)
			return r;
	}
}

/* The answer of a process is another matter than reaching it. */
static int judge_answer(const struct call *c, const struct uapi_reader *r)
{
	if (!r->verdict)
		return 0;
	return fault_set(c->fault, r->verdict,
	    "its log says which line it did not take",
	    "%s: the process refused the request: %s", c->path,
	    strerror(-r->verdict));
}

static int take_answer(const struct call *c, struct uapi_reader *r)
{
	char block[UAPI_BLOCK];
	int e = 0;

	while (!e && !r->done) {
		ssize_t n = receive(c, block, sizeof(block));

		if (n <= 0) {
			e = failed(c, n ? (int)n : -ECONNRESET, "no answer");
			break;
		}
		e = uapi_reader_feed(r, block, (size_t)n);
		if (e)
			e = fault_set(c->fault, e < 0 ? e : -EPROTO, NULL,
			    "%s: the answer is not one of WireGuard's",
			    c->path);
	}
	secret_wipe(block, sizeof(block));
	uapi_reader_wipe(r);
	return e ? e : judge_answer(c, r);
}

static int read_state(const struct call *c, struct wgstate *into)
{
	struct uapi_reader reader;
	int r = send_all((void *)(uintptr_t)c, UAPI_GET, sizeof(UAPI_GET) - 1);

	if (r)
		return failed(c, r, "asking for the state");
	uapi_reader_init(&reader, into);
	r = take_answer(c, &reader);
	if (r)
		return r;
	r = wgstate_seal(into, NULL);
	return r ? fault_set(c->fault, r < 0 ? r : -EPROTO, NULL,
		       "%s: a key or a prefix stands twice in the answer",
		       c->path)
		 : 0;
}

int wguapi_read(const char *path, struct wgstate *out, struct fault *fault)
{
	CLEANUP(end_call)
	struct call c = { .path = path, .fault = fault, .fd = -1 };
	struct wgstate state;
	int r = begin_call(&c);

	if (r)
		return r;
	wgstate_init(&state);
	r = read_state(&c, &state);
	if (r) {
		wgstate_deinit(&state);
		return r;
	}
	*out = state;
	return 0;
}

int wguapi_apply(
    const char *path, const struct wgplan *plan, struct fault *fault)
{
	CLEANUP(end_call)
	struct call c = { .path = path, .fault = fault, .fd = -1 };
	struct uapi_reader reader;
	char scratch[UAPI_BLOCK];
	int r;

	if (!plan->n_ops)
		return 0;
	r = begin_call(&c);
	if (r)
		return r;
	r = uapi_write_plan(plan, scratch, send_all, &c);
	if (r && r != -EPIPE)
		return failed(&c, r, "sending the changes");
	uapi_reader_init(&reader, NULL);
	return take_answer(&c, &reader);
}

/* ---- the socket of a process to come ------------------------------------- */

static int clear_place(const char *path)
{
	CLEANUP(close_p) int fd = -1;
	int r = dial(path, &fd);

	if (!r || r == -EAGAIN)
		return -EADDRINUSE;
	if (r == -ECONNREFUSED)
		return unlink(path) && errno != ENOENT ? -errno : 0;
	return r == -ENOENT ? 0 : r;
}

static int make_folder(const char *path)
{
	char folder[WGUAPI_PATH_MOST + 1];
	char *end;

	if (strlen(path) > WGUAPI_PATH_MOST)
		return -ENAMETOOLONG;
	memcpy(folder, path, strlen(path) + 1);
	end = strrchr(folder, '/');
	if (!end || end == folder)
		return 0;
	*end = '\0';
	return mkdir(folder, 0755) && errno != EEXIST ? -errno : 0;
}

static int listen_at(int *out, const char *path)
{
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un place;
	int r = place_of(&place, path);

	if (!r)
		r = make_folder(path);
	if (!r)
		r = clear_place(path);
	if (r)
		return r;
	/* The mode of the descriptor is what bind() makes the file with. */
	if (fd < 0 || fchmod(fd, 0600) ||
	    bind(fd, (struct sockaddr *)&place, sizeof(place)) ||
	    listen(fd, BACKLOG))
		return -errno;
	*out = steal_fd(&fd);
	return 0;
}

int wguapi_listen(int *out, const char *path, struct fault *fault)
{
	int r = listen_at(out, path);

	if (r == -EADDRINUSE)
		return fault_set(fault, r,
		    "another process has an interface of this name: end it, or "
		    "choose another name",
		    "%s: somebody answers there", path);
	return r ? fault_set(fault, r, NULL, "%s: %s", path, strerror(-r)) : 0;
}
