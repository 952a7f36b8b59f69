#include "net/vitals.h"
#include "net/loop.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static void both_ways_count_the_same_descriptors(void **state)
{
	struct vitals v;
	struct loop *loop;
	int more[3];
	uint64_t before;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	vitals_open(&v, loop, NULL);
	before = vitals_descriptors(&v);
	assert_true(before >= 3);
	assert_int_equal(vitals_count_entries(v.descriptors), before);
	for (size_t i = 0; i < N_ELEMS(more); i++)
		more[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(vitals_descriptors(&v), before + 3);
	assert_int_equal(vitals_count_entries(v.descriptors), before + 3);
	for (size_t i = 0; i < N_ELEMS(more); i++)
		close(more[i]);
	assert_int_equal(vitals_count_entries(v.descriptors), before);
	vitals_close(&v);
	vitals_close(&v);
	loop_free(loop);
}

/* What cannot be known is 0, and nothing fails for it. */
static void without_proc_there_are_no_numbers(void **state)
{
	struct vitals v;
	struct loop *loop;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	vitals_open(&v, loop, NULL);
	vitals_close(&v); /* as if nothing could be opened */
	assert_int_equal(vitals_descriptors(&v), 0);
	for (size_t i = 0; i < v.table.n_rows; i++)
		if (!strcmp(v.rows[i].name, "process_resident_memory_bytes"))
			assert_int_equal(v.rows[i].read(v.rows[i].ctx), 0);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_count_the_same_descriptors),
		cmocka_unit_test(without_proc_there_are_no_numbers),
	};

	return cmocka_run_group_tests_name("vitals", tests, NULL, NULL);
}
