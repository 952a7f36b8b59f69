/* bridge/boot.c: boot sessions.
 *
 *   HEARING    waits for the request's head; three times, from the meeting
 *   READING    its body comes
 *   HOLDING    it was judged: a person's approval is all it lacks
 *   WRITING    it was judged, and the record is being written
 *   SIGNING    the record is as it has to be; the store signs
 *   ANSWERING  the answer goes out, and the connection ends
 *
 * Each stage has BOOT_STAGE_MS, or BOOT_HOLD_MS. In the first two and the last
 * a session that is late is cut; while the store works it is answered that the
 * store did not answer, and who was held is told to come again.
 *
 * What a request says of itself is not believed. The audience that its token
 * must have is made here, of this session's exporter and of the key in the
 * certificate request, whose signature proves that whoever made it has the key.
 * That request is written anew before the store gets it, so that the store
 * signs the very key that was judged, and not another one that only its own
 * reader finds in the text.
 *
 * The record comes first: whatever the judge changes is written by
 * check-and-set on the version that it read, and only when the store has said
 * that it stands there is anything signed. Who loses the race is judged again,
 * by the record of the one who won. A session that ends in between, by the
 * broker's doing or the store's, leaves the record as it was or as it is to be;
 * the next try goes on from either.
 *
 * At the meeting anybody can take a leg of ours, and say nothing. So no session
 * there has to wait for another: when there are too many, the one goes that has
 * been silent for longest, which an honest broker is for a moment only.
 */
#include "bridge/boot.h"
#include "base/bucket.h"
#include "base/log.h"
#include "base/secret.h"
#include "bridge/issuer.h"
#include "bridge/judge.h"
#include "bridge/parley.h"
#include "bridge/registry.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/sign.h"
#include "net/tls.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include <assert.h>
#include <sodium.h>
#include <stdio.h>

enum { TARGET_TEXT = 264 };

static_assert((int)BOOT_CSR_MOST <= (int)PKI_CSR_MOST, "all of it is read");

enum stage { HEARING, READING, HOLDING, WRITING, SIGNING, ANSWERING, STAGES };

struct session {
	struct session *next, **link;
	struct boot *boot;
	enum stage stage;
	struct wheel_timer timer;
	struct http_conn *conn;
	struct http_stream *stream; /* from READING until it is answered */
	struct http_collect *body;  /* READING */
	struct registry_call *call; /* WRITING, SIGNING */
	uint8_t exported[BOOT_EXPORTED];
	struct parley parley; /* from the meeting */
	char words[WORDS_TEXT + 1];
	struct boot_request request;
	char audience[BOOT_AUDIENCE + 1];
	char *csr; /* the request's, written anew */
	struct judge_outcome outcome;
	unsigned judged;     /* times */
	uint64_t hold_until; /* loop_now() time; 0: not held yet */
	char target[TARGET_TEXT];
};

struct boot {
	struct loop *loop;
	struct boot_config config;
	struct session *sessions;
	uint64_t requests; /* bucket */
	struct boot_counts counts;
};

static void on_late(struct wheel_timer *t, uint64_t now);

static uint64_t stage_ms(const struct session *s)
{
	uint64_t now = loop_now(s->boot->loop);

	if (s->stage != HOLDING)
		return BOOT_STAGE_MS;
	return s->hold_until > now ? s->hold_until - now : 0;
}

#define JUDGED (1u << HOLDING | 1u << WRITING | 1u << SIGNING | 1u << ANSWERING)

static void session_move(struct session *s, enum stage to)
{
	static const unsigned allowed[STAGES] = {
		[HEARING] = 1u << READING | 1u << ANSWERING,
		[READING] = 1u << HEARING | JUDGED,
		[HOLDING] = JUDGED,
		[WRITING] = JUDGED,
		[SIGNING] = 1u << ANSWERING,
		[ANSWERING] = 0,
	};

	INVARIANT(allowed[s->stage] & 1u << to);
	s->boot->counts.held -= s->stage == HOLDING;
	s->boot->counts.held += to == HOLDING;
	s->stage = to;
	loop_after(s->boot->loop, &s->timer, stage_ms(s), on_late);
}

