/* net/resolve.c
 *
 * One c-ares channel a name. c-ares says which of its sockets it wants to read
 * or write; each gets a uv_poll, gone again before c-ares closes the socket.
 * Its timeouts are one timer of ours. A channel must not be destroyed from one
 * of its own callbacks, and an answer from /etc/hosts comes before
 * ares_getaddrinfo() returns; so the answer is kept and a task is posted, which
 * destroys the channel and then tells the owner.
 */
#include "net/resolve.h"
#include "net/loop.h"

#include <ares.h>
#include <arpa/inet.h>
#include <sys/time.h>

enum { QUERY_MS = 2000, QUERY_TRIES = 3 };

struct watch {
	struct watch *next;
	struct resolve *resolve;
	uv_poll_t poll;
	ares_socket_t fd;
};

struct resolve {
	struct loop *loop;
	ares_channel channel;
	struct watch *watches;
	struct wheel_timer timer;
	struct loop_task task;
	resolve_fn fn;
	void *ctx;
	int status; /* ARES_* */
	struct address_place address[RESOLVE_MOST];
	size_t n;
	char host[256];
};

static void arm_timer(struct resolve *r);

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	struct resolve *r = w->resolve;
	bool readable = status < 0 || events & UV_READABLE;
	bool writable = status < 0 || events & UV_WRITABLE;

	/* @w may be gone after this */
	ares_process_fd(r->channel, readable ? w->fd : ARES_SOCKET_BAD,
	    writable ? w->fd : ARES_SOCKET_BAD);
	arm_timer(r);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct resolve *r = CONTAINER_OF(t, struct resolve, timer);

	(void)now;
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm_timer(r);
}

