/* net/tunnel.c
 *
 *   SHAKING  TLS (net/shake.h)                                  SHAKE_MS
 *   HEARING  HTTP/2 is open (net/http.h), but the peer has      HEAR_MS
 *            said nothing yet
 *   UP       requests may be sent; net/http.h pings
 *
 * Which end of TLS and which end of HTTP this is are two choices of the owner:
 * the context says the one, handlers or none the other.
 *
 * The peer is checked in the handshake, from the callback of the TLS context:
 * signed by the one CA, valid now, made for the end it plays, in that CA's
 * realm, with the expected role. So a peer that is refused learns it by an
 * alert, and no request is ever exchanged with it. It is checked once more when
 * the handshake is done: who shows his certificate and holds the rest back
 * could otherwise be shut out meanwhile, and be in all the same. Who asks for
 * the protocol of guests instead, where there are any, has shown nothing and is
 * no peer: the owner gets the leg, and the tunnel is over. HEARING is there
 * because in TLS 1.3 a client's handshake is done before the server has looked
 * at its certificate: only the server's first bytes say that it let us in. A
 * TLS server knows at once.
 *
 * The owner is told `gone` once, as the last thing, from the loop: a close
 * while SHAKING therefore posts it.
 */
#include "net/tunnel.h"
#include "net/loop.h"
#include "net/shake.h"
#include "wire/boot.h"

#define TUNNEL_HOP "tunnel" /* begins every fault of a tunnel */

enum { SHAKE_MS = 10000, HEAR_MS = 10000, PING_MS = 15000 };

enum tunnel_state { SHAKING, HEARING, UP, STATES };

struct tunnel {
	struct loop *loop;
	struct tunnel_config config;
	enum tunnel_state state;
	struct tls_shake *shake;  /* SHAKING */
	struct http_conn *conn;	  /* from HEARING on */
	struct wheel_timer timer; /* HEARING */
	struct loop_task task;	  /* tells `gone` of a close while SHAKING */
	bool closing;
	struct subject peer;
};

static void tunnel_move(struct tunnel *t, enum tunnel_state to)
{
	static const enum tunnel_state next[STATES] = { HEARING, UP, STATES };

	INVARIANT(to == next[t->state]);
	t->state = to;
}

static int check_name(const struct tunnel_trust *trust,
    const struct subject *seen, struct fault *fault)
{
	for (size_t i = 0; i < trust->n_peer_names; i++)
		if (!strcmp(trust->peer_names[i], seen->name))
			return 0;
	return !trust->n_peer_names
		   ? 0
		   : fault_set(fault, -EACCES,
			 "is it the peer that was meant? A holder of another "
			 "certificate of the same CA answers",
			 "expected a certificate named %s%s, got one named %s",
			 trust->peer_names[0],
			 trust->n_peer_names > 1 ? " (or others)" : "",
			 seen->name);
}

static int check_admitted(const struct tunnel_trust *trust,
    const struct subject *seen, struct fault *fault)
{
	if (!trust->admit || trust->admit(trust->admit_ctx, seen->name))
		return 0;
	return fault_set(fault, -EACCES,
	    "somebody has revoked it; it needs another name or registration",
	    "the certificate is good, but %s is shut out", seen->name);
}

static int check_peer(void *ctx, X509 *leaf, struct fault *fault)
{
	const struct tunnel_trust *trust = ctx;
	struct expectation expected = {
		.ca = trust->identity->ca,
		.role = trust->peer_role,
		.as_server = trust->end == TLS_CLIENT,
	};
	struct subject seen;
	int r = pki_expect(&expected, leaf, 0, &seen, fault);

	if (!r)
		r = check_name(trust, &seen, fault);
	return r ? r : check_admitted(trust, &seen, fault);
}

int tunnel_context(struct tls_context **out, const struct tunnel_trust *trust,
    struct fault *fault)
{
	const char *const alpn[] = { TUNNEL_ALPN, trust->guest, NULL };
	struct tls_config config = {
		.end = trust->end,
		.hop = TUNNEL_HOP,
		.alpn = alpn,
		.guest = trust->guest,
		.identity = trust->identity,
		.trust = TLS_TRUST_CA,
		.ca = trust->identity->ca,
		.check = check_peer,
		.check_ctx = (void *)(uintptr_t)trust,
	};

	return tls_context_new(out, &config, fault);
}

static int check_bridge(void *ctx, X509 *leaf, struct fault *fault)
{
	struct expectation expected = {
		.ca = ctx,
		.role = ROLE_BRIDGE,
		.as_server = true,
	};
	struct subject seen;

	return pki_expect(&expected, leaf, 0, &seen, fault);
}

