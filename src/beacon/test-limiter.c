#include "beacon/limiter.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { GUESTS = 400 };

struct fixture {
	struct limiter *limiter;
	struct limiter_guest guests[GUESTS];
	size_t next;
	uint64_t now;
	struct limiter_answer last;
};

static const struct limiter_rules tiny = {
	.rate = { .burst = 3, .step_ms = 1000 },
	.polite = { .burst = 2, .step_ms = 1000 },
	.sources = 3,
	.unfinished = 6,
	.unfinished_source = 4,
};

static struct fixture *open_limiter(const struct limiter_rules *rules)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->now = 1000000;
	assert_int_equal(limiter_new(&f->limiter, rules), 0);
	return f;
}

static void close_limiter(struct fixture *f)
{
	for (size_t i = 0; i < f->next; i++)
		limiter_leave(f->limiter, &f->guests[i]);
	assert_int_equal(limiter_counts(f->limiter)->unfinished, 0);
	limiter_free(f->limiter);
	free(f);
}

/* One more connection of a source; f->next - 1 is its guest. */
static enum limiter_verdict arrive(struct fixture *f, unsigned source)
{
	struct address_source s = { .family = 4,
		.prefix = { (uint8_t)source, (uint8_t)(source >> 8) } };

	assert_true(f->next < GUESTS);
	f->last = limiter_arrive(f->limiter, &f->guests[f->next++], &s, f->now);
	return f->last.verdict;
}

/* It comes, says HELLO and goes. */
static enum limiter_verdict visit(struct fixture *f, unsigned source)
{
	enum limiter_verdict verdict = arrive(f, source);

	limiter_leave(f->limiter, &f->guests[f->next - 1]);
	return verdict;
}

static void expect_visits(
    struct fixture *f, unsigned source, const char *verdicts)
{
	static const char letters[] = { 'w', 'p', 's' };

	for (const char *v = verdicts; *v; v++) {
		char got = letters[visit(f, source)];

		if (got != *v)
			fail_msg("visit %zu of \"%s\": %c",
			    (size_t)(v - verdicts) + 1, verdicts, got);
	}
}

static void test_burst(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	expect_visits(f, 1, "wwwppss");
	expect_visits(f, 2, "www"); /* another one is not touched */
	close_limiter(f);
}

static void test_refill(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	expect_visits(f, 1, "wwwpps");
	f->now += 999;
	expect_visits(f, 1, "s");
	f->now += 1;
	expect_visits(f, 1, "wps");
	f->now += 2000;
	expect_visits(f, 1, "wwpps");
	f->now += 100000000; /* no more than the burst is saved up */
	expect_visits(f, 1, "wwwpps");
	close_limiter(f);
}

/* What is refused takes nothing away from what is allowed. */
static void test_knocking_does_not_lock_out(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	expect_visits(f, 1, "wwwpps");
	for (unsigned i = 0; i < 20; i++) {
		f->now += 1000;
		expect_visits(f, 1, "wps");
	}
	close_limiter(f);
}

static void test_retry_is_true(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	expect_visits(f, 1, "www");
	f->now += 300;
	expect_visits(f, 1, "p");
	assert_int_equal(f->last.retry_ms, 700);
	f->now += 699;
	expect_visits(f, 1, "p");
	assert_int_equal(f->last.retry_ms, 1);
	f->now += 1;
	expect_visits(f, 1, "w");
	close_limiter(f);
}

/* The numbers of the specification, minute by minute. */
static void test_production_rate(void **state)
{
	struct fixture *f = open_limiter(&limiter_rules);
	unsigned seen[LIMITER_VERDICT_COUNT] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		seen[visit(f, 1)]++;
	assert_int_equal(seen[LIMITER_WELCOME], 100);
	assert_int_equal(seen[LIMITER_POLITE], 100);
	assert_int_equal(seen[LIMITER_SHUT], 100);
	f->next = 0;
	f->now += 60000;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(visit(f, 1), LIMITER_WELCOME);
	assert_int_equal(visit(f, 1), LIMITER_POLITE);
	close_limiter(f);
}

static void test_table_forgets_the_longest_idle(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	expect_visits(f, 1, "www");
	expect_visits(f, 2, "www");
	expect_visits(f, 3, "www");
	expect_visits(f, 1, "p"); /* 2 is now the longest idle */
	expect_visits(f, 4, "w");
	assert_int_equal(limiter_counts(f->limiter)->sources, 3);
	expect_visits(f, 1, "p");
	expect_visits(f, 3, "p");
	expect_visits(f, 2, "w"); /* forgotten, so it is new */
	close_limiter(f);
}

static size_t remembered(const struct fixture *f)
{
	return limiter_counts(f->limiter)->sources;
}

