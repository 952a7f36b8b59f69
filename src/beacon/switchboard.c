/* The switchboard: who waits, who is paired, who must go.
 *
 * A leg that waits stands in the hall of its info hash (beacon/hall.h).
 * Whenever a leg begins to wait it takes a partner there if there is one; so no
 * two legs that fit ever both wait.
 *
 * The connector stands for its pair: it is in the lists, the listener is its
 * `peer`. A pair counts for the source of its connector, the one that chose to
 * come: a listener cannot choose who connects to it, and must not lose pairs to
 * whoever connects often.
 *
 *     WAITING -> RESERVED            a partner was there
 *     RESERVED, no slot              in the queue, and in its source's turns
 *     RESERVED, granted              has a slot, PAIR is pending
 *     RESERVED -> PAIRED             switchboard_next() has given PAIR out
 *     RESERVED -> WAITING            its partner went; it looks for another
 *
 * At the end of every call settle() gives free slots to the queue: to the
 * source that holds the fewest, among equals to the one that waits longest. If
 * none is free, a source above its fair share yields its least active pair to a
 * waiting one below it. Each such step takes from above and gives below, so it
 * ends, and nobody takes a slot back at once.
 *
 * Everything that limits counts is kept as legs come and go; the heaviest
 * source and the next in turn are the firsts of three heaps. So a call costs
 * O(log n), but for two walks of bounded length: the legs of one hall when it
 * is full (80), and the queue's first positions (32; beacon/queue.h).
 *
 * Actions wait as bits in the leg (beacon/news.h). Those that lost their sense
 * before they were given out are cleared, so the owner never acts on what is no
 * longer so.
 */
#include "beacon/switchboard.h"
#include "base/wr.h"
#include "beacon/hall.h"
#include "beacon/limits.h"
#include "beacon/queue.h"
#include <assert.h>

enum { MS_US = 1000 };

struct switchboard {
	struct switchboard_limits limits;
	struct wheel *wheel;
	struct roster roster;
	struct queue queue;
	struct news news;
	bool draining;
	uint32_t drain_spread_ms;
	struct wheel_timer drain_timer;
	uint64_t now_ms, serials, seed;
	struct switchboard_counts counts;
};

const struct switchboard_limits switchboard_limits = {
	.pairs = LIMIT_PAIRS,
	.pairs_fair = LIMIT_PAIRS_FAIR,
	.waiting = LIMIT_WAITING,
	.hall_proven = LIMIT_WAITING_HASH_PROVEN,
	.hall_bare = LIMIT_WAITING_HASH_BARE,
	.source_bare = LIMIT_WAITING_SOURCE_BARE,
	.connector_ms = LIMIT_CONNECTOR_MS,
	.ping_ms = LIMIT_PING_MS,
	.pong_ms = LIMIT_PONG_MS,
	.retry_peer_ms = LIMIT_RETRY_PEER_MS,
	.retry_busy_ms = LIMIT_RETRY_BUSY_MS,
	.retry_drain_ms = LIMIT_RETRY_DRAIN_MS,
	.drain_step = LIMIT_DRAIN_STEP,
	.drain_step_ms = LIMIT_DRAIN_STEP_MS,
	.positions_told = LIMIT_POSITIONS_TOLD,
};

/* A uniform enough number below @bound (splitmix64); for jitter. */
static uint32_t jitter(struct switchboard *b, uint32_t bound)
{
	uint64_t z = b->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return bound ? (uint32_t)(z % bound) : 0;
}

/* ---- the states ---- */

static void on_life(struct wheel_timer *t, uint64_t now_ms);
static void on_impatience(struct wheel_timer *t, uint64_t now_ms);

static void arm_ping(struct switchboard_leg *leg)
{
	struct switchboard *b = leg->board;
	uint32_t ms = b->limits.ping_ms;

	leg->pinged = false;
	wheel_arm(
	    b->wheel, &leg->life, b->now_ms + ms - jitter(b, ms / 5), on_life);
}

