/* net/httpd.c: a guest is a connection from accept to its end: first a TLS
 * handshake, where there is TLS, then HTTP. Guests are counted by source from
 * accept on, so that a slow handshake counts like a slow request. */
#include "net/httpd.h"
#include "base/table.h"
#include "base/wr.h"
#include "net/address.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/shake.h"
#include "net/tcp.h"

#include <unistd.h>

enum {
	CONNECTIONS_MAX = 1024,
	SOURCE_MAX = 256,
	STREAMS_MAX = 128,
	LISTENERS_MAX = 4,
	SHAKE_MS = 10000,
	IDLE_MS = 60000,
};

struct source {
	struct table_node node;
	struct address_source address;
	size_t guests;
};

struct guest {
	struct guest *next, **link;
	struct httpd *httpd;
	struct source *source;	 /* NULL for httpd_serve() */
	struct tls_shake *shake; /* while it runs */
	struct http_conn *conn;	 /* after */
};

struct door {
	struct httpd *httpd;
	struct listener *listener;
	struct tls_context *tls;
	bool later; /* TLS, whose context is to come */
};

struct httpd {
	struct loop *loop;
	struct httpd_config config;
	struct door doors[LISTENERS_MAX];
	size_t n_doors;
	struct guest *guests;
	size_t n_guests;
	struct table sources;
	uint64_t refused;
	unsigned drain_ms; /* draining; 0: not */
};

/* ---- guests */

static struct source *source_enter(
    struct httpd *h, const struct address_source *address)
{
	struct table_node *n =
	    table_find(&h->sources, address, sizeof(*address));
	struct source *s = n ? CONTAINER_OF(n, struct source, node) : NULL;

	if (s && s->guests >= h->config.source_max)
		return NULL;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		s->address = *address;
		if (table_add(&h->sources, &s->node, &s->address,
			sizeof(s->address))) {
			free(s);
			return NULL;
		}
	}
	s->guests++;
	return s;
}

static void source_leave(struct httpd *h, struct source *s)
{
	if (!s || --s->guests)
		return;
	table_remove(&h->sources, &s->node);
	free(s);
}

static struct guest *guest_new(struct httpd *h)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->httpd = h;
	g->next = h->guests;
	g->link = &h->guests;
	if (g->next)
		g->next->link = &g->next;
	h->guests = g;
	h->n_guests++;
	return g;
}

static void guest_free(struct guest *g)
{
	source_leave(g->httpd, g->source);
	*g->link = g->next;
	if (g->next)
		g->next->link = g->link;
	g->httpd->n_guests--;
	free(g);
}

static void guest_on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct guest *g = ctx;

	httpd_dispatch(g->httpd, s, head);
}

static void guest_on_gone(void *ctx, const struct fault *fault)
{
	(void)fault;
	guest_free(ctx);
}

static const struct http_conn_events guest_events = {
	.request = guest_on_request,
	.gone = guest_on_gone,
};

static void guest_serve(
    struct guest *g, struct leg *leg, enum http_version version)
{
	struct http_conn_config config = {
		.version = version,
		.end = HTTP_SERVER,
		.events = &guest_events,
		.ctx = g,
		.streams_max = g->httpd->config.streams_max,
		.idle_ms = IDLE_MS,
	};

	if (http_conn_open(&g->conn, leg, &config))
		guest_free(g);
	else if (g->httpd->drain_ms)
		http_conn_close(g->conn, g->httpd->drain_ms);
}

static void guest_on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct guest *g = ctx;

	(void)why;
	(void)fault;
	g->shake = NULL;
	if (!leg)
		guest_free(g);
	else
		guest_serve(
		    g, leg, strcmp(tls_leg_alpn(leg), "h2") ? HTTP_1 : HTTP_2);
}

static void guest_shake(
    struct guest *g, struct leg *leg, struct tls_context *tls)
{
	struct tls_shake_order order = {
		.lower = leg,
		.context = tls,
		.ms = SHAKE_MS,
		.fn = guest_on_shaken,
		.ctx = g,
	};

	if (tls_shake(&g->shake, &order))
		guest_free(g);
}

/* ---- the door */

static struct guest *guest_admit(struct httpd *h, const char *source)
{
	struct address_source address = { 0 };
	struct source *from;
	struct guest *g;

	if (h->n_guests >= h->config.connections_max)
		return NULL;
	address_source_of(&address, source);
	from = source_enter(h, &address);
	if (!from)
		return NULL;
	g = guest_new(h);
	if (!g) {
		source_leave(h, from);
		return NULL;
	}
	g->source = from;
	return g;
}

static void door_on_accept(void *ctx, int fd, const char *source)
{
	struct door *door = ctx;
	struct guest *g = door->later ? NULL : guest_admit(door->httpd, source);
	struct leg *leg;

	if (!g) {
		door->httpd->refused++;
		close(fd);
		return;
	}
	if (tcp_leg_open(&leg, door->httpd->loop, fd, false)) {
		close(fd);
		guest_free(g);
		return;
	}
	if (door->tls)
		guest_shake(g, leg, door->tls);
	else
		guest_serve(g, leg, HTTP_1);
}

int httpd_listen(struct httpd *h, const char *address, struct tls_context *tls,
    struct fault *fault)
{
	struct door *door = &h->doors[h->n_doors];
	const struct listen_place place = { h->config.activation, address };
	int r;

