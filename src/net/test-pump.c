/* The pump between two pairs in memory (or two TCP connections), with the test
 * at the far ends: end[0] - inner[0] - pump - inner[1] - end[1]. */
#include "net/pump.h"
#include "base/buf.h"
#include "net/memleg.h"
#include "net/pipes.h"
#include "net/tcp.h"
#include "net/test-support.h"

#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { HALF_CLOSED_MS = 1000 };

static struct loop *loop;
static struct leg *end[2], *inner[2];
static struct pump *pump;
static struct pump_result result;
static int told;

static void on_result(void *ctx, const struct pump_result *r)
{
	(void)ctx;
	result = *r;
	told++;
	pump = NULL;
}

static void make_pairs(size_t capacity)
{
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    memleg_pair(&end[i], &inner[i], loop, capacity), 0);
}

static void start(void)
{
	assert_int_equal(pump_start(&pump, inner[0], inner[1], HALF_CLOSED_MS,
			     on_result, NULL),
	    0);
}

/* Which calls of splice() fail, in place of the kernel's. */
static int refuse_in_from, refuse_out_from, splices_in, splices_out;

/* signature of libc */
ssize_t splice(
    int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	struct stat of_out;

	assert_int_equal(fstat(out, &of_out), 0);
	if (S_ISFIFO(of_out.st_mode) ? ++splices_in >= refuse_in_from
				     : ++splices_out >= refuse_out_from) {
		errno = EINVAL;
		return -1;
	}
	return syscall(SYS_splice, in, in_at, out, out_at, n, flags);
}

static void refuse_splice(int in_from, int out_from)
{
	splices_in = splices_out = 0;
	refuse_in_from = in_from;
	refuse_out_from = out_from;
}

static int setup(void **state)
{
	(void)state;
	refuse_splice(INT_MAX, INT_MAX);
	told = 0;
	end[0] = end[1] = NULL;
	assert_int_equal(loop_new(&loop), 0);
	return 0;
}

static int setup_memory(void **state)
{
	setup(state);
	loop_fake_clock(loop, 5000);
	make_pairs(64);
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (pump)
		pump_stop(STEAL(pump));
	leg_close(end[0]);
	leg_close(end[1]);
	loop_free(loop);
	return 0;
}

static void turns(void)
{
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
}

static void put(int i, const char *text)
{
	assert_int_equal(
	    leg_write(end[i], text, strlen(text)), (ssize_t)strlen(text));
}

static void take(int i, const char *text)
{
	char got[128] = "";

	turns();
	assert_int_equal(
	    leg_read(end[i], got, sizeof(got) - 1), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static ssize_t take_one(int i)
{
	turns();
	return leg_read(end[i], (char[1]){ 0 }, 1);
}

static void bytes_pass_both_ways_and_are_counted(void **state)
{
	(void)state;
	put(0, "hello");
	take(1, "hello");
	put(1, "hi");
	take(0, "hi");
	assert_int_equal(pump_bytes(pump, 0), 5);
	assert_int_equal(pump_bytes(pump, 1), 2);
	assert_int_equal(pump_last_active(pump), 5000);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	assert_int_equal(told, 0);
}

static void each_direction_ends_for_itself(void **state)
{
	(void)state;
	put(0, "last");
	leg_finish(end[0]);
	take(1, "last");
	assert_int_equal(take_one(1), 0);
	assert_int_equal(told, 0);
	put(1, "still here");
	take(0, "still here");
	leg_finish(end[1]);
	assert_int_equal(take_one(0), 0);
	assert_int_equal(told, 1);
	assert_false(result.reset || result.timed_out);
	assert_int_equal(result.failed, -1);
	assert_int_equal(result.bytes[0], 4);
	assert_int_equal(result.bytes[1], 10);
}

/* A blocked sink holds one block and what the legs hold; nothing is read. */
static void a_blocked_sink_stops_the_source(void **state)
{
	static char block[LOOP_BLOCK];
	size_t in = 0, most = LOOP_BLOCK + 2 * 64;
	ssize_t n;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		n = leg_write(end[0], block, 64);
		in += n > 0 ? (size_t)n : 0;
		loop_turn(loop);
	}
	assert_in_range(in, 64, most);
	assert_int_equal(leg_write(end[0], block, 1), -EAGAIN);
	assert_int_equal(pool_lent(loop_pool(loop)), 1);
	put(1, "other way"); /* is not blocked */
	take(0, "other way");
	for (size_t out = 0; out < in; out += (size_t)n) {
		turns();
		n = leg_read(end[1], block, sizeof(block));
		assert_true(n > 0);
	}
	turns();
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	assert_int_equal(pump_bytes(pump, 0) + pump_bytes(pump, 1), in + 9);
}

static void two_blocked_sinks_hold_two_blocks(void **state)
{
	static char block[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)!leg_write(end[0], block, 64);
		(void)!leg_write(end[1], block, 64);
		loop_turn(loop);
	}
	assert_int_equal(pool_lent(loop_pool(loop)), 2);
}

