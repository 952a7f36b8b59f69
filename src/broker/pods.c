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
	struct quota *quota;
};

static void refuse(
    struct pods *p, struct http_stream *s, enum refusal_kind kind)
{
	refusal_send(p->config.refusals, s, &(struct refusal){ .kind = kind });
}

/* ---- the quota */

static void refuse_quota(struct pods *p, struct http_stream *s,
    enum quota_verdict verdict, uint32_t retry_ms)
{
	static const enum refusal_kind kinds[] = {
		[QUOTA_RATE] = REFUSAL_RATE,
		[QUOTA_STREAMS] = REFUSAL_STREAMS,
		[QUOTA_FULL] = REFUSAL_SOURCES,
	};
	struct refusal r = { .kind = kinds[verdict] };

	if (verdict == QUOTA_RATE)
		r.retry_s = (retry_ms + 999) / 1000;
	refusal_send(p->config.refusals, s, &r);
}

/* Return: whether @s may go on; else it has been answered. */
static bool admit(
    struct pods *p, struct http_stream *s, struct quota_ticket *ticket)
{
	struct address_source source = { 0 };
	enum quota_verdict verdict;
	uint32_t retry_ms = 0;

	address_source_of(&source, leg_source(http_stream_leg(s)));
	verdict = quota_enter(
	    p->quota, &source, loop_now(p->loop), ticket, &retry_ms);
	if (verdict == QUOTA_WELCOME)
		return true;
	refuse_quota(p, s, verdict, retry_ms);
	return false;
}

/* ---- the client token */

/* What follows "Bearer " (RFC 6750, 2.1); NULL: it is of another kind. */
static const char *bearer_token(const char *value)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	if (!value || strncasecmp(value, scheme, n))
		return NULL;
	return value + n + strspn(value + n, " ");
}

static bool shows_token(const struct pods *p, const char *shown)
{
	const struct secret *token = p->config.client_token;

	return !token || (shown && secret_equal(token, shown, strlen(shown)));
}

/* ---- routes */

static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct pods *p = ctx;
	struct quota_ticket ticket;
	const char *shown =
	    bearer_token(http_head_get(head, "proxy-authorization"));

	if (!admit(p, s, &ticket))
		return;
	if (!shows_token(p, shown))
		refuse(p, s, REFUSAL_PROXY_TOKEN);
	else if (strcasecmp(head->authority, BRIDGE_AUTHORITY))
		refuse(p, s, REFUSAL_TARGET);
	else {
		carry_connect(p->config.carry, s, ticket);
		return;
	}
	quota_leave(&ticket);
}

/* The client token in a request of pass-through: Authorization may be the
 * store's, so a field of our own goes first. */
static const char *request_token(const struct http_head *head, bool *hide)
{
	const char *own = http_head_get(head, "x-pharos-token");

	*hide = !own;
	return own ? own : bearer_token(http_head_get(head, "authorization"));
}

static void on_store(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct pods *p = ctx;
	struct forward_request request = { .head = head };
	const char *shown = request_token(head, &request.hide_authorization);

	if (!p->config.client_token)
		request.hide_authorization = false;
	if (!admit(p, s, &request.ticket))
		return;
	if (!shows_token(p, shown))
		refuse(p, s, REFUSAL_TOKEN);
	else if (!p->config.forward)
		refuse(p, s, REFUSAL_PASS_THROUGH);
	else {
		forward_send(p->config.forward, s, &request);
		return;
	}
	quota_leave(&request.ticket);
}

static void on_status(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct pods *p = ctx;
	CLEANUP(free_p) char *text = NULL;
	struct status status = { .n_tunnels = 0 };
	struct quota_ticket ticket;

	(void)head;
	if (!admit(p, s, &ticket))
		return;
	quota_leave(&ticket);
	p->config.look(p->config.ctx, &status);
	if (status_print(&status, &text)) {
		refuse(p, s, REFUSAL_MEMORY);
		return;
	}
	http_stream_answer(s, &(struct http_answer){
				  .status = 200,
				  .content_type = "application/json",
				  .body = text,
				  .n = strlen(text),
			      });
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
	r = httpd_listen(p->httpd, c->address, c->tls, fault);
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
	r = quota_new(&p->quota, config->rules);
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
	httpd_renew(p->httpd, tls);
	p->config.client_token = token;
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
	if (p)
		httpd_free(STEAL(p->httpd));
}

void pods_close(struct pods *p)
{
	if (!p)
		return;
	quota_free(p->quota);
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
		.sources = quota_sources(p->quota),
		.streams = quota_streams(p->quota),
		.turned_away = httpd_refused(p->httpd),
	};
}
