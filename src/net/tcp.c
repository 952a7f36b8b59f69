/* net/tcp.c
 *
 * What is known about the descriptor is kept in `ready`: LEG_READ once the poll
 * has said so and until a read comes up short, LEG_WRITE from the start and
 * until a write is not taken whole. What the poll watches is `watched`, and it
 * changes as seldom as possible, since each change costs two system calls:
 *
 *   added    when something is wanted, not known to hold and not watched
 *   dropped  when the poll reports what nobody takes: the level-triggered poll
 *            would report it for ever
 *
 * So a stream that is read as it comes changes nothing, and one that is held
 * back costs one idle wake-up.
 *
 * A reset has to be noticed even when nobody reads. UV_DISCONNECT is watched
 * until the peer has ended its direction; after that, or when it would be all,
 * UV_PRIORITIZED stands in: nothing raises it, but an error or a hang-up is
 * reported on any watched descriptor. Once both directions have ended there is
 * nothing to learn, and a hang-up would be reported for ever: then nothing
 * is watched but what is wanted. libuv stops the handle on an error and calls
 * back with UV_EBADF; the reason is in SO_ERROR. What had come before the reset
 * stays readable in the kernel; recv() then gives 0, which is turned into the
 * error again.
 *
 * Closing: shutdown, then read away what the peer still sends until its end,
 * an error or the deadline. Without this an unread byte would turn our close
 * into a reset, and a reset destroys what the peer has not read yet.
 */
#include "net/tcp.h"
#include "base/slab.h"
#include "net/address.h"
#include "net/legkind.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DRAIN_BLOCK = 16384, DRAIN_ROUNDS = 16 };

struct tcp_leg {
	struct leg leg;
	uv_poll_t poll;
	int fd;
	unsigned ready;	 /* LEG_READ, LEG_WRITE: known to hold */
	int watched;	 /* UV_*: what the poll was told */
	bool peer_ended; /* its end, or a hang-up, has been reported */
	bool finished;	 /* our end has been sent */
	bool quiet;	 /* the descriptor has no more news to tell */
	bool lingers;	 /* the owner is gone, and with it who asks whence */
	union {
		char source[ADDRESS_TEXT_MOST];
		struct {
			struct wheel_timer timer;
			struct loop_lingerer lingerer;
		} linger;
	};
};

static struct slab slab = SLAB_OF(struct tcp_leg);
static const struct leg_verbs tcp_verbs;

static void tcp_on_poll(uv_poll_t *poll, int status, int events);

static struct tcp_leg *tcp_of(struct leg *leg)
{
	return CONTAINER_OF(leg, struct tcp_leg, leg);
}

static void set_number(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int tcp_take_error(const struct tcp_leg *t)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		return -errno;
	return -error;
}

static void tcp_set_watched(struct tcp_leg *t, int events)
{
	if (events == t->watched)
		return;
	t->watched = events;
	if (events)
		INVARIANT(!uv_poll_start(&t->poll, events, tcp_on_poll));
	else
		uv_poll_stop(&t->poll);
}

static void tcp_watch(struct tcp_leg *t, int drop)
{
	unsigned missing = t->leg.wanted & ~t->ready;
	int events = t->watched & (UV_READABLE | UV_WRITABLE) & ~drop;

	if (t->leg.state == LEG_FAILED) {
		tcp_set_watched(t, 0);
		return;
	}
	if (missing & LEG_READ)
		events |= UV_READABLE;
	if (missing & LEG_WRITE)
		events |= UV_WRITABLE;
	if (!t->peer_ended)
		events |= UV_DISCONNECT;
	else if (!events && !t->finished && !t->quiet)
		events = UV_PRIORITIZED;
	tcp_set_watched(t, events);
}

static void tcp_fail(struct tcp_leg *t, int code)
{
	const char *hint = NULL;

	if (!code || code == -EPIPE)
		code = -ECONNRESET;
	if (code == -ETIMEDOUT)
		hint = "the peer, or the network to it, is down";
	t->ready |= LEG_READ;
	leg_failed(&t->leg, code, hint, "%s: %s",
	    t->source[0] ? t->source : "connection", uv_strerror(code));
	tcp_watch(t, 0);
}

static void tcp_learn_source(struct tcp_leg *t)
{
	struct sockaddr_storage sa;
	socklen_t size = sizeof(sa);

	memset(&sa, 0, sizeof(sa));
	if (!getpeername(t->fd, (struct sockaddr *)&sa, &size))
		address_text(t->source, (struct sockaddr *)&sa);
}

static void tcp_open(struct tcp_leg *t)
{
	t->ready = LEG_WRITE;
	tcp_learn_source(t);
	leg_opened(&t->leg);
	tcp_watch(t, UV_WRITABLE);
}

static void tcp_on_closed(uv_handle_t *handle)
{
	slab_give(&slab, handle->data);
}

