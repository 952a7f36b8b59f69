/* broker/carry.c: sessions, from a pod's CONNECT to the end of both directions.
 *
 *   ASKING    the bridge was sent CONNECT (net/ask.h, with its deadlines); the
 *             pod waits. LIMIT_ANSWER_MS. A tunnel that has not answered after
 *             LIMIT_ASK_AGAIN_MS is probed, and another one, if there is one
 *             that is not silent, is sent the same CONNECT. The first answer
 *             counts, and the other stream is reset. What the pod says along
 *             with its CONNECT, the ClientHello of its session, goes to the
 *             bridge at once, at most LIMIT_EARLY bytes of it: that saves a
 *             round trip. The rest stays in the pod's window.
 *   JOINED    200 was sent to the pod; a pump has both streams. The kernel's
 *             keepalive watches the pod, pings watch the tunnel; a session that
 *             only one side has ended and where nothing moves is cut after
 *             LIMIT_HALF_CLOSED_MS. One that is quiet is not cut.
 *
 * A session has the pod's stream until it refuses or joins it: a field is NULL
 * as soon as somebody else has the stream. So session_free() may be called in
 * every state, and ends what is still there: the pod, by a reset, if it was not
 * answered.
 *
 * A tunnel that fell silent tells nobody; its pings take most of a minute to
 * find that out. Asking twice does no harm: nothing of the pod's has been sent
 * but what it says before anybody has answered it, and of such bytes the same
 * copy goes to both; a session whose client has seen no answer can ask for
 * nothing. The copy stays with the pod's stream, unread, until one has
 * answered, and what that one was not sent follows. Once joined, nothing is
 * ever tried again here: whether a failed session may be repeated is known only
 * to the wrapper.
 */
#include "broker/carry.h"
#include "broker/limits.h"
#include "net/ask.h"
#include "net/loop.h"
#include "net/pump.h"
#include "net/tunnel.h"
#include "wire/vault.h"
#include <stdio.h>
#include <sys/queue.h>

#define BRIDGE_AUTHORITY TUNNEL_BRIDGE_NAME ":443"

enum { ATTEMPTS = 2 };

struct attempt {
	struct session *session;
	struct ask *ask; /* NULL: not made, or over */
	size_t early;	 /* bytes of the pod's that it was sent */
};

struct session {
	TAILQ_ENTRY(session) of_carry;
	struct carry *carry;
	struct http_stream *pod;	   /* ASKING */
	struct attempt attempts[ATTEMPTS]; /* ASKING */
	size_t early;			   /* of the pod's, to be sent early */
	struct wheel_timer again;
	uint64_t asks_until;
	bool joined;
	struct pump *pump; /* JOINED */
	struct quota_ticket ticket;
	uint64_t began_us;
};

TAILQ_HEAD(sessions, session);

struct carry {
	struct loop *loop;
	const struct way *way;
	struct sessions sessions;
	struct carry_counts counts;
	uint64_t bytes[WAY_DIRECTIONS]; /* of sessions that have ended */
};

/* The pump's legs are a, the pod, and b, the bridge. */
static const int from[WAY_DIRECTIONS] = {
	[WAY_TO_BRIDGE] = 0,
	[WAY_TO_POD] = 1,
};

/* Neither is asked any more. */
static void attempts_end(struct session *s)
{
	loop_cancel(s->carry->loop, &s->again);
	for (size_t i = 0; i < ATTEMPTS; i++)
		ask_cancel(STEAL(s->attempts[i].ask));
}

static void session_free(struct session *s)
{
	struct carry *c = s->carry;

	attempts_end(s);
	if (s->pump) {
		for (size_t to = 0; to < WAY_DIRECTIONS; to++)
			c->bytes[to] += pump_bytes(s->pump, from[to]);
		pump_stop(s->pump);
	}
	if (s->pod)
		http_stream_abandon(s->pod);
	if (s->joined)
		c->counts.open--;
	quota_leave(&s->ticket);
	TAILQ_REMOVE(&c->sessions, s, of_carry);
	free(s);
}