int tunnel_boot_context(struct tls_context **out, X509 *ca, struct fault *fault)
{
	static const char *const alpn[] = { BOOT_ALPN, NULL };
	struct tls_config config = {
		.end = TLS_CLIENT,
		.hop = "boot session",
		.alpn = alpn,
		.trust = ca ? TLS_TRUST_CA : TLS_TRUST_ANYBODY,
		.ca = ca,
		.check = ca ? check_bridge : NULL,
		.check_ctx = ca, /* which the context holds */
	};

	return tls_context_new(out, &config, fault);
}

static void tunnel_free(struct tunnel *t)
{
	loop_unpost(t->loop, &t->task);
	loop_cancel(t->loop, &t->timer);
	tls_context_free(t->config.context);
	free(t);
}

static void tunnel_end(struct tunnel *t, const struct fault *fault)
{
	t->config.events->gone(t->config.ctx, t, fault, t->state == UP);
	tunnel_free(t);
}

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct tunnel *t = ctx;

	httpd_dispatch(t->config.handlers, s, head);
}

static void tunnel_closed(struct tunnel *t)
{
	struct fault fault;

	fault_set(&fault, -ESHUTDOWN, NULL, "tunnel: closed by %s",
	    t->closing ? "this end" : "the peer");
	tunnel_end(t, &fault);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	struct tunnel *t = ctx;
	struct fault own = *fault;

	t->conn = NULL;
	if (!fault->code) {
		tunnel_closed(t);
		return;
	}
	if (strncmp(own.text, TUNNEL_HOP ": ", sizeof(TUNNEL_HOP ": ") - 1))
		fault_wrap(
		    &own, "%s", TUNNEL_HOP); /* TLS has said it already */
	tunnel_end(t, &own);
}

static void on_close_task(struct loop_task *task)
{
	tunnel_closed(CONTAINER_OF(task, struct tunnel, task));
}

static void tunnel_up(struct tunnel *t)
{
	loop_cancel(t->loop, &t->timer);
	tunnel_move(t, UP);
	t->config.events->up(t->config.ctx, t);
}

static void on_heard(void *ctx)
{
	struct tunnel *t = ctx;

	if (t->state == HEARING && !t->closing)
		tunnel_up(t);
}

static void on_deaf(struct wheel_timer *timer, uint64_t now)
{
	struct tunnel *t = CONTAINER_OF(timer, struct tunnel, timer);
	struct fault fault;

	(void)now;
	http_conn_cut(STEAL(t->conn));
	fault_set(&fault, -ETIMEDOUT,
	    "is the peer overloaded, or the network to it down?",
	    "tunnel: TLS is up, but the peer says nothing");
	tunnel_end(t, &fault);
}

static const struct http_conn_events conn_events = {
	.request = on_request,
	.heard = on_heard,
	.gone = on_gone,
};

static int tunnel_speak(struct tunnel *t, struct leg *leg, struct fault *fault)
{
	struct http_conn_config config = {
		.version = HTTP_2,
		.end = t->config.handlers ? HTTP_SERVER : HTTP_CLIENT,
		.events = &conn_events,
		.ctx = t,
		.ping_ms = PING_MS,
		.for_many = true,
	};

	if (tls_leg_check(leg, fault) ||
	    subject_of(&t->peer, tls_leg_peer(leg), fault)) {
		leg_close(leg);
		return fault_wrap(fault, TUNNEL_HOP), -EACCES;
	}
	if (http_conn_open(&t->conn, leg, &config))
		return fault_set(
		    fault, -ENOMEM, NULL, "tunnel: no memory for HTTP");
	return 0;
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct tunnel *t = ctx;
	struct fault own;

	(void)why;
	t->shake = NULL;
	if (!leg) {
		tunnel_end(t, fault);
		return;
	}
	if (strcmp(tls_leg_alpn(leg), TUNNEL_ALPN) != 0) {
		t->config.events->guest(t->config.ctx, t, leg);
		tunnel_free(t);
		return;
	}
	if (tunnel_speak(t, leg, &own)) {
		tunnel_end(t, &own);
		return;
	}
	tunnel_move(t, HEARING);
	if (tls_context_end(t->config.context) == TLS_SERVER)
		tunnel_up(t);
	else
		loop_after(t->loop, &t->timer, HEAR_MS, on_deaf);
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
	if (t->conn) {
		http_conn_close(t->conn, ms);
		return;
	}
	tls_shake_cancel(STEAL(t->shake));
	loop_post(t->loop, &t->task, on_close_task);
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
	bool asks = t->state == UP && !t->closing && !t->config.handlers;

	return asks ? t->conn : NULL;
}

const char *tunnel_peer(const struct tunnel *t)
{
	return t->state == UP ? t->peer.name : "";
}
