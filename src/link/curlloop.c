/* link/curlloop.c: libcurl's multi interface on our loop.
 *
 * libcurl says which sockets to watch (on_socket) and when to be woken
 * (on_timer); each watched socket is a uv_poll of ours. After every step the
 * queue of finished transfers is emptied.
 *
 * A finished transfer is told from the loop, never from inside curlloop_add()
 * or curlloop_remove(): curl_multi_add_handle() only arms a timer. It is taken
 * out before its function runs, so that the callee may add and remove.
 */
#include "link/curlloop.h"
#include "net/loop.h"

struct curlloop {
	struct loop *loop;
	CURLM *multi;
	struct wheel_timer timer;
	curlloop_fn fn;
};

struct watch {
	uv_poll_t poll;
	struct curlloop *owner;
	curl_socket_t socket;
};

static void collect_done(struct curlloop *c)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(c->multi, &left))) {
		CURLcode code = m->data.result;
		CURL *easy = m->easy_handle;
		void *private;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
		curl_multi_remove_handle(c->multi, easy); /* frees @m */
		c->fn(private, code);
	}
}

static void step(struct curlloop *c, curl_socket_t socket, int events)
{
	int running;

	curl_multi_socket_action(c->multi, socket, events, &running);
	collect_done(c);
}

static void on_due(struct wheel_timer *t, uint64_t now)
{
	struct curlloop *c = CONTAINER_OF(t, struct curlloop, timer);

	(void)now;
	step(c, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct curlloop *c = ctx;

	(void)multi;
	if (ms < 0)
		loop_cancel(c->loop, &c->timer);
	else
		loop_after(c->loop, &c->timer, (uint64_t)ms, on_due);
	return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;

	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	step(w->owner, w->socket, flags);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void watch_close(struct watch *w)
{
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static struct watch *watch_new(struct curlloop *c, curl_socket_t socket)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->owner = c;
	w->socket = socket;
	w->poll.data = w;
	if (uv_poll_init_socket(loop_uv(c->loop), &w->poll, socket)) {
		free(w);
		return NULL;
	}
	return w;
}

static int on_socket(
    CURL *easy, curl_socket_t socket, int what, void *ctx, void *socket_ctx)
{
	struct curlloop *c = ctx;
	struct watch *w = socket_ctx;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(c->multi, socket, NULL);
		if (w)
			watch_close(w);
		return 0;
	}
	if (!w)
		w = watch_new(c, socket);
	if (!w)
		return -1;
	curl_multi_assign(c->multi, socket, w);
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&w->poll, events, on_poll) ? -1 : 0;
}

static int multi_open(struct curlloop *c, long connections_most)
{
	c->multi = curl_multi_init();
	if (!c->multi ||
	    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
	    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) ||
	    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer) ||
	    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) ||
	    curl_multi_setopt(
		c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_most))
		return -ENOMEM;
	return 0;
}

int curlloop_open(struct curlloop **out, struct loop *loop,
    long connections_most, curlloop_fn fn)
{
	struct curlloop *c = calloc(1, sizeof(*c));
	int r;

	if (!c || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(c);
		return -ENOMEM;
	}
	c->loop = loop;
	c->fn = fn;
	r = multi_open(c, connections_most);
	if (r)
		curlloop_close(c);
	else
		*out = c;
	return r;
}

void curlloop_close(struct curlloop *c)
{
	if (!c)
		return;
	if (c->multi)
		curl_multi_cleanup(c->multi); /* tells on_socket of each */
	loop_cancel(c->loop, &c->timer);
	curl_global_cleanup();
	free(c);
}

int curlloop_add(struct curlloop *c, CURL *easy)
{
	return curl_multi_add_handle(c->multi, easy) ? -ENOMEM : 0;
}

void curlloop_remove(struct curlloop *c, CURL *easy)
{
	curl_multi_remove_handle(c->multi, easy);
}
