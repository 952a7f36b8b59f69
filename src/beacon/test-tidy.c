#include "beacon/tidy.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct loop *loop;
static struct tidy tidy;

static int setup(void **state)
{
	(void)state;
	INVARIANT(!loop_new(&loop));
	loop_fake_clock(loop, 1000);
	tidy = (struct tidy){ 0 };
	tidy_init(&tidy, loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tidy_deinit(&tidy);
	loop_free(loop);
	return 0;
}

static void note(int times)
{
	for (int i = 0; i < times; i++)
		tidy_note(&tidy);
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	loop_turn(loop);
}

static void few_changes_can_wait(void **state)
{
	(void)state;
	note(1);
	pass(TIDY_FEW_MS / 2);
	note(TIDY_CHANGES - 2);
	assert_int_equal(tidy.done, 0);
	pass(TIDY_FEW_MS / 2);
	assert_int_equal(tidy.done, 1);
	pass(100ULL * TIDY_FEW_MS);
	assert_int_equal(tidy.done, 1);
}

static void once_for_a_crowd_and_a_moment_later(void **state)
{
	(void)state;
	note(TIDY_CHANGES);
	pass(TIDY_MS / 2);
	assert_int_equal(tidy.done, 0);
	note(10 * TIDY_CHANGES);
	pass(TIDY_MS);
	assert_int_equal(tidy.done, 1);
	pass(100ULL * TIDY_MS);
	assert_int_equal(tidy.done, 1);
}

static void again_for_the_next_crowd(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		note(TIDY_CHANGES);
		pass(2ULL * TIDY_MS);
		assert_int_equal(tidy.done, i);
	}
}

static void the_blocks_of_a_crowd_go_too(void **state)
{
	struct pool *pool = loop_pool(loop);

	(void)state;
	pool_give(pool, pool_take(pool));
	assert_int_equal(pool_kept(pool), 1);
	note(TIDY_CHANGES);
	pass(2ULL * TIDY_MS);
	assert_int_equal(pool_kept(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    few_changes_can_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    once_for_a_crowd_and_a_moment_later, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    again_for_the_next_crowd, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    the_blocks_of_a_crowd_go_too, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
