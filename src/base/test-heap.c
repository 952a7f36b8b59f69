#include "base/heap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct item {
	struct heap_node node;
	unsigned key;
};

static struct item *item_of(const struct heap_node *n)
{
	return CONTAINER_OF((uintptr_t)n, struct item, node);
}

static bool smaller(const struct heap_node *a, const struct heap_node *b)
{
	return item_of(a)->key < item_of(b)->key;
}

static unsigned next_number(unsigned *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static void test_empty(void **state)
{
	struct heap h = { .before = smaller };
	struct item one = { .key = 1 };

	(void)state;
	assert_null(heap_first(&h));
	heap_remove(&h, &one.node);
	heap_add(&h, &one.node);
	assert_ptr_equal(heap_first(&h), &one.node);
	assert_true(heap_holds(&one.node));
	heap_remove(&h, &one.node);
	assert_false(heap_holds(&one.node));
	assert_null(heap_first(&h));
}

static void test_sorts(void **state)
{
	static struct item items[1000];
	struct heap h = { .before = smaller };
	unsigned seed = 1, last = 0;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(items); i++) {
		items[i].key = next_number(&seed) % 300;
		heap_add(&h, &items[i].node);
	}
	for (size_t i = 0; i < N_ELEMS(items); i++) {
		struct item *first = item_of(heap_first(&h));

		assert_true(first->key >= last);
		last = first->key;
		heap_remove(&h, &first->node);
	}
	assert_null(heap_first(&h));
}

static unsigned least(const struct item *items, size_t n)
{
	unsigned key = UINT32_MAX;

	for (size_t i = 0; i < n; i++)
		if (heap_holds(&items[i].node) && items[i].key < key)
			key = items[i].key;
	return key;
}

/* Random adds, removals from any place and changes of key, against a search of
 * everything. */
static void test_against_search(void **state)
{
	struct item items[40] = { 0 };
	struct heap h = { .before = smaller };
	unsigned seed = 2;

	(void)state;
	for (size_t step = 0; step < 20000; step++) {
		struct item *it = &items[next_number(&seed) % 40];
		unsigned choice = next_number(&seed) % 4;
		struct heap_node *first;

		if (!heap_holds(&it->node)) {
			it->key = next_number(&seed) % 50;
			heap_add(&h, &it->node);
		} else if (choice) {
			heap_remove(&h, &it->node);
		} else {
			it->key = next_number(&seed) % 50;
			heap_update(&h, &it->node);
		}
		first = heap_first(&h);
		assert_int_equal(first ? item_of(first)->key : UINT32_MAX,
		    least(items, N_ELEMS(items)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_sorts),
		cmocka_unit_test(test_against_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