static void session_refuse(struct session *s, const struct refusal *r)
{
	refusal_send(s->carry->way->refusals, STEAL(s->pod), r);
	session_free(s);
}

/* ---- JOINED */

static void on_pumped(void *ctx, const struct pump_result *result)
{
	struct session *s = ctx;

	s->pump = NULL;
	for (size_t to = 0; to < WAY_DIRECTIONS; to++)
		s->carry->bytes[to] += result->bytes[from[to]];
	session_free(s);
}

/* What the bridge was sent is not sent again. */
static void skip_early(struct leg *pod, size_t n)
{
	uint8_t gone[LIMIT_EARLY];
	ssize_t got = n ? leg_read(pod, gone, n) : 0;

	INVARIANT(got == (ssize_t)n); /* it was there */
}

static void session_join(
    struct session *s, const struct attempt *attempt, struct leg *bridge)
{
	size_t early = attempt->early;
	static const struct http_head good = { .status = 200, .length = -1 };
	struct leg *pod;

	attempts_end(s);
	if (http_stream_respond(s->pod, &good, false)) {
		leg_reset(bridge);
		session_free(s);
		return;
	}
	s->joined = true;
	s->carry->counts.open++;
	s->carry->counts.total++;
	metric_observe(
	    &s->carry->counts.join, loop_us(s->carry->loop) - s->began_us);
	pod = http_stream_leg(STEAL(s->pod));
	skip_early(pod, early);
	s->carry->bytes[WAY_TO_BRIDGE] += early;
	if (pump_start(
		&s->pump, pod, bridge, LIMIT_HALF_CLOSED_MS, on_pumped, s))
		session_free(s);
}

/* ---- ASKING */

/* The bridge's own status goes to the pod when it is one of a refusal, but for
 * 401 and 407, which would ask the pod for credentials of ours. */
static int status_for_pod(int status)
{
	bool refusal = status >= 400 && status < 600;

	return refusal && status != 401 && status != 407 ? status : 0;
}

static void session_refused(struct session *s, const struct ask_answer *answer)
{
	char words[400], text[500];

	if (!answer->body ||
	    !vault_errors(words, sizeof(words), answer->body, answer->n_body))
		(void)snprintf(words, sizeof(words), "no reason given");
	(void)snprintf(text, sizeof(text), "the bridge refused with %d: %s",
	    answer->status, words);
	session_refuse(s, &(struct refusal){ .kind = REFUSAL_BRIDGE,
			      .status = status_for_pod(answer->status),
			      .retry_s = answer->retry_s,
			      .text = text });
}

/* Return: whether another tunnel may still answer. */
static bool attempt_over(struct attempt *attempt)
{
	const struct attempt *all = attempt->session->attempts;

	attempt->ask = NULL;
	for (size_t i = 0; i < ATTEMPTS; i++)
		if (all[i].ask)
			return true;
	return false;
}

static void on_answer(void *ctx, struct ask_answer *answer)
{
	struct attempt *attempt = ctx;
	struct session *s = attempt->session;
	bool another = attempt_over(attempt);
	char text[160];

	if (answer->leg) {
		session_join(s, attempt, answer->leg);
		return;
	}
	if (answer->status) {
		session_refused(s, answer);
		return;
	}
	if (another)
		return;
	if (answer->late) {
		session_refuse(s, &(struct refusal){ .kind = REFUSAL_LATE });
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "the tunnel gave no answer from the bridge: %s",
	    http_why_text(answer->why));
	session_refuse(
	    s, &(struct refusal){ .kind = REFUSAL_CUT, .text = text });
}

/* What this one does not take now goes to whichever answers, once it has. */
static void attempt_say_early(struct attempt *attempt)
{
	const struct session *s = attempt->session;
	uint8_t bytes[LIMIT_EARLY];
	size_t n = http_stream_peek(s->pod, bytes, s->early);
	ssize_t taken = n ? ask_early(attempt->ask, bytes, n) : 0;

	attempt->early = taken > 0 ? (size_t)taken : 0;
}

