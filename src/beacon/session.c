/* A session reads one frame at a time, never a byte beyond it: HELLO, then
 * PONGs. It writes one frame at a time too: what comes up while one is on its
 * way is remembered as a bit, not queued; a WAIT that is overtaken by another
 * one is never sent.
 *
 * Two rules keep its life simple. Whatever may end the session is the last
 * thing that a handler does. And whoever told the switchboard something calls
 * beacon_run() after it.
 */
#include "beacon/session.h"
#include "base/log.h"
#include "base/slab.h"
#include "beacon/hello.h"
#include "beacon/limits.h"
#include "beacon/pair.h"
#include "net/preamble.h"
#include "net/shake.h"
#include "net/tcp.h"
#include <assert.h>
#include <stdio.h>

enum { SEND_WAIT = 1, SEND_PING = 2, SEND_PAIRED = 4 };

static struct slab slab = SLAB_OF(struct session),
		   speech_slab = SLAB_OF(struct session_speech);

#define TO(state) (1U << SESSION_##state)

static void session_move(struct session *s, enum session_state to)
{
	static const unsigned next[] = {
		[SESSION_NEW] = TO(SHAKING),
		[SESSION_SHAKING] = TO(HELLO),
		[SESSION_HELLO] = TO(WAITING),
		[SESSION_WAITING] = TO(PAIRING),
		[SESSION_PAIRING] = TO(PAIRED),
		[SESSION_PAIRED] = 0,
	};

	static_assert(N_ELEMS(next) == SESSION_STATE_COUNT, "a row a state");
	INVARIANT(next[s->state] & 1U << to);
	s->state = to;
}

static void read_into(struct session *s, uint8_t *room, size_t n)
{
	struct session_speech *speech = s->speech;

	if (speech->in != speech->pong)
		free(speech->in);
	speech->in = room;
	speech->room = n;
	speech->have = 0;
}

static void speech_over(struct session *s)
{
	if (!s->speech)
		return;
	preamble_cancel(s->speech->preamble);
	tls_shake_cancel(s->speech->shake);
	loop_cancel(s->beacon->loop, &s->speech->deadline);
	read_into(s, NULL, 0);
	slab_give(&speech_slab, STEAL(s->speech));
}

struct session *session_new(struct beacon *b, const char *source)
{
	struct session *s = slab_take(&slab);

	if (s)
		s->speech = slab_take(&speech_slab);
	if (!s || !s->speech) {
		slab_give(&slab, s);
		return NULL;
	}
	s->speech->session = s;
	s->beacon = b;
	s->serial = ++b->serials;
	tidy_note(&b->tidy);
	s->accepted_ms = loop_now(b->loop);
	(void)snprintf(s->source, sizeof(s->source), "%s", source);
	TAILQ_INSERT_TAIL(&b->sessions, s, of_beacon);
	return s;
}

void session_end(struct session *s)
{
	struct beacon *b = s->beacon;

	speech_over(s);
	leg_close(s->leg);
	switchboard_leave(b->board, &s->board_leg, loop_now(b->loop));
	limiter_leave(b->limiter, &s->guest);
	TAILQ_REMOVE(&b->sessions, s, of_beacon);
	slab_give(&slab, s);
	tidy_note(&b->tidy);
}

/* The leg is gone, or its owner is. */
static void session_gone(struct session *s)
{
	struct beacon *b = s->beacon;

	if (s->pair)
		pair_fail(s->pair);
	else
		session_end(s);
	beacon_run(b);
}

/* ---- writing ---- */

static void put_frame(struct session *s, const struct frame *f)
{
	INVARIANT(s->speech->out_start == s->speech->out_end);
	INVARIANT(!frame_write(
	    f, s->speech->out, sizeof(s->speech->out), &s->speech->out_end));
	s->speech->out_start = 0;
}

static void put_next(struct session *s)
{
	struct frame f = { .type = FRAME_TYPE_WAIT };

	if (s->speech->to_send & SEND_WAIT) {
		memcpy(f.u.wait.instance, s->beacon->instance, FRAME_ID);
		f.u.wait.ping_s = LIMIT_PING_MS / 1000;
		f.u.wait.position = s->speech->position;
		s->speech->to_send &= ~(unsigned)SEND_WAIT;
	} else if (s->speech->to_send & SEND_PING) {
		f.type = FRAME_TYPE_PING;
		memcpy(f.u.ping.opaque, s->speech->opaque, FRAME_PING);
		s->speech->to_send &= ~(unsigned)SEND_PING;
	} else {
		f.type = FRAME_TYPE_PAIRED;
		memcpy(f.u.paired.pair, pair_id(s->pair), FRAME_ID);
		f.u.paired.flags = pair_sheds(s->pair) ? FRAME_PAIRED_SHED : 0;
		s->speech->to_send &= ~(unsigned)SEND_PAIRED;
	}
	put_frame(s, &f);
}

