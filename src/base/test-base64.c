#include "base/base64.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <sodium.h>

static const struct {
	const char *label;
	enum base64 kind;
	const char *text, *bytes;
	int want;
} rows[] = {
	{ "nothing", BASE64_PADDED, "", "", 0 },
	{ "padded", BASE64_PADDED, "aGk+", "hi>", 3 },
	{ "padded by one", BASE64_PADDED, "aGk=", "hi", 2 },
	{ "padded by two", BASE64_PADDED, "aA==", "h", 1 },
	{ "padding missing", BASE64_PADDED, "aGk", "", -EINVAL },
	{ "too much padding", BASE64_PADDED, "aGk==", "", -EINVAL },
	{ "the other alphabet", BASE64_PADDED, "aGk-", "", -EINVAL },
	{ "stray bits", BASE64_PADDED, "aGl=", "", -EINVAL },
	{ "a line end where none may be", BASE64_PADDED, "aGk=\n", "",
	    -EINVAL },
	{ "lines", BASE64_LINES, " aG\r\n\tk=\n", "hi", 2 },
	{ "no digit among lines", BASE64_LINES, "aG\vk=", "", -EINVAL },
	{ "for addresses", BASE64_URL, "aGk-", "hi>", 3 },
	{ "for addresses, short", BASE64_URL, "aGk", "hi", 2 },
	{ "for addresses, padded", BASE64_URL, "aGk=", "", -EINVAL },
	{ "for addresses, stray bits", BASE64_URL, "aGl", "", -EINVAL },
	{ "for addresses, the other alphabet", BASE64_URL, "aGk+", "",
	    -EINVAL },
	{ "one digit alone", BASE64_URL, "a", "", -EINVAL },
	{ "something behind it", BASE64_URL, "aGk aA", "", -EINVAL },
	{ "more than there is room for", BASE64_URL, "aGhoaGho", "", -EINVAL },
};

static void each_kind_takes_its_own_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char out[4] = "";
		ssize_t n = base64_read(
		    rows[i].kind, out, 4, rows[i].text, strlen(rows[i].text));

		if (n != rows[i].want)
			fail_msg("%s: got %zd", rows[i].label, n);
		if (n > 0 && memcmp(out, rows[i].bytes, (size_t)n))
			fail_msg("%s: wrong bytes", rows[i].label);
	}
}

/* Found by the fuzzer of join strings: bytes above 127 passed for digits. */
static void what_was_read_is_written_the_same(void **state)
{
	(void)state;
	for (int at = 0; at < 4; at++)
		for (int c = 0; c < 256; c++) {
			char text[] = "AAAA", again[5] = "";
			uint8_t bytes[3];
			ssize_t n;

			text[at] = (char)c;
			n = base64_read(BASE64_URL, bytes, 3, text, 4);
			if (n < 0)
				continue;
			sodium_bin2base64(again, sizeof(again), bytes,
			    (size_t)n,
			    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
			assert_string_equal(again, text);
		}
}

/* What is behind the text is not read: it need not end in a NUL. */
static void only_the_stated_length_counts(void **state)
{
	static const char text[] = { 'a', 'G', 'k', '?' };
	char out[2];

	(void)state;
	assert_int_equal(base64_read(BASE64_URL, out, 2, text, 3), 2);
	assert_int_equal(base64_read(BASE64_URL, out, 2, text, 4), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_takes_its_own_texts),
		cmocka_unit_test(what_was_read_is_written_the_same),
		cmocka_unit_test(only_the_stated_length_counts),
	};

	return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