/* ---- its end ------------------------------------------------------------- */

static void session_free(struct session *s)
{
	if (s->stage != ANSWERING)
		s->boot->counts.broken++;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->boot->counts.open--;
	s->boot->counts.held -= s->stage == HOLDING;
	loop_cancel(s->boot->loop, &s->timer);
	registry_cancel(s->call);
	http_receive_cancel(s->body);
	if (s->stream)
		http_stream_abandon(s->stream);
	if (s->conn)
		http_conn_cut(s->conn);
	boot_request_deinit(&s->request);
	judge_outcome_deinit(&s->outcome);
	parley_deinit(&s->parley);
	free(s->csr);
	free(s);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	struct session *s = ctx;

	s->conn = NULL;
	if (s->stage != ANSWERING)
		log_info("boot session broken", LOG_STR("target", s->target),
		    LOG_STR("fault", fault->text));
	session_free(s);
}

/* ---- the answer ---------------------------------------------------------- */

static void log_answer(const struct session *s, const struct boot_answer *a)
{
	if (a->code == BOOT_SIGNED)
		log_info("boot session", LOG_STR("target", s->target),
		    LOG_STR("result", boot_code_text(a->code)),
		    LOG_STR("broker", s->outcome.name));
	else if (a->code == BOOT_APPROVAL)
		log_info("boot session", LOG_STR("target", s->target),
		    LOG_STR("result", boot_code_text(a->code)),
		    LOG_STR("broker", s->outcome.name),
		    LOG_STR("fault", a->fault.text));
	else
		log_warn("boot session", LOG_STR("target", s->target),
		    LOG_STR("result", boot_code_text(a->code)),
		    LOG_STR("broker", s->outcome.name),
		    LOG_STR("fault", a->fault.text),
		    LOG_STR("hint", a->fault.hint));
}

static void send_text(struct session *s, int status, const char *text)
{
	http_stream_answer(
	    STEAL(s->stream), &(struct http_answer){ .status = status,
				  .content_type = "application/json",
				  .body = text,
				  .n = strlen(text) });
}

static void answer_text(struct session *s, int status, const char *text)
{
	send_text(s, status, text);
	session_move(s, ANSWERING);
	http_conn_close(s->conn, BOOT_STAGE_MS);
}

static void answer(struct session *s, const struct boot_answer *a)
{
	CLEANUP(free_p) char *text = NULL;

	s->boot->counts.ended[a->code]++;
	log_answer(s, a);
	if (boot_answer_write(&text, a)) {
		session_free(s);
		return;
	}
	boot_request_deinit(&s->request); /* it has a token in it */
	answer_text(s, boot_code_status(a->code), text);
}

/* @fault: why, where that is more than the code says; or NULL */
static void refuse(
    struct session *s, enum boot_code code, const struct fault *fault)
{
	struct boot_answer a = { .code = code };

	if (code == BOOT_APPROVAL && s->hold_until)
		a.retry_s = BOOT_HELD_RETRY_S;
	if (fault)
		a.fault = *fault;
	else
		fault_set(&a.fault, (int)code, boot_code_remedy(code), "%s",
		    boot_code_problem(code));
	answer(s, &a);
}

