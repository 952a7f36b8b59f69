/* When something is fetched, and what. Time is a number here. */
#include "wrapper/schedule.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <cmocka.h>

enum {
	START = 1000,
	POLL = 30000,
	DEADLINE = 60000,
	HALF = 3000,
	AN_HOUR = 3600000,
};

struct stage {
	struct plan *plan;
	struct schedule s;
	struct handoff_job job;
	struct batch *batch;
};

/* Secret 0 is KV, secret 1 has a lease of 90 s. */
static struct stage *set_up(enum plan_deliver deliver, const char *on_rotate)
{
	struct stage *st = calloc(1, sizeof(*st));
	char *secrets[] = { (char[]){ "s/a" }, (char[]){ "db/creds/x" } };
	char *maps[] = { (char[]){ "x=A;x=B" } };
	struct plan_order order = { secrets, 2, maps, 1, deliver,
		deliver == PLAN_DELIVER_FILE ? "/run/x" : NULL, on_rotate,
		POLL };

	assert_int_equal(plan_new(&st->plan, &order, NULL), 0);
	schedule_init(&st->s, st->plan, POLL, DEADLINE, START);
	st->job.n_tasks = 2;
	assert_int_equal(batch_new(&st->batch, st->plan, &st->job), 0);
	return st;
}

static void tear_down(struct stage *st)
{
	plan_free(st->plan);
	batch_free(st->batch);
	free(st);
}

static void kv_is(struct stage *st, enum batch_outcome outcome, unsigned v)
{
	st->batch->secrets[0].outcome = outcome;
	st->batch->secrets[0].version = v;
	st->batch->secrets[0].made = 10 * (uint64_t)v;
}

static void lease_is(
    struct stage *st, enum batch_outcome outcome, uint32_t s, bool renewable)
{
	struct batch_secret *b = &st->batch->secrets[1];

	b->outcome = outcome;
	strcpy(b->lease, s ? "db/creds/x/1" : "");
	b->lease_s = s;
	b->renewable = renewable;
}

static void session_is(struct stage *st, uint32_t s, bool renewable, bool fresh)
{
	value_deinit(&st->batch->session);
	assert_int_equal(value_init(&st->batch->session,
			     memfd_create("session", MFD_CLOEXEC), 0, true),
	    0);
	st->batch->session_s = s;
	st->batch->session_renewable = renewable;
	st->batch->session_fresh = fresh;
}

/* One good fetch at @now; @HALF is jitter of the poll's middle. */
static void done(struct stage *st, uint64_t now)
{
	schedule_done(&st->s, st->batch, now, HALF);
	value_deinit(&st->batch->session);
}

static void assert_verbs(struct stage *st, uint64_t now, enum handoff_verb kv,
    enum handoff_verb lease)
{
	schedule_job(&st->s, now, &st->job);
	assert_int_equal(st->job.tasks[0].verb, kv);
	assert_int_equal(st->job.tasks[1].verb, lease);
}

static void test_start(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "restart");

	(void)state;
	assert_int_equal(schedule_due(&st->s), START);
	assert_verbs(st, START, HANDOFF_READ, HANDOFF_READ);
	assert_int_equal(st->job.deadline_ms, SCHEDULE_ATTEMPT_MS);
	assert_false(st->job.session);
	assert_true(st->job.keep_session && st->job.all);
	/* the last attempt has what is left of the deadline */
	schedule_job(&st->s, START + DEADLINE - 700, &st->job);
	assert_int_equal(st->job.deadline_ms, 700);
	assert_false(schedule_given_up(&st->s, START + DEADLINE - 1));
	assert_true(schedule_given_up(&st->s, START + DEADLINE));
	tear_down(st);
}

/* Full jitter: between a tenth of the step and the step, which doubles. */
static const struct {
	unsigned failures;
	uint32_t step_ms;
} steps[] = { { 1, 500 }, { 2, 1000 }, { 3, 2000 }, { 6, 16000 }, { 7, 30000 },
	{ 8, 30000 }, { 4000000, 30000 } };

