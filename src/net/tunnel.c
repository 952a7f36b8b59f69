/* net/tunnel.c: SHAKING (TLS) to UP (HTTP/2), and either to its end. The HTTP
 * end is the owner's choice, whatever the TLS end is. */
#include "net/tunnel.h"
#include "net/loop.h"
#include "net/shake.h"

enum { SHAKE_MS = 10000, PING_MS = 15000 };

struct tunnel {
	struct loop *loop;
	struct tunnel_config config;
	struct tls_shake *shake; /* SHAKING */
	struct http_conn *conn;	 /* UP */
	bool closing;
	struct subject peer;
};

static int check_peer(void *ctx, X509 *leaf, struct fault *fault)
{
	const struct tunnel_trust *trust = ctx;
	struct expectation expected = {
		.ca = trust->identity->ca,
		.role = trust->peer_role,
		.as_server = trust->end == TLS_CLIENT,
	};
	struct subject seen;

	return pki_expect(&expected, leaf, 0, &seen, fault);
}

int tunnel_context(struct tls_context **out, const struct tunnel_trust *trust,
    struct fault *fault)
{
	static const char *const alpn[] = { TUNNEL_ALPN, NULL };
	struct tls_config config = {
		.end = trust->end,
		.hop = "tunnel",
		.alpn = alpn,
		.identity = trust->identity,
		.trust = TLS_TRUST_CA,
		.ca = trust->identity->ca,
		.check = check_peer,
		.check_ctx = (void *)(uintptr_t)trust,
	};

	return tls_context_new(out, &config, fault);
}

static void tunnel_free(struct tunnel *t)
{
	tls_context_free(t->config.context);
	free(t);
}

static void tunnel_end(struct tunnel *t, const struct fault *fault, bool was_up)
{
	t->config.events->gone(t->config.ctx, t, fault, was_up);
	tunnel_free(t);
}

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct tunnel *t = ctx;

	httpd_dispatch(t->config.handlers, s, head);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	struct tunnel *t = ctx;

	t->conn = NULL;
	tunnel_end(t, fault, true);
}

static const struct http_conn_events conn_events = {
	.request = on_request,
	.gone = on_gone,
};

static void tunnel_up(struct tunnel *t, struct leg *leg)
{
	struct http_conn_config config = {
		.version = HTTP_2,
		.end = t->config.handlers ? HTTP_SERVER : HTTP_CLIENT,
		.events = &conn_events,
		.ctx = t,
		.ping_ms = PING_MS,
	};
	struct fault fault = FAULT_NONE;

	if (subject_of(&t->peer, tls_leg_peer(leg), &fault)) {
		leg_close(leg);
		tunnel_end(t, &fault, false);
		return;
	}
	if (http_conn_open(&t->conn, leg, &config)) {
		fault_set(&fault, -ENOMEM, NULL, "tunnel: out of memory");
		tunnel_end(t, &fault, false);
		return;
	}
	t->config.events->up(t->config.ctx, t);
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct tunnel *t = ctx;

	(void)why;
	t->shake = NULL;
	if (leg)
		tunnel_up(t, leg);
	else
		tunnel_end(t, fault, false);
}

int tunnel_open(
    struct tunnel **out, struct leg *leg, const struct tunnel_config *config)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	struct tls_shake_order order = {
		.lower = leg,
		.context = config->context,
		.ms = SHAKE_MS,
		.fn = on_shaken,
		.ctx = t,
	};

	if (!t) {
		leg_reset(leg);
		return -ENOMEM;
	}
	t->loop = leg_loop(leg);
	t->config = *config;
	tls_context_ref(config->context);
	if (tls_shake(&t->shake, &order)) {
		tunnel_free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

void tunnel_close(struct tunnel *t, unsigned ms)
{
	t->closing = true;
	if (t->conn)
		http_conn_close(t->conn, ms);
}

void tunnel_cut(struct tunnel *t)
{
	tls_shake_cancel(t->shake);
	if (t->conn)
		http_conn_cut(t->conn);
	tunnel_free(t);
}

struct http_conn *tunnel_http(const struct tunnel *t)
{
	return t->closing || t->config.handlers ? NULL : t->conn;
}

const char *tunnel_peer(const struct tunnel *t)
{
	return t->peer.name;
}
