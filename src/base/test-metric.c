#include "base/metric.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static uint64_t pairs = 3, refused[2] = { 5, UINT64_MAX }, waiting = 0;

static uint64_t read_waiting(void *ctx)
{
	return *(uint64_t *)ctx + 7;
}

static const struct metric_row first_rows[] = {
	{ .name = "t_pairs_total",
	    .help = "legs paired",
	    .kind = METRIC_COUNTER,
	    .value = &pairs },
	{ .name = "t_refused_total",
	    .help = "legs refused",
	    .labels = "code=\"rateLimit\"",
	    .kind = METRIC_COUNTER,
	    .value = &refused[0] },
	{ .name = "t_waiting",
	    .help = "legs that wait",
	    .kind = METRIC_GAUGE,
	    .read = read_waiting,
	    .ctx = &waiting },
};

static const struct metric_row second_rows[] = {
	{ .name = "t_refused_total",
	    .labels = "code=\"full\"",
	    .kind = METRIC_COUNTER,
	    .value = &refused[1] },
	{ .name = "t_bare", .kind = METRIC_GAUGE, .value = &pairs },
};

static void print(const struct metric_registry *reg, const char *want)
{
	char *text;
	size_t n;

	assert_int_equal(metric_print(reg, &text, &n), 0);
	assert_string_equal(text, want);
	assert_int_equal(n, strlen(want));
	free(text);
}

static void nothing_registered_prints_nothing(void **state)
{
	struct metric_registry reg = { 0 };
	struct metric_table empty = { 0 };

	(void)state;
	print(&reg, "");
	metric_add(&reg, &empty);
	print(&reg, "");
}

static void samples_of_a_name_stand_together(void **state)
{
	struct metric_registry reg = { 0 };
	struct metric_table first = { .rows = first_rows,
		.n_rows = N_ELEMS(first_rows) };
	struct metric_table empty = { 0 };
	struct metric_table second = { .rows = second_rows,
		.n_rows = N_ELEMS(second_rows) };

	(void)state;
	metric_add(&reg, &first);
	metric_add(&reg, &empty);
	metric_add(&reg, &second);
	print(&reg, "# HELP t_pairs_total legs paired\n"
		    "# TYPE t_pairs_total counter\n"
		    "t_pairs_total 3\n"
		    "# HELP t_refused_total legs refused\n"
		    "# TYPE t_refused_total counter\n"
		    "t_refused_total{code=\"rateLimit\"} 5\n"
		    "t_refused_total{code=\"full\"} 18446744073709551615\n"
		    "# HELP t_waiting legs that wait\n"
		    "# TYPE t_waiting gauge\n"
		    "t_waiting 7\n"
		    "# TYPE t_bare gauge\n"
		    "t_bare 3\n");
}

static void values_are_read_when_printed(void **state)
{
	struct metric_registry reg = { 0 };
	struct metric_table table = { .rows = first_rows, .n_rows = 1 };

	(void)state;
	metric_add(&reg, &table);
	pairs = 4;
	print(&reg, "# HELP t_pairs_total legs paired\n"
		    "# TYPE t_pairs_total counter\n"
		    "t_pairs_total 4\n");
	pairs = 3;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_registered_prints_nothing),
		cmocka_unit_test(samples_of_a_name_stand_together),
		cmocka_unit_test(values_are_read_when_printed),
	};

	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
