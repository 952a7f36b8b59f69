#include "net/loop.h"
#include "base/buf.h"
#include "base/metric.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static char trace[64];

static void note(char c)
{
	size_t n = strlen(trace);

	assert_true(n < sizeof(trace) - 1);
	trace[n] = c;
	trace[n + 1] = '\0';
}

static void new_loop(void **state)
{
	struct loop *l;

	trace[0] = '\0';
	assert_int_equal(loop_new(&l), 0);
	*state = l;
}

static int setup(void **state)
{
	new_loop(state);
	return 0;
}

static int teardown(void **state)
{
	loop_free(*state);
	return 0;
}

/* Tasks that post one another. */
struct poster {
	struct loop_task task;
	struct loop *loop;
	struct loop_task *then;
	unsigned left;
	char name;
};

static void post_again(struct loop_task *t)
{
	struct poster *p = CONTAINER_OF(t, struct poster, task);

	if (p->name)
		note(p->name);
	if (p->left) {
		p->left--;
		loop_post(p->loop, p->then ? p->then : t, post_again);
	}
}

static void tasks_run_in_the_order_of_posting(void **state)
{
	struct loop *l = *state;
	struct poster a = { .loop = l, .name = 'a' };
	struct poster b = { .loop = l, .name = 'b' };

	loop_post(l, &b.task, post_again);
	loop_post(l, &a.task, post_again);
	loop_post(l, &b.task, post_again);
	assert_string_equal(trace, "");
	loop_turn(l);
	assert_string_equal(trace, "ba");
	loop_turn(l);
	assert_string_equal(trace, "ba");
}

static void what_a_task_posts_runs_in_the_same_turn(void **state)
{
	struct loop *l = *state;
	struct poster b = { .loop = l, .name = 'b' };
	struct poster a = {
		.loop = l, .name = 'a', .left = 1, .then = &b.task
	};

	loop_post(l, &a.task, post_again);
	loop_turn(l);
	assert_string_equal(trace, "ab");
}

static void two_that_post_each_other_do_not_hold_the_loop(void **state)
{
	struct loop *l = *state;
	struct poster a = { .loop = l, .left = 100 };

	loop_post(l, &a.task, post_again);
	loop_turn(l);
	assert_int_equal(a.left, 100 - 64);
	loop_turn(l);
	assert_int_equal(a.left, 0);
	loop_turn(l);
}

static void post_next_waits_for_the_next_turn(void **state)
{
	struct loop *l = *state;
	struct poster b = { .loop = l, .name = 'b' };

	loop_turn(l);
	loop_post_next(l, &b.task, post_again);
	loop_wait(l); /* would hang if the turn waited for descriptors */
	assert_string_equal(trace, "b");
}

struct unposter {
	struct loop_task task;
	struct loop *loop;
	struct loop_task *victim[3];
};

static void unpost_victims(struct loop_task *t)
{
	struct unposter *u = CONTAINER_OF(t, struct unposter, task);

	for (size_t i = 0; i < N_ELEMS(u->victim); i++)
		loop_unpost(u->loop, u->victim[i]);
}

static void unposting_works_from_every_list_and_place(void **state)
{
	struct loop *l = *state;
	struct poster p[4] = { { .loop = l, .name = '0' },
		{ .loop = l, .name = '1' }, { .loop = l, .name = '2' },
		{ .loop = l, .name = '3' } };
	struct unposter u = { .loop = l };

	u.victim[0] = &p[0].task; /* first of those that run now */
	u.victim[1] = &p[2].task; /* the last of those */
	u.victim[2] = &p[3].task; /* alone for the next turn */
	loop_post(l, &u.task, unpost_victims);
	loop_post(l, &p[0].task, post_again);
	loop_post(l, &p[1].task, post_again);
	loop_post(l, &p[2].task, post_again);
	loop_turn(l);
	assert_string_equal(trace, "1");

	loop_post_next(l, &p[3].task, post_again);
	loop_unpost(l, &p[3].task);
	loop_unpost(l, &p[3].task);
	loop_post(l, &p[0].task, post_again);
	loop_unpost(l, &p[0].task);
	loop_post(l, &p[1].task, post_again);
	loop_turn(l);
	loop_turn(l);
	assert_string_equal(trace, "11");
}