/* The owner is gone already; libuv lets go of the descriptor at once. */
static void tcp_destroy(struct tcp_leg *t)
{
	if (t->lingers) {
		loop_cancel(t->leg.loop, &t->linger.timer);
		loop_unlinger(&t->linger.lingerer);
	}
	uv_close((uv_handle_t *)&t->poll, tcp_on_closed);
	close(t->fd);
}

/* Read away what the peer still sends.
 * Return: true when there is nothing more to wait for. */
static bool tcp_drain(struct tcp_leg *t)
{
	uint8_t waste[DRAIN_BLOCK];

	for (int i = 0; i < DRAIN_ROUNDS; i++) {
		ssize_t n = recv(t->fd, waste, sizeof(waste), 0);

		if (n > 0)
			continue;
		return n == 0 || errno != EAGAIN;
	}
	return false;
}

static void tcp_on_drain(uv_poll_t *poll, int status, int events)
{
	struct tcp_leg *t = poll->data;

	(void)events;
	if (status < 0 || tcp_drain(t))
		tcp_destroy(t);
}

static void tcp_on_linger_timer(struct wheel_timer *timer, uint64_t now)
{
	(void)now;
	tcp_destroy(CONTAINER_OF(timer, struct tcp_leg, linger.timer));
}

static void tcp_on_linger_end(struct loop_lingerer *one)
{
	tcp_destroy(CONTAINER_OF(one, struct tcp_leg, linger.lingerer));
}

/* Which of the conditions that the poll has reported nobody is going to take:
 * not wanted, or reported before and still there. */
static int tcp_untaken(const struct tcp_leg *t, int events)
{
	unsigned taken = t->leg.wanted & ~t->ready;
	int drop = 0;

	if (!(taken & LEG_READ))
		drop |= events & UV_READABLE;
	if (!(taken & LEG_WRITE))
		drop |= events & UV_WRITABLE;
	return drop;
}

static void tcp_on_news(struct tcp_leg *t, int events)
{
	int drop = tcp_untaken(t, events);
	int error = 0;

	if (events & UV_PRIORITIZED) {
		error = tcp_take_error(t);
		t->quiet = true;
	}
	if (error) {
		tcp_fail(t, error);
		return;
	}
	if (events & UV_DISCONNECT)
		t->peer_ended = true;
	if (events & (UV_READABLE | UV_DISCONNECT))
		t->ready |= LEG_READ;
	if (events & UV_WRITABLE)
		t->ready |= LEG_WRITE;
	tcp_watch(t, drop);
	leg_ready(&t->leg);
}

static void tcp_on_poll(uv_poll_t *poll, int status, int events)
{
	struct tcp_leg *t = poll->data;
	int error;

	if (status < 0) {
		t->watched = 0; /* libuv has stopped the handle */
		tcp_fail(t, tcp_take_error(t));
		return;
	}
	if (t->leg.state == LEG_OPEN) {
		tcp_on_news(t, events);
		return;
	}
	error = tcp_take_error(t);
	if (error)
		tcp_fail(t, error);
	else
		tcp_open(t);
}

static void tcp_want(struct leg *leg)
{
	if (leg->state == LEG_OPEN)
		tcp_watch(tcp_of(leg), 0);
}

static unsigned tcp_ready(struct leg *leg)
{
	return tcp_of(leg)->ready;
}

/* How a reading call went that has returned @got of @n, or -1 and @error.
 * Return: as leg_read(). */
static ssize_t tcp_has_read(struct tcp_leg *t, ssize_t got, size_t n, int error)
{
	if (got > 0) {
		/* short: drained; the end of the peer would still be news */
		if ((size_t)got < n && !t->peer_ended &&
		    t->leg.state == LEG_OPEN) {
			t->ready &= ~(unsigned)LEG_READ;
			tcp_watch(t, 0);
		}
		return got;
	}
	if (t->leg.state == LEG_FAILED)
		return leg_error(&t->leg);
	if (got == 0)
		return 0;
	if (error == EAGAIN || error == EINTR) {
		t->ready &= ~(unsigned)LEG_READ;
		tcp_watch(t, 0);
		return -EAGAIN;
	}
	tcp_fail(t, -error);
	return leg_error(&t->leg);
}

/* Is it known that there is nothing to read? The poll will say when to ask the
 * kernel. */
static bool tcp_is_dry(const struct tcp_leg *t)
{
	return !(t->ready & LEG_READ) && t->watched & UV_READABLE;
}

static ssize_t tcp_read(struct leg *leg, void *to, size_t n)
{
	struct tcp_leg *t = tcp_of(leg);
	ssize_t got;

	if (tcp_is_dry(t))
		return -EAGAIN;
	got = recv(t->fd, to, n, 0);
	return tcp_has_read(t, got, n, errno);
}

/* What splice() says of itself, and not of the connection: an old or unusual
 * kernel, or a filter of system calls. */