static int session_ask(struct session *s, size_t i, struct http_conn *conn)
{
	uint64_t left = s->asks_until - loop_now(s->carry->loop);
	struct attempt *attempt = &s->attempts[i];
	int r;

	attempt->session = s;
	r = ask_open(&attempt->ask, conn, BRIDGE_AUTHORITY, (unsigned)left,
	    on_answer, attempt);
	if (!r)
		attempt_say_early(attempt);
	return r;
}

static void watch_answer(struct session *s);

/* NULL: none that is likelier to answer than @first. */
static struct http_conn *pick_another(
    const struct way *way, const struct http_conn *first)
{
	struct http_conn *conn = way->pick(way->ctx);

	return conn && conn != first && !http_conn_silent(conn) ? conn : NULL;
}

/* Where none can be asked now, one may have come by the next time. A process
 * that was stopped comes here when the time for an answer is over, too. */
static void on_unanswered(struct wheel_timer *timer, uint64_t now)
{
	struct session *s = CONTAINER_OF(timer, struct session, again);
	struct http_conn *first = ask_conn(s->attempts[0].ask), *conn;

	if (!first || now >= s->asks_until)
		return; /* its answer has begun, or its deadline comes next */
	http_conn_probe(first);
	conn = pick_another(s->carry->way, first);
	if (conn && !session_ask(s, 1, conn))
		s->carry->counts.asked_again++;
	else
		watch_answer(s);
}

static void watch_answer(struct session *s)
{
	loop_after(
	    s->carry->loop, &s->again, LIMIT_ASK_AGAIN_MS, on_unanswered);
}

/* The pod's first bytes have come, or its end; after that only LEG_GONE is told
 * before it is joined. */
static void on_pod(void *ctx, struct leg *leg, unsigned events)
{
	struct session *s = ctx;

	if (events & LEG_GONE) {
		session_free(s);
		return;
	}
	leg_want(leg, 0);
	s->early = LIMIT_EARLY;
	for (size_t i = 0; i < ATTEMPTS; i++)
		if (s->attempts[i].ask)
			attempt_say_early(&s->attempts[i]);
}

static struct session *session_new(
    struct carry *c, struct http_stream *pod, struct quota_ticket ticket)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->carry = c;
	s->began_us = loop_us(c->loop);
	s->asks_until = loop_now(c->loop) + LIMIT_ANSWER_MS;
	s->pod = pod;
	s->ticket = ticket;
	TAILQ_INSERT_TAIL(&c->sessions, s, of_carry);
	leg_handle(http_stream_leg(pod), on_pod, s);
	leg_want(http_stream_leg(pod), LEG_READ);
	return s;
}

void carry_connect(
    struct carry *c, struct http_stream *pod, struct quota_ticket ticket)
{
	struct http_conn *conn = way_conn(c->way, pod);
	struct session *s;
	int r;

	if (!conn) {
		quota_leave(&ticket);
		return;
	}
	s = session_new(c, pod, ticket);
	if (!s) {
		quota_leave(&ticket);
		way_refuse(c->way, pod, REFUSAL_MEMORY);
		return;
	}
	r = session_ask(s, 0, conn);
	if (r) {
		way_failed(c->way, STEAL(s->pod), r);
		session_free(s);
		return;
	}
	watch_answer(s);
}

/* ---- its life */

int carry_new(struct carry **out, struct loop *loop, const struct way *way)
{
	struct carry *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->loop = loop;
	c->way = way;
	TAILQ_INIT(&c->sessions);
	*out = c;
	return 0;
}

void carry_free(struct carry *c)
{
	if (!c)
		return;
	while (!TAILQ_EMPTY(&c->sessions))
		session_free(TAILQ_FIRST(&c->sessions));
	free(c);
}

const struct carry_counts *carry_counts(const struct carry *c)
{
	return &c->counts;
}

uint64_t carry_bytes(const struct carry *c, enum way_direction to)
{
	uint64_t n = c->bytes[to];
	const struct session *s;

	TAILQ_FOREACH (s, &c->sessions, of_carry)
		n += s->pump ? pump_bytes(s->pump, from[to]) : 0;
	return n;
}
