/* cli/podcheck.c: what pharos-wrapper does, once, with each step waited for.
 * The value is read and thrown away; the token of the store is revoked.
 */
#include "cli/podcheck.h"
#include "net/address.h"
#include "net/http.h"
#include "net/httpc.h"
#include "net/loop.h"
#include "net/sealed.h"
#include "net/tunnel.h"
#include "wire/grant.h"
#include "wire/podrole.h"
#include "wire/vault.h"
#include <stdio.h>

struct pod {
	struct probe *p;
	struct checks *c;
	const struct podcheck_order *o;
	struct secret *jwt, *broker_token, *token;
	struct http_conn *broker, *bridge; /* NULL once they have gone */
};

static void pod_clear(struct pod *pod)
{
	if (pod->bridge)
		http_conn_cut(pod->bridge);
	if (pod->broker)
		http_conn_cut(pod->broker);
	secret_free(pod->jwt);
	secret_free(pod->broker_token);
	secret_free(pod->token);
}

static void bad(struct pod *pod, size_t hop, int code, const char *text)
{
	struct fault fault = FAULT_NONE;

	(void)fault_set(&fault, code, NULL, "%s", text);
	checks_bad(pod->c, pod->o->first + hop, &fault);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	struct http_conn **conn = ctx;

	(void)fault;
	*conn = NULL;
}

/* HTTP/2 over @leg, which is taken. */
static int converse(struct http_conn **out, struct leg *leg)
{
	static const struct http_conn_events events = { .gone = on_gone };
	struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = out };

	return http_conn_open(out, leg, &config);
}

/* ---- the broker ---------------------------------------------------------- */

static struct leg *reach_broker(struct pod *pod, struct fault *fault)
{
	static const char *const alpn[] = { "h2", NULL };
	CLEANUP(tls_context_freep) struct tls_context *context = NULL;
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = "the broker's TLS",
		.alpn = alpn,
		.trust = pod->o->ca_file ? TLS_TRUST_CA : TLS_TRUST_SYSTEM,
		.ca_file = pod->o->ca_file };
	struct probe_tls tls = { .lower = NULL };
	struct address where;
	struct leg *leg;

	if (address_parse(&where, pod->o->target) ||
	    tls_context_new(&context, &config, fault))
		return NULL;
	tls.lower = probe_dial(pod->p, pod->o->target, fault);
	tls.context = context;
	tls.name = where.host;
	leg = probe_tls(pod->p, &tls);
	if (!leg && tls.fault.code)
		*fault = tls.fault;
	return leg;
}

/* A CONNECT under way. */
struct asking {
	struct http_stream *stream;
	struct wheel_timer timer;
	bool over;
	int status; /* 0: no answer */
};

static void on_answer(void *ctx, struct http_stream *stream,
    const struct http_head *head, enum http_why why)
{
	struct asking *a = ctx;

	(void)stream;
	(void)why;
	a->over = true;
	a->status = head ? head->status : 0;
}

static void on_late(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	CONTAINER_OF(t, struct asking, timer)->over = true;
}

static int send_connect(struct pod *pod, struct asking *a)
{
	const struct sealed_order order = { .broker = pod->broker,
		.token = pod->broker_token,
		.fn = on_answer,
		.ctx = a };

	return sealed_connect(&a->stream, &order);
}

/* Return: the leg to the bridge; NULL: told. */
static struct leg *check_connect(struct pod *pod)
{
	struct loop *loop = probe_loop(pod->p);
	struct asking a = { .over = false };
	struct fault fault = FAULT_NONE;
	struct leg *leg = reach_broker(pod, &fault);
	char text[80];

	if (!leg) {
		checks_bad(pod->c, pod->o->first + PODCHECK_CONNECT, &fault);
		return NULL;
	}
	if (converse(&pod->broker, leg) || send_connect(pod, &a)) {
		bad(pod, PODCHECK_CONNECT, -EIO, "the request cannot be sent");
		return NULL;
	}
	loop_after(loop, &a.timer, PROBE_MS, on_late);
	while (!a.over)
		loop_wait(loop);
	loop_cancel(loop, &a.timer);
	if (a.status / 100 == 2) {
		checks_good(pod->c, pod->o->first + PODCHECK_CONNECT,
		    "the broker carries it");
		return http_stream_leg(a.stream);
	}
	http_stream_abandon(a.stream);
	(void)snprintf(text, sizeof(text),
	    a.status ? "the broker answers %d" : "no answer (%d)", a.status);
	bad(pod, PODCHECK_CONNECT, -EACCES, text);
	return NULL;
}

/* ---- the store ----------------------------------------------------------- */

struct reply {
	struct httpc_call *sent; /* NULL once it is over */
	struct httpc_answer *answer, kept;
	struct fault fault;
};

static void on_reply(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct reply *r = ctx;

	r->sent = NULL;
	if (answer) {
		r->kept = *answer;
		r->answer = &r->kept;
	} else {
		r->fault = *fault;
	}
}

static void reply_clear(struct reply *r)
{
	if (r->kept.body)
		secret_wipe(r->kept.body, r->kept.n_body);
	free(r->kept.body);
}

/* @r: reply_clear() it. Return: did the store say 200? If not, the fault says
 * what it said. */