static bool is_refused(ssize_t moved, int error)
{
	return moved < 0 && (error == EINVAL || error == ENOSYS ||
				error == EPERM || error == EOPNOTSUPP);
}

static ssize_t tcp_splice_in(struct leg *leg, int pipe, size_t n)
{
	struct tcp_leg *t = tcp_of(leg);
	ssize_t got;

	if (tcp_is_dry(t))
		return -EAGAIN;
	got = splice(
	    t->fd, NULL, pipe, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (is_refused(got, errno))
		return -EOPNOTSUPP;
	return tcp_has_read(t, got, n, errno);
}

/* The same of a writing call. Return: as leg_write(). */
static ssize_t tcp_has_written(
    struct tcp_leg *t, ssize_t put, size_t n, int error)
{
	if (put < 0 && error != EAGAIN && error != EINTR) {
		tcp_fail(t, -error);
		return leg_error(&t->leg);
	}
	if (put < 0 || (size_t)put < n) {
		t->ready &= ~(unsigned)LEG_WRITE;
		tcp_watch(t, 0);
	}
	return put < 0 ? -EAGAIN : put;
}

static ssize_t tcp_write(struct leg *leg, const void *bytes, size_t n)
{
	struct tcp_leg *t = tcp_of(leg);
	ssize_t put;

	if (t->finished)
		return -EPIPE;
	put = send(t->fd, bytes, n, MSG_NOSIGNAL);
	return tcp_has_written(t, put, n, errno);
}

static ssize_t tcp_splice_out(struct leg *leg, int pipe, size_t n)
{
	struct tcp_leg *t = tcp_of(leg);
	ssize_t put;

	if (t->finished)
		return -EPIPE;
	put = splice(
	    pipe, NULL, t->fd, NULL, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (is_refused(put, errno))
		return -EOPNOTSUPP;
	return tcp_has_written(t, put, n, errno);
}

/* SO_RCVLOWAT also widens the receive buffer so that as much fits, and when it
 * is lowered the kernel looks again at what is there (tcp(7), socket(7)). */
static void tcp_gather(struct leg *leg, size_t least)
{
	set_number(tcp_of(leg)->fd, SOL_SOCKET, SO_RCVLOWAT, (int)least);
}

static void tcp_finish(struct leg *leg)
{
	struct tcp_leg *t = tcp_of(leg);

	if (t->finished || leg->state != LEG_OPEN)
		return;
	t->finished = true;
	(void)shutdown(t->fd, SHUT_WR);
	tcp_watch(t, 0);
}

static void tcp_close(struct leg *leg)
{
	struct tcp_leg *t = tcp_of(leg);

	tcp_finish(leg);
	if (leg->state != LEG_OPEN || tcp_drain(t) ||
	    uv_poll_start(&t->poll, UV_READABLE, tcp_on_drain)) {
		tcp_destroy(t);
		return;
	}
	t->lingers = true;
	memset(&t->linger, 0, sizeof(t->linger));
	loop_after(
	    leg->loop, &t->linger.timer, LEG_LINGER_MS, tcp_on_linger_timer);
	loop_linger(leg->loop, &t->linger.lingerer, tcp_on_linger_end);
}

static void tcp_reset(struct leg *leg)
{
	struct tcp_leg *t = tcp_of(leg);
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(t->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	tcp_destroy(t);
}

static const char *tcp_source(const struct leg *leg)
{
	const struct tcp_leg *t = (const void *)leg; /* its first member */

	return t->source;
}

static const struct leg_verbs tcp_verbs = {
	.name = "tcp",
	.want = tcp_want,
	.ready = tcp_ready,
	.read = tcp_read,
	.write = tcp_write,
	.splice_in = tcp_splice_in,
	.splice_out = tcp_splice_out,
	.gather = tcp_gather,
	.finish = tcp_finish,
	.close = tcp_close,
	.reset = tcp_reset,
	.source = tcp_source,
};

int tcp_leg_open(struct leg **out, struct loop *loop, int fd, bool connecting)
{
	struct tcp_leg *t = slab_take(&slab);
	int r;

	if (!t)
		return -ENOMEM;
	r = uv_poll_init(loop_uv(loop), &t->poll, fd);
	if (r) {
		slab_give(&slab, t);
		return r;
	}
	leg_init(&t->leg, &tcp_verbs, loop);
	t->poll.data = t;
	t->fd = fd;
	if (connecting)
		tcp_set_watched(t, UV_WRITABLE);
	else
		tcp_open(t);
	*out = &t->leg;
	return 0;
}

void tcp_set_keepalive(int fd)
{
	set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
	set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);
	set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void tcp_leg_user_timeout(struct leg *leg, unsigned ms)
{
	while (leg && leg->verbs != &tcp_verbs)
		leg = leg_lower(leg);
	if (leg)
		set_number(
		    tcp_of(leg)->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)ms);
}
