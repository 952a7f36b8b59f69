#include "broker/pods.h"
#include "base/log.h"
#include "broker/limits.h"
#include "net/httpd.h"
#include "net/loop.h"
#include "net/tunnel.h"
#include <strings.h>

#define BRIDGE_AUTHORITY TUNNEL_BRIDGE_NAME ":443"

struct pods {
	struct loop *loop;
	struct pods_config config;
	struct httpd *httpd;
	struct door *door;
};

static void refuse(
    struct pods *p, struct http_stream *s, enum refusal_kind kind)
{
	refusal_send(p->config.refusals, s, &(struct refusal){ .kind = kind });
}

/* ---- routes */

/* What follows "Bearer " (RFC 6750, 2.1); NULL: it is of another kind. */
static const char *bearer_token(const char *value)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	if (!value || strncasecmp(value, scheme, n))
		return NULL;
	return value + n + strspn(value + n, " ");
}

static void let_connect(void *ctx, struct http_stream *s,
    const struct http_head *head, struct quota_ticket ticket)
{
	struct pods *p = ctx;

	if (!strcasecmp(head->authority, BRIDGE_AUTHORITY)) {
		carry_connect(p->config.carry, s, ticket);
		return;
	}
	quota_leave(&ticket);
	refuse(p, s, REFUSAL_TARGET);
}

static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct pods *p = ctx;

	door_knock(p->door, s,
	    &(struct door_knock){
		.head = head,
		.token =
		    bearer_token(http_head_get(head, "proxy-authorization")),
		.proxy = true,
		.fn = let_connect,
		.ctx = p,
	    });
}

/* The token in a request of pass-through: Authorization may be the store's, so
 * a field of our own goes first. */
static const char *request_token(const struct http_head *head, bool *hide)
{
	const char *own = http_head_get(head, "x-pharos-token");

	*hide = !own;
	return own ? own : bearer_token(http_head_get(head, "authorization"));
}

static void let_request(void *ctx, struct http_stream *s,
    const struct http_head *head, struct quota_ticket ticket)
{
	struct pods *p = ctx;
	struct forward_request request = { .head = head, .ticket = ticket };

	(void)request_token(head, &request.hide_authorization);
	if (!door_asks(p->door))
		request.hide_authorization = false;
	if (p->config.forward) {
		forward_send(p->config.forward, s, &request);
		return;
	}
	quota_leave(&request.ticket);
	refuse(p, s, REFUSAL_PASS_THROUGH);
}

static void on_store(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct pods *p = ctx;
	bool hide;

	door_knock(p->door, s,
	    &(struct door_knock){
		.head = head,
		.token = request_token(head, &hide),
		.fn = let_request,
		.ctx = p,
	    });
}

static void on_status(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct pods *p = ctx;
	CLEANUP(free_p) char *text = NULL;
	struct status status = { .n_tunnels = 0 };
	struct quota_ticket ticket;

	(void)head;
	if (!door_pass(p->door, s, &ticket))
		return;
	quota_leave(&ticket);
	p->config.look(p->config.ctx, &status);
	if (status_print(&status, &text)) {
		refuse(p, s, REFUSAL_MEMORY);
		return;
	}
	http_stream_answer_json(s, text);
}

static const struct httpd_route routes[] = {
	{ "CONNECT", NULL, on_connect },
	{ "GET", "/v1/status", on_status },
	{ NULL, "/v1/*", on_store },
};

/* ---- its life */

static int listen_at(struct pods *p, struct fault *fault)
{
	const struct pods_config *c = &p->config;
	int r;

	if (!c->address)
		return 0;
	r = c->tls ? httpd_listen(p->httpd, c->address, c->tls, fault)
		   : httpd_listen_later(p->httpd, c->address, fault);
	if (r)
		fault_wrap(fault, "--listen");
	return r;
}

int pods_open(struct pods **out, struct loop *loop,
    const struct pods_config *config, struct fault *fault)
{
	struct httpd_config served = {
		.routes = routes,
		.n_routes = N_ELEMS(routes),
		.connections_max = LIMIT_CONNECTIONS,
		.source_max = LIMIT_CONNECTIONS_SOURCE,
		.streams_max = LIMIT_STREAMS_CONNECTION,
		.activation = "pods",
	};
	struct pods *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->config = *config;
	served.ctx = p;
	r = door_new(&p->door, loop,
	    &(struct door_config){ .rules = config->rules,
		.client_token = config->client_token,
		.reviewer = config->reviewer,
		.refusals = config->refusals });
	if (!r)
		r = httpd_new(&p->httpd, loop, &served);
	if (!r)
		r = listen_at(p, fault);
	if (r) {
		pods_shut(p);
		pods_close(p);
		return r;
	}
	*out = p;
	return 0;
}

void pods_renew(
    struct pods *p, struct tls_context *tls, const struct secret *token)
{
	if (tls)
		httpd_renew(p->httpd, tls);
	door_renew(p->door, token);
}

void pods_drain(struct pods *p, unsigned ms)
{
	httpd_drain(p->httpd, ms);
}

bool pods_busy(const struct pods *p)
{
	return httpd_connections(p->httpd) > 0;
}

void pods_shut(struct pods *p)
{
	if (!p)
		return;
	httpd_free(STEAL(p->httpd));
	door_shut(p->door);
}

void pods_close(struct pods *p)
{
	if (!p)
		return;
	door_free(p->door);
	free(p);
}

void pods_serve(struct pods *p, struct leg *leg, enum http_version version)
{
	httpd_serve(p->httpd, leg, version);
}

const char *pods_address(const struct pods *p)
{
	return httpd_address(p->httpd);
}

struct pods_gauges pods_gauges(const struct pods *p)
{
	return (struct pods_gauges){
		.connections = httpd_connections(p->httpd),
		.sources = quota_sources(door_quota(p->door)),
		.streams = quota_streams(door_quota(p->door)),
		.waiting = door_waiting(p->door),
		.turned_away = httpd_refused(p->httpd),
	};
}