/* What the store said stays here: it is for who runs the bridge. */
static void refuse_store(struct session *s, const struct fault *fault)
{
	if (fault)
		log_warn("the store failed a boot session",
		    LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	refuse(s, BOOT_STORE, NULL);
}

/* It was there when we came to the beacon. */
static void refuse_unregistered(struct session *s)
{
	struct fault fault;

	fault_set(&fault, BOOT_STORE,
	    "`pharos source list` shows which clusters are",
	    "this cluster is not registered in the store any more");
	refuse(s, BOOT_STORE, &fault);
}

static void on_late(struct wheel_timer *t, uint64_t now)
{
	struct session *s = CONTAINER_OF(t, struct session, timer);

	(void)now;
	if (s->stage == WRITING || s->stage == SIGNING) {
		registry_cancel(STEAL(s->call));
		refuse_store(s, NULL);
		return;
	}
	if (s->stage == HOLDING) {
		refuse(s, BOOT_APPROVAL, &s->outcome.fault);
		return;
	}
	if (s->stage != ANSWERING)
		log_info("boot session late", LOG_STR("target", s->target));
	session_free(s);
}

static void welcome(struct session *s)
{
	const struct boot_config *config = &s->boot->config;

	if (config->welcome)
		config->welcome(config->ctx, s->target);
}

/* ---- signing ------------------------------------------------------------- */

static void on_signed(void *ctx, const char *pem, const struct fault *fault)
{
	struct session *s = ctx;
	CLEANUP(boot_answer_deinit)
	struct boot_answer a = { .code = BOOT_SIGNED };

	s->call = NULL;
	if (!pem) {
		refuse_store(s, fault);
		return;
	}
	a.cert[0] = strdup(pem);
	if (!a.cert[0]) {
		session_free(s);
		return;
	}
	a.n_certs = 1;
	welcome(s);
	answer(s, &a);
}

static void sign(struct session *s)
{
	const struct registry_sign order = { .name = s->outcome.name,
		.csr = s->csr,
		.fn = on_signed,
		.ctx = s };

	if (registry_sign(&s->call, s->boot->config.registry, &order)) {
		refuse_store(s, NULL);
		return;
	}
	session_move(s, SIGNING);
}

/* ---- judging and writing ------------------------------------------------- */

static void judge_session(struct session *s);

/* It lacks nothing but approval. */
static void hold(struct session *s)
{
	struct boot *b = s->boot;

	if (!s->hold_until) {
		welcome(s);
		if (b->config.meeting || b->counts.held == BOOT_HELD_MOST) {
			refuse(s, BOOT_APPROVAL, &s->outcome.fault);
			return;
		}
		s->hold_until = loop_now(b->loop) + BOOT_HOLD_MS;
	}
	session_move(s, HOLDING);
}

/* The record is as the outcome says. */
static void settle(struct session *s)
{
	if (s->outcome.code == BOOT_SIGNED)
		sign(s);
	else if (s->outcome.code == BOOT_APPROVAL)
		hold(s);
	else
		refuse(s, s->outcome.code, &s->outcome.fault);
}

/* Approval may have come while it was written who waits for it. */
static void on_stored(struct session *s)
{
	s->judged = 0;
	if (s->outcome.code == BOOT_APPROVAL && !s->boot->config.meeting)
		judge_session(s);
	else
		settle(s);
}

static void on_written(
    void *ctx, enum registry_outcome outcome, const struct fault *fault)
{
	struct session *s = ctx;

	s->call = NULL;
	switch (outcome) {
	case REGISTRY_DONE:
		on_stored(s);
		break;
	case REGISTRY_LOST:
		s->boot->counts.again++;
		judge_session(s);
		break;
	case REGISTRY_AWAY:
		refuse_store(s, fault);
		break;
	}
}

static void write_record(struct session *s, unsigned long version)
{
	const struct registry_write order = { .record = &s->outcome.record,
		.version = version,
		.fn = on_written,
		.ctx = s };

	if (registry_write(&s->call, s->boot->config.registry, &order)) {
		refuse_store(s, NULL);
		return;
	}
	session_move(s, WRITING);
}

static void judge_session(struct session *s)
{
	const struct boot_config *config = &s->boot->config;
	struct judge_case c = { .record = registry_record(config->registry),
		.request = &s->request,
		.audience = s->audience,
		.issuer_is_public = issuer_is_read(config->issuer),
		.words = config->meeting ? s->words : NULL,
		.now = loop_wall(s->boot->loop) };

	judge_outcome_deinit(&s->outcome);
	if (!c.record) {
		refuse_unregistered(s);
		return;
	}
	if (s->judged++ == BOOT_JUDGED_MOST || judge(&s->outcome, &c)) {
		refuse_store(s, NULL);
		return;
	}
	if (s->outcome.code == BOOT_KEY)
		issuer_hurry(config->issuer);
	if (s->outcome.changed)
		write_record(s, registry_version(config->registry));
	else
		settle(s);
}

void boot_record(struct boot *b)
{
	struct session *s = b->sessions, *next;

	for (; s; s = next) {
		next = s->next;
		if (s->stage != HOLDING)
			continue;
		s->judged = 0;
		judge_session(s);
	}
}

/* ---- the six words ------------------------------------------------------- */

static bool makes_words(const struct session *s)
{
	return s->boot->config.meeting && s->parley.words.state != WORDS_AGREED;
}

/* Return: as parley_hear(). */
static int hear(
    struct session *s, const char *text, size_t n, struct fault *fault)
{
	const struct identity *id = registry_identity(s->boot->config.registry);
	CLEANUP(free_p) char *ca = NULL;

	if (!id || pki_cert_pem(&ca, id->ca))
		return -ENOMEM;
	return parley_hear(&s->parley, text, n, ca, fault);
}

static void on_words_text(struct session *s, const char *text, size_t n)
{
	struct fault fault = FAULT_NONE;
	int r = hear(s, text, n, &fault);

	if (r < 0) {
		session_free(s);
		return;
	}
	if (r) {
		refuse(s, (enum boot_code)r, &fault);
		return;
	}
	if (!makes_words(s))
		words_text(s->words, &s->parley.words);
	session_move(s, HEARING);
	send_text(s, 200, s->parley.answer);
}

/* ---- the request --------------------------------------------------------- */

/* The audience that its token must have, and what the store is to sign. */
static int read_csr(struct session *s, struct fault *fault)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(openssl_free_p) uint8_t *spki = NULL;
	const char *csr = s->request.csr;
	int r = pki_csr_clean(&s->csr, &key, csr, strlen(csr), fault);
	int n;

	if (!r)
		r = sign_check_key(key, fault);
	if (r)
		return r;
	n = i2d_PUBKEY(key, &spki);
	if (n < 0)
		return -ENOMEM;
	boot_audience(s->audience, s->exported, spki, (size_t)n);
	return 0;
}

