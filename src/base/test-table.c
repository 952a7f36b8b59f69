#include "base/table.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct thing {
	struct table_node node;
	char name[8];
};

static struct table table;
static struct thing things[1000];

static int setup(void **state)
{
	(void)state;
	table_init(&table, 900);
	for (size_t i = 0; i < N_ELEMS(things); i++)
		snprintf(things[i].name, sizeof(things[i].name), "t%zu", i);
	return 0;
}

static void drop(struct table_node *n, void *ctx)
{
	(void)ctx;
	table_remove(&table, n);
}

static int teardown(void **state)
{
	(void)state;
	table_each(&table, drop, NULL);
	assert_int_equal(table_count(&table), 0);
	return 0;
}

static int add(struct thing *t)
{
	return table_add(&table, &t->node, t->name, strlen(t->name));
}

static struct thing *find(const char *name)
{
	struct table_node *n = table_find(&table, name, strlen(name));

	return n ? CONTAINER_OF(n, struct thing, node) : NULL;
}

static void what_was_added_is_found_until_removed(void **state)
{
	(void)state;
	assert_null(find("t1"));
	assert_int_equal(add(&things[1]), 0);
	assert_int_equal(add(&things[2]), 0);
	assert_ptr_equal(find("t1"), &things[1]);
	assert_ptr_equal(find("t2"), &things[2]);
	assert_null(find("t")); /* not by a part of its key */
	assert_null(find("t11"));
	assert_null(find(""));
	table_remove(&table, &things[1].node);
	assert_null(find("t1"));
	assert_ptr_equal(find("t2"), &things[2]);
	assert_int_equal(add(&things[1]), 0);
	assert_ptr_equal(find("t1"), &things[1]);
}

static void keys_are_bytes(void **state)
{
	static const char keys[2][3] = { "a\0b", "a\0c" };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    table_add(&table, &things[i].node, keys[i], 3), 0);
	assert_ptr_equal(table_find(&table, "a\0c", 3), &things[1].node);
	assert_null(table_find(&table, "a", 1));
}

static void a_key_stands_for_one_thing(void **state)
{
	struct thing twin = { .name = "t7" };

	(void)state;
	assert_int_equal(add(&things[7]), 0);
	assert_int_equal(add(&twin), TABLE_E_TAKEN);
	assert_ptr_equal(find("t7"), &things[7]);
	assert_int_equal(table_count(&table), 1);
}

static void the_limit_refuses_and_forgets_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 900; i++)
		assert_int_equal(add(&things[i]), 0);
	assert_int_equal(table_count(&table), 900);
	assert_int_equal(add(&things[900]), TABLE_E_FULL);
	assert_int_equal(add(&things[5]), TABLE_E_TAKEN);
	for (size_t i = 0; i < 900; i++)
		assert_ptr_equal(find(things[i].name), &things[i]);
	table_remove(&table, &things[3].node);
	assert_int_equal(add(&things[900]), 0);
}

static size_t n_seen;

static void check_order(struct table_node *n, void *ctx)
{
	assert_ptr_equal(
	    CONTAINER_OF(n, struct thing, node), &things[n_seen++]);
	if (ctx)
		table_remove(&table, n);
}

static void each_goes_in_order_and_may_remove(void **state)
{
	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(add(&things[i]), 0);
	n_seen = 0;
	table_each(&table, check_order, NULL);
	assert_int_equal(n_seen, 100);
	n_seen = 0;
	table_each(&table, check_order, &table);
	assert_int_equal(n_seen, 100);
	assert_int_equal(table_count(&table), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TABLE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TABLE_TEST(what_was_added_is_found_until_removed),
		TABLE_TEST(keys_are_bytes),
		TABLE_TEST(a_key_stands_for_one_thing),
		TABLE_TEST(the_limit_refuses_and_forgets_nothing),
		TABLE_TEST(each_goes_in_order_and_may_remove),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