/* Nothing is left to wait for: PAIR has been given out, or is about to be. */
static bool has_slot(const struct switchboard_leg *leg)
{
	return leg->granted || (leg->peer && leg->peer->granted);
}

/* A PING that nobody has seen yet is taken back; one that was given out keeps
 * the deadline of its answer. */
static void stop_pinging(struct switchboard_leg *leg)
{
	struct switchboard *b = leg->board;

	if (leg->pending & NEWS_PING) {
		news_clear(&b->news, leg, NEWS_PING);
		leg->pinged = false;
	}
	if (!leg->pinged)
		wheel_disarm(b->wheel, &leg->life);
}

static void enter_waiting(struct switchboard_leg *leg)
{
	struct switchboard *b = leg->board;

	if (!wheel_armed(&leg->life))
		arm_ping(leg);
	if (leg->role == FRAME_CONNECT)
		wheel_arm(b->wheel, &leg->patience,
		    b->now_ms + b->limits.connector_ms, on_impatience);
}

static void enter_reserved(struct switchboard_leg *leg)
{
	wheel_disarm(leg->board->wheel, &leg->patience);
}

static void enter_idle(struct switchboard_leg *leg)
{
	struct switchboard *b = leg->board;

	news_clear(&b->news, leg, NEWS_ALL);
	leg->pinged = false;
	wheel_disarm(b->wheel, &leg->life);
	wheel_disarm(b->wheel, &leg->patience);
}

#define TO(state) (1U << SWITCHBOARD_##state)

static const struct {
	unsigned next;
	void (*enter)(struct switchboard_leg *leg); /* sets the deadlines */
} rules[] = {
	[SWITCHBOARD_IDLE] = { TO(WAITING), enter_idle },
	[SWITCHBOARD_WAITING] = { TO(RESERVED) | TO(IDLE), enter_waiting },
	[SWITCHBOARD_RESERVED] = { TO(WAITING) | TO(PAIRED) | TO(IDLE),
	    enter_reserved },
	[SWITCHBOARD_PAIRED] = { TO(IDLE), stop_pinging },
};
static_assert(N_ELEMS(rules) == SWITCHBOARD_STATE_COUNT, "a rule a state");

/* The only writer of a leg's state. */
static void switchboard_move(
    struct switchboard_leg *leg, enum switchboard_state to)
{
	INVARIANT(rules[leg->state].next & 1U << to);
	leg->state = to;
	rules[to].enter(leg);
}

/* ---- the queue for a slot ---- */

static void want_slot(struct switchboard *b, struct switchboard_leg *connector)
{
	queue_add(&b->queue, connector);
	roster_add_turn(&b->roster, connector);
}

static void want_no_slot(
    struct switchboard *b, struct switchboard_leg *connector)
{
	queue_remove(&b->queue, connector);
	roster_remove_turn(&b->roster, connector);
}

/* ---- pairing ---- */

static void reserve(struct switchboard *b, struct switchboard_leg *one,
    struct switchboard_leg *other)
{
	struct switchboard_leg *connector =
	    one->role == FRAME_CONNECT ? one : other;

	one->peer = other;
	other->peer = one;
	hall_leave(one);
	hall_leave(other);
	switchboard_move(one, SWITCHBOARD_RESERVED);
	switchboard_move(other, SWITCHBOARD_RESERVED);
	want_slot(b, connector);
	news_position(&b->news, one, (uint32_t)b->counts.queued, true);
	news_position(&b->news, other, (uint32_t)b->counts.queued, true);
}

/* @first: it waited before, and keeps its place. */
static void begin_waiting(
    struct switchboard *b, struct switchboard_leg *leg, bool first)
{
	struct switchboard_leg *peer;

