/* broker/boot.c
 *
 *   the plan            what is done
 *   ASKING              three calls to the cluster at once (link/kube.h)
 *   MEETING             broker/bootway.h
 *   SHAKING             TLS, ALPN pharos-boot/1; the bridge is checked there
 *   VOUCHING            a new key; the audience from exporter and key; a token
 *   AWAITING            POST /v1/boot, HTTP/2
 *
 * What a try has got on its way lies in struct errand and goes with it, however
 * it ends: requests under way, the session, the key, the token. So a try that
 * failed leaves nothing behind, and the next one begins from nothing.
 *
 * The cluster is asked for UID and keys before the bridge is met, since the
 * bridge waits for a request not long; only the token has to be asked for in
 * the session that it is bound to. The UID stays: it is the cluster's name.
 *
 * Losing the certificate (it ends, and none can be had) changes nothing here:
 * tunnels that live are the bridge's to end, and tries go on.
 */
#include "broker/boot.h"
#include "base/log.h"
#include "net/httpc.h"
#include "net/loop.h"
#include "net/shake.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include "wire/json.h"
#include <stdio.h>

enum { LEAVE_MS = 2000 }; /* for the orderly end of a session */

enum question { NAMESPACE, DISCOVERY, KEYS, TOKEN, QUESTIONS };

struct asked {
	struct boot *boot;
	enum question what;
	struct kube_call call;
	struct kube_request *sent; /* NULL once it is over */
};

struct errand {
	struct asked asked[QUESTIONS];
	struct tls_shake *shake;
	struct leg *leg; /* TLS is up, HTTP not yet */
	struct http_conn *conn;
	struct httpc_call *post;
	EVP_PKEY *key;
	struct boot_request request;
	struct fault way; /* of the last beacon that failed */
};

struct boot {
	struct loop *loop;
	struct boot_config config;
	struct tls_context *tls;
	struct bootway *way;
	struct bootplan plan;
	struct wheel_timer timer; /* the next try, or this stage's deadline */
	bool stopped, said_expired;
	char uid[KUBE_UID_MOST + 1];
	struct errand errand;
	struct http_conn *leaving; /* of the try before */
	struct fault last;
	struct boot_counts counts;
};

static void enter(struct boot *b, enum bootplan_stage stage);

/* ---- the end of a try --------------------------------------------------- */

/* The session ends in order; nobody waits for it. */
static void leave(struct boot *b)
{
	struct http_conn *conn = STEAL(b->errand.conn);

	if (!conn)
		return;
	INVARIANT(!b->leaving);
	b->leaving = conn;
	http_conn_close(conn, LEAVE_MS);
}

static void errand_drop(struct boot *b)
{
	struct errand *e = &b->errand;

	for (int i = 0; i < QUESTIONS; i++) {
		kube_cancel(e->asked[i].sent);
		kube_call_clear(&e->asked[i].call);
	}
	tls_shake_cancel(e->shake);
	httpc_cancel(e->post);
	leave(b);
	if (e->leg)
		leg_reset(e->leg);
	EVP_PKEY_free(e->key);
	if (e->request.token)
		secret_wipe(e->request.token, strlen(e->request.token));
	boot_request_deinit(&e->request);
	*e = (struct errand){ .key = NULL };
	bootway_end(b->way);
}

static void on_timer(struct wheel_timer *timer, uint64_t now);

static void arm(struct boot *b, uint64_t ms)
{
	if (!b->stopped)
		loop_after(b->loop, &b->timer, ms, on_timer);
}

static void say_expiry(struct boot *b)
{
	bool expired = bootplan_expired(&b->plan, loop_wall(b->loop));

	if (expired && !b->said_expired)
		log_err("the certificate has expired",
		    LOG_STR("fault", *b->last.text
					 ? b->last.text
					 : "the next one is still asked for"),
		    LOG_STR("hint", b->last.hint));
	b->said_expired = expired;
}

