/* What a fetch may say, in which order. The table reads as a conversation: one
 * letter a packet. */
#include "wrapper/batch.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

/* Secret 0 has items 0 and 1 and is read; 1 has item 2 and is checked; 2 has
 * item 3 and is skipped. */
static struct plan *make_plan(void)
{
	char *secrets[] = { (char[]){ "s/a" }, (char[]){ "s/b" },
		(char[]){ "s/c" } };
	char *maps[] = { (char[]){ "x=A,y=B;x=C;x=D" } };
	struct plan *p = NULL;

	assert_int_equal(plan_new(&p,
			     &(struct plan_order){ secrets, 3, maps, 1,
				 PLAN_DELIVER_ENV, NULL, "none", 0 },
			     NULL),
	    0);
	return p;
}

static const struct handoff_job job = {
	.n_tasks = 3,
	.tasks = { { HANDOFF_READ }, { HANDOFF_CHECK }, { HANDOFF_SKIP } },
};

enum { WITH = 1, WITHOUT = 0 }; /* a descriptor */
static const struct {
	char letter;
	int descriptor;
	struct handoff_reply reply;
} packets[] = {
	{ '0', WITH, { HANDOFF_VALUE, .u.value = { 0, 4, false } } },
	{ '1', WITH, { HANDOFF_VALUE, .u.value = { 1, 4, false } } },
	{ '2', WITH, { HANDOFF_VALUE, .u.value = { 2, 4, false } } },
	{ '3', WITH, { HANDOFF_VALUE, .u.value = { 3, 4, false } } },
	{ '4', WITH, { HANDOFF_VALUE, .u.value = { 4, 4, false } } },
	{ 'n', WITHOUT, { HANDOFF_VALUE, .u.value = { 0, 4, false } } },
	{ 'l', WITH, { HANDOFF_VALUE, .u.value = { 0, 5, false } } },
	{ 'a', WITHOUT,
	    { HANDOFF_SECRET,
		.u.secret = { 0, 7, "l/1", 60, true, false, 70 } } },
	{ 'A', WITHOUT,
	    { HANDOFF_SECRET, .u.secret = { 0, 7, "", 0, false, true } } },
	{ 'b', WITHOUT,
	    { HANDOFF_SECRET, .u.secret = { 1, 3, "", 0, false, false } } },
	{ 'B', WITHOUT,
	    { HANDOFF_SECRET, .u.secret = { 1, 3, "", 0, false, true } } },
	{ 'c', WITHOUT,
	    { HANDOFF_SECRET, .u.secret = { 2, 3, "", 0, false, true } } },
	{ 'z', WITH,
	    { HANDOFF_SECRET, .u.secret = { 1, 3, "", 0, false, true } } },
	{ 's', WITH,
	    { HANDOFF_SESSION, .u.session = { 4, false, 60, true, true } } },
	{ 'S', WITHOUT,
	    { HANDOFF_SESSION, .u.session = { 4, false, 60, true, true } } },
	{ 'f', WITHOUT,
	    { HANDOFF_FAULT,
		.u.fault = { 0, HANDOFF_HOP_PATH, true, 0, "no", "do" } } },
	{ 'g', WITHOUT,
	    { HANDOFF_FAULT,
		.u.fault = { 2, HANDOFF_HOP_PATH, true, 0, "no", "do" } } },
	{ 'F', WITHOUT,
	    { HANDOFF_FAULT, .u.fault = { HANDOFF_WHOLE, HANDOFF_HOP_LOGIN,
				 true, 900, "no", "do" } } },
	{ 'D', WITHOUT, { HANDOFF_DONE, .u.done = { false } } },
};

static int take(struct batch *b, char letter)
{
	uint8_t bytes[HANDOFF_REPLY_MOST];
	size_t i = 0, n = 0;
	int fd = -1;

	while (packets[i].letter != letter)
		i++;
	if (packets[i].descriptor) {
		fd = memfd_create("value", MFD_CLOEXEC);
		assert_int_equal(write(fd, "four", 4), 4);
	}
	assert_int_equal(
	    handoff_write_reply(&packets[i].reply, bytes, sizeof(bytes), &n),
	    0);
	return batch_take(b, bytes, n, fd);
}

