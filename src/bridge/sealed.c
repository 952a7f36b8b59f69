/* bridge/sealed.c */
#include "bridge/sealed.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/shake.h"
#include "net/tunnel.h"

struct session {
	struct session *next, **link;
	struct sealed *sealed;
	struct tls_shake *shake;
	uint64_t began_us;
};

struct sealed {
	struct tls_context *tls;
	struct httpd *inside;
	struct session *sessions;
	struct sealed_counts counts;
};

static void session_free(struct session *s)
{
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->sealed->counts.open--;
	free(s);
}

static struct session *session_new(struct sealed *sealed)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->sealed = sealed;
	s->next = sealed->sessions;
	s->link = &sealed->sessions;
	if (s->next)
		s->next->link = &s->next;
	sealed->sessions = s;
	sealed->counts.open++;
	return s;
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct session *s = ctx;
	struct sealed *sealed = s->sealed;

	uint64_t began_us = s->began_us;

	(void)why;
	session_free(s);
	if (leg) {
		sealed->counts.total++;
		metric_observe(&sealed->counts.handshake,
		    loop_us(leg_loop(leg)) - began_us);
		httpd_serve(sealed->inside, leg, HTTP_2);
		return;
	}
	sealed->counts.failed++;
	log_debug("sealed session failed", LOG_STR("fault", fault->text));
}

static void begin(struct sealed *sealed, struct http_stream *stream)
{
	struct http_head ok = { .status = 200, .length = -1 };
	struct session *s = session_new(sealed);
	struct tls_shake_order order = {
		.lower = http_stream_leg(stream),
		.context = sealed->tls,
		.ms = SEALED_SHAKE_MS,
		.fn = on_shaken,
		.ctx = s,
	};

	INVARIANT(sealed->tls);
	if (!s || http_stream_respond(stream, &ok, false)) {
		http_stream_abandon(stream);
		if (s)
			session_free(s);
		return;
	}
	s->began_us = loop_us(leg_loop(order.lower));
	if (tls_shake(&s->shake, &order))
		session_free(s);
}

void sealed_accept(
    struct sealed *s, struct http_stream *stream, const struct http_head *head)
{
	if (strcmp(head->authority, TUNNEL_BRIDGE_NAME ":443") != 0) {
		s->counts.refused++;
		http_stream_refuse(stream, 403,
		    "bridge: CONNECT is for " TUNNEL_BRIDGE_NAME ":443 only");
		return;
	}
	if (s->counts.open >= SEALED_SESSIONS_MOST) {
		s->counts.refused++;
		http_stream_refuse(stream, 503,
		    "bridge: too many sealed sessions are being opened");
		return;
	}
	begin(s, stream);
}

int sealed_context(struct tls_context **out, const struct identity *identity,
    struct fault *fault)
{
	static const char *const alpn[] = { TUNNEL_SEALED_ALPN, NULL };
	struct tls_config config = {
		.end = TLS_SERVER,
		.hop = "sealed session",
		.alpn = alpn,
		.identity = identity,
		.trust = TLS_TRUST_NOBODY,
	};

	return tls_context_new(out, &config, fault);
}

void sealed_renew(struct sealed *s, struct tls_context *tls)
{
	tls_context_free(s->tls);
	s->tls = tls;
}

int sealed_new(struct sealed **out, const struct identity *identity,
    struct httpd *inside, struct fault *fault)
{
	struct sealed *s = calloc(1, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	if (!r && identity)
		r = sealed_context(&s->tls, identity, fault);
	if (r) {
		free(s);
		return r;
	}
	s->inside = inside;
	*out = s;
	return 0;
}

void sealed_free(struct sealed *s)
{
	if (!s)
		return;
	while (s->sessions) {
		tls_shake_cancel(s->sessions->shake);
		session_free(s->sessions);
	}
	tls_context_free(s->tls);
	free(s);
}

const struct sealed_counts *sealed_counts(const struct sealed *s)
{
	return &s->counts;
}
