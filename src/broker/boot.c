/* broker/boot.c
 *
 *   the plan            what is done
 *   LOOKING             broker/introducer.h
 *   ASKING              three calls to the cluster at once (link/kube.h)
 *   MEETING             broker/bootway.h
 *   SHAKING             TLS, ALPN pharos-boot/1; the bridge is checked there
 *   COMPARING           broker/compare.h, HTTP/2
 *   VOUCHING            broker/bootkey.h; a token
 *   AWAITING            POST /v1/boot, HTTP/2
 *   CONFIRMING          broker/introducer.h
 *
 * What a try has got on its way lies in struct errand and goes with it, however
 * it ends: requests under way, the session, the key, the token. So a try that
 * failed leaves nothing behind, and the next one begins from nothing.
 *
 * The cluster is asked for UID and keys before the bridge is met, since the
 * bridge waits for a request not long; only the token has to be asked for in
 * the session that it is bound to. The UID stays: it is the cluster's name.
 *
 * Without a CA the session is with whoever came: its token is worth nothing
 * outside of it, nothing that it answers is believed, and it ends when the
 * bridge has written the words down. All that is kept of it are these and the
 * CA that they stand for. A person confirms them, and then it begins anew, as
 * with a join string.
 *
 * Losing the certificate (it ends, and none can be had) changes nothing here:
 * tunnels that live are the bridge's to end, and tries go on.
 */
#include "broker/boot.h"
#include "base/log.h"
#include "broker/bootasks.h"
#include "broker/bootfault.h"
#include "broker/bootkey.h"
#include "broker/bootleaf.h"
#include "broker/compare.h"
#include "broker/introducer.h"
#include "net/httpc.h"
#include "net/loop.h"
#include "net/shake.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include <stdio.h>

enum { LEAVE_MS = 2000 }; /* for the orderly end of a session */

struct errand {
	struct tls_shake *shake;
	struct leg *leg; /* TLS is up, HTTP not yet */
	struct http_conn *conn;
	struct compare *compare;
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
	struct introducer *introducer; /* NULL: the CA was known */
	struct compare_result agreed;  /* COMPARING to CONFIRMING; else no CA */
	char words[WORDS_TEXT + 1];    /* CONFIRMING; else "" */
	struct bootplan plan;
	struct wheel_timer timer; /* the next try, or this stage's deadline */
	bool stopped, said_expired;
	struct bootasks *asks;
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