	switchboard_move(leg, SWITCHBOARD_WAITING);
	news_position(&b->news, leg, 0, true);
	hall_stand(leg, first);
	peer = hall_peer(leg);
	if (peer)
		reserve(b, leg, peer);
}

/* A reserved pair falls apart: @leg is going; its peer waits again. */
static void split(struct switchboard *b, struct switchboard_leg *leg)
{
	struct switchboard_leg *peer = leg->peer;
	struct switchboard_leg *connector =
	    leg->role == FRAME_CONNECT ? leg : peer;

	if (connector->granted)
		roster_remove_pair(&b->roster, connector);
	else
		want_no_slot(b, connector);
	news_clear(&b->news, connector, NEWS_PAIR);
	leg->peer = peer->peer = NULL;
	begin_waiting(b, peer, true);
}

/* The pair of @leg has ended. */
static void end_pair(struct switchboard *b, struct switchboard_leg *leg)
{
	struct switchboard_leg *peer = leg->peer;
	struct switchboard_leg *connector =
	    leg->role == FRAME_CONNECT ? leg : peer;

	roster_remove_pair(&b->roster, connector);
	leg->peer = peer->peer = NULL;
	switchboard_move(leg, SWITCHBOARD_IDLE);
	switchboard_move(peer, SWITCHBOARD_IDLE);
}

static void detach(struct switchboard *b, struct switchboard_leg *leg)
{
	switch (leg->state) {
	case SWITCHBOARD_WAITING:
		hall_leave(leg);
		break;
	case SWITCHBOARD_RESERVED:
		split(b, leg);
		break;
	case SWITCHBOARD_PAIRED:
		end_pair(b, leg);
		return;
	case SWITCHBOARD_IDLE:
	default:
		return;
	}
	switchboard_move(leg, SWITCHBOARD_IDLE);
	roster_remove(&b->roster, leg);
}

static void drop(struct switchboard *b, struct switchboard_leg *leg,
    enum frame_error code, const char *text)
{
	detach(b, leg);
	leg->code = code;
	leg->text = text;
	news_add(&b->news, leg, NEWS_DROP);
}

/* End a pair from here; both legs hear of it by one action. */
static void cut(struct switchboard *b, struct switchboard_leg *leg,
    enum frame_error code, const char *text)
{
	struct switchboard_leg *connector =
	    leg->role == FRAME_CONNECT ? leg : leg->peer;
	struct switchboard_leg *listener = connector->peer;

	end_pair(b, connector);
	connector->peer = listener; /* until the action is given out */
	listener->peer = connector;
	connector->code = code;
	connector->text = text;
	news_add(&b->news, connector, NEWS_CUT);
}

static void grant(struct switchboard *b, struct switchboard_leg *connector)
{
	want_no_slot(b, connector);
	roster_add_pair(&b->roster, connector);
	news_clear(&b->news, connector, NEWS_WAIT);
	news_clear(&b->news, connector->peer, NEWS_WAIT);
	stop_pinging(connector);
	stop_pinging(connector->peer);
	news_add(&b->news, connector, NEWS_PAIR);
}

/* The pair that must yield to @next: a source above its share has it, and that
 * of @next is below. NULL: none, as while draining. */
static struct switchboard_leg *find_yielding(
    const struct switchboard *b, const struct switchboard_leg *next)
{
	struct switchboard_leg *leg = roster_most_pairs(&b->roster);

	if (!leg || b->draining ||
	    leg->source->n_pairs <= b->limits.pairs_fair ||
	    next->source->n_pairs >= b->limits.pairs_fair)
		return NULL;
	return leg->state == SWITCHBOARD_PAIRED ? leg : NULL;
}

static void settle(struct switchboard *b)
{
	struct switchboard_leg *next, *yields;

	while ((next = roster_next(&b->roster))) {
		if (b->counts.paired < b->limits.pairs) {
			grant(b, next);
			continue;
		}
		yields = find_yielding(b, next);
		if (!yields)
			break;
		b->counts.yielded++;
		cut(b, yields, FRAME_ERROR_SOURCE_BUSY,
		    "the beacon is full and this source has the most pairs");
	}
	queue_tell(&b->queue);
}