static void try_over(struct boot *b, const struct fault *fault, uint64_t ms)
{
	b->last = *fault;
	log_warn("no certificate", LOG_STR("fault", fault->text),
	    LOG_STR("hint", fault->hint), LOG_UINT("retry_ms", ms));
	say_expiry(b);
	errand_drop(b);
	arm(b, ms);
}

static void fail(struct boot *b, const struct fault *fault)
{
	b->counts.failed++;
	try_over(b, fault,
	    bootplan_failed(
		&b->plan, loop_now(b->loop), loop_random(b->loop, UINT32_MAX)));
}

static void fail_memory(struct boot *b)
{
	struct fault fault;

	fault_set(&fault, -ENOMEM, NULL, "out of memory");
	fail(b, &fault);
}

static void refused(struct boot *b, const struct boot_answer *a)
{
	struct fault fault;
	uint64_t ms = bootplan_refused(&b->plan, a->retry_s, loop_now(b->loop),
	    loop_random(b->loop, UINT32_MAX));

	b->counts.refused++;
	fault_set(&fault, -EACCES, a->fault.hint, "the bridge refused (%s): %s",
	    boot_code_text(a->code), a->fault.text);
	try_over(b, &fault, ms);
}

static void on_late(struct boot *b)
{
	enum bootplan_stage stage = b->plan.stage;
	struct fault fault;

	if (b->errand.way.code)
		fault = b->errand.way;
	else
		fault_set(&fault, -ETIMEDOUT,
		    "Is it overloaded, or the network to it down?",
		    "%s did not come within %u s", bootplan_text(stage),
		    bootplan_deadline_ms(stage) / 1000);
	fail(b, &fault);
}

static void on_timer(struct wheel_timer *timer, uint64_t now)
{
	struct boot *b = CONTAINER_OF(timer, struct boot, timer);
	uint64_t ms;

	if (b->plan.stage != BOOTPLAN_RESTING) {
		on_late(b);
		return;
	}
	say_expiry(b);
	ms = bootplan_wait_ms(&b->plan, now, loop_wall(b->loop));
	if (ms)
		arm(b, ms);
	else
		enter(b, bootplan_begin(&b->plan));
}

/* ---- asking the cluster ------------------------------------------------- */

static int take_token(struct boot *b, const char *body, size_t n)
{
	struct kube_token t = { .token = NULL };
	int r = kube_read_token(&t, body, n);

	if (r)
		return r;
	b->errand.request.token = strdup(secret_bytes(t.token));
	kube_token_clear(&t);
	return b->errand.request.token ? 0 : -ENOMEM;
}

static int take_object(json_t **to, const char *body, size_t n)
{
	*to = json_read_object(body, n, 0);
	return *to ? 0 : -EBADMSG;
}

static int take_answer(struct asked *q, const char *body, size_t n)
{
	struct boot *b = q->boot;

	switch (q->what) {
	case NAMESPACE:
		return kube_read_uid(b->uid, body, n);
	case DISCOVERY:
		return take_object(&b->errand.request.discovery, body, n);
	case KEYS:
		return take_object(&b->errand.request.jwks, body, n);
	case TOKEN:
	case QUESTIONS:
		break;
	}
	return take_token(b, body, n);
}

static bool asks(const struct boot *b)
{
	for (int i = 0; i < QUESTIONS; i++)
		if (b->errand.asked[i].sent)
			return true;
	return false;
}

static void on_answer(
    void *ctx, const char *body, size_t n, const struct fault *broken)
{
	struct asked *q = ctx;
	struct boot *b = q->boot;
	struct fault fault = FAULT_NONE;
	int r;

	q->sent = NULL;
	r = body ? take_answer(q, body, n) : 0;
	if (r == -EBADMSG)
		kube_unread(b->config.kube, &q->call, &fault);
	else if (!body)
		fault = *broken;
	if (fault.code)
		fail(b, &fault);
	else if (r)
		fail_memory(b);
	else if (!asks(b))
		enter(b, bootplan_next(&b->plan));
}

