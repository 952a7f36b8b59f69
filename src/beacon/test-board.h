/* beacon/test-board.h: a switchboard for tests; legs are named by letters, and
 * what it decides is written down as text, such as "wait a 0, pair a b, drop c
 * noPeer".
 */
#pragma once
#include "beacon/switchboard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { LEGS = 26 };

struct fixture {
	struct switchboard *board;
	struct switchboard_leg legs[LEGS];
	uint64_t now;
	char news[1000];
	struct switchboard_action last;
};

static const struct switchboard_limits tiny = {
	.pairs = 2,
	.pairs_fair = 1,
	.waiting = 20,
	.hall_proven = 12,
	.hall_bare = 8,
	.source_bare = 8,
	.connector_ms = 10000,
	.ping_ms = 25000,
	.pong_ms = 10000,
	.retry_peer_ms = 1000,
	.retry_busy_ms = 5000,
	.retry_drain_ms = 1000,
	.drain_step = 2,
	.drain_step_ms = 10,
	.positions_told = 3,
};

static inline struct fixture *open_board(
    const struct switchboard_limits *limits)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->now = 1000;
	assert_int_equal(switchboard_new(&f->board, limits, f->now, 1), 0);
	return f;
}

static inline struct switchboard_leg *leg(struct fixture *f, char name)
{
	return &f->legs[name - 'a'];
}

static inline char name(struct fixture *f, const struct switchboard_leg *l)
{
	return (char)('a' + (l - f->legs));
}

static inline void write_down(
    struct fixture *f, const struct switchboard_action *a)
{
	size_t used = strlen(f->news);
	char *to = f->news + used;
	size_t room = sizeof(f->news) - used;
	const char *comma = used ? ", " : "";
	char who = name(f, a->leg);

	switch (a->what) {
	case SWITCHBOARD_WAIT:
		snprintf(to, room, "%swait %c %u", comma, who, a->position);
		break;
	case SWITCHBOARD_PING:
		snprintf(to, room, "%sping %c", comma, who);
		break;
	case SWITCHBOARD_PAIR:
		snprintf(
		    to, room, "%spair %c %c", comma, who, name(f, a->peer));
		break;
	case SWITCHBOARD_DROP:
		snprintf(to, room, "%sdrop %c %s", comma, who,
		    frame_error_name(a->code));
		break;
	case SWITCHBOARD_GOAWAY:
		snprintf(to, room, "%sgoaway %c", comma, who);
		break;
	case SWITCHBOARD_CUT:
		snprintf(to, room, "%scut %c %c %s", comma, who,
		    name(f, a->peer), frame_error_name(a->code));
		break;
	case SWITCHBOARD_WHAT_COUNT:
		break;
	}
}

/* Everything that was decided since the last time. */
static const char *news(struct fixture *f)
{
	struct switchboard_action a;

	f->news[0] = '\0';
	while (switchboard_next(f->board, &a)) {
		write_down(f, &a);
		f->last = a;
	}
	return f->news;
}

#define EXPECT(f, want) assert_string_equal(news(f), want)

struct who {
	unsigned hash, source;
	bool bare, require_proven;
};

static inline void join(
    struct fixture *f, char l, enum frame_role role, struct who who)
{
	struct switchboard_hello hello = {
		.role = role,
		.hash = { (uint8_t)who.hash },
		.source = { .family = 4, .prefix = { (uint8_t)who.source } },
		.proven = !who.bare,
		.require_proven = who.require_proven,
	};

	assert_int_equal(
	    switchboard_join(f->board, leg(f, l), &hello, f->now), 0);
}

#define LISTEN(f, l, ...) join(f, l, FRAME_LISTEN, (struct who){ __VA_ARGS__ })
#define CONNECT(f, l, ...)                                                     \
	join(f, l, FRAME_CONNECT, (struct who){ __VA_ARGS__ })

static inline void leave(struct fixture *f, char l)
{
	switchboard_leave(f->board, leg(f, l), f->now);
}

/* Time passes, and stops at each deadline. */
static inline void pass(struct fixture *f, uint64_t ms)
{
	uint64_t end = f->now + ms;

	while (switchboard_due(f->board) < end) {
		if (switchboard_due(f->board) > f->now)
			f->now = switchboard_due(f->board);
		switchboard_tick(f->board, f->now);
	}
	f->now = end;
	switchboard_tick(f->board, f->now);
}

static inline int pong(struct fixture *f, char l, const uint8_t *opaque)
{
	return switchboard_pong(f->board, leg(f, l), opaque, f->now);
}

static inline void close_board(struct fixture *f)
{
	for (size_t i = 0; i < LEGS; i++)
		leave(f, name(f, &f->legs[i]));
	switchboard_tick(f->board, f->now + 10); /* of a drain's last step */
	assert_string_equal(news(f), "");
	assert_int_equal(switchboard_counts(f->board)->halls, 0);
	assert_int_equal(switchboard_counts(f->board)->sources, 0);
	assert_int_equal(switchboard_due(f->board), UINT64_MAX);
	switchboard_free(f->board);
	free(f);
}
