#include "link/netnews.h"
#include "net/loop.h"
#include "wire/nlwalk.h"
#include <sys/socket.h>

enum { NEWS_BLOCK = 16384, NEWS_MOST = 64 };

struct netnews {
	struct netnews_config config;
	struct mnl_socket *socket;
	uv_poll_t *poll;
};

/* What does not fit into one look is there for the next one. */
static bool take_news(const struct netnews *n)
{
	_Alignas(struct nlmsghdr) char block[NEWS_BLOCK];
	bool seen = false;

	for (unsigned i = 0; i < NEWS_MOST; i++) {
		ssize_t got = recv(mnl_socket_get_fd(n->socket), block,
		    sizeof(block), MSG_DONTWAIT);
		struct nlwalk w = { .at = block };
		const struct nlmsghdr *head;

		if (got < 0 && errno == ENOBUFS) {
			seen = true;
			continue;
		}
		if (got <= 0)
			return seen;
		w.left = (size_t)got;
		while ((head = nlwalk_message(&w)))
			seen |= n->config.matters(n->config.ctx, head);
	}
	return seen;
}

static void on_news(uv_poll_t *poll, int status, int events)
{
	const struct netnews *n = poll->data;

	(void)events;
	/* an overflow is an error to libuv: it looks no more */
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_news);
	if (take_news(n) || status < 0)
		n->config.changed(n->config.ctx);
}

static void free_poll(uv_handle_t *h)
{
	free(h);
}

static int listen_for_news(struct netnews *n)
{
	n->socket =
	    mnl_socket_open2(n->config.bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!n->socket ||
	    mnl_socket_bind(n->socket, n->config.groups, MNL_SOCKET_AUTOPID))
		return -errno;
	return 0;
}

static int start_poll(struct netnews *n, struct loop *l)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	int r;

	if (!poll)
		return -ENOMEM;
	r = uv_poll_init(loop_uv(l), poll, mnl_socket_get_fd(n->socket));
	if (r) {
		free(poll);
		return r;
	}
	poll->data = n;
	n->poll = poll;
	return uv_poll_start(poll, UV_READABLE, on_news);
}

int netnews_new(
    struct netnews **out, struct loop *l, const struct netnews_config *config)
{
	struct netnews *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->config = *config;
	r = listen_for_news(n);
	if (!r)
		r = start_poll(n, l);
	if (r) {
		netnews_free(n);
		return r;
	}
	*out = n;
	return 0;
}

void netnews_free(struct netnews *n)
{
	if (!n)
		return;
	if (n->poll) {
		(void)uv_poll_stop(n->poll);
		uv_close((uv_handle_t *)n->poll, free_poll);
	}
	if (n->socket)
		(void)mnl_socket_close(n->socket);
	free(n);
}
