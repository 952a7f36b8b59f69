/* broker/test-verdicts.c: what is believed of a token, and for how long. */
#include "broker/verdicts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct verdicts_rules rules = {
	.most = 3, .good_ms = 100, .refused_ms = 20, .grace_ms = 400
};
enum { NOW = 1000, NEVER = 1 << 30 };

static const struct verdict good = { VERDICT_GOOD, "uid-1", "" };
static const struct verdict refused = { VERDICT_REFUSED, "", "expired" };
static const struct verdict no_pod = { VERDICT_NO_POD, "", "" };

static struct verdicts_key key_of(const char *token)
{
	struct verdicts_key key;

	verdicts_key(&key, token);
	return key;
}

static void keep(struct verdicts *v, const char *token,
    const struct verdict *verdict, uint64_t ends)
{
	struct verdicts_key key = key_of(token);

	verdicts_keep(v, &key, verdict, NOW, ends);
}

static const struct verdict *look(
    struct verdicts *v, const char *token, uint64_t now)
{
	struct verdicts_key key = key_of(token);

	return verdicts_find(v, &key, now);
}

static const struct {
	const char *label;
	const struct verdict *said; /* NULL: nothing */
	uint64_t ends, after;	    /* of the token; since it was said */
	bool found, leant;
} rows[] = {
	{ "nobody has asked", NULL, NEVER, 0, false, false },
	{ "good, at once", &good, NEVER, 0, true, true },
	{ "good, until its time is over", &good, NEVER, 99, true, true },
	{ "good, then", &good, NEVER, 100, false, true },
	{ "good, until its grace is over", &good, NEVER, 499, false, true },
	{ "good, after its grace", &good, NEVER, 500, false, false },
	{ "not past the token's end", &good, NOW + 50, 49, true, true },
	{ "the token has ended", &good, NOW + 50, 50, false, false },
	{ "its end cuts the grace", &good, NOW + 200, 199, false, true },
	{ "in its grace it has ended", &good, NOW + 200, 200, false, false },
	{ "no end is known", &good, 0, 0, false, false },
	{ "refused, at once", &refused, NEVER, 19, true, true },
	{ "refused, then: there is no grace", &refused, NEVER, 20, false,
	    false },
	{ "no pod's", &no_pod, NEVER, 19, true, true },
	{ "no pod's, then", &no_pod, NEVER, 20, false, false },
};

static void how_long_it_is_believed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct verdicts_key key = key_of("a");
		const struct verdict *seen;
		struct verdicts *v;

		assert_int_equal(verdicts_new(&v, &rules), 0);
		if (rows[i].said)
			keep(v, "a", rows[i].said, rows[i].ends);
		seen = verdicts_lean(v, &key, NOW + rows[i].after);
		if (rows[i].leant != (seen != NULL))
			fail_msg("%s: lean", rows[i].label);
		seen = verdicts_find(v, &key, NOW + rows[i].after);
		if (rows[i].found != (seen != NULL))
			fail_msg("%s: find", rows[i].label);
		if (seen && seen->kind != rows[i].said->kind)
			fail_msg("%s: %d", rows[i].label, seen->kind);
		assert_null(look(v, "b", NOW));
		/* what nobody may lean on is not kept */
		assert_int_equal(verdicts_count(v), rows[i].leant);
		verdicts_free(v);
	}
}

static void the_last_word_counts(void **state)
{
	struct verdicts *v;

	(void)state;
	assert_int_equal(verdicts_new(&v, &rules), 0);
	keep(v, "a", &good, NEVER);
	keep(v, "a", &refused, NEVER);
	assert_int_equal(verdicts_count(v), 1);
	assert_int_equal(look(v, "a", NOW)->kind, VERDICT_REFUSED);
	keep(v, "a", &good, NEVER);
	assert_string_equal(look(v, "a", NOW)->pod_uid, "uid-1");
	verdicts_free(v);
}

static void a_full_table_forgets_refusals_first(void **state)
{
	struct verdicts *v;

	(void)state;
	assert_int_equal(verdicts_new(&v, &rules), 0);
	keep(v, "good 1", &good, NEVER);
	keep(v, "bad 1", &refused, NEVER);
	keep(v, "bad 2", &no_pod, NEVER);
	assert_non_null(look(v, "bad 1", NOW)); /* used after bad 2 */
	keep(v, "good 2", &good, NEVER);
	assert_int_equal(verdicts_count(v), rules.most);
	assert_null(look(v, "bad 2", NOW));
	keep(v, "good 3", &good, NEVER);
	assert_null(look(v, "bad 1", NOW));
	assert_non_null(look(v, "good 1", NOW)); /* used after good 2 */
	keep(v, "bad 3", &refused, NEVER);
	assert_null(look(v, "good 2", NOW));
	/* and from then on strangers push out one another */
	keep(v, "bad 4", &refused, NEVER);
	assert_null(look(v, "bad 3", NOW));
	assert_non_null(look(v, "good 1", NOW));
	assert_non_null(look(v, "good 3", NOW));
	verdicts_free(v);
}

static void the_key_is_the_hash(void **state)
{
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf }; /* FIPS 180 */
	struct verdicts_key key = key_of("abc");

	(void)state;
	assert_memory_equal(key.hash, abc, sizeof(abc));
	verdicts_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_long_it_is_believed),
		cmocka_unit_test(the_last_word_counts),
		cmocka_unit_test(a_full_table_forgets_refusals_first),
		cmocka_unit_test(the_key_is_the_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
