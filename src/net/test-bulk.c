/* A TCP leg whose reader notes what it reads; the clock is the test's. */
#include "net/bulk.h"
#include "net/tcp.h"
#include "net/test-support.h"

static struct loop *loop;
static struct leg *leg;
static int peer, fd;
static struct bulk bulk;
static uint64_t now;
static unsigned told;

static void on_event(void *ctx, struct leg *l, unsigned events)
{
	(void)ctx, (void)l;
	told |= events;
}

static int setup(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, now = 5000);
	test_tcp_pair(pair);
	peer = pair[0];
	fd = pair[1];
	assert_int_equal(tcp_leg_open(&leg, loop, fd, false), 0);
	leg_handle(leg, on_event, NULL);
	bulk = (struct bulk){ 0 };
	told = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bulk_end(&bulk);
	leg_reset(leg);
	close(peer);
	loop_free(loop);
	return 0;
}

static void pass(unsigned ms)
{
	loop_set_now(loop, now += ms);
	loop_turn(loop);
}

static void note(size_t n)
{
	bulk_note(&bulk, &leg, n);
}

/* What the kernel was told. */
static int mark(void)
{
	int bytes = 0;
	socklen_t size = sizeof(bytes);

	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &size), 0);
	return bytes;
}

static void who_reads_less_is_not_bulk(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		note(BULK_BYTES - 1);
		bulk_wait(&bulk);
		pass(BULK_MS);
	}
	assert_false(bulk_gathers(&bulk));
	assert_int_equal(mark(), 1);
}

static void who_reads_so_much_in_so_short_a_time_is(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_false(bulk_gathers(&bulk));
		note(BULK_BYTES / 4);
	}
	assert_true(bulk_gathers(&bulk));
	assert_int_equal(mark(), BULK_BYTES);
}

static void waiting_in_vain_ends_it(void **state)
{
	(void)state;
	note(BULK_BYTES);
	for (int i = 0; i < 10; i++) {
		bulk_wait(&bulk);
		note(1);
		pass(BULK_MS); /* the owner does not wait, a sink is full */
	}
	assert_true(bulk_gathers(&bulk));
	bulk_wait(&bulk);
	pass(BULK_MS);
	assert_false(bulk_gathers(&bulk));
	assert_int_equal(mark(), 1);
}

static void ending_is_at_once_and_repeatable(void **state)
{
	(void)state;
	note(BULK_BYTES);
	bulk_wait(&bulk);
	bulk_end(&bulk);
	bulk_end(&bulk);
	assert_false(bulk_gathers(&bulk));
	assert_int_equal(mark(), 1);
	pass(2 * BULK_MS); /* no timer is left */
}

static void last_words_come_when_the_wait_is_over(void **state)
{
	char got[8] = "";

	(void)state;
	note(BULK_BYTES);
	leg_want(leg, LEG_READ);
	assert_int_equal(leg_read(leg, got, sizeof(got)), -EAGAIN);
	bulk_wait(&bulk);
	assert_int_equal(send(peer, "last", 4, 0), 4);
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	assert_int_equal(told, 0);
	pass(BULK_MS);
	TEST_UNTIL(loop, told == LEG_READ);
	assert_int_equal(leg_read(leg, got, sizeof(got)), 4);
	assert_string_equal(got, "last");
}

static void an_end_or_a_reset_does_not_wait(void **state)
{
	(void)state;
	note(BULK_BYTES);
	leg_want(leg, LEG_READ);
	assert_int_equal(leg_read(leg, (char[1]){ 0 }, 1), -EAGAIN);
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	TEST_UNTIL(loop, told == LEG_READ);
	assert_int_equal(leg_read(leg, (char[1]){ 0 }, 1), 0);
	assert_int_equal(mark(), BULK_BYTES);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_reads_less_is_not_bulk),
		TEST(who_reads_so_much_in_so_short_a_time_is),
		TEST(waiting_in_vain_ends_it),
		TEST(ending_is_at_once_and_repeatable),
		TEST(last_words_come_when_the_wait_is_over),
		TEST(an_end_or_a_reset_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