static void arm_timer(struct resolve *r)
{
	struct timeval tv;

	if (ares_timeout(r->channel, NULL, &tv))
		loop_after(r->loop, &r->timer,
		    (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 +
			1,
		    on_timer);
	else
		loop_cancel(r->loop, &r->timer);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void watch_close(struct resolve *r, ares_socket_t fd)
{
	for (struct watch **at = &r->watches; *at; at = &(*at)->next) {
		struct watch *w = *at;

		if (w->fd != fd)
			continue;
		*at = w->next;
		uv_close((uv_handle_t *)&w->poll, on_watch_closed);
		return;
	}
}

/* Without memory the socket stays unwatched, and the query's timeout ends it.
 */
static struct watch *watch_of(struct resolve *r, ares_socket_t fd)
{
	struct watch *w = r->watches;

	while (w && w->fd != fd)
		w = w->next;
	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w || uv_poll_init(loop_uv(r->loop), &w->poll, fd)) {
		free(w);
		return NULL;
	}
	w->resolve = r;
	w->poll.data = w;
	w->fd = fd;
	w->next = r->watches;
	r->watches = w;
	return w;
}

static void on_socket(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolve *r = ctx;
	struct watch *w;
	int events =
	    (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);

	if (!events) {
		watch_close(r, fd);
		return;
	}
	w = watch_of(r, fd);
	if (w)
		INVARIANT(!uv_poll_start(&w->poll, events, on_poll));
}

static void resolve_free(struct resolve *r)
{
	if (r->channel)
		ares_destroy(r->channel); /* closes the watches */
	loop_cancel(r->loop, &r->timer);
	loop_unpost(r->loop, &r->task);
	free(r);
}

static const char *hint_of(int status)
{
	switch (status) {
	case ARES_ECONNREFUSED:
	case ARES_ETIMEOUT:
		return "the name servers in /etc/resolv.conf cannot be "
		       "reached: check the network, and UDP port 53";
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return "check the spelling; the search list and servers are "
		       "those of /etc/resolv.conf";
	default:
		return NULL;
	}
}

static void on_task(struct loop_task *task)
{
	struct resolve *r = CONTAINER_OF(task, struct resolve, task);
	struct address_place address[RESOLVE_MOST];
	struct fault fault = FAULT_NONE;
	resolve_fn fn = r->fn;
	void *ctx = r->ctx;
	size_t n = r->n;

	memcpy(address, r->address, sizeof(address));
	if (!n)
		fault_set(&fault, -ENOENT, hint_of(r->status),
		    "looking up the name %s: %s", r->host,
		    ares_strerror(r->status));
	resolve_free(r);
	fn(ctx, address, n, n ? NULL : &fault);
}

static bool address_take(
    struct address_place *out, const struct ares_addrinfo_node *node)
{
	if (node->ai_addrlen > sizeof(out->sa))
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(&out->sa, node->ai_addr, node->ai_addrlen);
	out->size = node->ai_addrlen;
	return true;
}

static const struct ares_addrinfo_node *next_of(
    const struct ares_addrinfo_node *node, int family)
{
	while (node && node->ai_family != family)
		node = node->ai_next;
	return node;
}

/* As sorted, but the families in turn, so that one that does not work costs at
 * most every other try. */
static void take_in_turn(
    struct resolve *r, const struct ares_addrinfo_node *first)
{
	int family = first ? first->ai_family : AF_INET;
	const struct ares_addrinfo_node *at[2] = { first,
		next_of(first, family == AF_INET ? AF_INET6 : AF_INET) };

	for (int turn = 0; (at[0] || at[1]) && r->n < RESOLVE_MOST; turn ^= 1) {
		const struct ares_addrinfo_node *node = at[turn];

		if (!node)
			continue;
		if (address_take(&r->address[r->n], node))
			r->n++;
		at[turn] = next_of(node->ai_next, node->ai_family);
	}
}

static void on_answer(
    void *ctx, int status, int timeouts, struct ares_addrinfo *answer)
{
	struct resolve *r = ctx;

	(void)timeouts;
	if (status == ARES_EDESTRUCTION)
		return;
	r->status = status;
	if (answer)
		take_in_turn(r, answer->nodes);
	if (!r->n && status == ARES_SUCCESS)
		r->status = ARES_ENODATA;
	ares_freeaddrinfo(answer);
	loop_post(r->loop, &r->task, on_task);
}

static int open_channel(struct resolve *r, const char *servers)
{
	struct ares_options options = {
		.timeout = QUERY_MS,
		.tries = QUERY_TRIES,
		.lookups = (char[]){ 'f', 'b', '\0' },
		.sock_state_cb = on_socket,
		.sock_state_cb_data = r,
	};
	int status = ares_init_options(&r->channel, &options,
	    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		ARES_OPT_SOCK_STATE_CB);

	if (status == ARES_SUCCESS && servers)
		status = ares_set_servers_ports_csv(r->channel, servers);
	if (status == ARES_ENOMEM)
		return -ENOMEM;
	return status == ARES_SUCCESS ? 0 : -EIO;
}

static void ask(struct resolve *r, uint16_t port)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	char service[8];
	char *at = service + sizeof(service);

	*--at = '\0';
	do {
		*--at = (char)('0' + port % 10);
		port /= 10;
	} while (port);
	ares_getaddrinfo(r->channel, r->host, at, &hints, on_answer, r);
	arm_timer(r);
}

int resolve_open(struct resolve **out, struct loop *loop,
    const struct resolve_config *config, resolve_fn fn, void *ctx)
{
	struct resolve *r = calloc(1, sizeof(*r));
	size_t n = strlen(config->host);
	int error;

	if (!r)
		return -ENOMEM;
	INVARIANT(n && n < sizeof(r->host));
	memcpy(r->host, config->host, n);
	r->loop = loop;
	r->fn = fn;
	r->ctx = ctx;
	if (address_place(&r->address[0], config->host, config->port)) {
		r->n = 1;
		loop_post(loop, &r->task, on_task);
		*out = r;
		return 0;
	}
	error = open_channel(r, config->servers);
	if (error) {
		resolve_free(r);
		return error;
	}
	ask(r, config->port);
	*out = r;
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (r)
		resolve_free(r);
}
