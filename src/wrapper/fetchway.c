/* Theory. Four steps, each with one outcome: dial, TLS with the broker,
 * CONNECT, TLS with the bridge. There is no deadline here but those of the
 * steps' handshakes: the fetching process has one for everything (fetch.c).
 *
 * The last two begin together: the ClientHello goes along with the CONNECT, as
 * bytes that whoever refuses drops, so the bridge's answer to both takes one
 * round trip. The handshake has the stream meanwhile, and reads nothing before
 * the answer's head. If that is no 2xx, the handshake gives the stream back
 * unread (tls_shake_release), and what follows in it is the refusal's words.
 *
 * Two chains of trust that have nothing to do with each other: the broker's
 * HTTPS certificate, by name, from --broker-ca; the bridge's, by role and
 * realm, from --bridge-ca alone. That a certificate comes from the bridge's CA
 * is not enough: brokers have such certificates too, and the broker is whom the
 * values are to be kept from.
 *
 * What may work later is tried again by the supervisor: no route, a broker
 * without tunnel, a connection that broke. What will not, is not: a certificate
 * that is not trusted, a token that is refused.
 */
#include "wrapper/fetchway.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/sealed.h"
#include "net/shake.h"
#include "net/tunnel.h"
#include "wire/vault.h"
#include <openssl/x509.h>
#include <stdio.h>

enum {
	STEP_MS = 10 * 1000,
	/* CONNECT: the broker may ask its cluster, and then waits for the
	 * bridge */
	CONNECT_MS = 30 * 1000,
	REFUSAL_MOST = 16 * 1024, /* bytes of the broker's words */
};

struct fetchway {
	struct loop *loop;
	const struct fetchway_order *order;
	const struct fetchway_events *events;
	void *ctx;
	struct address broker;
	enum handoff_hop hop;
	struct tls_context *outer, *inner;
	X509 *bridge_ca;
	struct dial *dial;
	struct tls_shake *shake; /* of one of the two; it has CONNECT's leg */
	struct http_conn *outer_conn, *inner_conn;
	struct http_collect *refusal;
	bool over;
	int refused_status;
	uint32_t refused_ms;
};

enum handoff_hop fetchway_hop(const struct fetchway *w)
{
	return w->hop;
}

void fetchway_close(struct fetchway *w)
{
	if (!w)
		return;
	dial_cancel(w->dial);
	tls_shake_cancel(w->shake);
	if (w->inner_conn)
		http_conn_cut(w->inner_conn);
	http_collect_cancel(w->refusal);
	if (w->outer_conn)
		http_conn_cut(w->outer_conn);
	tls_context_free(w->outer);
	tls_context_free(w->inner);
	X509_free(w->bridge_ca);
	loop_set_egress(w->loop, NULL);
	free(w);
}

/* The first loss is the one that counts; closing is left to the owner, who does
 * it when no callback of these connections is under way. */
static void lose(struct fetchway *w, bool retry, const struct fault *fault)
{
	struct fetchway_failure why = { w->hop, retry, w->refused_ms, fault };

	if (w->over)
		return;
	w->over = true;
	w->events->lost(w->ctx, &why);
}

static void lose_memory(struct fetchway *w)
{
	struct fault f = FAULT_NONE;

	fault_set(&f, -ENOMEM, "give it more memory", "out of memory");
	lose(w, true, &f);
}

static bool may_work_later(enum tls_failure why)
{
	return why == TLS_FAILURE_CLOSED || why == TLS_FAILURE_TIMEOUT ||
	       why == TLS_FAILURE_OTHER;
}

static void on_inner_gone(void *ctx, const struct fault *fault)
{
	struct fetchway *w = ctx;
	struct fault f = *fault;

	w->inner_conn = NULL;
	if (!*f.text)
		fault_set(&f, -ECONNRESET, NULL, "the bridge has ended it");
	lose(w, true, &f);
}