/* Timers. */
struct alarm {
	struct wheel_timer timer;
	struct loop *loop;
	uint64_t at;
};

static void on_alarm(struct wheel_timer *t, uint64_t now)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);

	a->at = now;
	note('t');
	loop_stop(a->loop);
}

static void a_timer_wakes_a_loop_that_waits(void **state)
{
	struct loop *l = *state;
	struct alarm a = { .loop = l };
	uint64_t start;

	loop_turn(l);
	start = loop_now(l);
	loop_after(l, &a.timer, 20, on_alarm);
	loop_run(l);
	assert_true(a.at >= start + 20);
}

static void a_timer_that_is_moved_nearer_is_not_late(void **state)
{
	struct loop *l = *state;
	struct alarm a = { .loop = l };

	loop_after(l, &a.timer, 3600000, on_alarm);
	loop_turn(l);
	loop_after(l, &a.timer, 1, on_alarm);
	loop_run(l);
	assert_string_equal(trace, "t");
}

static void a_fake_clock_is_the_only_clock(void **state)
{
	struct loop *l = *state;
	struct alarm a = { .loop = l };

	loop_fake_clock(l, 1000);
	loop_after(l, &a.timer, 500, on_alarm);
	loop_turn(l);
	assert_int_equal(loop_now(l), 1000);
	assert_true(loop_next_due(l) <= 1500);
	loop_set_now(l, 1499);
	loop_turn(l);
	assert_string_equal(trace, "");
	loop_set_now(l, 1500);
	loop_turn(l);
	assert_int_equal(a.at, 1500);
	assert_true(loop_next_due(l) == UINT64_MAX);
}

static void a_cancelled_timer_is_silent(void **state)
{
	struct loop *l = *state;
	struct alarm a = { .loop = l };

	loop_fake_clock(l, 0);
	loop_after(l, &a.timer, 5, on_alarm);
	loop_cancel(l, &a.timer);
	loop_cancel(l, &a.timer);
	loop_set_now(l, 10);
	loop_turn(l);
	assert_string_equal(trace, "");
}

static void task_alarm(struct wheel_timer *t, uint64_t now)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
	static struct poster p;

	(void)now;
	p = (struct poster){ .loop = a->loop, .name = 'p' };
	note('t');
	loop_post(a->loop, &p.task, post_again);
}

static void timers_come_before_what_they_post(void **state)
{
	struct loop *l = *state;
	struct alarm a = { .loop = l }, b = { .loop = l };

	loop_fake_clock(l, 0);
	loop_after(l, &a.timer, 1, task_alarm);
	loop_after(l, &b.timer, 2, on_alarm);
	loop_set_now(l, 2);
	loop_turn(l);
	assert_string_equal(trace, "ttp");
}

/* Work on threads, signals, lingerers. */
struct sum {
	struct loop_job job;
	int in, out;
	struct loop *loop;
};

static void work_sum(struct loop_job *j)
{
	struct sum *s = CONTAINER_OF(j, struct sum, job);

	s->out = s->in + 1;
}

static void done_sum(struct loop_job *j)
{
	struct sum *s = CONTAINER_OF(j, struct sum, job);

	loop_stop(s->loop);
}

static void work_is_done_and_told(void **state)
{
	struct sum s = { .in = 41, .loop = *state };

	assert_int_equal(loop_work(*state, &s.job, work_sum, done_sum), 0);
	loop_run(*state);
	assert_int_equal(s.out, 42);
}

static void on_signal_stop(void *ctx, int signum)
{
	note(signum == SIGUSR1 ? 'u' : '?');
	loop_stop(ctx);
}

