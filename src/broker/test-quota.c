#include "broker/quota.h"
#include "broker/limits.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { TICKETS = 64 };

static const struct quota_rules tiny = {
	.rate = { .burst = 5, .step_ms = 1000 },
	.streams = 3,
	.sources = 2,
};

struct fixture {
	struct quota *quota;
	struct quota_ticket tickets[TICKETS];
	size_t n;
	uint64_t now;
	uint32_t retry_ms;
};

static struct fixture open_quota(void)
{
	struct fixture f = { .now = 1000 };

	assert_int_equal(quota_new(&f.quota, &tiny), 0);
	return f;
}

static void close_quota(struct fixture *f)
{
	for (size_t i = 0; i < f->n; i++)
		quota_leave(&f->tickets[i]);
	assert_int_equal(quota_streams(f->quota), 0);
	quota_free(f->quota);
}

static enum quota_verdict enter_as(
    struct fixture *f, const struct quota_who *who)
{
	enum quota_verdict v =
	    quota_enter(f->quota, who, f->now, &f->tickets[f->n], &f->retry_ms);

	if (v == QUOTA_WELCOME)
		f->n++;
	return v;
}

static enum quota_verdict enter(struct fixture *f, uint8_t source)
{
	struct address_source s = { .family = 4, .prefix = { source } };
	struct quota_who who;

	quota_who_address(&who, &s);
	return enter_as(f, &who);
}

/* It comes and goes. */
static enum quota_verdict visit(struct fixture *f, uint8_t source)
{
	enum quota_verdict v = enter(f, source);

	if (v == QUOTA_WELCOME)
		quota_leave(&f->tickets[--f->n]);
	return v;
}

static void streams_at_once_are_limited_by_source(void **state)
{
	struct fixture f = open_quota();

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(&f, 1), QUOTA_WELCOME);
	assert_int_equal(enter(&f, 1), QUOTA_STREAMS);
	assert_int_equal(enter(&f, 2), QUOTA_WELCOME);
	assert_int_equal(quota_streams(f.quota), 4);
	quota_leave(&f.tickets[0]);
	assert_int_equal(enter(&f, 1), QUOTA_WELCOME);
	close_quota(&f);
}

static void the_rate_is_limited_by_source(void **state)
{
	struct fixture f = open_quota();

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(visit(&f, 1), QUOTA_WELCOME);
	assert_int_equal(visit(&f, 1), QUOTA_RATE);
	assert_int_equal(f.retry_ms, 1000);
	assert_int_equal(visit(&f, 2), QUOTA_WELCOME);
	f.now += 1000;
	assert_int_equal(visit(&f, 1), QUOTA_WELCOME);
	assert_int_equal(visit(&f, 1), QUOTA_RATE);
	close_quota(&f);
}

static void being_refused_at_the_stream_limit_costs_rate(void **state)
{
	struct fixture f = open_quota();

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(enter(&f, 1), QUOTA_WELCOME);
	assert_int_equal(enter(&f, 1), QUOTA_STREAMS);
	assert_int_equal(enter(&f, 1), QUOTA_STREAMS);
	assert_int_equal(enter(&f, 1), QUOTA_RATE);
	close_quota(&f);
}

static void the_longest_idle_source_is_forgotten(void **state)
{
	struct fixture f = open_quota();

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(visit(&f, 1), QUOTA_WELCOME);
	assert_int_equal(visit(&f, 2), QUOTA_WELCOME);
	assert_int_equal(visit(&f, 3), QUOTA_WELCOME); /* in place of 1 */
	assert_int_equal(quota_sources(f.quota), 2);
	assert_int_equal(visit(&f, 1), QUOTA_WELCOME); /* as if new */
	close_quota(&f);
}

static void a_source_in_use_is_never_forgotten(void **state)
{
	struct fixture f = open_quota();

	(void)state;
	assert_int_equal(enter(&f, 1), QUOTA_WELCOME);
	assert_int_equal(enter(&f, 2), QUOTA_WELCOME);
	assert_int_equal(enter(&f, 3), QUOTA_FULL);
	quota_leave(&f.tickets[0]);
	assert_int_equal(enter(&f, 3), QUOTA_WELCOME);
	assert_int_equal(quota_sources(f.quota), 2);
	close_quota(&f);
}

static void leaving_twice_counts_once(void **state)
{
	struct fixture f = open_quota();

	(void)state;
	assert_int_equal(enter(&f, 1), QUOTA_WELCOME);
	assert_int_equal(enter(&f, 1), QUOTA_WELCOME);
	quota_leave(&f.tickets[0]);
	quota_leave(&f.tickets[0]);
	assert_int_equal(quota_streams(f.quota), 1);
	close_quota(&f);
}

static void a_pod_counts_by_its_uid(void **state)
{
	static const char longest[] = "0123456789abcdef0123456789abcdef"
				      "0123456789abcdef0123456789abcdef";
	static const char *const uids[] = { "1", "2", "", longest };

	(void)state;
	assert_int_equal(strlen(uids[3]), QUOTA_NAME_MOST);
	for (size_t i = 0; i < N_ELEMS(uids); i++) {
		struct fixture f = open_quota();
		struct quota_who who;

		quota_who_pod(&who, uids[i]);
		for (int n = 0; n < 3; n++)
			assert_int_equal(enter_as(&f, &who), QUOTA_WELCOME);
		assert_int_equal(enter_as(&f, &who), QUOTA_STREAMS);
		quota_who_pod(&who, "another");
		assert_int_equal(enter_as(&f, &who), QUOTA_WELCOME);
		close_quota(&f);
	}
}

static void the_rules_in_use_are_the_named_limits(void **state)
{
	(void)state;
	assert_int_equal(quota_rules.streams, LIMIT_STREAMS_SOURCE);
	assert_int_equal(quota_rules.streams, 8);
	assert_int_equal(quota_rules.rate.burst, LIMIT_RATE_BURST);
	assert_int_equal(quota_rules.sources, LIMIT_SOURCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_at_once_are_limited_by_source),
		cmocka_unit_test(the_rate_is_limited_by_source),
		cmocka_unit_test(being_refused_at_the_stream_limit_costs_rate),
		cmocka_unit_test(the_longest_idle_source_is_forgotten),
		cmocka_unit_test(a_source_in_use_is_never_forgotten),
		cmocka_unit_test(leaving_twice_counts_once),
		cmocka_unit_test(a_pod_counts_by_its_uid),
		cmocka_unit_test(the_rules_in_use_are_the_named_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