static void on_sealed(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	static const struct http_conn_events events = { .gone = on_inner_gone };
	struct fetchway *w = ctx;
	struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = w };

	w->shake = NULL;
	if (!leg) {
		lose(w, may_work_later(why), fault);
		return;
	}
	if (http_conn_open(&w->inner_conn, leg, &config))
		lose_memory(w);
	else
		w->events->open(w->ctx, w->inner_conn);
}

/* Before CONNECT is answered; the stream is the handshake's. */
static void start_sealed(struct fetchway *w, struct http_stream *stream)
{
	struct tls_shake_order order = {
		.lower = http_stream_leg(stream),
		.context = w->inner,
		.name = TUNNEL_BRIDGE_NAME,
		.ms = CONNECT_MS,
		.fn = on_sealed,
		.ctx = w,
	};

	if (tls_shake(&w->shake, &order))
		lose_memory(w);
}

static const struct refusal {
	int status;
	bool retry;
	const char *hint;
} refusals[] = {
	{ 403, false,
	    "if it gives no reason, check --broker: what listens there may be "
	    "no broker" },
	{ 407, false,
	    "name with --broker-token-file the pod's projected token of "
	    "audience pharos-broker, or the one token that the broker asks of "
	    "all pods" },
	{ 429, true, "too many requests from here; it is tried again" },
	{ 502, true, "see the broker's log for its tunnel" },
	{ 503, true,
	    "see its /v1/status: its tunnels, and what it asks the cluster" },
};

static const struct refusal *refusal_of(int status)
{
	static const struct refusal other = { .hint = "check --broker" };

	for (size_t i = 0; i < N_ELEMS(refusals); i++)
		if (refusals[i].status == status)
			return &refusals[i];
	return &other;
}

static void on_refusal(void *ctx, char *body, size_t n, int error)
{
	struct fetchway *w = ctx;
	const struct refusal *r = refusal_of(w->refused_status);
	char words[FAULT_TEXT_MAX / 2] = "";
	struct fault f = FAULT_NONE;

	w->refusal = NULL;
	if (!error)
		(void)vault_errors(words, sizeof(words), body, n);
	free(body);
	fault_set(&f, -EACCES, r->hint, "%s answers %d%s%s", w->order->broker,
	    w->refused_status, *words ? ": " : "", words);
	lose(w, r->retry || w->refused_status >= 500, &f);
}

static void on_connect(void *ctx, struct http_stream *stream,
    const struct http_head *head, enum http_why why)
{
	struct fetchway *w = ctx;
	struct fault f = FAULT_NONE;

	(void)stream;
	(void)why;
	if (!head) {
		fault_set(&f, -ECONNRESET, "see the broker's log",
		    "%s has broken it off", w->order->broker);
		lose(w, true, &f);
		return;
	}
	if (head->status / 100 == 2) {
		w->hop = HANDOFF_HOP_SEALED;
		tls_shake_again(w->shake, STEP_MS);
		return;
	}
	w->refused_status = head->status;
	w->refused_ms = http_retry_after(head) * 1000;
	if (http_collect(&w->refusal, tls_shake_release(STEAL(w->shake)),
		REFUSAL_MOST, STEP_MS, on_refusal, w))
		lose_memory(w);
}

static int send_connect(struct fetchway *w)
{
	const struct sealed_order order = { .broker = w->outer_conn,
		.token = w->order->broker_token,
		.early = true,
		.fn = on_connect,
		.ctx = w };
	struct http_stream *stream;
	int r = sealed_connect(&stream, &order);

	if (!r)
		start_sealed(w, stream);
	return r;
}

static void on_outer_gone(void *ctx, const struct fault *fault)
{
	struct fetchway *w = ctx;
	struct fault f = *fault;

	w->outer_conn = NULL;
	if (!*f.text)
		fault_set(
		    &f, -ECONNRESET, NULL, "%s has ended it", w->order->broker);
	lose(w, true, &f);
}

