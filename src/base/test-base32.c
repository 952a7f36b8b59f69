#include "base/base32.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* RFC 4648, section 10, in lower case and without its padding. */
static const struct {
	const char *bytes, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "my" },
	{ "fo", "mzxq" },
	{ "foo", "mzxw6" },
	{ "foob", "mzxw6yq" },
	{ "fooba", "mzxw6ytb" },
	{ "foobar", "mzxw6ytboi" },
};

static void the_vectors_of_the_rfc_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(vectors); i++) {
		size_t n = strlen(vectors[i].bytes);
		char text[16], upper[16] = "", back[8] = "";

		base32_encode(text, vectors[i].bytes, n);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(strlen(text), BASE32_DIGITS(n));
		assert_int_equal(base32_decode(back, n, text), 0);
		assert_string_equal(back, vectors[i].bytes);
		for (size_t j = 0; text[j]; j++)
			upper[j] =
			    (char)(text[j] >= 'a' ? text[j] - 32 : text[j]);
		memset(back, 0, sizeof(back));
		assert_int_equal(base32_decode(back, n, upper), 0);
		assert_string_equal(back, vectors[i].bytes);
	}
}

static const struct {
	const char *label, *text;
} wrong[] = {
	{ "too short", "mzx" },
	{ "too long", "mzxqa" },
	{ "empty", "" },
	{ "padded", "mzxq====" },
	{ "a digit that is none, 0", "mzx0" },
	{ "a digit that is none, 1", "m1xq" },
	{ "a digit that is none, 8", "8zxq" },
	{ "a sign", "mz-q" },
	{ "a character with the top bit", "mz\xffq" },
	{ "bits over that are not 0", "mzxr" },
};

static void decode_takes_exactly_its_digits(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(wrong); i++) {
		uint8_t out[2] = { 7, 7 };

		if (base32_decode(out, 2, wrong[i].text) != -EINVAL)
			fail_msg("taken: %s", wrong[i].label);
		assert_int_equal(out[0], 7);
		assert_int_equal(out[1], 7);
	}
}

static void every_bit_survives(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < 256; bit++) {
		uint8_t bytes[32] = { 0 }, back[32];
		char text[BASE32_DIGITS(32) + 1];

		bytes[bit / 8] = (uint8_t)(1U << bit % 8);
		base32_encode(text, bytes, sizeof(bytes));
		assert_int_equal(base32_decode(back, sizeof(back), text), 0);
		assert_memory_equal(back, bytes, sizeof(bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_both_ways),
		cmocka_unit_test(decode_takes_exactly_its_digits),
		cmocka_unit_test(every_bit_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
