#include "base/metric.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void microseconds_are_shown_as_seconds(void **state)
{
	static const struct {
		uint64_t us;
		const char *line;
	} rows[] = {
		{ 0, "t_seconds_total 0.000000\n" },
		{ 1, "t_seconds_total 0.000001\n" },
		{ 999999, "t_seconds_total 0.999999\n" },
		{ 1000000, "t_seconds_total 1.000000\n" },
		{ UINT64_C(86400050000), "t_seconds_total 86400.050000\n" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct metric_registry reg = { 0 };
		const struct metric_row row = { .name = "t_seconds_total",
			.kind = METRIC_COUNTER_US,
			.value = &rows[i].us };
		struct metric_table table = { .rows = &row, .n_rows = 1 };
		char want[128];

		metric_add(&reg, &table);
		(void)snprintf(want, sizeof(want),
		    "# TYPE t_seconds_total counter\n%s", rows[i].line);
		print(&reg, want);
	}
}

/* The line of @text that begins with @head, without its end. */
static const char *line_of(const char *text, const char *head)
{
	static char line[128];
	const char *at = strstr(text, head);

	assert_non_null(at);
	assert_true(strcspn(at, "\n") < sizeof(line));
	memcpy(line, at, strcspn(at, "\n"));
	line[strcspn(at, "\n")] = '\0';
	return line;
}

static void a_bound_belongs_to_its_own_bucket(void **state)
{
	static const struct {
		const char *label;
		uint64_t us;
		size_t bucket;
	} rows[] = {
		{ "nothing", 0, 0 },
		{ "the first bound", 50, 0 },
		{ "above it", 51, 1 },
		{ "a millisecond", 1000, 4 },
		{ "the last bound", 30000000, METRIC_BOUNDS - 1 },
		{ "above it", 30000001, METRIC_BOUNDS },
		{ "for ever", UINT64_MAX, METRIC_BOUNDS },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct metric_histogram h = { .sum_us = 0 };

		metric_observe(&h, rows[i].us);
		if (h.counts[rows[i].bucket] != 1)
			fail_msg("%s is not in bucket %zu", rows[i].label,
			    rows[i].bucket);
		assert_int_equal(h.sum_us, rows[i].us);
	}
}

static void buckets_count_those_before_them(void **state)
{
	struct metric_histogram plain = { .sum_us = 0 }, labelled = plain;
	const struct metric_row rows[] = {
		{ .name = "t_wait_seconds",
		    .help = "how long it took",
		    .kind = METRIC_HISTOGRAM,
		    .histogram = &plain },
		{ .name = "t_wait_seconds",
		    .labels = "of=\"two\"",
		    .kind = METRIC_HISTOGRAM,
		    .histogram = &labelled },
	};
	struct metric_registry reg = { 0 };
	struct metric_table table = { .rows = rows, .n_rows = 2 };
	static const char *const wanted[] = {
		"# TYPE t_wait_seconds histogram",
		"t_wait_seconds_bucket{le=\"0.00005\"} 1",
		"t_wait_seconds_bucket{le=\"0.0001\"} 1",
		"t_wait_seconds_bucket{le=\"0.00025\"} 2",
		"t_wait_seconds_bucket{le=\"30\"} 2",
		"t_wait_seconds_bucket{le=\"+Inf\"} 3",
		"t_wait_seconds_sum 40.000240",
		"t_wait_seconds_count 3",
		"t_wait_seconds_bucket{of=\"two\",le=\"0.1\"} 0",
		"t_wait_seconds_sum{of=\"two\"} 0.000000",
		"t_wait_seconds_count{of=\"two\"} 0",
	};
	char *text;
	size_t n;

	(void)state;
	metric_observe(&plain, 40);
	metric_observe(&plain, 200);
	metric_observe(&plain, 40000000);
	metric_add(&reg, &table);
	assert_int_equal(metric_print(&reg, &text, &n), 0);
	for (size_t i = 0; i < N_ELEMS(wanted); i++)
		assert_string_equal(line_of(text, wanted[i]), wanted[i]);
	free(text);
}

/* Tables of one kind, one for each of several things. */
static void a_tables_labels_go_before_its_rows(void **state)
{
	static const struct metric_histogram none;
	static const struct metric_row rows[][3] = {
		{ { .name = "t_a", .kind = METRIC_GAUGE, .value = &pairs },
		    { .name = "t_b",
			.kind = METRIC_GAUGE,
			.labels = "x=\"1\"",
			.value = &pairs } },
		{ { .name = "t_a", .kind = METRIC_GAUGE, .value = &pairs },
		    { .name = "t_wait_seconds",
			.kind = METRIC_HISTOGRAM,
			.labels = "x=\"1\"",
			.histogram = &none } },
	};
	struct metric_registry reg = { 0 };
	struct metric_table one = {
		.rows = rows[0], .n_rows = 2, .labels = "of=\"one\""
	};
	struct metric_table two = {
		.rows = rows[1], .n_rows = 1, .labels = "of=\"two\""
	};
	char *text;
	size_t n;

	(void)state;
	metric_add(&reg, &one);
	metric_add(&reg, &two);
	print(&reg, "# TYPE t_a gauge\n"
		    "t_a{of=\"one\"} 3\n"
		    "t_a{of=\"two\"} 3\n"
		    "# TYPE t_b gauge\n"
		    "t_b{of=\"one\",x=\"1\"} 3\n");
	metric_drop(&reg, &one);
	metric_drop(&reg, &one);
	print(&reg, "# TYPE t_a gauge\n"
		    "t_a{of=\"two\"} 3\n");
	two.n_rows = 2;
	assert_int_equal(metric_print(&reg, &text, &n), 0);
	assert_non_null(strstr(text,
	    "\nt_wait_seconds_bucket{of=\"two\",x=\"1\",le=\"0.1\"} 0\n"));
	assert_non_null(
	    strstr(text, "\nt_wait_seconds_sum{of=\"two\",x=\"1\"} 0.0"));
	free(text);
	metric_drop(&reg, &two);
	print(&reg, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_registered_prints_nothing),
		cmocka_unit_test(samples_of_a_name_stand_together),
		cmocka_unit_test(values_are_read_when_printed),
		cmocka_unit_test(microseconds_are_shown_as_seconds),
		cmocka_unit_test(a_bound_belongs_to_its_own_bucket),
		cmocka_unit_test(buckets_count_those_before_them),
		cmocka_unit_test(a_tables_labels_go_before_its_rows),
	};

	return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
