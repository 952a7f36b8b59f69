#include "base/rd.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15 };

static void numbers_are_big_endian(void **state)
{
	struct rd r = rd_over(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(rd_u8(&r), 0x01);
	assert_int_equal(rd_u16(&r), 0x0203);
	assert_int_equal(rd_u32(&r), 0x04050607);
	assert_true(rd_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
	assert_true(rd_done(&r));
}

static void left_over_bytes_are_not_done(void **state)
{
	struct rd r = rd_over(bytes, 2);

	(void)state;
	rd_u8(&r);
	assert_true(rd_ok(&r));
	assert_false(rd_done(&r));
}

static void short_number(void (*read)(struct rd *), size_t n, const char *label)
{
	for (size_t left = 0; left <= n; left++) {
		struct rd r = rd_over(bytes, left);

		read(&r);
		if (rd_ok(&r) != (left == n))
			fail_msg("%s of %zu bytes", label, left);
	}
}

static void read8(struct rd *r)
{
	rd_u8(r);
}
static void read16(struct rd *r)
{
	rd_u16(r);
}
static void read32(struct rd *r)
{
	rd_u32(r);
}
static void read64(struct rd *r)
{
	rd_u64(r);
}

static void a_number_cut_anywhere_is_bad(void **state)
{
	(void)state;
	short_number(read8, 1, "u8");
	short_number(read16, 2, "u16");
	short_number(read32, 4, "u32");
	short_number(read64, 8, "u64");
}

static void after_an_error_all_reads_give_zeros(void **state)
{
	struct rd r = rd_over(bytes, 3);
	uint8_t copy[2] = { 7, 7 };

	(void)state;
	assert_int_equal(rd_u32(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_bytes(&r, 1));
	rd_copy(&r, copy, 2);
	assert_int_equal(copy[0], 0);
	assert_int_equal(copy[1], 0);
	assert_false(rd_ok(&r));
	assert_false(rd_done(&r));
}

static void bytes_are_borrowed_in_place(void **state)
{
	struct rd r = rd_over(bytes, 4);
	uint8_t copy[2];

	(void)state;
	assert_ptr_equal(rd_bytes(&r, 2), bytes);
	rd_copy(&r, copy, 2);
	assert_memory_equal(copy, bytes + 2, 2);
	assert_true(rd_done(&r));
}

static void nothing_can_be_read_from_nothing(void **state)
{
	struct rd r = rd_over(NULL, 0);

	(void)state;
	rd_copy(&r, NULL, 0);
	assert_true(rd_done(&r));
	assert_null(rd_bytes(&r, SIZE_MAX));
	assert_false(rd_ok(&r));
}

static void a_span_is_a_reader_of_its_own(void **state)
{
	static const uint8_t in[] = { 0, 2, 0xaa, 0xbb, 0xcc };
	struct rd r = rd_over(in, sizeof(in));
	struct rd span = rd_span16(&r);

	(void)state;
	assert_int_equal(rd_u16(&span), 0xaabb);
	assert_true(rd_done(&span));
	assert_int_equal(rd_u8(&span), 0); /* not into the next field */
	assert_false(rd_ok(&span));
	assert_int_equal(rd_u8(&r), 0xcc);
	assert_true(rd_done(&r));
}

static const struct {
	const char *label;
	uint8_t in[4];
	size_t n;
	bool good;
} span_rows[] = {
	{ "empty span", { 0, 0 }, 2, true },
	{ "exact span", { 0, 2, 1, 1 }, 4, true },
	{ "one byte short", { 0, 3, 1, 1 }, 4, false },
	{ "far too long", { 0xff, 0xff, 1, 1 }, 4, false },
	{ "half a length", { 0 }, 1, false },
	{ "no length", { 0 }, 0, false },
};

static void a_span_never_passes_the_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(span_rows); i++) {
		struct rd r = rd_over(span_rows[i].in, span_rows[i].n);
		struct rd span = rd_span16(&r);

		if (rd_ok(&r) != span_rows[i].good ||
		    rd_ok(&span) != span_rows[i].good)
			fail_msg("%s", span_rows[i].label);
		if (!span_rows[i].good && span.left)
			fail_msg("%s: bytes in a bad span", span_rows[i].label);
	}
}

static void a_parser_can_refuse(void **state)
{
	struct rd r = rd_over(bytes, 1);

	(void)state;
	rd_u8(&r);
	rd_fail(&r);
	assert_false(rd_done(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(left_over_bytes_are_not_done),
		cmocka_unit_test(a_number_cut_anywhere_is_bad),
		cmocka_unit_test(after_an_error_all_reads_give_zeros),
		cmocka_unit_test(bytes_are_borrowed_in_place),
		cmocka_unit_test(nothing_can_be_read_from_nothing),
		cmocka_unit_test(a_span_is_a_reader_of_its_own),
		cmocka_unit_test(a_span_never_passes_the_end),
		cmocka_unit_test(a_parser_can_refuse),
	};

	return cmocka_run_group_tests_name("rd", tests, NULL, NULL);
}