	bootasks_cancel(b->asks);
	tls_shake_cancel(e->shake);
	compare_cancel(e->compare);
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

/* The words of a session that led nowhere, or of one that is too old. */
static void words_drop(struct boot *b)
{
	if (b->introducer)
		introducer_end(b->introducer);
	X509_free(b->agreed.ca);
	b->agreed = (struct compare_result){ .ca = NULL };
	b->words[0] = '\0';
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
	words_drop(b);
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

static enum bootfault_ca origin(const struct boot *b)
{
	if (!b->introducer)
		return BOOTFAULT_CA_GIVEN;
	return b->plan.by_words ? BOOTFAULT_CA_NONE : BOOTFAULT_CA_FOUND;
}

static void refused(struct boot *b, const struct boot_answer *a)
{
	struct fault fault;
	unsigned retry_s =
	    bootfault_refused(&fault, a, origin(b), b->config.self->name_space);
	uint64_t ms = bootplan_refused(&b->plan, retry_s, loop_now(b->loop),
	    loop_random(b->loop, UINT32_MAX));

	b->counts.refused++;
	try_over(b, &fault, ms);
}

static void on_late(struct boot *b)
{
	struct fault fault = b->errand.way;

	if (!fault.code)
		bootfault_late(&fault, b->plan.stage);
	fail(b, &fault);
}

/* Others are made, so that a person always has a fresh set to compare. */
static void on_lapsed(struct boot *b)
{
	log_info("the six words are too old, others are made");
	words_drop(b);
	bootplan_lapsed(&b->plan);
	arm(b, 0);
}

static void on_timer(struct wheel_timer *timer, uint64_t now)
{
	struct boot *b = CONTAINER_OF(timer, struct boot, timer);
	uint64_t ms;

	if (b->plan.stage == BOOTPLAN_CONFIRMING) {
		on_lapsed(b);
		return;
	}
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

static void on_asked(void *ctx)
{
	struct boot *b = ctx;

	enter(b, bootplan_next(&b->plan));
}

static void on_ask_failed(void *ctx, const struct fault *fault)
{
	fail(ctx, fault);
}

static const struct bootasks_events ask_events = {
	.done = on_asked,
	.failed = on_ask_failed,
};

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
	struct fault own = *fault;

	bootfault_way(&own, origin(b), b->config.self->name_space);
	b->errand.way = b->last = own;
	log_warn("target failed", LOG_STR("fault", own.text),
	    LOG_STR("hint", own.hint));
}

static const struct bootway_events way_events = {
	.leg = on_leg,
	.failed = on_way_failed,
};

static int meet(struct boot *b, struct fault *fault)
{
	uint8_t hash[FINGERPRINT_SIZE];
	int r;

	if (!b->plan.by_words)
		return bootway_wish(b->way, NULL, fault);
	r = bootasks_meeting(hash, b->asks, &b->errand.request, fault);
	return r ? r : bootway_wish(b->way, hash, fault);
}

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

/* HTTP/2 over the leg, once; whoever ended the last session has gone. */
static int open_session(struct boot *b)
{
	const struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &session_events,
		.ctx = b };
	struct errand *e = &b->errand;

	if (!e->leg)
		return 0;
	if (b->leaving)
		http_conn_cut(STEAL(b->leaving));
	return http_conn_open(&e->conn, STEAL(e->leg), &config);
}

/* ---- six words ---------------------------------------------------------- */

static void on_agreed(void *ctx, const struct compare_result *result)
{
	struct boot *b = ctx;

	b->errand.compare = NULL;
	b->agreed = *result;
	X509_up_ref(b->agreed.ca);
	enter(b, bootplan_next(&b->plan));
}

static void on_words_refused(void *ctx, const struct boot_answer *answer)
{
	struct boot *b = ctx;

	b->errand.compare = NULL;
	refused(b, answer);
}

static void on_words_failed(void *ctx, const struct fault *fault)
{
	struct boot *b = ctx;

	b->errand.compare = NULL;
	fail(b, fault);
}

static const struct compare_events compare_events = {
	.agreed = on_agreed,
	.refused = on_words_refused,
	.failed = on_words_failed,
};

static int compare(struct boot *b, struct fault *fault)
{
	int r = open_session(b);

	return r ? r
		 : compare_begin(&b->errand.compare, b->errand.conn,
		       bootplan_deadline_ms(BOOTPLAN_COMPARING) / 2,
		       &compare_events, b, fault);
}

/* The bridge has written them down: now it is for a person. */
static void show_words(struct boot *b)
{
	errand_drop(b);
	b->last = (struct fault)FAULT_NONE;
	b->counts.shown++;
	words_text(b->words, &b->agreed.words);
	log_info("a person has to compare six words",
	    LOG_STR("words", b->words),
	    LOG_STR("hint",
		"`pharos source approve --words` beside the store takes them, "
		"and prints what to type beside this cluster; if the store "
		"shows others, approve nothing"),
	    LOG_UINT("good_for_s", WORDS_LIFE_S));
	enter(b, bootplan_next(&b->plan));
}

/* Once the broker has taken it nothing can fail: it takes one only. */
static int use_ca(struct boot *b, X509 *ca, struct fault *fault)
{
	CLEANUP(tls_context_freep) struct tls_context *tls = NULL;
	struct bootway_order order = { .loop = b->loop };
	int r = tunnel_boot_context(&tls, ca, fault);

	if (!r)
		r = b->config.introduced(b->config.ctx, ca, &order, fault);
	if (r)
		return r;
	bootway_aim(b->way, &order);
	tls_context_free(b->tls);
	b->tls = STEAL(tls);
	X509_up_ref(ca);
	b->config.ca = ca;
	return 0;
}

static void follow(struct boot *b, X509 *ca)
{
	struct fault fault = FAULT_NONE;
	int r = use_ca(b, ca, &fault);

	if (r && !fault.code) {
		fail_memory(b);
		return;
	}
	if (r) {
		fail(b, &fault);
		return;
	}
	log_info("a person has said which bridge to follow");
	errand_drop(b);
	words_drop(b);
	b->last = (struct fault)FAULT_NONE;
	bootplan_introduced(&b->plan);
	arm(b, 0);
}

static void on_look_over(void *ctx, X509 *ca, const struct fault *fault)
{
	struct boot *b = ctx;

	if (ca)
		follow(b, ca);
	else if (fault)
		fail(b, fault);
	else
		enter(b, bootplan_next(&b->plan));
}

static void on_wrong_words(void *ctx, const struct fault *fault)
{
	struct boot *b = ctx;

	b->counts.wrong++;
	b->last = *fault;
	log_err("wrong words", LOG_STR("fault", fault->text),
	    LOG_STR("hint", fault->hint));
}

static void on_look_failed(void *ctx, const struct fault *fault)
{
	struct boot *b = ctx;

	if (strcmp(b->last.text, fault->text) != 0)
		log_warn("the words cannot be looked for",
		    LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	b->last = *fault;
}

static const struct introducer_events introducer_events = {
	.over = on_look_over,
	.wrong = on_wrong_words,
	.failed = on_look_failed,
};

/* ---- the token ---------------------------------------------------------- */

static int session_ended(struct fault *fault)
{
	return fault_set(
	    fault, -ECONNRESET, NULL, "boot session: the bridge has ended it");
}

static int vouch(struct boot *b, struct fault *fault)
{
	struct errand *e = &b->errand;
	char audience[BOOT_AUDIENCE + 1];
	int r = bootkey_make(&e->key, &e->request, audience,
	    e->conn ? http_conn_leg(e->conn) : e->leg);

	if (r)
		return r == -EPROTO ? session_ended(fault) : r;
	return bootasks_token(
	    b->asks, &e->request, b->config.self, audience, fault);
}

/* ---- the answer --------------------------------------------------------- */

/* @fault, of a part that does not know what it is about, in our words. */
static void retell(struct fault *fault, const char *what, const char *hint)
{
	struct fault own = *fault;

	fault_set(fault, own.code, hint, "%s: %s", what, own.text);
}

#define ASK_ITS_LOG "The bridge's log may say more."

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
	int r =
	    bootleaf_take(&id, a->cert[0], b->errand.key, b->config.ca, &fault);

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

/* By words the only good answer is that a person has to approve it: what is
 * signed by a CA that nobody has confirmed is worth nothing. */
static void take_answer(struct boot *b, const struct boot_answer *a)
{
	struct fault fault;

	if (b->plan.by_words && a->code == BOOT_APPROVAL) {
		show_words(b);
	} else if (a->code != BOOT_SIGNED) {
		refused(b, a);
	} else if (!b->plan.by_words) {
		granted(b, a);
	} else {
		fault_set(&fault, -EPROTO, ASK_ITS_LOG,
		    "boot session: the bridge signed before a person has "
		    "compared the six words");
		fail(b, &fault);
	}
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
	} else {
		take_answer(b, &a);
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
	char *text;
	int r;

	(void)snprintf(e->request.uid, sizeof(e->request.uid), "%s",
	    bootasks_uid(b->asks));
	r = boot_request_write(&text, &e->request);
	if (r == -EMSGSIZE)
		return fault_set(fault, r, NULL,
		    "the cluster's keys or token are larger than a bridge "
		    "reads");
	if (r)
		return r;
	r = open_session(b);
	if (!r)
		r = e->conn ? send_post(b, text) : HTTP_E_OVER;
	secret_wipe(text, strlen(text));
	free(text);
	return r > 0 ? session_ended(fault) : r;
}

/* ---- the stages --------------------------------------------------------- */

/* What is to be done at once in @stage. */
static int act(struct boot *b, enum bootplan_stage stage, struct fault *fault)
{
	switch (stage) {
	case BOOTPLAN_LOOKING:
		return introducer_look(b->introducer, fault);
	case BOOTPLAN_ASKING:
		return bootasks_facts(b->asks, &b->errand.request, fault);
	case BOOTPLAN_MEETING:
		return meet(b, fault);
	case BOOTPLAN_COMPARING:
		return compare(b, fault);
	case BOOTPLAN_VOUCHING:
		return vouch(b, fault);
	case BOOTPLAN_AWAITING:
		return post(b, fault);
	case BOOTPLAN_CONFIRMING:
		introducer_watch(b->introducer, &b->agreed.words, b->agreed.ca);
		break;
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
	if (config->ca)
		X509_up_ref(config->ca);
	bootplan_init(&b->plan, !config->ca);
	r = bootasks_new(&b->asks, config->kube, &ask_events, b);
	if (!r && !config->ca)
		r = introducer_new(&b->introducer, b->loop, config->kube,
		    config->self->name_space, &introducer_events, b);
	if (!r)
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
	words_drop(b);
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
	bootasks_free(b->asks);
	introducer_free(b->introducer);
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
		.words = b->words,
	};
}