/* Return: 0, all was taken or the leg takes no more now; -errno. */
static int flush(struct session *s)
{
	while (s->speech->out_start < s->speech->out_end) {
		ssize_t n =
		    leg_write(s->leg, s->speech->out + s->speech->out_start,
			s->speech->out_end - s->speech->out_start);

		if (n == -EAGAIN || !n)
			return 0;
		if (n < 0)
			return (int)n;
		s->speech->out_start += (size_t)n;
	}
	return 0;
}

static bool is_sending(const struct session *s)
{
	return s->speech->out_start < s->speech->out_end;
}

static void set_interest(struct session *s)
{
	bool reads =
	    s->state != SESSION_PAIRING || switchboard_owes_pong(&s->board_leg);

	leg_want(
	    s->leg, (reads ? LEG_READ : 0U) | (is_sending(s) ? LEG_WRITE : 0U));
}

static int send_due(struct session *s)
{
	int r = flush(s);

	while (!r && !is_sending(s) && s->speech->to_send) {
		put_next(s);
		r = flush(s);
	}
	set_interest(s);
	return r;
}

static void send_soon(struct session *s, unsigned what)
{
	s->speech->to_send |= what;
	if (send_due(s))
		session_gone(s);
}

void session_wait(struct session *s, uint32_t position)
{
	s->speech->position = position;
	send_soon(s, SEND_WAIT);
}

void session_ping(struct session *s, const uint8_t opaque[FRAME_PING])
{
	memcpy(s->speech->opaque, opaque, FRAME_PING);
	send_soon(s, SEND_PING);
}

/* Who does not take even this frame does not read: it is closed without. */
static void say_last(struct session *s, const struct frame *f)
{
	struct beacon *b = s->beacon;

	if (!is_sending(s)) {
		put_frame(s, f);
		(void)flush(s);
	}
	session_end(s);
	beacon_run(b);
}

void session_goaway(struct session *s, uint32_t reconnect_ms)
{
	s->beacon->meter.goaways++;
	say_last(s, &(struct frame){ .type = FRAME_TYPE_GOAWAY,
			.u.goaway.reconnect_ms = reconnect_ms });
}

void session_refuse(struct session *s, const struct session_refusal *why)
{
	struct frame f = { .type = FRAME_TYPE_ERROR };
	struct beacon *b = s->beacon;

	b->meter.refusals[why->code]++;
	log_debug("refused", LOG_STR("source", s->source),
	    LOG_STR("code", frame_error_name(why->code)),
	    LOG_STR("text", why->text));
	f.u.error.code = (uint16_t)why->code;
	f.u.error.retry_ms = why->retry_ms;
	(void)snprintf(f.u.error.text, sizeof(f.u.error.text), "%s", why->text);
	say_last(s, &f);
}

static void refuse(struct session *s, enum frame_error code, const char *text)
{
	session_refuse(
	    s, &(struct session_refusal){ .code = code, .text = text });
}

/* ---- reading ---- */

/* The peer broke the rules. Once PAIRED is on its way there is no ERROR. */
static void refuse_bytes(struct session *s, const struct session_refusal *why)
{
	if (s->pair)
		session_gone(s);
	else
		session_refuse(s, why);
}

static void refuse_speech(struct session *s)
{
	refuse_bytes(s, &(struct session_refusal){ FRAME_ERROR_BAD_HELLO, 0,
			    "only the PONG to a PING may follow HELLO" });
}

static void join(struct session *s, const struct hello *said)
{
	const struct switchboard_hello *hello = &said->board;
	struct beacon *b = s->beacon;

	if (hello->proven)
		b->meter.proven++;
	else
		b->meter.bare++;
	memcpy(s->hash, hello->hash, FRAME_HASH);
	s->sheds = said->sheds;
	loop_cancel(b->loop, &s->speech->deadline);
	limiter_settle(b->limiter, &s->guest);
	read_into(s, s->speech->pong, sizeof(s->speech->pong));
	session_move(s, SESSION_WAITING);
	beacon_touch_pairs(b);
	if (switchboard_join(b->board, &s->board_leg, hello, loop_now(b->loop)))
		refuse(s, FRAME_ERROR_SOURCE_BUSY, "out of memory");
	beacon_run(b);
}

static void on_hello(struct session *s)
{
	struct hello hello = { .board.role = FRAME_LISTEN };
	struct hello_bytes in = { s->speech->in, s->speech->have, s->source,
		s->beacon->known };
	struct session_refusal why;

	s->began_us = loop_us(s->beacon->loop);
	address_source_of(&hello.board.source, s->source);
	switch (hello_judge(s->beacon->allow, s->leg, &in, &hello, &why)) {
	case 0:
		join(s, &hello);
		break;
	case HELLO_E_REFUSED:
		session_refuse(s, &why);
		break;
	default:
		refuse(s, FRAME_ERROR_SOURCE_BUSY, "out of memory");
		break;
	}
}

