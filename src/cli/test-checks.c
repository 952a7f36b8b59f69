#include "cli/checks.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { FIRST, SECOND, THIRD, FOURTH };

static const struct checks_hop hops[] = {
	{ "first", "one", "mend one" },
	{ "second", "two", "mend two" },
	{ "third", "three", "mend three" },
	{ "fourth", "four", "" },
};

static struct fault fault_of(const char *text, const char *hint)
{
	struct fault f = FAULT_NONE;

	(void)fault_set(&f, -EIO, hint, "%s", text);
	return f;
}

/* @states: a letter a hop: n, g, f, s */
static void assert_states(const struct checks *c, const char *states)
{
	static const char letters[] = { 'n', 'g', 'f', 's' };

	for (size_t i = 0; i < c->n; i++)
		assert_int_equal(letters[c->one[i].state], states[i]);
}

static void test_a_hop_has_its_turn_behind_good_and_skipped_ones(void **state)
{
	struct fault fault = fault_of("it broke", "do that");
	struct checks c;

	(void)state;
	checks_init(&c, "all", hops, N_ELEMS(hops));
	assert_states(&c, "nnnn");
	assert_true(checks_turn(&c, FIRST));
	assert_false(checks_turn(&c, SECOND));
	checks_good(&c, FIRST, "seen %d", 1);
	assert_false(checks_turn(&c, FIRST)); /* it had it */
	checks_skip(&c, SECOND, "none here");
	assert_true(checks_turn(&c, THIRD));
	assert_null(checks_failed(&c));
	checks_bad(&c, THIRD, &fault);
	assert_states(&c, "gsfn");
	assert_false(checks_turn(&c, FOURTH)); /* not reached, and never */
	assert_string_equal(checks_failed(&c), "third");
}

static void printed(const struct checks *c, const char *expected)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	checks_print(c, f);
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
}

static void test_for_people(void **state)
{
	struct fault fault = fault_of("it broke", "do that");
	struct checks c;

	(void)state;
	checks_init(&c, "way", hops, N_ELEMS(hops));
	checks_good(&c, FIRST, "well");
	checks_bad(&c, SECOND, &fault);
	printed(&c, "way\n"
		    "  good         first         well\n"
		    "  FAILED       second        it broke\n"
		    "    expected  two\n"
		    "    remedy    do that\n"
		    "    usually   mend two\n"
		    "  not reached  third         \n"
		    "  not reached  fourth        \n");
}

static void test_for_programs(void **state)
{
	struct fault fault = fault_of("it broke", NULL);
	struct checks c;
	json_t *j, *expected;

	(void)state;
	checks_init(&c, "way", hops, 3);
	checks_skip(&c, FIRST, "none");
	checks_bad(&c, SECOND, &fault);
	j = checks_json(&c);
	expected =
	    json_pack("{ss sb s[{ss ss ss} {ss ss ss ss ss ss} {ss ss}]}",
		"about", "way", "good", 0, "hops", "hop", "first", "state",
		"skipped", "seen", "none", "hop", "second", "state", "failed",
		"seen", "it broke", "expected", "two", "remedy", "mend two",
		"usually", "mend two", "hop", "third", "state", "not reached");
	assert_non_null(expected);
	assert_true(json_equal(j, expected));
	json_decref(j);
	json_decref(expected);
}

/* Whatever a server says, it stays on its line. */
static void test_what_was_seen_is_tamed(void **state)
{
	struct fault fault = {
		.code = -EIO, .text = "a\nb", .hint = "\033[2J"
	};
	struct checks c;

	(void)state;
	checks_init(&c, "w\ny", hops, 2);
	checks_good(&c, FIRST, "x\r%s", "\033]0;");
	checks_bad(&c, SECOND, &fault);
	printed(&c, "w?y\n"
		    "  good         first         x??]0;\n"
		    "  FAILED       second        a?b\n"
		    "    expected  two\n"
		    "    remedy    ?[2J\n"
		    "    usually   mend two\n");
}

static void test_the_first_that_failed_is_told(void **state)
{
	struct fault fault = fault_of("it broke", NULL), end = FAULT_NONE;
	struct checks_show show = { .as_json = true };
	struct checks good, bad;

	(void)state;
	checks_init(&good, "this way", hops, 1);
	checks_good(&good, FIRST, "well");
	checks_init(&bad, "that way", hops, 2);
	checks_good(&bad, FIRST, "well");
	checks_bad(&bad, SECOND, &fault);
	checks_show(&show, &good);
	assert_string_equal(show.failed, "");
	checks_show(&show, &bad);
	checks_init(&bad, "third way", hops, 1);
	checks_bad(&bad, FIRST, &fault);
	checks_show(&show, &bad);
	assert_int_equal(json_array_size(show.list), 3);
	show.as_json = false; /* nothing on the tests' own output */
	assert_int_equal(checks_show_end(&show, &end), -EHOSTUNREACH);
	assert_string_equal(end.text, "that way: second has failed");
	checks_show_clear(&show);
}

/* Those behind it have their turn, and all is well at the end. */
static void test_a_warning_is_good(void **state)
{
	struct fault fault = fault_of("it is old", "a new one");
	struct checks c;
	json_t *j;

	(void)state;
	checks_init(&c, "way", hops, 2);
	checks_warn(&c, FIRST, &fault);
	assert_true(checks_turn(&c, SECOND));
	checks_good(&c, SECOND, "well");
	assert_null(checks_failed(&c));
	printed(&c, "way\n"
		    "  warning      first         it is old\n"
		    "    remedy    a new one\n"
		    "  good         second        well\n");
	j = checks_json(&c);
	assert_true(json_is_true(json_object_get(j, "good")));
	assert_string_equal(
	    json_string_value(json_object_get(
		json_array_get(json_object_get(j, "hops"), 0), "remedy")),
	    "a new one");
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_a_hop_has_its_turn_behind_good_and_skipped_ones),
		cmocka_unit_test(test_for_people),
		cmocka_unit_test(test_for_programs),
		cmocka_unit_test(test_a_warning_is_good),
		cmocka_unit_test(test_what_was_seen_is_tamed),
		cmocka_unit_test(test_the_first_that_failed_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