static void a_reset_passes_at_once_and_names_who(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		if (who) {
			make_pairs(64);
			start();
		}
		put(who, "in flight");
		leg_reset(STEAL(end[who]));
		assert_int_equal(take_one(1 - who), -ECONNRESET);
		assert_int_equal(leg_state(end[1 - who]), LEG_FAILED);
		assert_int_equal(told, who + 1);
		assert_true(result.reset);
		assert_int_equal(result.failed, who);
		leg_close(STEAL(end[1 - who]));
	}
}

static void a_reset_passes_after_an_end(void **state)
{
	(void)state;
	leg_finish(end[0]);
	assert_int_equal(take_one(1), 0);
	leg_reset(STEAL(end[0]));
	turns();
	assert_int_equal(leg_state(end[1]), LEG_FAILED);
	assert_true(told == 1 && result.reset && result.failed == 0);
}

static void a_reset_passes_a_blocked_sink(void **state)
{
	static char block[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)!leg_write(end[0], block, 64);
		loop_turn(loop);
	}
	leg_reset(STEAL(end[0]));
	turns();
	assert_int_equal(leg_state(end[1]), LEG_FAILED);
	assert_int_equal(told, 1);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
}

static void a_sink_that_closed_resets_the_source(void **state)
{
	(void)state;
	leg_close(STEAL(end[1]));
	turns();
	put(0, "for nobody");
	turns();
	assert_int_equal(leg_state(end[0]), LEG_FAILED);
	assert_true(told == 1 && result.reset && result.failed == 1);
}

static void an_idle_pair_is_not_cut(void **state)
{
	(void)state;
	loop_set_now(loop, 5000 + 86400000);
	turns();
	assert_int_equal(told, 0);
	put(0, "x");
	take(1, "x");
	assert_int_equal(pump_last_active(pump), 5000 + 86400000);
}

static void a_silent_half_closed_pair_is_cut(void **state)
{
	(void)state;
	leg_finish(end[0]);
	turns();
	loop_set_now(loop, 5000 + HALF_CLOSED_MS - 1);
	put(1, "x"); /* puts it off */
	take(0, "x");
	loop_set_now(loop, 5000 + 2 * HALF_CLOSED_MS - 2);
	turns();
	assert_int_equal(told, 0);
	loop_set_now(loop, 5000 + 2 * HALF_CLOSED_MS - 1);
	turns();
	assert_int_equal(told, 1);
	assert_true(result.timed_out);
	assert_int_equal(leg_state(end[1]), LEG_FAILED);
}

static void stopping_resets_both_and_says_nothing(void **state)
{
	(void)state;
	put(0, "x");
	pump_stop(STEAL(pump));
	turns();
	assert_int_equal(leg_state(end[0]), LEG_FAILED);
	assert_int_equal(leg_state(end[1]), LEG_FAILED);
	assert_int_equal(told, 0);
}

static void a_leg_that_failed_before_is_noticed(void **state)
{
	(void)state;
	pump_stop(STEAL(pump));
	leg_close(end[0]);
	leg_close(end[1]);
	make_pairs(64);
	leg_reset(STEAL(end[1]));
	turns();
	start();
	turns();
	assert_true(told == 1 && result.reset && result.failed == 1);
}

/* A far end that talks and listens at random. */
struct talker {
	struct leg *leg;
	uint32_t seed; /* of the test's own choices */
	size_t to_send, sent;
	size_t received;
	bool ended; /* has read the end */
};

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* The byte at @at of what talker @i says. */
static uint8_t said(int i, size_t at)
{
	return (uint8_t)(at * 31 + at / 251 + (size_t)i * 101);
}