static void on_request_text(struct session *s, const char *text, size_t n)
{
	static const struct bucket_rule rule = { BOOT_REQUESTS_BURST,
		BOOT_REQUESTS_STEP_MS };
	struct boot *b = s->boot;
	struct fault fault = FAULT_NONE;
	int r;

	if (bucket_take(&b->requests, &rule, loop_now(b->loop))) {
		refuse(s, BOOT_BUSY, NULL);
		return;
	}
	r = boot_request_read(&s->request, text, n, &fault);
	if (!r)
		r = read_csr(s, &fault);
	if (!r)
		judge_session(s);
	else if (r == -EINVAL)
		refuse(s, BOOT_MALFORMED, &fault);
	else
		session_free(s);
}

static size_t body_most(const struct session *s)
{
	return makes_words(s) ? BOOTWORDS_MOST : BOOT_REQUEST_MOST;
}

static void on_body(void *ctx, char *body, size_t n, int error)
{
	struct session *s = ctx;
	struct fault fault;

	s->body = NULL;
	if (error == -EMSGSIZE) {
		fault_set(&fault, -EMSGSIZE, boot_code_remedy(BOOT_MALFORMED),
		    "boot request: more than %zu bytes", body_most(s));
		refuse(s, BOOT_MALFORMED, &fault);
		return;
	}
	if (error) {
		session_free(s);
		return;
	}
	if (makes_words(s))
		on_words_text(s, body, n);
	else
		on_request_text(s, body, n);
	secret_wipe(body, n);
	free(body);
}

static const char *path_of(const struct session *s)
{
	return makes_words(s) ? BOOTWORDS_PATH : BOOT_PATH;
}