/* ---- limits on those who wait ---- */

static bool hall_over(
    const struct switchboard *b, const struct switchboard_leg *leg)
{
	return leg->hall->n_all[leg->proven] >
	       (leg->proven ? b->limits.hall_proven : b->limits.hall_bare);
}

static bool board_over(const struct switchboard *b)
{
	return b->counts.listeners + b->counts.connectors > b->limits.waiting;
}

/* @leg is counted in already. At a limit the heaviest source's newest leg is
 * dropped, and that may be @leg itself.
 * Return: may it wait? */
static bool make_room(struct switchboard *b, struct switchboard_leg *leg)
{
	struct switchboard_leg *goes = leg;
	enum frame_error code = FRAME_ERROR_SOURCE_BUSY;
	const char *text;

	if (leg->source->n_bare > b->limits.source_bare && !leg->proven) {
		text = "this source has too many bare legs waiting";
	} else if (hall_over(b, leg)) {
		goes = roster_hall_heaviest(leg);
		code = FRAME_ERROR_HASH_BUSY;
		text = "too many legs wait under this info hash";
	} else if (board_over(b)) {
		goes = roster_heaviest(&b->roster, leg);
		text = "too many legs wait on this beacon";
	} else {
		return true;
	}
	drop(b, goes, code, text);
	return goes != leg;
}

/* ---- drain ---- */

/* Those that have a slot are as good as paired. There are splits while others
 * are sent away, and a leg that waits again is sent away as well, so this comes
 * back until the books are empty. */
static void on_drain(struct wheel_timer *t, uint64_t now_ms)
{
	struct switchboard *b =
	    CONTAINER_OF(t, struct switchboard, drain_timer);
	struct switchboard_leg *leg, *next;
	size_t sent = 0;

	for (leg = TAILQ_FIRST(&b->roster.waiting);
	     leg && sent < b->limits.drain_step; leg = next) {
		next = TAILQ_NEXT(leg, of_roster);
		if (has_slot(leg))
			continue;
		detach(b, leg);
		news_add(&b->news, leg, NEWS_GOAWAY);
		sent++;
	}
	if (!TAILQ_EMPTY(&b->roster.waiting))
		wheel_arm(
		    b->wheel, t, now_ms + b->limits.drain_step_ms, on_drain);
}

/* ---- what happens ---- */

static struct switchboard_leg *leg_at(struct wheel_timer *t, size_t offset)
{
	return (void *)((char *)t - offset);
}

static void on_impatience(struct wheel_timer *t, uint64_t now_ms)
{
	struct switchboard_leg *leg =
	    leg_at(t, offsetof(struct switchboard_leg, patience));

	(void)now_ms;
	drop(leg->board, leg, FRAME_ERROR_NO_PEER,
	    "nobody listens under this info hash");
}

static void ping(struct switchboard *b, struct switchboard_leg *leg)
{
	if (leg->state == SWITCHBOARD_RESERVED)
		queue_sweep(&b->queue, b->now_ms);
	news_position(&b->news, leg, leg->position, true);
	leg->opaque =
	    (uint64_t)jitter(b, UINT32_MAX) << 32 | jitter(b, UINT32_MAX);
	leg->pinged = true;
	news_add(&b->news, leg, NEWS_PING);
	wheel_arm(b->wheel, &leg->life, b->now_ms + b->limits.pong_ms, on_life);
}

static void on_life(struct wheel_timer *t, uint64_t now_ms)
{
	struct switchboard_leg *leg =
	    leg_at(t, offsetof(struct switchboard_leg, life));
	static const char silent[] = "no PONG came in time";

	(void)now_ms;
	if (!leg->pinged)
		ping(leg->board, leg);
	else if (leg->state == SWITCHBOARD_PAIRED)
		cut(leg->board, leg, FRAME_ERROR_TIMEOUT, silent);
	else
		drop(leg->board, leg, FRAME_ERROR_TIMEOUT, silent);
}