static void on_outer(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	static const struct http_conn_events events = { .gone = on_outer_gone };
	struct fetchway *w = ctx;
	struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = w };
	struct fault f = FAULT_NONE;

	w->shake = NULL;
	if (!leg) {
		lose(w, may_work_later(why), fault);
		return;
	}
	w->hop = HANDOFF_HOP_CONNECT;
	if (http_conn_open(&w->outer_conn, leg, &config)) {
		lose_memory(w);
		return;
	}
	if (send_connect(w)) {
		fault_set(&f, -EINVAL,
		    "look into --broker-token-file: one line, no blanks",
		    "the request cannot be sent");
		lose(w, false, &f);
	}
}

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct fetchway *w = ctx;
	struct tls_shake_order order = {
		.lower = leg,
		.context = w->outer,
		.name = w->broker.host,
		.ms = STEP_MS,
		.fn = on_outer,
		.ctx = w,
	};

	w->dial = NULL;
	if (!leg)
		lose(w, true, fault);
	else if (tls_shake(&w->shake, &order))
		lose_memory(w);
}

static int check_bridge(void *ctx, X509 *leaf, struct fault *fault)
{
	struct fetchway *w = ctx;
	struct expectation bridge = {
		.ca = w->bridge_ca, .role = ROLE_BRIDGE, .as_server = true
	};
	struct subject seen;

	return pki_expect(&bridge, leaf, 0, &seen, fault);
}

static int make_contexts(struct fetchway *w, struct fault *fault)
{
	static const char *const h2[] = { "h2", NULL };
	static const char *const sealed[] = { TUNNEL_SEALED_ALPN, NULL };
	const char *ca = *w->order->broker_ca ? w->order->broker_ca : NULL;
	struct tls_config outer = {
		.end = TLS_CLIENT,
		.hop = "TLS with the broker",
		.alpn = h2,
		.trust = ca ? TLS_TRUST_CA : TLS_TRUST_SYSTEM,
		.ca_file = ca,
	};
	struct tls_config inner = {
		.end = TLS_CLIENT,
		.hop = "sealed session with the bridge",
		.alpn = sealed,
		.trust = TLS_TRUST_CA,
		.check = check_bridge,
		.check_ctx = w,
	};
	int r = pki_load_cert(&w->bridge_ca, w->order->bridge_ca, fault);

	if (r)
		return r;
	inner.ca = w->bridge_ca;
	r = tls_context_new(&w->outer, &outer, fault);
	return r ? r : tls_context_new(&w->inner, &inner, fault);
}

/* "https://host:port", nothing after it. */
int fetchway_broker(struct address *out, const char *url, struct fault *fault)
{
	static const char scheme[] = "https://";
	struct address broker;

	if (strncmp(url, scheme, strlen(scheme)) != 0 ||
	    address_parse(&broker, url + strlen(scheme)) || !*broker.host ||
	    !broker.port)
		return fault_set(fault, -EINVAL,
		    "write it as https://broker.example:8199",
		    "--broker '%.200s' is not the address of a broker", url);
	*out = broker;
	return 0;
}

static int start(struct fetchway *w, struct fault *fault)
{
	int r = fetchway_broker(&w->broker, w->order->broker, fault);

	if (!r)
		r = make_contexts(w, fault);
	if (r)
		return r;
	loop_set_egress(w->loop, w->order->egress);
	return dial_open(&w->dial, w->loop,
	    w->order->broker + strlen("https://"), STEP_MS, on_dialled, w,
	    fault);
}

int fetchway_open(struct fetchway **out, struct loop *loop,
    const struct fetchway_order *order, const struct fetchway_events *events,
    void *ctx, struct fault *fault)
{
	struct fetchway *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	w->loop = loop;
	w->order = order;
	w->events = events;
	w->ctx = ctx;
	w->hop = HANDOFF_HOP_BROKER;
	r = start(w, fault);
	if (r) {
		fetchway_close(w);
		return r;
	}
	*out = w;
	return 0;
}
