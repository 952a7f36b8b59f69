/* When a daemon's way out is over, and with what left. */
#include "net/drain.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { START = 1000, TIMEOUT = 5000 };

struct owner {
	struct loop *loop;
	struct drain drain;
	unsigned work; /* what runs */
	unsigned begun, over;
	bool cut;
};

static void begin(void *ctx)
{
	((struct owner *)ctx)->begun++;
}

static bool busy(void *ctx)
{
	return ((struct owner *)ctx)->work > 0;
}

static void over(void *owner, bool cut)
{
	struct owner *o = owner;

	o->over++;
	o->cut = cut;
}

static void open_owner(struct owner *o, unsigned work)
{
	*o = (struct owner){ .work = work };
	assert_int_equal(loop_new(&o->loop), 0);
	loop_fake_clock(o->loop, START);
	drain_init(&o->drain, o->loop,
	    &(struct drain_config){ .begin = begin,
		.busy = busy,
		.ctx = o,
		.ms = TIMEOUT,
		.over = over,
		.owner = o });
}

static void close_owner(struct owner *o)
{
	drain_deinit(&o->drain);
	loop_free(o->loop);
}

static void pass(struct owner *o, uint64_t ms)
{
	uint64_t end = loop_now(o->loop) + ms;

	while (loop_next_due(o->loop) <= end) {
		loop_set_now(o->loop, loop_next_due(o->loop));
		loop_turn(o->loop);
	}
	loop_set_now(o->loop, end);
	loop_turn(o->loop);
}

static void nothing_runs_so_it_is_over_at_once(void **state)
{
	struct owner o;

	(void)state;
	open_owner(&o, 0);
	drain_begin(&o.drain);
	assert_int_equal(o.begun, 1);
	pass(&o, 1);
	assert_int_equal(o.over, 1);
	assert_false(o.cut);
	close_owner(&o);
}

static void what_runs_may_end(void **state)
{
	struct owner o;

	(void)state;
	open_owner(&o, 2);
	drain_begin(&o.drain);
	drain_begin(&o.drain);
	assert_int_equal(o.begun, 1);
	pass(&o, TIMEOUT - 100);
	assert_int_equal(o.over, 0);
	assert_int_equal(o.drain.state, DRAIN_DRAINING);
	o.work = 0;
	pass(&o, 50);
	assert_int_equal(o.over, 1);
	assert_false(o.cut);
	close_owner(&o);
}

static void at_the_deadline_the_rest_is_cut(void **state)
{
	struct owner o;

	(void)state;
	open_owner(&o, 1);
	drain_begin(&o.drain);
	pass(&o, TIMEOUT - 1);
	assert_int_equal(o.over, 0);
	pass(&o, 1);
	assert_int_equal(o.over, 1);
	assert_true(o.cut);
	pass(&o, TIMEOUT);
	assert_int_equal(o.over, 1);
	close_owner(&o);
}

static void it_can_be_cut_short(void **state)
{
	static const struct {
		const char *label;
		bool begun;
		unsigned work;
		bool cut;
	} rows[] = {
		{ "with work, after the beginning", true, 1, true },
		{ "with work, before the beginning", false, 1, true },
		{ "without work", true, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct owner o;

		open_owner(&o, rows[i].work);
		if (rows[i].begun)
			drain_begin(&o.drain);
		drain_cut(&o.drain);
		drain_cut(&o.drain);
		if (o.over != 1 || o.cut != rows[i].cut)
			fail_msg("%s", rows[i].label);
		pass(&o, TIMEOUT);
		assert_int_equal(o.over, 1);
		close_owner(&o);
	}
}

static void end_lingerer(struct loop_lingerer *one)
{
	(void)one;
}

/* The last words of a session that has ended are still on their way. */
static void what_lingers_is_waited_for(void **state)
{
	struct loop_lingerer one = { .link = NULL };
	struct owner o;

	(void)state;
	open_owner(&o, 0);
	loop_linger(o.loop, &one, end_lingerer);
	drain_begin(&o.drain);
	pass(&o, 200);
	assert_int_equal(o.over, 0);
	loop_unlinger(&one);
	pass(&o, 50);
	assert_int_equal(o.over, 1);
	assert_false(o.cut);
	close_owner(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_runs_so_it_is_over_at_once),
		cmocka_unit_test(what_runs_may_end),
		cmocka_unit_test(at_the_deadline_the_rest_is_cut),
		cmocka_unit_test(it_can_be_cut_short),
		cmocka_unit_test(what_lingers_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