static void a_signal_reaches_the_last_function_that_asked(void **state)
{
	struct loop *l = *state;

	assert_int_equal(loop_signal(l, SIGUSR1, NULL, NULL), 0);
	assert_int_equal(loop_signal(l, SIGUSR1, on_signal_stop, l), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	loop_run(l);
	assert_string_equal(trace, "u");
	loop_unsignal(l, SIGUSR1);
	loop_unsignal(l, SIGUSR1);
}

static void an_impossible_signal_is_refused(void **state)
{
	assert_true(loop_signal(*state, 4711, on_signal_stop, NULL) < 0);
}

struct lingering {
	struct loop_lingerer node;
	struct loop *loop;
	struct lingering *below;
};

static void end_lingering(struct loop_lingerer *one)
{
	struct lingering *x = CONTAINER_OF(one, struct lingering, node);

	note('e');
	if (x->below)
		loop_linger(x->loop, &x->below->node, end_lingering);
}

static void freeing_the_loop_ends_what_lingers(void **state)
{
	struct loop *l = *state;
	struct lingering b = { .loop = l }, a = { .loop = l, .below = &b };
	struct lingering gone = { .loop = l };

	loop_linger(l, &gone.node, end_lingering);
	loop_linger(l, &a.node, end_lingering);
	loop_unlinger(&gone.node);
	loop_unlinger(&gone.node);
	loop_free(l);
	assert_string_equal(trace, "ee");
	new_loop(state);
}

static void random_numbers_stay_below_their_bound(void **state)
{
	static const uint32_t bounds[] = { 1, 2, 3, 1000, UINT32_MAX };
	bool seen[3] = { false };

	for (size_t i = 0; i < N_ELEMS(bounds); i++) {
		for (int k = 0; k < 1000; k++)
			assert_true(loop_random(*state, bounds[i]) < bounds[i]);
	}
	for (int k = 0; k < 1000; k++)
		seen[loop_random(*state, 3)] = true;
	assert_true(seen[0] && seen[1] && seen[2]);
	assert_int_equal(loop_random(*state, 0), 0);
}

struct dawdler {
	struct loop_task task;
	struct loop *loop;
};

static void dawdle(struct loop_task *t)
{
	struct dawdler *d = CONTAINER_OF(t, struct dawdler, task);
	uint64_t until = loop_us(d->loop) + 3000;

	while (loop_us(d->loop) < until)
		;
}

static uint64_t turns_above_1_ms(const struct loop *l)
{
	const struct metric_histogram *lag = loop_lag(l);
	uint64_t n = 0;

	for (size_t i = 5; i < N_ELEMS(lag->counts); i++)
		n += lag->counts[i];
	return n;
}

static void a_slow_turn_is_seen_as_lag(void **state)
{
	struct loop *l = *state;
	struct dawdler d = { .loop = l };

	loop_turn(l);
	loop_post(l, &d.task, dawdle);
	loop_turn(l);
	loop_turn(l); /* a turn is measured when the next one begins */
	assert_true(turns_above_1_ms(l) >= 1);
	assert_true(loop_lag(l)->sum_us >= 3000);
}

static void waiting_is_no_lag(void **state)
{
	struct loop *l = *state;
	struct alarm a = { .loop = l };
	uint64_t before = loop_us(l), passed;

	loop_after(l, &a.timer, 20, on_alarm);
	loop_run(l);
	loop_turn(l);
	passed = loop_us(l) - before;
	assert_true(loop_lag(l)->sum_us + 15000 <= passed);
}

static void the_pool_hands_out_blocks(void **state)
{
	struct pool *pool = loop_pool(*state);
	struct pool_block *b = pool_take(pool);

	assert_non_null(b);
	assert_true(pool_block_size(pool) >= LOOP_BLOCK);
	pool_give(pool, b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tasks_run_in_the_order_of_posting),
		TEST(what_a_task_posts_runs_in_the_same_turn),
		TEST(two_that_post_each_other_do_not_hold_the_loop),
		TEST(post_next_waits_for_the_next_turn),
		TEST(unposting_works_from_every_list_and_place),
		TEST(a_timer_wakes_a_loop_that_waits),
		TEST(a_timer_that_is_moved_nearer_is_not_late),
		TEST(a_fake_clock_is_the_only_clock),
		TEST(a_cancelled_timer_is_silent),
		TEST(timers_come_before_what_they_post),
		TEST(work_is_done_and_told),
		TEST(a_signal_reaches_the_last_function_that_asked),
		TEST(an_impossible_signal_is_refused),
		TEST(freeing_the_loop_ends_what_lingers),
		TEST(random_numbers_stay_below_their_bound),
		TEST(a_slow_turn_is_seen_as_lag),
		TEST(waiting_is_no_lag),
		TEST(the_pool_hands_out_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
