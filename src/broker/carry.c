/* broker/carry.c: sessions, from a pod's CONNECT to the end of both directions.
 *
 *   ASKING    the bridge was sent CONNECT; the pod waits. LIMIT_ANSWER_MS.
 *   HEARING   the bridge said no; its reasons are read for the pod.
 *             LIMIT_WORDS_MS.
 *   JOINED    200 was sent to the pod; a pump has both streams. The kernel's
 *             keepalive watches the pod, pings watch the tunnel; a session that
 *             only one side has ended and where nothing moves is cut after
 *             LIMIT_HALF_CLOSED_MS. One that is quiet is not cut.
 *
 * A session has the pod's stream until it answers, refuses or joins it, and the
 * bridge's until it is joined or its words are read: a field is NULL as soon as
 * somebody else has the stream. So session_free() may be called in every state,
 * and ends what is still there: the pod, by a reset, if it was not answered.
 *
 * Nothing is ever tried again here. Whether a failed session may be repeated is
 * known only to the wrapper.
 */
#include "broker/carry.h"
#include "broker/limits.h"
#include "net/loop.h"
#include "net/pump.h"
#include "net/tunnel.h"
#include "wire/vault.h"
#include <assert.h>
#include <stdio.h>
#include <sys/queue.h>

#define BRIDGE_AUTHORITY TUNNEL_BRIDGE_NAME ":443"

enum session_state { SESSION_ASKING, SESSION_HEARING, SESSION_JOINED };

struct session {
	TAILQ_ENTRY(session) of_carry;
	struct carry *carry;
	enum session_state state;
	struct http_stream *pod;    /* ASKING, HEARING */
	struct http_stream *bridge; /* ASKING */
	struct http_collect *words; /* HEARING */
	struct pump *pump;	    /* JOINED */
	struct wheel_timer timer;   /* ASKING */
	struct quota_ticket ticket;
	int status; /* HEARING: the bridge's */
	unsigned retry_s;
};

TAILQ_HEAD(sessions, session);

struct carry {
	struct loop *loop;
	const struct way *way;
	struct sessions sessions;
	struct carry_counts counts;
};

static void session_move(struct session *s, enum session_state to)
{
	static const unsigned allowed[] = {
		[SESSION_ASKING] = 1u << SESSION_HEARING | 1u << SESSION_JOINED,
		[SESSION_HEARING] = 0,
		[SESSION_JOINED] = 0,
	};

	static_assert(N_ELEMS(allowed) == SESSION_JOINED + 1, "a row a state");
	INVARIANT(allowed[s->state] & 1u << to);
	s->state = to;
	loop_cancel(s->carry->loop, &s->timer);
}

static void session_free(struct session *s)
{
	struct carry *c = s->carry;

	loop_cancel(c->loop, &s->timer);
	if (s->bridge)
		http_stream_abandon(s->bridge);
	http_collect_cancel(s->words);
	if (s->pump)
		pump_stop(s->pump);
	if (s->pod)
		http_stream_abandon(s->pod);
	if (s->state == SESSION_JOINED)
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
	struct carry_counts *counts = &s->carry->counts;

	s->pump = NULL;
	counts->to_bridge += result->bytes[0];
	counts->to_pod += result->bytes[1];
	session_free(s);
}

static void session_join(struct session *s)
{
	static const struct http_head good = { .status = 200, .length = -1 };
	struct leg *pod, *bridge;

	if (http_stream_respond(s->pod, &good, false)) {
		session_free(s);
		return;
	}
	session_move(s, SESSION_JOINED);
	s->carry->counts.open++;
	s->carry->counts.total++;
	pod = http_stream_leg(STEAL(s->pod));
	bridge = http_stream_leg(STEAL(s->bridge));
	if (pump_start(
		&s->pump, pod, bridge, LIMIT_HALF_CLOSED_MS, on_pumped, s))
		session_free(s);
}

/* ---- HEARING */

/* The bridge's own status goes to the pod when it is one of a refusal, but for
 * 401 and 407, which would ask the pod for credentials of ours. */
static int status_for_pod(int status)
{
	bool refusal = status >= 400 && status < 600;

	return refusal && status != 401 && status != 407 ? status : 0;
}

static void on_words(void *ctx, char *body, size_t n, int error)
{
	struct session *s = ctx;
	char words[400], text[500];

	s->words = NULL;
	if (error || !vault_errors(words, sizeof(words), body, n))
		(void)snprintf(words, sizeof(words), "no reason given");
	free(body);
	(void)snprintf(text, sizeof(text), "the bridge refused with %d: %s",
	    s->status, words);
	session_refuse(s, &(struct refusal){ .kind = REFUSAL_BRIDGE,
			      .status = status_for_pod(s->status),
			      .retry_s = s->retry_s,
			      .text = text });
}

static void session_hear(struct session *s, const struct http_head *head)
{
	struct leg *leg = http_stream_leg(STEAL(s->bridge));

	session_move(s, SESSION_HEARING);
	s->status = head->status;
	s->retry_s = http_retry_after(head);
	if (http_collect(
		&s->words, leg, LIMIT_WORDS_BYTES, LIMIT_WORDS_MS, on_words, s))
		session_refuse(s, &(struct refusal){ .kind = REFUSAL_MEMORY });
}

/* ---- ASKING */

static void on_response(void *ctx, struct http_stream *stream,
    const struct http_head *head, enum http_why why)
{
	struct session *s = ctx;
	char text[160];

	(void)stream;
	if (head && head->status >= 200 && head->status < 300) {
		session_join(s);
		return;
	}
	if (head) {
		session_hear(s, head);
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "the tunnel gave no answer from the bridge: %s",
	    http_why_text(why));
	session_refuse(
	    s, &(struct refusal){ .kind = REFUSAL_CUT, .text = text });
}

static void on_late(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	session_refuse(CONTAINER_OF(t, struct session, timer),
	    &(struct refusal){ .kind = REFUSAL_LATE });
}

/* Nothing is asked of the pod's leg before it is joined: only LEG_GONE comes.
 */
static void on_pod(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	(void)events;
	session_free(ctx);
}

static struct session *session_new(
    struct carry *c, struct http_stream *pod, struct quota_ticket ticket)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->carry = c;
	s->pod = pod;
	s->ticket = ticket;
	TAILQ_INSERT_TAIL(&c->sessions, s, of_carry);
	leg_handle(http_stream_leg(pod), on_pod, s);
	leg_want(http_stream_leg(pod), 0);
	return s;
}

void carry_connect(
    struct carry *c, struct http_stream *pod, struct quota_ticket ticket)
{
	static const struct http_head head = {
		.method = "CONNECT",
		.authority = BRIDGE_AUTHORITY,
		.length = -1,
	};
	struct session *s = session_new(c, pod, ticket);
	struct way_request request = {
		.head = &head, .fn = on_response, .ctx = s
	};

	if (!s) {
		quota_leave(&ticket);
		way_refuse(c->way, pod, REFUSAL_MEMORY);
		return;
	}
	s->bridge = way_open(c->way, pod, &request);
	if (!s->bridge) {
		s->pod = NULL;
		session_free(s);
		return;
	}
	loop_after(c->loop, &s->timer, LIMIT_ANSWER_MS, on_late);
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