static void on_pong(struct session *s)
{
	struct beacon *b = s->beacon;
	struct frame f;

	s->speech->have = 0;
	if (frame_read(&f, s->speech->in, SESSION_PONG) ||
	    f.type != FRAME_TYPE_PONG ||
	    switchboard_pong(
		b->board, &s->board_leg, f.u.ping.opaque, loop_now(b->loop))) {
		refuse_speech(s);
		return;
	}
	set_interest(s);
	if (session_ready(s))
		pair_try(s->pair);
	beacon_run(b);
}

static void on_frame(struct session *s)
{
	struct beacon *b = s->beacon;
	uint64_t read_us;

	if (s->state != SESSION_HELLO) {
		on_pong(s);
		return;
	}
	read_us = loop_us(b->loop);
	on_hello(s);
	metric_observe(&b->meter.answer, loop_us(b->loop) - read_us);
}

/* Is there a reason to read more of a leg that has said HELLO? */
static bool may_speak(const struct session *s)
{
	return s->state == SESSION_HELLO ||
	       switchboard_owes_pong(&s->board_leg);
}

/* One read. Return: read on? If not, the session may be gone. */
static bool read_some(struct session *s)
{
	struct session_refusal why;
	size_t need = 0;
	ssize_t n;
	int r = frame_need(s->speech->in, s->speech->have, &need);

	if (r || s->speech->have + need > s->speech->room) {
		hello_fault(r ? r : FRAME_E_LENGTH, &why);
		refuse_bytes(s, &why);
		return false;
	}
	n = leg_read(s->leg, s->speech->in + s->speech->have, need);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		session_gone(s);
		return false;
	}
	s->speech->have += (size_t)n;
	if (!may_speak(s)) {
		refuse_speech(s);
		return false;
	}
	if (frame_need(s->speech->in, s->speech->have, &need) || need)
		return true;
	on_frame(s);
	return false;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct session *s = ctx;

	(void)leg;
	if (events & LEG_GONE || (events & LEG_WRITE && send_due(s))) {
		session_gone(s);
		return;
	}
	if (s->state == SESSION_PAIRING && session_ready(s)) {
		pair_try(s->pair);
		return;
	}
	if (events & LEG_READ)
		while (read_some(s))
			;
}

/* ---- the beginning ---- */

static void on_deadline(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	refuse(CONTAINER_OF(t, struct session_speech, deadline)->session,
	    FRAME_ERROR_TIMEOUT, "HELLO did not come in time");
}

uint64_t session_left_ms(const struct session *s)
{
	uint64_t spent = loop_now(s->beacon->loop) - s->accepted_ms;

	return spent < LIMIT_HELLO_MS ? LIMIT_HELLO_MS - spent : 0;
}

static void begin_hello(struct session *s)
{
	struct beacon *b = s->beacon;
	uint8_t *room = malloc(FRAME_BUFFER);

	if (!room) {
		refuse(s, FRAME_ERROR_SOURCE_BUSY, "out of memory");
		return;
	}
	read_into(s, room, FRAME_BUFFER);
	loop_after(
	    b->loop, &s->speech->deadline, session_left_ms(s), on_deadline);
	leg_handle(s->leg, on_leg, s);
	set_interest(s);
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct session *s = ctx;

	s->speech->shake = NULL;
	if (!leg) {
		s->beacon->meter.handshake_failures[why]++;
		log_debug("handshake failed", LOG_STR("source", s->source),
		    LOG_STR("class", tls_failure_name(why)),
		    LOG_STR("fault", fault->text));
		session_end(s);
		return;
	}
	metric_observe(&s->beacon->meter.handshake,
	    loop_us(s->beacon->loop) - s->began_us);
	s->leg = leg;
	session_move(s, SESSION_HELLO);
	if (s->speech->retry_ms)
		session_refuse(
		    s, &(struct session_refusal){ FRAME_ERROR_RATE_LIMIT,
			   s->speech->retry_ms,
			   "too many new connections from this source" });
	else
		begin_hello(s);
}

void session_start(struct session *s, struct leg *lower)
{
	const struct tls_shake_order order = {
		.lower = lower,
		.context = s->beacon->tls,
		.ms = (unsigned)session_left_ms(s) + !session_left_ms(s),
		.fn = on_shaken,
		.ctx = s,
	};

	session_move(s, SESSION_SHAKING);
	s->began_us = loop_us(s->beacon->loop);
	tcp_leg_user_timeout(lower, LIMIT_USER_TIMEOUT_MS);
	if (tls_shake(&s->speech->shake, &order))
		session_end(s);
}

/* ---- the end: into a pair ---- */

int session_pair(struct session *s, struct pair *pair)
{
	session_move(s, SESSION_PAIRING);
	s->pair = pair;
	s->speech->to_send |= SEND_PAIRED;
	return send_due(s);
}

bool session_ready(const struct session *s)
{
	return s->state == SESSION_PAIRING && !is_sending(s) &&
	       !s->speech->to_send && !switchboard_owes_pong(&s->board_leg);
}

struct leg *session_take_leg(struct session *s)
{
	session_move(s, SESSION_PAIRED);
	speech_over(s);
	leg_handle(s->leg, NULL, NULL);
	return STEAL(s->leg);
}