/* Time does not go back. */
static void clock_set(struct switchboard *b, uint64_t now_ms)
{
	if (now_ms > b->now_ms)
		b->now_ms = now_ms;
}

int switchboard_join(struct switchboard *b, struct switchboard_leg *leg,
    const struct switchboard_hello *hello, uint64_t now_ms)
{
	int r;

	INVARIANT(leg->state == SWITCHBOARD_IDLE && !leg->pending);
	clock_set(b, now_ms);
	leg->board = b;
	leg->role = hello->role;
	leg->proven = hello->proven;
	leg->require_proven = hello->require_proven;
	leg->joined_ms = b->now_ms;
	leg->serial = b->serials++;
	leg->told = NEWS_NEVER_TOLD;
	if (b->draining) {
		drop(b, leg, FRAME_ERROR_DRAINING, "the beacon is going down");
		return 0;
	}
	r = roster_add(&b->roster, leg, hello->hash, &hello->source);
	if (r)
		return r;
	if ((b->counts.paired < b->limits.pairs && hall_peer(leg)) ||
	    make_room(b, leg))
		begin_waiting(b, leg, false);
	else
		roster_remove(&b->roster, leg);
	settle(b);
	return 0;
}

void switchboard_leave(
    struct switchboard *b, struct switchboard_leg *leg, uint64_t now_ms)
{
	clock_set(b, now_ms);
	if (leg->state == SWITCHBOARD_IDLE && leg->peer) { /* a CUT pends */
		news_clear(&b->news, leg, NEWS_ALL);
		news_clear(&b->news, leg->peer, NEWS_ALL);
		leg->peer = leg->peer->peer = NULL;
	} else if (leg->pending & (NEWS_DROP | NEWS_GOAWAY)) {
		news_clear(&b->news, leg, NEWS_ALL);
	} else {
		detach(b, leg);
	}
	settle(b);
}

/* A millisecond for each who has to come back. */
void switchboard_drain(struct switchboard *b, uint64_t now_ms)
{
	uint64_t legs = b->counts.listeners + b->counts.connectors;

	clock_set(b, now_ms);
	if (b->draining)
		return;
	b->draining = true;
	b->drain_spread_ms = b->limits.retry_drain_ms;
	if (legs > b->drain_spread_ms)
		b->drain_spread_ms = (uint32_t)legs;
	on_drain(&b->drain_timer, b->now_ms);
	settle(b);
}

int switchboard_pong(struct switchboard *b, struct switchboard_leg *leg,
    const uint8_t opaque[FRAME_PING], uint64_t now_ms)
{
	uint8_t want[FRAME_PING];
	struct wr w = wr_over(want, sizeof(want));

	clock_set(b, now_ms);
	wr_u64(&w, leg->opaque);
	if (!switchboard_owes_pong(leg) ||
	    memcmp(opaque, want, FRAME_PING) != 0)
		return SWITCHBOARD_E_PONG;
	if (has_slot(leg)) {
		leg->pinged = false;
		wheel_disarm(b->wheel, &leg->life);
	} else {
		arm_ping(leg);
	}
	return 0;
}

bool switchboard_owes_pong(const struct switchboard_leg *leg)
{
	return leg->pinged && !(leg->pending & NEWS_PING);
}

void switchboard_active(struct switchboard_leg *leg)
{
	struct switchboard_leg *connector =
	    leg->role == FRAME_CONNECT ? leg : leg->peer;

	if (leg->state != SWITCHBOARD_PAIRED)
		return;
	roster_touch(connector);
}

void switchboard_tick(struct switchboard *b, uint64_t now_ms)
{
	clock_set(b, now_ms);
	wheel_advance(b->wheel, b->now_ms);
	settle(b);
}