static int ask(struct boot *b, enum question what, struct fault *fault)
{
	struct asked *q = &b->errand.asked[what];
	int r;

	q->boot = b;
	q->what = what;
	r = kube_send(&q->sent, b->config.kube, &q->call, on_answer, q, fault);
	return r == KUBE_E_BUSY
		   ? fault_set(fault, -EAGAIN, NULL,
			 "cluster: too many calls are under way already")
		   : r;
}

static int ask_all(struct boot *b, struct fault *fault)
{
	struct asked *asked = b->errand.asked;
	int r = kube_call_namespace(&asked[NAMESPACE].call, "kube-system");

	if (!r)
		r = kube_call_discovery(&asked[DISCOVERY].call);
	if (!r)
		r = kube_call_keys(&asked[KEYS].call);
	for (int i = NAMESPACE; !r && i <= KEYS; i++)
		r = ask(b, (enum question)i, fault);
	return r;
}

/* ---- the session -------------------------------------------------------- */

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct boot *b = ctx;
	struct fault own;

	b->errand.shake = NULL;
	if (leg) {
		b->errand.leg = leg;
		enter(b, bootplan_next(&b->plan));
		return;
	}
	own = *fault;
	if (why == TLS_FAILURE_ALPN)
		fault_set(&own, own.code,
		    "Does the bridge serve this cluster by a credential of "
		    "`pharos source register`?",
		    "%s", fault->text);
	fail(b, &own);
}

static void on_leg(void *ctx, struct leg *leg)
{
	struct boot *b = ctx;
	struct tls_shake_order order = {
		.lower = leg,
		.context = b->tls,
		.ms = bootplan_deadline_ms(BOOTPLAN_SHAKING),
		.fn = on_shaken,
		.ctx = b,
	};

	b->errand.way.code = 0;
	enter(b, bootplan_next(&b->plan));
	if (tls_shake(&b->errand.shake, &order))
		fail_memory(b);
}

static void on_way_failed(void *ctx, const struct fault *fault)
{
	struct boot *b = ctx;

	b->errand.way = b->last = *fault;
	log_warn("target failed", LOG_STR("fault", fault->text),
	    LOG_STR("hint", fault->hint));
}

static const struct bootway_events way_events = {
	.leg = on_leg,
	.failed = on_way_failed,
};

/* Key, request and audience, which bind each other and this session. */
static int prepare(struct boot *b, char audience[BOOT_AUDIENCE + 1])
{
	struct errand *e = &b->errand;
	CLEANUP(request_p) X509_REQ *csr = NULL;
	CLEANUP(openssl_free_p) uint8_t *spki = NULL;
	uint8_t exported[BOOT_EXPORTED];
	int r = pki_key_new(&e->key), n;

	if (!r)
		r = pki_csr_new(&csr, e->key, "pharos-broker");
	if (!r)
		r = pki_csr_pem(&e->request.csr, csr);
	if (!r)
		r = tls_leg_export(e->leg, BOOT_EXPORTER, exported);
	n = r ? 0 : i2d_PUBKEY(e->key, &spki);
	if (r || n <= 0)
		return r ? r : -ENOMEM;
	boot_audience(audience, exported, spki, (size_t)n);
	return 0;
}

static int vouch(struct boot *b, struct fault *fault)
{
	const struct cluster_self *self = b->config.self;
	char audience[BOOT_AUDIENCE + 1];
	const struct kube_token_order order = {
		.name_space = self->name_space,
		.account = self->account,
		.audience = audience,
		.seconds = BOOT_TOKEN_S,
		.pod_name = self->pod_name,
		.pod_uid = self->pod_uid,
	};
	int r = prepare(b, audience);

	if (r)
		return r == -EPROTO
			   ? fault_set(fault, r, NULL,
				 "boot session: the bridge has ended it")
			   : r;
	r = kube_call_token(&b->errand.asked[TOKEN].call, &order);
	if (r == -EINVAL)
		return fault_set(fault, r,
		    "Are they right: --pod-namespace, --service-account, "
		    "--pod-name, --pod-uid?",
		    "no token can be asked for ServiceAccount %s/%s and pod %s",
		    self->name_space, self->account, self->pod_name);
	return r ? r : ask(b, TOKEN, fault);
}

