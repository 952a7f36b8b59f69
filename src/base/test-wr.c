#include "base/wr.h"
#include "base/rd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void numbers_are_big_endian(void **state)
{
	static const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
		13, 14, 15, 'a', 'b', 0xff };
	uint8_t out[sizeof(want)];
	struct wr w = wr_over(out, sizeof(out));

	(void)state;
	wr_u8(&w, 0x01);
	wr_u16(&w, 0x0203);
	wr_u32(&w, 0x04050607);
	wr_u64(&w, UINT64_C(0x08090a0b0c0d0e0f));
	wr_text(&w, "ab");
	wr_bytes(&w, "\xff", 1);
	assert_true(wr_ok(&w));
	assert_int_equal(w.used, sizeof(want));
	assert_memory_equal(out, want, sizeof(want));
}

static void what_does_not_fit_is_not_written_and_remembered(void **state)
{
	uint8_t out[4] = { 9, 9, 9, 9 };
	struct wr w = wr_over(out, 3);

	(void)state;
	wr_u16(&w, 0);
	wr_u32(&w, 0);
	assert_false(wr_ok(&w));
	assert_int_equal(w.used, 2);
	wr_u8(&w, 0); /* would fit, but the error stays */
	assert_int_equal(w.used, 2);
	assert_int_equal(out[2], 9);
	assert_int_equal(out[3], 9);
}

static void marks_nest(void **state)
{
	static const uint8_t want[] = { 0, 5, 7, 0, 2, 8, 9, 6 };
	uint8_t out[sizeof(want)];
	struct wr w = wr_over(out, sizeof(out));
	size_t outer = wr_mark16(&w), inner;

	(void)state;
	wr_u8(&w, 7);
	inner = wr_mark16(&w);
	wr_u16(&w, 0x0809);
	wr_close16(&w, inner);
	wr_close16(&w, outer);
	wr_u8(&w, 6);
	assert_true(wr_ok(&w));
	assert_memory_equal(out, want, sizeof(want));
}

static void a_span_has_at_most_65535_bytes(void **state)
{
	static uint8_t out[UINT16_MAX + 3], body[UINT16_MAX + 1];

	(void)state;
	for (size_t n = UINT16_MAX; n <= UINT16_MAX + 1; n++) {
		struct wr w = wr_over(out, sizeof(out));
		size_t mark = wr_mark16(&w);

		wr_bytes(&w, body, n);
		assert_true(wr_ok(&w));
		wr_close16(&w, mark);
		assert_int_equal(wr_ok(&w), n == UINT16_MAX);
	}
}

static void a_mark_without_room_stays_bad(void **state)
{
	uint8_t out[1] = { 9 };
	struct wr w = wr_over(out, sizeof(out));
	size_t mark = wr_mark16(&w);

	(void)state;
	wr_close16(&w, mark);
	assert_false(wr_ok(&w));
	assert_int_equal(out[0], 9);
}

static void the_reader_takes_back_what_was_written(void **state)
{
	uint8_t out[32];
	struct wr w = wr_over(out, sizeof(out));
	size_t mark;
	struct rd r, span;

	(void)state;
	wr_u64(&w, UINT64_MAX - 1);
	mark = wr_mark16(&w);
	wr_text(&w, "hop");
	wr_close16(&w, mark);
	r = rd_over(out, w.used);
	assert_true(rd_u64(&r) == UINT64_MAX - 1);
	span = rd_span16(&r);
	assert_memory_equal(rd_bytes(&span, 3), "hop", 3);
	assert_true(rd_done(&span) && rd_done(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(
		    what_does_not_fit_is_not_written_and_remembered),
		cmocka_unit_test(marks_nest),
		cmocka_unit_test(a_span_has_at_most_65535_bytes),
		cmocka_unit_test(a_mark_without_room_stays_bad),
		cmocka_unit_test(the_reader_takes_back_what_was_written),
	};

	return cmocka_run_group_tests_name("wr", tests, NULL, NULL);
}