/* Once its buckets are full again it would be treated as new anyway. */
static void test_table_forgets_who_is_as_new(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	expect_visits(f, 1, "w");
	expect_visits(f, 2, "www");
	expect_visits(f, 3, "w");
	f->now += 1000; /* 1 and 3 are full, but 2 stands between them */
	expect_visits(f, 3, "w");
	assert_int_equal(remembered(f), 2);
	f->now += 2000; /* all are */
	expect_visits(f, 4, "w");
	assert_int_equal(remembered(f), 1);
	f->now += 1000;
	arrive(f, 5);
	f->now += 100000; /* has a connection */
	expect_visits(f, 6, "w");
	expect_visits(f, 7, "w");
	assert_int_equal(remembered(f), 3);
	close_limiter(f);
}

static void test_table_keeps_sources_with_connections(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	arrive(f, 1);
	arrive(f, 2);
	limiter_settle(f->limiter, &f->guests[1]);
	arrive(f, 3);
	assert_int_equal(arrive(f, 4), LIMITER_SHUT);
	assert_int_equal(limiter_counts(f->limiter)->table_full, 1);
	limiter_leave(f->limiter, &f->guests[1]);
	limiter_leave(f->limiter, &f->guests[1]);
	assert_int_equal(arrive(f, 4), LIMITER_WELCOME);
	close_limiter(f);
}

static void test_unfinished_of_a_source(void **state)
{
	struct limiter_rules rules = tiny;
	struct fixture *f;

	(void)state;
	rules.rate.burst = 10;
	f = open_limiter(&rules);
	for (unsigned i = 0; i < 4; i++) {
		arrive(f, 1);
		assert_null(f->last.victim);
	}
	limiter_settle(f->limiter, &f->guests[0]);
	arrive(f, 1);
	assert_null(f->last.victim);
	arrive(f, 1); /* the oldest that has not said HELLO */
	assert_ptr_equal(f->last.victim, &f->guests[1]);
	limiter_leave(f->limiter, f->last.victim);
	assert_int_equal(limiter_counts(f->limiter)->unfinished, 4);
	close_limiter(f);
}

static void test_unfinished_of_all(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	arrive(f, 1);
	for (unsigned i = 0; i < 3; i++)
		arrive(f, 2);
	arrive(f, 3);
	arrive(f, 3);
	assert_null(f->last.victim);
	arrive(f, 1); /* not 1's oldest, though it is the oldest of all */
	assert_ptr_equal(f->last.victim, &f->guests[1]);
	assert_int_equal(limiter_counts(f->limiter)->pushed_out, 1);
	limiter_leave(f->limiter, f->last.victim);
	assert_int_equal(limiter_counts(f->limiter)->unfinished, 6);
	close_limiter(f);
}

/* Whom a proxy brings, until it has said from where. */
static void test_held(void **state)
{
	struct fixture *f = open_limiter(&tiny);

	(void)state;
	for (unsigned i = 0; i < 6; i++) /* no rate, no share */
		assert_null(limiter_hold(f->limiter, &f->guests[f->next++]));
	assert_int_equal(limiter_counts(f->limiter)->unfinished, 6);
	assert_int_equal(limiter_counts(f->limiter)->sources, 0);
	limiter_settle(f->limiter, &f->guests[5]); /* named no source */
	limiter_leave(f->limiter, &f->guests[4]);  /* named one: */
	f->next--;
	limiter_leave(f->limiter, &f->guests[5]);
	f->next--;
	assert_int_equal(arrive(f, 1), LIMITER_WELCOME);
	assert_null(f->last.victim);
	arrive(f, 2);
	assert_null(f->last.victim);
	arrive(f, 3); /* too many of all: the held are most */
	assert_ptr_equal(f->last.victim, &f->guests[0]);
	limiter_leave(f->limiter, f->last.victim);
	assert_ptr_equal(
	    limiter_hold(f->limiter, &f->guests[f->next++]), &f->guests[1]);
	close_limiter(f);
}

static void test_production_rules(void **state)
{
	const struct limiter_rules *r = &limiter_rules;

	(void)state;
	assert_int_equal(r->rate.step_ms, 600);
	assert_int_equal(r->sources, 10000);
	assert_int_equal(r->unfinished, 2000);
	assert_int_equal(r->unfinished_source, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_refill),
		cmocka_unit_test(test_knocking_does_not_lock_out),
		cmocka_unit_test(test_retry_is_true),
		cmocka_unit_test(test_production_rate),
		cmocka_unit_test(test_table_forgets_the_longest_idle),
		cmocka_unit_test(test_table_forgets_who_is_as_new),
		cmocka_unit_test(test_table_keeps_sources_with_connections),
		cmocka_unit_test(test_unfinished_of_a_source),
		cmocka_unit_test(test_unfinished_of_all),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_production_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