uint64_t switchboard_due(const struct switchboard *b)
{
	return wheel_next(b->wheel);
}

/* The listener and its connector leave the hall together. */
static void give_pair(struct switchboard *b, struct switchboard_leg *connector)
{
	struct switchboard_leg *listener = connector->peer;

	switchboard_move(listener, SWITCHBOARD_PAIRED);
	switchboard_move(connector, SWITCHBOARD_PAIRED);
	roster_remove(&b->roster, listener);
	roster_remove(&b->roster, connector);
	b->counts.pairs_total++;
	metric_observe(&b->counts.connector_wait,
	    (b->now_ms - connector->joined_ms) * MS_US);
}

static uint32_t retry_after(struct switchboard *b, enum frame_error code)
{
	uint32_t ms = b->limits.retry_busy_ms;

	if (code == FRAME_ERROR_TIMEOUT)
		return 0;
	if (code == FRAME_ERROR_DRAINING)
		return b->limits.retry_drain_ms + jitter(b, b->drain_spread_ms);
	if (code == FRAME_ERROR_NO_PEER)
		ms = b->limits.retry_peer_ms;
	return ms + jitter(b, ms);
}

static void fill_two(struct switchboard_action *out, enum switchboard_what what)
{
	out->what = what;
	out->peer = out->leg;
	out->leg = out->peer->peer;
}

bool switchboard_next(struct switchboard *b, struct switchboard_action *out)
{
	struct switchboard_leg *leg = NULL;
	struct wr w = wr_over(out->opaque, sizeof(out->opaque));
	unsigned what = news_take(&b->news, &leg);

	if (!what)
		return false;
	*out = (struct switchboard_action){ .leg = leg };
	switch (what) {
	case NEWS_DROP:
		out->what = SWITCHBOARD_DROP;
		out->retry_ms = retry_after(b, leg->code);
		break;
	case NEWS_GOAWAY:
		out->what = SWITCHBOARD_GOAWAY;
		out->retry_ms = retry_after(b, FRAME_ERROR_DRAINING);
		break;
	case NEWS_CUT:
		fill_two(out, SWITCHBOARD_CUT);
		leg->peer = leg->peer->peer = NULL;
		break;
	case NEWS_PAIR:
		fill_two(out, SWITCHBOARD_PAIR);
		give_pair(b, leg);
		break;
	case NEWS_WAIT:
		out->what = SWITCHBOARD_WAIT;
		out->position = leg->told = leg->position;
		break;
	default:
		out->what = SWITCHBOARD_PING;
		wr_u64(&w, leg->opaque);
		break;
	}
	if (out->what == SWITCHBOARD_DROP || out->what == SWITCHBOARD_CUT) {
		out->code = leg->code;
		out->text = leg->text;
	}
	return true;
}

int switchboard_new(struct switchboard **out,
    const struct switchboard_limits *limits, uint64_t now_ms, uint64_t seed)
{
	struct switchboard *b = calloc(1, sizeof(*b));

	INVARIANT(limits->pairs_fair);
	if (!b || wheel_new(&b->wheel, now_ms)) {
		free(b);
		return -ENOMEM;
	}
	b->limits = *limits;
	b->now_ms = now_ms;
	b->seed = seed;
	roster_init(&b->roster, limits->waiting, limits->pairs, &b->counts);
	news_init(&b->news);
	queue_init(&b->queue, limits->positions_told, &b->news);
	*out = b;
	return 0;
}

void switchboard_free(struct switchboard *b)
{
	if (!b)
		return;
	INVARIANT(!b->counts.sources && news_none(&b->news));
	wheel_disarm(b->wheel, &b->drain_timer);
	wheel_free(b->wheel);
	free(b);
}

const struct switchboard_counts *switchboard_counts(const struct switchboard *b)
{
	return &b->counts;
}