	INVARIANT(h->n_doors < LISTENERS_MAX);
	door->httpd = h;
	if (h->config.activation && !h->n_doors)
		r = listen_named(&door->listener, h->loop, &place,
		    door_on_accept, door, fault);
	else
		r = listen_open(&door->listener, h->loop, address,
		    door_on_accept, door, fault);
	if (r)
		return r;
	door->tls = tls ? tls_context_ref(tls) : NULL;
	h->n_doors++;
	return 0;
}

int httpd_listen_later(
    struct httpd *h, const char *address, struct fault *fault)
{
	struct door *door = &h->doors[h->n_doors];
	int r = httpd_listen(h, address, NULL, fault);

	door->later = !r;
	return r;
}

void httpd_serve(struct httpd *h, struct leg *leg, enum http_version version)
{
	struct guest *g = guest_new(h);

	if (g)
		guest_serve(g, leg, version);
	else
		leg_reset(leg);
}

/* ---- routes */

static bool path_matches(const char *pattern, const char *target)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return !strncmp(pattern, target, n - 1);
	return !strncmp(pattern, target, n) &&
	       (target[n] == '\0' || target[n] == '?');
}

static bool has_path(const struct httpd_route *r, const struct http_head *head)
{
	if (!head->target || !r->path)
		return !head->target && !r->path;
	return path_matches(r->path, head->target);
}

/* Whatever can be got can be asked for without its body (RFC 9110, 9.1); the
 * machine swallows the bytes. */
static bool has_method(const struct httpd_route *r, const char *method)
{
	if (!r->method || !strcmp(r->method, method))
		return true;
	return !strcmp(r->method, "GET") && !strcmp(method, "HEAD");
}

/* RFC 9110, 15.5.6: what would have been served is named. */
static void refuse_method(
    const struct httpd *h, struct http_stream *s, const struct http_head *head)
{
	static const char body[] =
	    "{\"errors\":[\"this method is not served here\"]}";
	char methods[256];
	const struct http_field allow = { "allow", methods };
	struct wr w = wr_over(methods, sizeof(methods) - 1);

	for (size_t i = 0; i < h->config.n_routes; i++) {
		const struct httpd_route *r = &h->config.routes[i];

		if (!has_path(r, head))
			continue;
		wr_text(&w, w.used ? ", " : "");
		wr_text(&w, r->method);
	}
	methods[w.used] = '\0';
	http_stream_answer(s, &(struct http_answer){ .status = 405,
				  .content_type = "application/json",
				  .fields = &allow,
				  .n_fields = 1,
				  .body = body,
				  .n = sizeof(body) - 1 });
}

void httpd_dispatch(
    struct httpd *h, struct http_stream *s, const struct http_head *head)
{
	bool path_known = false;

	for (size_t i = 0; i < h->config.n_routes; i++) {
		const struct httpd_route *r = &h->config.routes[i];

		if (!has_path(r, head))
			continue;
		path_known = true;
		if (has_method(r, head->method)) {
			r->fn(h->config.ctx, s, head);
			return;
		}
	}
	if (path_known)
		refuse_method(h, s, head);
	else if (!head->target)
		http_stream_refuse(s, 405, "tunnels are not served here");
	else
		http_stream_refuse(s, 404, "nothing is served at this path");
}

/* ---- its life */

int httpd_new(
    struct httpd **out, struct loop *loop, const struct httpd_config *config)
{
	struct httpd *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->config = *config;
	if (!h->config.connections_max)
		h->config.connections_max = CONNECTIONS_MAX;
	if (!h->config.source_max)
		h->config.source_max = SOURCE_MAX;
	if (!h->config.streams_max)
		h->config.streams_max = STREAMS_MAX;
	table_init(&h->sources, h->config.connections_max);
	*out = h;
	return 0;
}

static void close_doors(struct httpd *h)
{
	for (size_t i = 0; i < h->n_doors; i++) {
		listen_close(h->doors[i].listener);
		tls_context_free(h->doors[i].tls);
	}
	h->n_doors = 0;
}

void httpd_drain(struct httpd *h, unsigned ms)
{
	struct guest *next;

	close_doors(h);
	h->drain_ms = ms ? ms : 1;
	for (struct guest *g = h->guests; g; g = next) {
		next = g->next;
		if (g->conn) /* else once its handshake is over */
			http_conn_close(g->conn, ms);
	}
}

void httpd_renew(struct httpd *h, struct tls_context *tls)
{
	for (size_t i = 0; i < h->n_doors; i++) {
		struct door *door = &h->doors[i];

		if (!door->tls && !door->later)
			continue;
		tls_context_free(door->tls);
		door->tls = tls_context_ref(tls);
		door->later = false;
	}
}

void httpd_free(struct httpd *h)
{
	if (!h)
		return;
	close_doors(h);
	while (h->guests) {
		struct guest *g = h->guests;

		tls_shake_cancel(g->shake);
		if (g->conn)
			http_conn_cut(g->conn);
		guest_free(g);
	}
	free(h);
}

size_t httpd_connections(const struct httpd *h)
{
	return h->n_guests;
}

uint64_t httpd_refused(const struct httpd *h)
{
	return h->refused;
}

const char *httpd_address(const struct httpd *h)
{
	return h->n_doors ? listen_address(h->doors[0].listener) : NULL;
}