static void test_backoff(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "restart");

	(void)state;
	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		uint32_t least = steps[i].step_ms / 10;
		uint32_t span = steps[i].step_ms - least;

		st->s.failures = steps[i].failures - 1;
		schedule_failed(&st->s, 0, START, 0);
		assert_int_equal(schedule_due(&st->s), START + least);
		st->s.failures = steps[i].failures - 1;
		schedule_failed(&st->s, 0, START, span);
		assert_int_equal(
		    schedule_due(&st->s), START + steps[i].step_ms);
	}
	tear_down(st);
}

/* A peer may ask for a longer pause, up to a minute. */
static void test_retry_after(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "restart");

	(void)state;
	schedule_failed(&st->s, 5000, START, 0);
	assert_int_equal(schedule_due(&st->s), START + 5000);
	schedule_failed(&st->s, 3600 * 1000, START, 0);
	assert_int_equal(schedule_due(&st->s), START + 60 * 1000);
	tear_down(st);
}

static void test_poll(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_FILE, "none");

	(void)state;
	kv_is(st, BATCH_FRESH, 4);
	lease_is(st, BATCH_FRESH, 0, false); /* no lease: not dynamic */
	done(st, START);
	assert_int_equal(schedule_due(&st->s), START + POLL);
	assert_verbs(st, START + POLL, HANDOFF_CHECK, HANDOFF_CHECK);
	assert_int_equal(st->job.tasks[0].version, 4);
	assert_int_equal(st->job.tasks[0].made, 40);
	kv_is(st, BATCH_UNCHANGED, 4);
	lease_is(st, BATCH_FAILED, 0, false);
	done(st, START + POLL);
	assert_int_equal(schedule_due(&st->s), START + 2 * POLL);
	/* what could not be read may come back with the same version */
	kv_is(st, BATCH_FAILED, 4);
	done(st, START + 2 * POLL);
	assert_int_equal(schedule_due(&st->s), START + 3 * POLL);
	assert_verbs(st, START + 3 * POLL, HANDOFF_CHECK, HANDOFF_CHECK);
	assert_int_equal(st->job.tasks[0].version, 0);
	/* a failure puts off, and does not make it sooner */
	schedule_failed(&st->s, 0, START + 3 * POLL, 450);
	assert_int_equal(schedule_due(&st->s), START + 3 * POLL + 500);
	assert_false(schedule_given_up(&st->s, START + DEADLINE * 100));
	tear_down(st);
}

static void test_poll_jitter(void **state)
{
	static const uint32_t random[] = { 0, 1, 12345, UINT32_MAX };
	struct stage *st = set_up(PLAN_DELIVER_FILE, "none");

	(void)state;
	for (size_t i = 0; i < N_ELEMS(random); i++) {
		schedule_done(&st->s, st->batch, START, random[i]);
		st->s.have = false;
		assert_in_range(st->s.poll_due_ms, START + POLL * 9 / 10,
		    START + POLL * 11 / 10);
	}
	tear_down(st);
}

static void test_no_poll(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "none");

	(void)state;
	kv_is(st, BATCH_FRESH, 4);
	lease_is(st, BATCH_FRESH, 0, false);
	done(st, START);
	assert_true(schedule_due(&st->s) == SCHEDULE_NEVER);
	schedule_job(&st->s, START, &st->job);
	assert_false(st->job.keep_session);
	tear_down(st);
}

/* Two thirds of a lease, renewed; the store gives less near its max TTL; then
 * the secret is read anew. */
