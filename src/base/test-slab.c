#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct thing {
	uint64_t number;
	char rest[800];
};

enum { MANY = 1000 };

static struct slab slab = SLAB_OF(struct thing);
static struct thing *things[MANY];

/* Return: KiB resident, of the whole process. */
static long resident(void)
{
	char line[128], *after;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	(void)fclose(f);
	(void)strtol(line, &after, 10); /* all pages; then the resident ones */
	return 4 * strtol(after, NULL, 10);
}

static void take_all(void)
{
	for (int i = 0; i < MANY; i++) {
		things[i] = slab_take(&slab);
		assert_non_null(things[i]);
		assert_int_equal(things[i]->number, 0);
		things[i]->number = (uint64_t)i;
		memset(things[i]->rest, 0xff, sizeof(things[i]->rest));
	}
}

static void give_all(int first, int step)
{
	for (int i = first; i < MANY; i += step)
		slab_give(&slab, things[i]);
}

static void objects_are_zeroed_and_apart(void **state)
{
	(void)state;
	take_all();
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(things[i]->number, i);
		assert_int_equal((uintptr_t)things[i] % 16, 0);
	}
	give_all(0, 1);
}

static void a_place_that_was_given_is_taken_again(void **state)
{
	struct thing *one = slab_take(&slab), *other;

	(void)state;
	one->number = 7;
	slab_give(&slab, one);
	other = slab_take(&slab);
	assert_int_equal(other->number, 0);
	slab_give(&slab, other);
	slab_give(&slab, NULL);
}

static void given_in_any_order(void **state)
{
	(void)state;
	take_all();
	give_all(0, 2);
	for (int i = 1; i < MANY; i += 2)
		assert_int_equal(things[i]->number, i);
	for (int i = 0; i < MANY; i += 2)
		things[i] = slab_take(&slab);
	for (int i = 0; i < MANY; i += 2)
		assert_int_equal(things[i]->number, 0);
	give_all(0, 1);
}

static void from_now_on_as_slabs(void **state)
{
	(void)state;
	slab_use();
}

static void the_system_gets_back_what_was_given(void **state)
{
	long before, with;

	(void)state;
	if (!slab.ready)
		skip(); /* a sanitizer watches: there are no slabs */
	before = resident();
	take_all();
	with = resident();
	give_all(0, 1);
	assert_int_equal(slab.taken, 0);
	assert_int_equal(slab.n_empty, 1);
	assert_true(with - before > MANY * (long)sizeof(struct thing) / 2048);
	assert_true(resident() < with - (with - before) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_and_apart),
		cmocka_unit_test(a_place_that_was_given_is_taken_again),
		cmocka_unit_test(given_in_any_order),
		cmocka_unit_test(from_now_on_as_slabs),
		cmocka_unit_test(objects_are_zeroed_and_apart),
		cmocka_unit_test(a_place_that_was_given_is_taken_again),
		cmocka_unit_test(given_in_any_order),
		cmocka_unit_test(the_system_gets_back_what_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