/* Anything but the one request ends the session. */
static void turn_away(struct session *s, int status)
{
	char text[64];

	(void)snprintf(
	    text, sizeof(text), "a boot session is for POST %s", path_of(s));
	session_move(s, ANSWERING);
	s->boot->counts.broken++;
	http_stream_refuse(STEAL(s->stream), status, text);
	http_conn_close(s->conn, BOOT_STAGE_MS);
}

static void on_request(
    void *ctx, struct http_stream *stream, const struct http_head *head)
{
	struct session *s = ctx;

	if (s->stage != HEARING) {
		http_stream_abandon(stream);
		return;
	}
	s->stream = stream;
	if (!head->target || strcmp(head->target, path_of(s)) != 0)
		turn_away(s, 404);
	else if (strcmp(head->method, "POST") != 0)
		turn_away(s, 405);
	else if (http_receive(
		     &s->body, stream, body_most(s), BOOT_STAGE_MS, on_body, s))
		session_free(s);
	else
		session_move(s, READING);
}

/* ---- sessions ------------------------------------------------------------ */

static struct session *session_new(struct boot *b, const char *target)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->boot = b;
	s->outcome.code = BOOT_STORE;
	(void)snprintf(s->target, sizeof(s->target), "%s", target);
	s->next = b->sessions;
	s->link = &b->sessions;
	if (s->next)
		s->next->link = &s->next;
	b->sessions = s;
	b->counts.open++;
	return s;
}

/* Return: 0; -EPROTO. */
static int begin_words(struct session *s, const struct leg *leg)
{
	uint8_t exported[WORDS_EXPORTED], nonce[WORDS_NONCE];
	int r = tls_leg_export(leg, WORDS_EXPORTER, exported);

	if (r)
		return r;
	randombytes_buf(nonce, sizeof(nonce));
	parley_init(&s->parley, exported, nonce);
	return 0;
}

/* @leg is taken. Return: 0; -errno. */
static int session_start(struct session *s, struct leg *leg)
{
	static const struct http_conn_events events = {
		.request = on_request,
		.gone = on_gone,
	};
	const struct http_conn_config config = {
		.version = HTTP_2,
		.end = HTTP_SERVER,
		.events = &events,
		.ctx = s,
		.streams_max = 1,
		.head_ms = BOOT_STAGE_MS,
	};

	if (tls_leg_export(leg, BOOT_EXPORTER, s->exported) ||
	    begin_words(s, leg)) {
		leg_reset(leg);
		return -EPROTO;
	}
	loop_after(s->boot->loop, &s->timer, BOOT_STAGE_MS, on_late);
	return http_conn_open(&s->conn, leg, &config);
}

/* The session that has waited longest for its peer to ask. */
static struct session *most_silent(struct boot *b)
{
	struct session *found = NULL;

	for (struct session *s = b->sessions; s; s = s->next)
		if (s->stage == HEARING || s->stage == READING)
			found = s;
	return found;
}

static void make_room(struct boot *b)
{
	struct session *s = b->config.meeting ? most_silent(b) : NULL;

	if (!s || b->counts.open < BOOT_SESSIONS_MOST)
		return;
	b->counts.displaced++;
	session_free(s);
}

void boot_guest(void *ctx, struct leg *leg, const char *target)
{
	struct boot *b = ctx;
	struct session *s = NULL;

	make_room(b);
	if (b->counts.open < BOOT_SESSIONS_MOST)
		s = session_new(b, target);
	if (!s) {
		b->counts.refused++;
		leg_reset(leg);
		return;
	}
	if (session_start(s, leg))
		session_free(s);
}

int boot_new(
    struct boot **out, struct loop *loop, const struct boot_config *config)
{
	struct boot *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->config = *config;
	*out = b;
	return 0;
}

void boot_free(struct boot *b)
{
	if (!b)
		return;
	while (b->sessions)
		session_free(b->sessions);
	free(b);
}

const struct boot_counts *boot_counts(const struct boot *b)
{
	return &b->counts;
}