static void test_lease(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "restart");
	uint64_t now = START;

	(void)state;
	st->s.poll_ms = AN_HOUR;
	kv_is(st, BATCH_FRESH, 1);
	lease_is(st, BATCH_FRESH, 90, true);
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now += 60000);
	assert_verbs(st, now, HANDOFF_SKIP, HANDOFF_RENEW);
	assert_string_equal(st->job.tasks[1].lease, "db/creds/x/1");
	assert_int_equal(st->job.tasks[1].increment, 90);
	assert_true(st->job.keep_session);
	assert_false(st->job.all);
	st->batch->secrets[0].outcome = BATCH_OPEN;
	lease_is(st, BATCH_UNCHANGED, 90, true);
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now += 60000);
	lease_is(st, BATCH_UNCHANGED, 30, true); /* less than two thirds */
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now += 20000);
	assert_verbs(st, now, HANDOFF_SKIP, HANDOFF_READ);
	lease_is(st, BATCH_FAILED, 0, false);
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now + 30000);
	tear_down(st);
}

/* What cannot be given to the command is not asked for. */
static void test_lease_that_cannot_be_replaced(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "none");

	(void)state;
	kv_is(st, BATCH_FRESH, 1);
	lease_is(st, BATCH_FRESH, 90, false);
	done(st, START);
	assert_true(schedule_due(&st->s) == SCHEDULE_NEVER);
	lease_is(st, BATCH_FRESH, 90, true);
	done(st, START);
	assert_int_equal(schedule_due(&st->s), START + 60000);
	lease_is(st, BATCH_UNCHANGED, 10, true);
	done(st, START + 60000);
	assert_true(schedule_due(&st->s) == SCHEDULE_NEVER);
	tear_down(st);
}

/* The session is renewed; when it cannot be, the next fetch logs in anew and
 * reads the leases, which end with the old token; a failure in between does not
 * make it forget. */
static void test_session(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_ENV, "restart");
	uint64_t now = START;

	(void)state;
	st->s.poll_ms = AN_HOUR;
	kv_is(st, BATCH_FRESH, 1);
	lease_is(st, BATCH_FRESH, 3600, true);
	session_is(st, 90, true, true);
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now += 60000);
	assert_verbs(st, now, HANDOFF_SKIP, HANDOFF_SKIP);
	assert_true(st->job.session);
	assert_int_equal(st->job.renew_s, 90); /* as at first */
	session_is(st, 30, true, false);
	lease_is(st, BATCH_OPEN, 3600, true);
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now += 20000);
	assert_verbs(st, now, HANDOFF_SKIP, HANDOFF_READ);
	assert_false(st->job.session || st->job.renew_s);
	schedule_failed(&st->s, 0, now, 0);
	assert_verbs(st, now + 1000, HANDOFF_SKIP, HANDOFF_READ);
	lease_is(st, BATCH_FRESH, 3600, true);
	session_is(st, 90, true, true);
	done(st, now);
	assert_int_equal(schedule_due(&st->s), now + 60000);
	assert_verbs(st, now, HANDOFF_SKIP, HANDOFF_SKIP);
	assert_true(st->job.session);
	tear_down(st);
}

/* With nothing leased, a session that runs out wakes nobody; the next poll logs
 * in. */
static void test_session_without_lease(void **state)
{
	struct stage *st = set_up(PLAN_DELIVER_FILE, "none");

	(void)state;
	kv_is(st, BATCH_FRESH, 1);
	lease_is(st, BATCH_FRESH, 0, false);
	session_is(st, 15, false, true);
	done(st, START);
	assert_int_equal(schedule_due(&st->s), START + POLL);
	assert_verbs(st, START + POLL, HANDOFF_CHECK, HANDOFF_CHECK);
	assert_false(st->job.session);
	session_is(st, 0, false, true); /* a token that does not end */
	done(st, START + POLL);
	schedule_job(&st->s, START + POLL * 1000, &st->job);
	assert_true(st->job.session && !st->job.renew_s);
	tear_down(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_poll_jitter),
		cmocka_unit_test(test_no_poll),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_lease_that_cannot_be_replaced),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_session_without_lease),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