static void talk(struct talker *t, int i)
{
	uint8_t some[3000];
	size_t n = next_random(&t->seed) % sizeof(some);
	ssize_t put_now;

	if (t->sent == t->to_send) {
		leg_finish(t->leg);
		return;
	}
	if (n > t->to_send - t->sent)
		n = t->to_send - t->sent;
	for (size_t k = 0; k < n; k++)
		some[k] = said(i, t->sent + k);
	put_now = leg_write(t->leg, some, n);
	if (put_now > 0)
		t->sent += (size_t)put_now;
	else
		assert_true(put_now == -EAGAIN || !n);
}

static void hear(struct talker *t, int other)
{
	uint8_t some[3000];
	ssize_t n = leg_read(
	    t->leg, some, 1 + next_random(&t->seed) % (sizeof(some) - 1));

	if (n == 0)
		t->ended = true;
	for (ssize_t k = 0; k < n; k++)
		assert_int_equal(some[k], said(other, t->received + (size_t)k));
	if (n > 0)
		t->received += (size_t)n;
	else
		assert_true(n == 0 || n == -EAGAIN);
}

static void converse(struct talker talker[2])
{
	for (int step = 0; step < 200000 && !told; step++) {
		for (int i = 0; i < 2; i++) {
			uint32_t choice = next_random(&talker[i].seed);

			if (choice & 1)
				talk(&talker[i], i);
			if (choice & 2)
				hear(&talker[i], 1 - i);
		}
		loop_turn(loop);
	}
}

static void check_conversation(struct talker talker[2])
{
	assert_int_equal(told, 1);
	assert_false(result.reset || result.timed_out);
	for (int i = 0; i < 2; i++) {
		while (!talker[i].ended) {
			hear(&talker[i], 1 - i);
			loop_turn(loop);
		}
		assert_int_equal(talker[i].received, talker[1 - i].to_send);
		assert_int_equal(result.bytes[i], talker[i].to_send);
		leg_close(STEAL(end[i]));
	}
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	told = 0;
}

static void begin_conversation(struct talker talker[2], uint32_t seed)
{
	for (int i = 0; i < 2; i++) {
		talker[i] = (struct talker){ .leg = end[i],
			.seed = seed * 2654435761u + (uint32_t)i + 1 };
		talker[i].to_send = next_random(&talker[i].seed) % 200000;
		if (next_random(&talker[i].seed) % 5 == 0)
			talker[i].to_send = 0;
	}
}

static void every_byte_arrives_however_it_is_chopped(void **state)
{
	struct talker talker[2];

	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		make_pairs(1 + seed * 977 % 9000);
		begin_conversation(talker, seed);
		memleg_chop(end[0], 1 + seed * 31 % 2000, seed);
		memleg_chop(end[1], 1 + seed * 57 % 2000, seed + 1);
		for (int i = 0; i < 2; i++) /* a byte a time is only slow */
			talker[i].to_send %= seed % 7 ? 200000 : 900;
		start();
		converse(talker);
		check_conversation(talker);
	}
}

/* Resets at every point of a conversation: told once, passed on, no leak. */
static void a_reset_at_any_point_ends_both(void **state)
{
	struct talker talker[2];

	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		int who = (int)(seed % 2);

		make_pairs(512);
		begin_conversation(talker, seed);
		talker[0].to_send = talker[1].to_send = 1000000;
		memleg_chop(end[0], 300, seed);
		start();
		for (uint32_t step = 0; step < seed / 2 && !told; step++) {
			talk(&talker[0], 0);
			talk(&talker[1], 1);
			hear(&talker[seed % 3 == 0], seed % 3 != 0);
			loop_turn(loop);
		}
		assert_int_equal(told, 0);
		leg_reset(STEAL(end[who]));
		turns();
		assert_int_equal(told, 1);
		assert_true(result.reset);
		assert_int_equal(result.failed, who);
		assert_int_equal(leg_state(end[1 - who]), LEG_FAILED);
		leg_close(STEAL(end[1 - who]));
		assert_int_equal(pool_lent(loop_pool(loop)), 0);
		told = 0;
	}
}