/* ---- the answer --------------------------------------------------------- */

static void on_session_gone(void *ctx, const struct fault *fault)
{
	struct boot *b = ctx;

	(void)fault; /* the call has been told */
	if (b->leaving)
		b->leaving = NULL;
	else
		b->errand.conn = NULL;
}

static const struct http_conn_events session_events = {
	.gone = on_session_gone,
};

/* @fault, of a part that does not know what it is about, in our words. */
static void retell(struct fault *fault, const char *what, const char *hint)
{
	struct fault own = *fault;

	fault_set(fault, own.code, hint, "%s: %s", what, own.text);
}

#define ASK_ITS_LOG "The bridge's log may say more."

static int make_identity(const struct boot *b, const struct boot_answer *a,
    struct identity **out, struct fault *fault)
{
	CLEANUP(x509_p) X509 *leaf = NULL;
	CLEANUP(identity_freep) struct identity *id = NULL;
	int r = pki_read_cert(&leaf, a->cert[0], fault);

	if (!r)
		r = identity_new(&id, leaf, b->errand.key, b->config.ca, fault);
	if (!r)
		r = identity_expect(id, ROLE_BROKER, NULL, fault);
	if (r && fault->code)
		retell(fault, "the certificate that the bridge sent",
		    "Are the roles of the store's PKI mount as `pharos source "
		    "register` made them?");
	if (r)
		return r;
	*out = STEAL(id);
	return 0;
}

static int take_identity(
    struct boot *b, const struct identity *id, struct fault *fault)
{
	int64_t wall = loop_wall(b->loop);
	int64_t ends = verify_seconds(X509_get0_notAfter(id->leaf));
	int r;

	if (ends <= wall) /* its last second */
		return fault_set(fault, -EINVAL, "Do the clocks agree?",
		    "the certificate that the bridge sent has ended");
	r = b->config.take(b->config.ctx, id, fault);
	if (r)
		return r;
	bootplan_signed(&b->plan, loop_now(b->loop), wall, ends);
	b->counts.granted++;
	b->last = (struct fault)FAULT_NONE;
	log_info("certificate", LOG_STR("name", id->subject.name),
	    LOG_INT("good_for_s", ends - wall));
	return 0;
}

static void granted(struct boot *b, const struct boot_answer *a)
{
	CLEANUP(identity_freep) struct identity *id = NULL;
	struct fault fault = FAULT_NONE;
	int r = make_identity(b, a, &id, &fault);

	if (!r)
		r = take_identity(b, id, &fault);
	if (r && !fault.code) {
		fail_memory(b);
		return;
	}
	if (r) {
		fail(b, &fault);
		return;
	}
	say_expiry(b);
	errand_drop(b);
	arm(b,
	    bootplan_wait_ms(&b->plan, loop_now(b->loop), loop_wall(b->loop)));
}

static void on_posted(
    void *ctx, struct httpc_answer *answer, const struct fault *broken)
{
	struct boot *b = ctx;
	struct boot_answer a = { .n_certs = 0 };
	struct fault fault;

	b->errand.post = NULL;
	if (!answer) {
		fault = *broken;
		retell(&fault, "boot session", ASK_ITS_LOG);
		fail(b, &fault);
		return;
	}
	if (boot_answer_read(&a, answer->body, answer->n_body, &fault)) {
		fault_wrap(&fault, "the bridge answered %d", answer->status);
		retell(&fault, "boot session", ASK_ITS_LOG);
		fail(b, &fault);
	} else if (a.code == BOOT_SIGNED) {
		granted(b, &a);
	} else {
		refused(b, &a);
	}
	boot_answer_deinit(&a);
	free(answer->body);
}

