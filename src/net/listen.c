#include "net/listen.h"
#include "net/activation.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <unistd.h>

enum { ACCEPT_MOST = 64, BACKLOG = 4096, PAUSE_MS = 100 };

struct listener {
	struct loop *loop;
	uv_poll_t poll;
	int fd;
	int reserve; /* given up for a moment when descriptors run out; or -1 */
	struct wheel_timer pause;
	listen_fn fn;
	void *ctx;
	bool *closed; /* set by listen_close() while @fn runs */
	uint64_t starved;
	bool adopted;
	char address[ADDRESS_TEXT_MOST];
};

static void on_readable(uv_poll_t *poll, int status, int events);

static void watch(struct listener *l)
{
	INVARIANT(!uv_poll_start(&l->poll, UV_READABLE, on_readable));
}

static void on_pause_over(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	watch(CONTAINER_OF(t, struct listener, pause));
}

/* The kernel is out of something: look again in a moment, do not spin. */
static void pause_accepting(struct listener *l)
{
	uv_poll_stop(&l->poll);
	loop_after(l->loop, &l->pause, PAUSE_MS, on_pause_over);
}

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: spend the reserve on one connection, to end it. The
 * kernel looks for a descriptor first and for a connection second, so there may
 * be none at all.
 * Return: true to go on accepting. */
static bool shed_one(struct listener *l)
{
	int fd, error;

	if (l->reserve >= 0)
		close(l->reserve);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	error = errno;
	if (fd >= 0)
		close(fd);
	l->reserve = open_reserve();
	if (fd < 0 && error == EAGAIN)
		return false;
	l->starved++;
	if (fd >= 0 && l->reserve >= 0)
		return true;
	pause_accepting(l);
	return false;
}

/* Return: false when there is nothing more to accept in this turn. */
static bool accept_failed(struct listener *l, int error)
{
	switch (error) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
		return shed_one(l);
	case ENOBUFS:
	case ENOMEM:
		pause_accepting(l);
		return false;
	default: /* the one connection failed: ECONNABORTED, EPROTO, EINTR … */
		return true;
	}
}

static void hand_out(struct listener *l, int fd, const struct sockaddr *sa)
{
	char source[ADDRESS_TEXT_MOST];

	tcp_set_keepalive(fd);
	address_text(source, sa);
	l->fn(l->ctx, fd, source);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;
	bool closed = false;

	(void)status;
	(void)events;
	l->closed = &closed;
	for (int i = 0; i < ACCEPT_MOST && !closed; i++) {
		struct address_place from = { .size = sizeof(from.sa) };
		int fd = accept4(l->fd, &from.sa.any, &from.size,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			hand_out(l, fd, &from.sa.any);
		else if (!accept_failed(l, errno))
			break;
	}
	if (!closed)
		l->closed = NULL;
}

static void set_flag(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int place_socket(const struct address_place *place)
{
	CLEANUP(close_p)
	int fd = socket(place->sa.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (place->sa.any.sa_family == AF_INET6)
		set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, &place->sa.any, place->size) || listen(fd, BACKLOG))
		return -errno;
	return steal_fd(&fd);
}

/* Whoever writes no host means all addresses. */
static bool place_of(struct address_place *out, const struct address *a)
{
	const char *host = a->host[0] ? a->host : "::";

	if (!strcmp(host, "localhost"))
		host = "127.0.0.1";
	return address_place(out, host, a->port);
}

static const char *hint_of(int code)
{
	switch (code) {
	case -EADDRINUSE:
		return "another process listens there: see `ss -ltnp`, or "
		       "choose another port";
	case -EACCES:
		return "a port below 1024 needs CAP_NET_BIND_SERVICE, which "
		       "the systemd unit grants";
	case -EADDRNOTAVAIL:
		return "no interface of this machine has that address";
	default:
		return NULL;
	}
}

/* The bound and listening socket for @address. */
static int listening_socket(const char *address, struct fault *fault)
{
	struct address a;
	struct address_place place;
	int fd;

	if (address_parse(&a, address) || !place_of(&place, &a))
		return fault_set(fault, -EINVAL,
		    "write \":443\", \"192.0.2.7:443\" or \"[::1]:443\"; a "
		    "name other than localhost is not accepted",
		    "listening on \"%s\": not an address with a port", address);
	fd = place_socket(&place);
	/* a machine without IPv6 */
	if (fd == -EAFNOSUPPORT && !a.host[0] &&
	    address_place(&place, "0.0.0.0", a.port))
		fd = place_socket(&place);
	if (fd < 0)
		return fault_set(fault, fd, hint_of(fd), "listening on %s: %s",
		    address, uv_strerror(fd));
	return fd;
}

static void learn_address(struct listener *l)
{
	struct address_place own = { .size = sizeof(own.sa) };

	if (!getsockname(l->fd, &own.sa.any, &own.size))
		address_text(l->address, &own.sa.any);
}

/* @fd stays the caller's on failure. */
static int listener_new(struct listener **out, struct loop *loop, int fd)
{
	struct listener *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	r = uv_poll_init(loop_uv(loop), &l->poll, fd);
	if (r) {
		free(l);
		return r;
	}
	l->loop = loop;
	l->poll.data = l;
	l->fd = fd;
	l->reserve = open_reserve();
	learn_address(l);
	watch(l);
	*out = l;
	return 0;
}

int listen_open(struct listener **out, struct loop *loop, const char *address,
    listen_fn fn, void *ctx, struct fault *fault)
{
	CLEANUP(close_p) int fd = listening_socket(address, fault);
	struct listener *l;
	int r;

	if (fd < 0)
		return fd;
	r = listener_new(&l, loop, fd);
	if (r)
		return fault_set(fault, r, NULL, "listening on %s: %s", address,
		    uv_strerror(r));
	steal_fd(&fd);
	l->fn = fn;
	l->ctx = ctx;
	*out = l;
	return 0;
}

int listen_adopt(struct listener **out, struct loop *loop, int fd, listen_fn fn,
    void *ctx, struct fault *fault)
{
	int listening = 0;
	socklen_t size = sizeof(listening);
	struct listener *l;
	int r = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size))
		r = -errno;
	else if (!listening)
		r = -EINVAL;
	if (!r)
		r = listener_new(&l, loop, fd);
	if (r)
		return fault_set(fault, r,
		    "the service manager has to pass a listening stream socket",
		    "the descriptor %d that was passed in: %s", fd,
		    uv_strerror(r));
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	l->adopted = true;
	l->fn = fn;
	l->ctx = ctx;
	*out = l;
	return 0;
}

int listen_named(struct listener **out, struct loop *loop,
    const struct listen_place *place, listen_fn fn, void *ctx,
    struct fault *fault)
{
	int fd, r = activation_find(&fd, place->name, fault);

	if (r)
		return r;
	return fd < 0 ? listen_open(out, loop, place->address, fn, ctx, fault)
		      : listen_adopt(out, loop, fd, fn, ctx, fault);
}

bool listen_is_adopted(const struct listener *l)
{
	return l->adopted;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void listen_close(struct listener *l)
{
	if (!l)
		return;
	if (l->closed)
		*l->closed = true;
	loop_cancel(l->loop, &l->pause);
	uv_close((uv_handle_t *)&l->poll, on_closed);
	close(l->fd);
	if (l->reserve >= 0)
		close(l->reserve);
}

const char *listen_address(const struct listener *l)
{
	return l->address;
}

uint64_t listen_starved(const struct listener *l)
{
	return l->starved;
}
