/* What every leg does (net/leg.c), shown on the kind that tests use, and what
 * the pair in memory does itself. */
#include "net/memleg.h"
#include "net/legkind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { CAPACITY = 8 };

struct watcher {
	unsigned last;
	int calls;
	enum { DO_NOTHING, DO_READ_ONE, DO_READ_ALL, DO_CLOSE, DO_HAND_ON } act;
	struct watcher *heir;
};

static struct loop *loop;
static struct leg *a, *b;
static struct watcher wa, wb;

static void on_event(void *ctx, struct leg *leg, unsigned events)
{
	struct watcher *w = ctx;
	char byte[CAPACITY];

	w->last = events;
	w->calls++;
	switch (w->act) {
	case DO_READ_ONE:
		assert_int_equal(leg_read(leg, byte, 1), 1);
		break;
	case DO_READ_ALL:
		while (leg_read(leg, byte, sizeof(byte)) > 0)
			;
		break;
	case DO_CLOSE:
		leg_close(leg);
		a = NULL;
		break;
	case DO_HAND_ON:
		leg_handle(leg, on_event, w->heir);
		break;
	case DO_NOTHING:
		break;
	}
}

static int setup(void **state)
{
	(void)state;
	wa = wb = (struct watcher){ .act = DO_NOTHING };
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(memleg_pair(&a, &b, loop, CAPACITY), 0);
	leg_handle(a, on_event, &wa);
	leg_handle(b, on_event, &wb);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leg_close(a);
	leg_close(b);
	loop_free(loop);
	return 0;
}

static void put(struct leg *leg, const char *text)
{
	assert_int_equal(
	    leg_write(leg, text, strlen(text)), (ssize_t)strlen(text));
}