static int send_post(struct boot *b, const char *text)
{
	static const struct http_field json = { "content-type",
		"application/json" };
	const struct httpc_request request = {
		.method = "POST",
		.authority = TUNNEL_BRIDGE_NAME,
		.target = BOOT_PATH,
		.fields = &json,
		.n_fields = 1,
		.body = text,
		.n_body = strlen(text),
		.most = BOOT_ANSWER_MOST,
		.ms = bootplan_deadline_ms(BOOTPLAN_AWAITING),
	};

	return httpc_send(
	    &b->errand.post, b->errand.conn, &request, on_posted, b);
}

static int post(struct boot *b, struct fault *fault)
{
	struct errand *e = &b->errand;
	const struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &session_events,
		.ctx = b };
	char *text;
	int r;

	if (b->leaving)
		http_conn_cut(STEAL(b->leaving));
	memcpy(e->request.uid, b->uid, sizeof(e->request.uid));
	r = boot_request_write(&text, &e->request);
	if (r == -EMSGSIZE)
		return fault_set(fault, r, NULL,
		    "the cluster's keys or token are larger than a bridge "
		    "reads");
	if (r)
		return r;
	r = http_conn_open(&e->conn, STEAL(e->leg), &config);
	if (!r)
		r = send_post(b, text);
	secret_wipe(text, strlen(text));
	free(text);
	return r > 0 ? fault_set(fault, -ECONNRESET, NULL,
			   "boot session: the bridge has ended it")
		     : r;
}

/* ---- the stages --------------------------------------------------------- */

/* What is to be done at once in @stage. */
static int act(struct boot *b, enum bootplan_stage stage, struct fault *fault)
{
	switch (stage) {
	case BOOTPLAN_ASKING:
		return ask_all(b, fault);
	case BOOTPLAN_MEETING:
		return bootway_wish(b->way, fault);
	case BOOTPLAN_VOUCHING:
		return vouch(b, fault);
	case BOOTPLAN_AWAITING:
		return post(b, fault);
	case BOOTPLAN_RESTING:
	case BOOTPLAN_SHAKING: /* begun by whoever got the leg */
	case BOOTPLAN_STAGES:
		break;
	}
	return 0;
}

static void enter(struct boot *b, enum bootplan_stage stage)
{
	struct fault fault = FAULT_NONE;

	arm(b, bootplan_deadline_ms(stage));
	if (!act(b, stage, &fault))
		return;
	if (fault.code)
		fail(b, &fault);
	else
		fail_memory(b);
}

/* ---- its life ----------------------------------------------------------- */

int boot_open(struct boot **out, const struct boot_config *config,
    const struct bootway_order *way, struct fault *fault)
{
	struct boot *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->loop = way->loop;
	b->config = *config;
	X509_up_ref(config->ca);
	bootplan_init(&b->plan);
	r = tunnel_boot_context(&b->tls, config->ca, fault);
	if (!r)
		r = bootway_new(&b->way, way, &way_events, b);
	if (r) {
		boot_close(b);
		return r;
	}
	arm(b, 0);
	*out = b;
	return 0;
}

void boot_stop(struct boot *b)
{
	if (!b)
		return;
	b->stopped = true;
	loop_cancel(b->loop, &b->timer);
	errand_drop(b);
}

void boot_close(struct boot *b)
{
	if (!b)
		return;
	if (b->way)
		boot_stop(b);
	if (b->leaving)
		http_conn_cut(b->leaving);
	bootway_free(b->way);
	tls_context_free(b->tls);
	X509_free(b->config.ca);
	free(b);
}

const struct boot_counts *boot_counts(const struct boot *b)
{
	return &b->counts;
}

void boot_look(const struct boot *b, struct boot_state *out)
{
	bool rests = b->plan.stage == BOOTPLAN_RESTING;
	uint64_t now = loop_now(b->loop), until = b->plan.rest_until;

	*out = (struct boot_state){
		.waits_for = rests ? "" : bootplan_text(b->plan.stage),
		.ends = b->plan.ends,
		.expired = bootplan_expired(&b->plan, loop_wall(b->loop)),
		.last_error = b->last.text,
		.remedy = b->last.hint,
		.retry_ms = rests && until > now ? until - now : 0,
	};
}