/* @room: of the kernel's buffers, or 0. */
static void make_tcp_pairs_of(int room)
{
	for (int i = 0; i < 2; i++) {
		int fd[2];

		test_tcp_pair(fd);
		for (int k = 0; k < 2 && room; k++) {
			setsockopt(
			    fd[k], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
			setsockopt(
			    fd[k], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		}
		assert_int_equal(tcp_leg_open(&end[i], loop, fd[0], false), 0);
		assert_int_equal(
		    tcp_leg_open(&inner[i], loop, fd[1], false), 0);
	}
}

static void make_tcp_pairs(void)
{
	make_tcp_pairs_of(0);
}

/* All pipes that can be had; what they are lent to is the test. */
static size_t take_all_pipes(struct pipe *all[PIPES_MOST])
{
	size_t n = 0;

	while (n < PIPES_MOST && (all[n] = pipes_take(loop_pipes(loop), 0)))
		n++;
	return n;
}

/* The kernel moves the bytes or, without a pipe, we do. */
static void every_byte_arrives_over_tcp(void **state)
{
	struct pipe *all[PIPES_MOST];
	struct talker talker[2];
	size_t n = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 10; seed++) {
		if (seed == 6) {
			assert_true(pipes_made(loop_pipes(loop)) > 0);
			assert_int_equal(pipes_lacked(loop_pipes(loop)), 0);
			n = take_all_pipes(all);
		}
		make_tcp_pairs();
		begin_conversation(talker, seed);
		start();
		converse(talker);
		check_conversation(talker);
		assert_int_equal(pipes_lent(loop_pipes(loop)), n);
	}
	assert_true(pipes_lacked(loop_pipes(loop)) > 0);
	while (n)
		pipes_give(loop_pipes(loop), all[--n]);
}

/* No byte is lost that is in a pipe already. */
static void what_the_kernel_refuses_to_move_is_copied(void **state)
{
	static const struct {
		const char *label;
		int in_from, out_from;
	} rows[] = {
		{ "into the pipe, at once", 1, INT_MAX },
		{ "into the pipe, later", 4, INT_MAX },
		{ "out of the pipe, at once", INT_MAX, 1 },
		{ "out of the pipe, later", INT_MAX, 4 },
		{ "both", 3, 2 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		for (uint32_t seed = 1; seed <= 4; seed++) {
			struct talker talker[2];

			print_message("%s\n", rows[i].label);
			refuse_splice(rows[i].in_from, rows[i].out_from);
			make_tcp_pairs();
			begin_conversation(talker, seed);
			talker[0].to_send += 300000;
			start();
			converse(talker);
			check_conversation(talker);
			assert_int_equal(pipes_lent(loop_pipes(loop)), 0);
			assert_true(pipes_refused(loop_pipes(loop)) > 0);
			assert_true(splices_in >= rows[i].in_from ||
				    splices_out >= rows[i].out_from);
		}
}

enum { STUCK_PAIRS = PIPES_MOST / 2 + 4 };

/* Pairs whose far ends read nothing, both ways. */
struct stuck {
	struct leg *end[2];
	struct pump *pump;
	size_t sent[2], got[2];
};

static void on_stuck_end(void *ctx, const struct pump_result *r)
{
	struct stuck *s = ctx;

	(void)r;
	s->pump = NULL;
}

static void stick(struct stuck *s)
{
	make_tcp_pairs_of(LOOP_BLOCK);
	assert_int_equal(pump_start(&s->pump, STEAL(inner[0]), STEAL(inner[1]),
			     0, on_stuck_end, s),
	    0);
	for (int i = 0; i < 2; i++)
		s->end[i] = STEAL(end[i]);
}

static bool say_more(struct stuck *s, int i)
{
	static uint8_t some[LOOP_BLOCK];
	ssize_t n;

	for (size_t k = 0; k < sizeof(some); k++)
		some[k] = said(i, s->sent[i] + k);
	n = leg_write(s->end[i], some, sizeof(some));
	if (n > 0)
		s->sent[i] += (size_t)n;
	return n > 0;
}

static void fill_up(struct stuck stuck[STUCK_PAIRS])
{
	for (int idle = 0; idle < 20; idle++) {
		for (int k = 0; k < 2 * STUCK_PAIRS; k++)
			if (say_more(&stuck[k / 2], k % 2))
				idle = 0;
		loop_turn(loop);
	}
}

/* All that was said, read now. */
static void hear_out(struct stuck *s, int i)
{
	static uint8_t some[LOOP_BLOCK];

	while (s->got[i] < s->sent[1 - i]) {
		ssize_t n = leg_read(s->end[i], some, sizeof(some));

		for (ssize_t k = 0; k < n; k++)
			assert_int_equal(
			    some[k], said(1 - i, s->got[i] + (size_t)k));
		if (n > 0)
			s->got[i] += (size_t)n;
		loop_turn(loop);
	}
}

static void stuck_sinks_leave_pipes_to_those_that_move(void **state)
{
	static struct stuck stuck[STUCK_PAIRS];
	struct pipes *pipes = loop_pipes(loop);
	struct talker talker[2];
	uint64_t lacked;

	(void)state;
	for (int k = 0; k < STUCK_PAIRS; k++)
		stick(&stuck[k]);
	fill_up(stuck);
	assert_true(pool_lent(loop_pool(loop)) > 0);
	assert_true(pipes_yielded(pipes) > 0);
	lacked = pipes_lacked(pipes);
	make_tcp_pairs();
	begin_conversation(talker, 7);
	start();
	converse(talker);
	assert_int_equal(told, 1);
	assert_int_equal(pipes_lacked(pipes), lacked);
	for (int k = 0; k < 2 * STUCK_PAIRS; k++)
		hear_out(&stuck[k / 2], k % 2);
	assert_int_equal(pipes_lent(pipes), 0);
	check_conversation(talker);
	for (int k = 0; k < STUCK_PAIRS; k++) {
		pump_stop(stuck[k].pump);
		leg_close(stuck[k].end[0]);
		leg_close(stuck[k].end[1]);
	}
}

/* One pipe of bytes, and no more; when they have nowhere to go they go with it.
 */
static void a_stuck_sink_holds_one_pipe(void **state)
{
	static char block[LOOP_BLOCK];
	int idle = 0;

	(void)state;
	make_tcp_pairs();
	start();
	while (idle < 50) {
		idle =
		    leg_write(end[0], block, sizeof(block)) > 0 ? 0 : idle + 1;
		loop_turn(loop);
	}
	assert_int_equal(pipes_lent(loop_pipes(loop)), 1);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	put(1, "other way"); /* is not blocked */
	take(0, "other way");
	leg_reset(STEAL(end[1]));
	TEST_UNTIL(loop, told);
	assert_int_equal(pipes_lent(loop_pipes(loop)), 0);
	assert_int_equal(pipes_made(loop_pipes(loop)), 1);
}

static void a_reset_passes_over_tcp(void **state)
{
	(void)state;
	make_tcp_pairs();
	start();
	put(0, "x");
	turns();
	leg_reset(STEAL(end[0]));
	TEST_UNTIL(loop, told && leg_state(end[1]) == LEG_FAILED);
	assert_true(result.reset && result.failed == 0);
	assert_int_equal(leg_fault(end[1])->code, -ECONNRESET);
}

#define TEST(fn)   cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define MEMORY(fn) cmocka_unit_test_setup_teardown(fn, setup_memory, teardown)

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as net/daemon.c does */
	const struct CMUnitTest tests[] = {
		MEMORY(bytes_pass_both_ways_and_are_counted),
		MEMORY(each_direction_ends_for_itself),
		MEMORY(a_blocked_sink_stops_the_source),
		MEMORY(two_blocked_sinks_hold_two_blocks),
		MEMORY(a_reset_passes_at_once_and_names_who),
		MEMORY(a_reset_passes_after_an_end),
		MEMORY(a_reset_passes_a_blocked_sink),
		MEMORY(a_sink_that_closed_resets_the_source),
		MEMORY(an_idle_pair_is_not_cut),
		MEMORY(a_silent_half_closed_pair_is_cut),
		MEMORY(stopping_resets_both_and_says_nothing),
		MEMORY(a_leg_that_failed_before_is_noticed),
		TEST(every_byte_arrives_however_it_is_chopped),
		TEST(a_reset_at_any_point_ends_both),
		TEST(every_byte_arrives_over_tcp),
		TEST(what_the_kernel_refuses_to_move_is_copied),
		TEST(stuck_sinks_leave_pipes_to_those_that_move),
		TEST(a_stuck_sink_holds_one_pipe),
		TEST(a_reset_passes_over_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
