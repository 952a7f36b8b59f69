/* net/fdleg.c
 *
 * Two halves, each a descriptor with a poll of its own, which runs only while
 * something is wanted and not known to hold. A half without a poll is a file:
 * always ready. leg_finish() closes the half that is written; a socket, which
 * may stand on both sides, is shut down first, so that its peer reads the end.
 */
#include "net/fdleg.h"
#include "net/legkind.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct half {
	uv_poll_t poll;
	int fd;		/* -1: closed */
	int flags;	/* as they were, to be put back */
	unsigned event; /* LEG_READ or LEG_WRITE */
	bool polls, watched;
};

struct fd_leg {
	struct leg leg;
	struct half half[2]; /* read, write */
	unsigned ready;
	unsigned open_polls; /* uv handles that are not closed yet */
	bool orphan;	     /* the owner is gone */
};

static struct fd_leg *fd_of(struct leg *leg)
{
	return CONTAINER_OF(leg, struct fd_leg, leg);
}

static void free_if_done(struct fd_leg *f)
{
	if (f->orphan && !f->open_polls)
		free(f);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct fd_leg *f = handle->data;

	f->open_polls--;
	free_if_done(f);
}

static void half_let_go(struct half *h)
{
	if (h->fd < 0)
		return;
	if (h->polls)
		uv_close((uv_handle_t *)&h->poll, on_poll_closed);
	h->polls = h->watched = false;
	(void)fcntl(h->fd, F_SETFL, h->flags);
}

static void half_close(struct half *h)
{
	half_let_go(h);
	close_p(&h->fd);
	h->fd = -1;
}

/* libuv stops the handle on an error; the read or write that follows meets
 * it. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct half *h = CONTAINER_OF(poll, struct half, poll);
	struct fd_leg *f = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	h->watched = false;
	f->ready |= h->event;
	leg_ready(&f->leg);
}

static void half_watch(struct fd_leg *f, struct half *h)
{
	bool missing = f->leg.wanted & h->event & ~f->ready;
	int events = h->event == LEG_READ ? UV_READABLE : UV_WRITABLE;

	if (!missing || !h->polls || h->watched)
		return;
	INVARIANT(!uv_poll_start(&h->poll, events, on_poll));
	h->watched = true;
}

static void fd_want(struct leg *leg)
{
	struct fd_leg *f = fd_of(leg);

	half_watch(f, &f->half[0]);
	half_watch(f, &f->half[1]);
}

static unsigned fd_ready(struct leg *leg)
{
	return fd_of(leg)->ready;
}

/* The kernel took or gave less than all: the poll says when it will again. */
static void half_spent(struct fd_leg *f, struct half *h)
{
	if (!h->polls)
		return;
	f->ready &= ~h->event;
	half_watch(f, h);
}

static ssize_t fd_error(struct fd_leg *f, struct half *h, int error)
{
	if (error == EAGAIN || error == EINTR) {
		half_spent(f, h);
		return -EAGAIN;
	}
	f->ready |= LEG_READ;
	leg_failed(&f->leg, -error, NULL, "%s: %s",
	    h->event == LEG_READ ? "standard input" : "standard output",
	    strerror(error));
	return -error;
}

static ssize_t fd_read(struct leg *leg, void *to, size_t n)
{
	struct fd_leg *f = fd_of(leg);
	struct half *h = &f->half[0];
	ssize_t got;

	if (leg->state == LEG_FAILED)
		return leg_error(leg);
	got = read(h->fd, to, n);
	if (got < 0)
		return fd_error(f, h, errno);
	if (got && (size_t)got < n)
		half_spent(f, h);
	return got;
}

static ssize_t fd_write(struct leg *leg, const void *bytes, size_t n)
{
	struct fd_leg *f = fd_of(leg);
	struct half *h = &f->half[1];
	ssize_t put;

	if (leg->state == LEG_FAILED)
		return leg_error(leg);
	if (h->fd < 0)
		return -EPIPE;
	put = write(h->fd, bytes, n);
	if (put < 0)
		return fd_error(f, h, errno);
	if ((size_t)put < n)
		half_spent(f, h);
	return put;
}

static void fd_finish(struct leg *leg)
{
	struct half *h = &fd_of(leg)->half[1];

	if (h->fd >= 0)
		(void)shutdown(h->fd, SHUT_WR);
	half_close(h);
}

static void fd_close(struct leg *leg)
{
	struct fd_leg *f = fd_of(leg);

	f->orphan = true;
	fd_finish(leg);
	half_close(&f->half[0]);
	free_if_done(f);
}

static const char *fd_source(const struct leg *leg)
{
	(void)leg;
	return "standard input";
}

static const struct leg_verbs fd_verbs = {
	.name = "fd",
	.want = fd_want,
	.ready = fd_ready,
	.read = fd_read,
	.write = fd_write,
	.finish = fd_finish,
	.close = fd_close,
	.reset = fd_close,
	.source = fd_source,
};

/* Return: 0, also for what cannot be polled; -errno. */
static int half_open(struct fd_leg *f, struct half *h, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int r;

	if (flags < 0)
		return -errno;
	r = uv_poll_init(loop_uv(f->leg.loop), &h->poll, fd);
	if (r && r != -EPERM)
		return r;
	h->polls = !r;
	h->fd = fd;
	h->flags = flags;
	h->poll.data = f;
	f->open_polls += h->polls;
	return 0;
}

int fd_leg_open(struct leg **out_leg, struct loop *loop, int in, int out)
{
	struct fd_leg *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	leg_init(&f->leg, &fd_verbs, loop);
	f->half[0] = (struct half){ .fd = -1, .event = LEG_READ };
	f->half[1] = (struct half){ .fd = -1, .event = LEG_WRITE };
	r = half_open(f, &f->half[0], in);
	if (!r)
		r = half_open(f, &f->half[1], out);
	if (r) {
		leg_forget(&f->leg);
		half_let_go(&f->half[0]);
		f->orphan = true;
		free_if_done(f);
		return r;
	}
	f->ready = LEG_READ | LEG_WRITE;
	leg_opened(&f->leg);
	*out_leg = &f->leg;
	return 0;
}