static const struct {
	const char *label, *said;
	int want; /* of the last packet */
	bool over;
} talks[] = {
	{ "everything", "01a2bsD", 0, true },
	{ "the checked one is as before", "01aBD", 0, true },
	{ "session first", "s01aBD", 0, true },
	{ "in another order", "B0s1aD", 0, true },
	{ "one secret failed", "fBD", 0, true },
	{ "one failed after a value", "0fBD", 0, true },
	{ "all failed", "F", 0, true },
	{ "all failed after values", "01aF", 0, true },
	{ "done too early", "01aD", HANDOFF_E_FORMAT, false },
	{ "a value is missing", "0a", HANDOFF_E_FORMAT, false },
	{ "a value twice", "00", HANDOFF_E_FORMAT, false },
	{ "a value after its secret", "01a0", HANDOFF_E_FORMAT, false },
	{ "a value after its fault", "f0", HANDOFF_E_FORMAT, false },
	{ "a value of a skipped secret", "3", HANDOFF_E_FORMAT, false },
	{ "a value that is not in the plan", "4", HANDOFF_E_FORMAT, false },
	{ "a value without descriptor", "n", HANDOFF_E_FORMAT, false },
	{ "a value shorter than said", "l", -EINVAL, false },
	{ "a secret twice", "BB", HANDOFF_E_FORMAT, false },
	{ "a skipped secret", "c", HANDOFF_E_FORMAT, false },
	{ "a fault of a skipped secret", "g", HANDOFF_E_FORMAT, false },
	{ "values and unchanged", "2B", HANDOFF_E_FORMAT, false },
	{ "unchanged, but it was to be read", "A", HANDOFF_E_FORMAT, false },
	{ "a secret with a descriptor", "z", HANDOFF_E_FORMAT, false },
	{ "session twice", "ss", HANDOFF_E_FORMAT, false },
	{ "session without descriptor", "S", HANDOFF_E_FORMAT, false },
	{ "something after the end", "01aBDB", HANDOFF_E_FORMAT, true },
	{ "something after the fault", "FD", HANDOFF_E_FORMAT, true },
};

static void test_talks(void **state)
{
	struct plan *p = make_plan();

	(void)state;
	for (size_t i = 0; i < N_ELEMS(talks); i++) {
		CLEANUP(batch_freep) struct batch *b = NULL;
		int r = 0;

		assert_int_equal(batch_new(&b, p, &job), 0);
		for (const char *c = talks[i].said; *c; c++) {
			if (r)
				fail_msg("%s: early %d", talks[i].label, r);
			r = take(b, *c);
		}
		if (r != talks[i].want || b->over != talks[i].over)
			fail_msg("%s: %d", talks[i].label, r);
	}
	plan_free(p);
}

static void test_contents(void **state)
{
	CLEANUP(batch_freep) struct batch *b = NULL;
	struct plan *p = make_plan();

	(void)state;
	assert_int_equal(batch_new(&b, p, &job), 0);
	for (const char *c = "01aBsD"; *c; c++)
		assert_int_equal(take(b, *c), 0);
	assert_int_equal(b->secrets[0].outcome, BATCH_FRESH);
	assert_int_equal(b->secrets[0].version, 7);
	assert_int_equal(b->secrets[0].made, 70);
	assert_string_equal(b->secrets[0].lease, "l/1");
	assert_int_equal(b->secrets[1].outcome, BATCH_UNCHANGED);
	assert_int_equal(b->secrets[2].outcome, BATCH_OPEN);
	assert_true(b->values[1].fd >= 0 && b->values[2].fd < 0);
	assert_true(b->session.fd >= 0 && b->session_fresh);
	plan_free(p);
}

/* A fault names its hop; values that came before it are gone. */
static void test_faults(void **state)
{
	CLEANUP(batch_freep) struct batch *b = NULL, *whole = NULL;
	struct plan *p = make_plan();

	(void)state;
	assert_int_equal(batch_new(&b, p, &job), 0);
	assert_int_equal(batch_new(&whole, p, &job), 0);
	assert_int_equal(take(b, '0') | take(b, 'f'), 0);
	assert_int_equal(b->values[0].fd, -1);
	assert_string_equal(b->secrets[0].fault.text, "path: no");
	assert_string_equal(b->secrets[0].fault.hint, "do");
	assert_int_equal(take(whole, 'F'), 0);
	assert_string_equal(whole->fault.text, "login: no");
	assert_int_equal(whole->retry_ms, 900);
	plan_free(p);
}

static void test_garbage(void **state)
{
	CLEANUP(batch_freep) struct batch *b = NULL;
	struct plan *p = make_plan();
	int fd = memfd_create("value", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(batch_new(&b, p, &job), 0);
	assert_int_equal(batch_take(b, "garbage", 7, fd), HANDOFF_E_FORMAT);
	assert_int_equal(close(fd), -1); /* it was taken */
	plan_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
