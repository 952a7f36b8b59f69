/* bridge/boot.c: boot sessions.
 *
 *   HEARING    waits for the request's head
 *   READING    its body comes
 *   WRITING    it was judged, and the record is being written
 *   SIGNING    the record is as it has to be; the store signs
 *   ANSWERING  the answer goes out, and the connection ends
 *
 * Each stage has BOOT_STAGE_MS. In the first two and the last a session that is
 * late is cut; in between it is answered that the store did not answer.
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
 */
#include "bridge/boot.h"
#include "base/bucket.h"
#include "base/log.h"
#include "base/secret.h"
#include "bridge/issuer.h"
#include "bridge/judge.h"
#include "bridge/registry.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/sign.h"
#include "net/tls.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include <assert.h>
#include <stdio.h>

enum { TARGET_TEXT = 264 };

static_assert((int)BOOT_CSR_MOST <= (int)PKI_CSR_MOST, "all of it is read");

enum stage { HEARING, READING, WRITING, SIGNING, ANSWERING, STAGES };

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
	struct boot_request request;
	char audience[BOOT_AUDIENCE + 1];
	char *csr; /* the request's, written anew */
	struct judge_outcome outcome;
	unsigned judged; /* times */
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

static void session_move(struct session *s, enum stage to)
{
	static const unsigned allowed[STAGES] = {
		[HEARING] = 1u << READING | 1u << ANSWERING,
		[READING] = 1u << WRITING | 1u << SIGNING | 1u << ANSWERING,
		[WRITING] = 1u << WRITING | 1u << SIGNING | 1u << ANSWERING,
		[SIGNING] = 1u << ANSWERING,
		[ANSWERING] = 0,
	};

	INVARIANT(allowed[s->stage] & 1u << to);
	s->stage = to;
	loop_after(s->boot->loop, &s->timer, BOOT_STAGE_MS, on_late);
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
	loop_cancel(s->boot->loop, &s->timer);
	registry_cancel(s->call);
	http_receive_cancel(s->body);
	if (s->stream)
		http_stream_abandon(s->stream);
	if (s->conn)
		http_conn_cut(s->conn);
	boot_request_deinit(&s->request);
	judge_outcome_deinit(&s->outcome);
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
	else
		log_warn("boot session", LOG_STR("target", s->target),
		    LOG_STR("result", boot_code_text(a->code)),
		    LOG_STR("broker", s->outcome.name),
		    LOG_STR("fault", a->fault.text),
		    LOG_STR("hint", a->fault.hint));
}

static void answer_text(struct session *s, int status, const char *text)
{
	http_stream_answer(
	    STEAL(s->stream), &(struct http_answer){ .status = status,
				  .content_type = "application/json",
				  .body = text,
				  .n = strlen(text) });
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
	if (s->stage != ANSWERING)
		log_info("boot session late", LOG_STR("target", s->target));
	session_free(s);
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
	s->boot->config.welcome(s->boot->config.ctx, s->target);
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

/* The record is as the outcome says. */
static void settle(struct session *s)
{
	if (s->outcome.code == BOOT_SIGNED)
		sign(s);
	else
		refuse(s, s->outcome.code, &s->outcome.fault);
}

static void on_written(
    void *ctx, enum registry_outcome outcome, const struct fault *fault)
{
	struct session *s = ctx;

	s->call = NULL;
	switch (outcome) {
	case REGISTRY_DONE:
		settle(s);
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

static void on_body(void *ctx, char *body, size_t n, int error)
{
	struct session *s = ctx;
	struct fault fault;

	s->body = NULL;
	if (error == -EMSGSIZE) {
		fault_set(&fault, -EMSGSIZE, boot_code_remedy(BOOT_MALFORMED),
		    "boot request: more than %d bytes", BOOT_REQUEST_MOST);
		refuse(s, BOOT_MALFORMED, &fault);
		return;
	}
	if (error) {
		session_free(s);
		return;
	}
	on_request_text(s, body, n);
	secret_wipe(body, n);
	free(body);
}

/* Anything but the one request ends the session. */
static void turn_away(struct session *s, int status, const char *text)
{
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
	if (!head->target || strcmp(head->target, BOOT_PATH) != 0)
		turn_away(s, 404, "a boot session is for POST " BOOT_PATH);
	else if (strcmp(head->method, "POST") != 0)
		turn_away(s, 405, "a boot session is for POST " BOOT_PATH);
	else if (http_receive(&s->body, stream, BOOT_REQUEST_MOST,
		     BOOT_STAGE_MS, on_body, s))
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

	if (tls_leg_export(leg, BOOT_EXPORTER, s->exported)) {
		leg_reset(leg);
		return -EPROTO;
	}
	loop_after(s->boot->loop, &s->timer, BOOT_STAGE_MS, on_late);
	return http_conn_open(&s->conn, leg, &config);
}

void boot_guest(void *ctx, struct leg *leg, const char *target)
{
	struct boot *b = ctx;
	struct session *s = NULL;

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