static void take(struct leg *leg, const char *text)
{
	char got[64] = "";

	assert_int_equal(
	    leg_read(leg, got, sizeof(got) - 1), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static void turns(int n)
{
	while (n--)
		loop_turn(loop);
}

static void bytes_come_in_order_and_round_the_ring(void **state)
{
	(void)state;
	put(a, "abcdef");
	take(b, "abcdef");
	put(a, "ghijkl"); /* round the end of the ring */
	put(b, "xy");	  /* directions are apart */
	take(b, "ghijkl");
	take(a, "xy");
	assert_int_equal(leg_read(b, (char[1]){ 0 }, 1), -EAGAIN);
}

static void a_full_pair_takes_no_more(void **state)
{
	(void)state;
	assert_int_equal(leg_write(a, "0123456789", 10), CAPACITY);
	assert_int_equal(leg_write(a, "0123456789", 10), -EAGAIN);
	take(b, "01234567");
}

static void the_handler_is_never_called_from_a_call_of_the_owner(void **state)
{
	(void)state;
	leg_want(b, LEG_READ);
	put(a, "x");
	assert_int_equal(wb.calls, 0);
	turns(1);
	assert_int_equal(wb.calls, 1);
	assert_int_equal(wb.last, LEG_READ);
}

static void what_is_not_wanted_is_not_told(void **state)
{
	(void)state;
	put(a, "x");
	leg_finish(a);
	turns(3);
	assert_int_equal(wb.calls, 0);
	leg_want(b, LEG_READ);
	leg_want(b, 0);
	turns(3);
	assert_int_equal(wb.calls, 0);
}

static void readiness_is_told_once_a_turn_while_it_lasts(void **state)
{
	(void)state;
	wb.act = DO_READ_ONE;
	leg_want(b, LEG_READ);
	put(a, "xyz");
	turns(1);
	assert_int_equal(wb.calls, 1);
	turns(5);
	assert_int_equal(wb.calls, 3);
}

static void a_condition_that_has_passed_is_not_told(void **state)
{
	(void)state;
	leg_want(b, LEG_READ);
	put(a, "x");
	take(b, "x");
	turns(1);
	assert_int_equal(wb.calls, 0);
}

static void writing_is_told_when_there_is_room(void **state)
{
	(void)state;
	put(a, "01234567");
	leg_want(a, LEG_WRITE);
	turns(2);
	assert_int_equal(wa.calls, 0);
	take(b, "01234567");
	wa.act = DO_HAND_ON;
	wa.heir = &wb;
	turns(1);
	assert_int_equal(wa.calls, 1);
	assert_int_equal(wa.last, LEG_WRITE);
	leg_want(a, 0);
}

static void the_handler_may_close_its_leg(void **state)
{
	(void)state;
	wa.act = DO_CLOSE;
	leg_want(a, LEG_READ);
	put(b, "x");
	turns(2);
	assert_int_equal(wa.calls, 1);
	assert_null(a);
}

static void a_new_handler_is_told_what_still_holds(void **state)
{
	(void)state;
	wb.act = DO_HAND_ON;
	wb.heir = &wa;
	wa.act = DO_READ_ALL;
	leg_want(b, LEG_READ);
	put(a, "x");
	turns(3);
	assert_int_equal(wb.calls, 1);
	assert_int_equal(wa.calls, 1);
}

static void closing_takes_back_a_call_that_was_due(void **state)
{
	(void)state;
	leg_want(b, LEG_READ);
	put(a, "x");
	leg_close(STEAL(b));
	turns(2);
	assert_int_equal(wb.calls, 0);
}

static void the_end_comes_after_the_last_byte(void **state)
{
	(void)state;
	put(a, "last");
	leg_finish(a);
	leg_finish(a);
	assert_int_equal(leg_write(a, "x", 1), -EPIPE);
	take(b, "last");
	assert_int_equal(leg_read(b, (char[1]){ 0 }, 1), 0);
	assert_int_equal(leg_read(b, (char[1]){ 0 }, 1), 0);
	put(b, "back"); /* the other direction goes on */
	take(a, "back");
}

static void a_reset_is_told_unasked_and_once(void **state)
{
	(void)state;
	put(a, "last");
	leg_reset(STEAL(a));
	turns(3);
	assert_int_equal(wb.calls, 1);
	assert_int_equal(wb.last, LEG_GONE);
	assert_int_equal(leg_state(b), LEG_FAILED);
	assert_int_not_equal(leg_fault(b)->text[0], '\0');
	take(b, "last"); /* what came before, then the error */
	assert_int_equal(leg_read(b, (char[1]){ 0 }, 1), -ECONNRESET);
	assert_int_equal(leg_write(b, "x", 1), -ECONNRESET);
	leg_finish(b);
}

static void a_reset_reaches_a_handler_that_comes_later(void **state)
{
	(void)state;
	leg_handle(b, NULL, NULL);
	leg_reset(STEAL(a));
	turns(1);
	leg_handle(b, on_event, &wb);
	turns(1);
	assert_int_equal(wb.calls, 1);
	assert_int_equal(wb.last, LEG_GONE);
}

static void a_closed_peer_fails_the_next_write(void **state)
{
	(void)state;
	put(a, "bye");
	leg_close(STEAL(a));
	turns(1);
	assert_int_equal(leg_state(b), LEG_OPEN);
	take(b, "bye");
	assert_int_equal(leg_read(b, (char[1]){ 0 }, 1), 0);
	assert_int_equal(leg_write(b, "x", 1), -ECONNRESET);
	turns(1);
	assert_int_equal(wb.last, LEG_GONE);
}

static void a_blocked_writer_finds_out_that_the_peer_closed(void **state)
{
	(void)state;
	put(b, "01234567");
	leg_want(b, LEG_WRITE);
	turns(1);
	assert_int_equal(wb.calls, 0);
	leg_close(STEAL(a));
	turns(1);
	assert_int_equal(wb.last, LEG_WRITE);
	assert_int_equal(leg_write(b, "x", 1), -ECONNRESET);
}

static void chopped_bytes_still_come_whole(void **state)
{
	static const char text[] = "the quick brown fox jumps";
	char got[sizeof(text)] = "";
	size_t out = 0, in = 0;
	bool was_short = false;

	(void)state;
	memleg_chop(a, 3, 7);
	while (in < sizeof(text)) {
		ssize_t n = leg_write(a, text + out, sizeof(text) - out);

		if (n > 0)
			out += (size_t)n;
		n = leg_read(b, got + in, sizeof(got) - in);
		assert_in_range(n, 1, 3);
		was_short |= n < 3;
		in += (size_t)n;
	}
	assert_string_equal(got, text);
	assert_true(was_short);
}

static void a_pair_has_a_name_and_nothing_below(void **state)
{
	(void)state;
	assert_string_equal(leg_source(a), "memory");
	assert_null(leg_lower(a));
	assert_ptr_equal(leg_loop(a), loop);
	assert_string_equal(leg_fault(a)->text, "");
	leg_close(NULL);
	leg_reset(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_in_order_and_round_the_ring),
		TEST(a_full_pair_takes_no_more),
		TEST(the_handler_is_never_called_from_a_call_of_the_owner),
		TEST(what_is_not_wanted_is_not_told),
		TEST(readiness_is_told_once_a_turn_while_it_lasts),
		TEST(a_condition_that_has_passed_is_not_told),
		TEST(writing_is_told_when_there_is_room),
		TEST(the_handler_may_close_its_leg),
		TEST(a_new_handler_is_told_what_still_holds),
		TEST(closing_takes_back_a_call_that_was_due),
		TEST(the_end_comes_after_the_last_byte),
		TEST(a_reset_is_told_unasked_and_once),
		TEST(a_reset_reaches_a_handler_that_comes_later),
		TEST(a_closed_peer_fails_the_next_write),
		TEST(a_blocked_writer_finds_out_that_the_peer_closed),
		TEST(chopped_bytes_still_come_whole),
		TEST(a_pair_has_a_name_and_nothing_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
