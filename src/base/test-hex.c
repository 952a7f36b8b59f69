#include "base/hex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void encode_gives_lower_case_and_a_nul(void **state)
{
	char text[9];

	(void)state;
	memset(text, 'x', sizeof(text));
	hex_encode(text, "\x00\x9f\x31\xff", 4);
	assert_string_equal(text, "009f31ff");
	hex_encode(text, "", 0);
	assert_string_equal(text, "");
}

static void a_digit_is_told_from_any_other_byte(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(digits, c) : NULL;
		int want = at ? (int)(at - digits) : -1;

		assert_int_equal(
		    hex_digit((char)c), want < 16 ? want : want - 6);
	}
}

static const struct {
	const char *label, *text;
	int want;
} rows[] = {
	{ "lower case", "0a1bff", 0 },
	{ "upper case", "0A1BFF", 0 },
	{ "mixed case", "0a1BfF", 0 },
	{ "too short", "0a1b", -EINVAL },
	{ "odd", "0a1bf", -EINVAL },
	{ "too long", "0a1bff0", -EINVAL },
	{ "empty", "", -EINVAL },
	{ "a letter past f", "0a1bfg", -EINVAL },
	{ "a sign", "0a1b-1", -EINVAL },
	{ "a space", " a1bff", -EINVAL },
	{ "0x in front", "0x1bff", -EINVAL },
	{ "a character with the top bit", "0a1b\xff\xff", -EINVAL },
};

static void decode_takes_exactly_its_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint8_t out[3] = { 7, 7, 7 };
		int r = hex_decode(out, 3, rows[i].text);

		if (r != rows[i].want)
			fail_msg("%s: got %d", rows[i].label, r);
		if (memcmp(out, r ? "\7\7\7" : "\x0a\x1b\xff", 3))
			fail_msg("%s: wrong bytes", rows[i].label);
	}
}

static void nothing_decodes_to_nothing(void **state)
{
	uint8_t out = 7;

	(void)state;
	assert_int_equal(hex_decode(&out, 0, ""), 0);
	assert_int_equal(hex_decode(&out, 0, "00"), -EINVAL);
	assert_int_equal(out, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digit_is_told_from_any_other_byte),
		cmocka_unit_test(encode_gives_lower_case_and_a_nul),
		cmocka_unit_test(decode_takes_exactly_its_digits),
		cmocka_unit_test(nothing_decodes_to_nothing),
	};

	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