static bool ask(struct reply *r, struct pod *pod, const struct vault_call *call)
{
	struct http_field fields[3] = { { "x-vault-request", "true" } };
	struct httpc_request request = { .method = call->method,
		.authority = TUNNEL_BRIDGE_NAME,
		.target = call->target,
		.fields = fields,
		.n_fields = 1,
		.most = VAULT_ANSWER_MOST,
		.ms = PROBE_MS };
	struct vault_failure failure = { .store = "behind the bridge" };

	*r = (struct reply){ .answer = NULL };
	if (pod->token)
		fields[request.n_fields++] =
		    (struct http_field){ "x-vault-token",
			    secret_bytes(pod->token) };
	if (call->body) {
		fields[request.n_fields++] =
		    (struct http_field){ "content-type", "application/json" };
		request.body = secret_bytes(call->body);
		request.n_body = secret_size(call->body);
	}
	if (!pod->bridge ||
	    httpc_send(&r->sent, pod->bridge, &request, on_reply, r))
		(void)fault_set(&r->fault, -EIO, NULL, "it cannot be asked");
	while (r->sent)
		loop_wait(probe_loop(pod->p));
	if (!r->answer || r->kept.status == 200)
		return r->answer;
	failure.status = r->kept.status;
	failure.body = r->kept.body;
	failure.n = r->kept.n_body;
	failure.content_type = r->kept.content_type;
	vault_fault(&r->fault, &failure);
	return false;
}

static bool check_login(struct pod *pod)
{
	size_t hop = pod->o->first + PODCHECK_LOGIN;
	struct vault_call call = { .body = NULL };
	const char *role = pod->o->role;
	char own[PODROLE_MOST + 1];
	struct vault_auth auth;
	struct reply r;
	bool good;

	if (!role && !podrole_of(own, pod->jwt))
		role = own;
	if (!role || vault_call_login(&call, pod->o->mount, role, pod->jwt)) {
		bad(pod, PODCHECK_LOGIN, -EINVAL,
		    "--token-file has no token of a ServiceAccount");
		return false;
	}
	good = ask(&r, pod, &call);
	if (!good)
		checks_bad(pod->c, hop, &r.fault);
	else if (vault_read_auth(&auth, r.kept.body, r.kept.n_body)) {
		bad(pod, PODCHECK_LOGIN, -EBADMSG, "the answer has no token");
		good = false;
	} else {
		pod->token = STEAL(auth.token);
		vault_auth_clear(&auth);
		checks_good(pod->c, hop, "as %s", role);
	}
	reply_clear(&r);
	vault_call_clear(&call);
	return good;
}

static void check_read(struct pod *pod)
{
	size_t hop = pod->o->first + PODCHECK_READ;
	struct vault_call call = { .body = NULL };
	struct vault_secret secret;
	struct vault_mount mount;
	struct grant_path full;
	struct reply r;

	if (!pod->o->path) {
		checks_skip(pod->c, hop, "no --path was named");
		return;
	}
	grant_guess(&mount, pod->o->path);
	if (grant_resolve(&full, pod->o->path, &mount, NULL) ||
	    vault_call_get(&call, full.read, 0)) {
		bad(pod, PODCHECK_READ, -EINVAL, "--path is none of a secret");
		return;
	}
	if (!ask(&r, pod, &call))
		checks_bad(pod->c, hop, &r.fault);
	else if (vault_read_secret(&secret, r.kept.body, r.kept.n_body))
		bad(pod, PODCHECK_READ, -EBADMSG, "what is there is no secret");
	else {
		checks_good(
		    pod->c, hop, "%s: %zu fields", full.read, secret.n_fields);
		vault_secret_clear(&secret);
	}
	reply_clear(&r);
	vault_call_clear(&call);
}

static void give_back(struct pod *pod)
{
	struct vault_call call = { .body = NULL };
	struct reply r;

	if (vault_call_revoke_self(&call))
		return;
	(void)ask(&r, pod, &call); /* else it ends by itself */
	reply_clear(&r);
	vault_call_clear(&call);
}

/* ---- all of it ----------------------------------------------------------- */

static int take(struct secret **out, const char *file, struct fault *fault)
{
	int r = secret_read_token(out, file, VAULT_TOKEN_MOST);

	if (r)
		file_fault(fault, r, file, VAULT_TOKEN_MOST);
	return r > 0 ? -EINVAL : r;
}

int podcheck(struct probe *p, struct checks *c,
    const struct podcheck_order *order, struct fault *fault)
{
	CLEANUP(pod_clear) struct pod pod = { .p = p, .c = c, .o = order };
	struct bridgecheck_order bridge = { .ca = order->ca,
		.alpn = TUNNEL_SEALED_ALPN,
		.first = order->first + PODCHECK_SEALED };
	struct leg *leg = NULL;
	int r = take(&pod.jwt, order->token_file, fault);

	if (!r && order->broker_token_file)
		r = take(&pod.broker_token, order->broker_token_file, fault);
	if (r || !checks_turn(c, order->first + PODCHECK_CONNECT))
		return r;
	bridge.lower = check_connect(&pod);
	if (!bridge.lower)
		return 0;
	r = bridgecheck(&leg, p, c, &bridge, fault);
	if (r || !leg)
		return r;
	if (converse(&pod.bridge, leg))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (check_login(&pod)) {
		check_read(&pod);
		give_back(&pod);
	}
	return 0;
}
