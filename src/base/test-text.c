#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
	const char *label, *text;
	size_t left, want;
} rows[] = {
	{ "a letter", "a", 1, 1 },
	{ "a space", " ", 1, 1 },
	{ "two bytes", "\xc3\xa9", 2, 2 },
	{ "three bytes", "\xe2\x82\xac", 3, 3 },
	{ "four bytes", "\xf0\x9f\x97\xbc", 4, 4 },
	{ "highest character", "\xf4\x8f\xbf\xbf", 4, 4 },
	{ "nothing left", "a", 0, 0 },
	{ "NUL", "\0", 1, 0 },
	{ "newline", "\n", 1, 0 },
	{ "escape", "\x1b[31m", 5, 0 },
	{ "delete", "\x7f", 1, 0 },
	{ "C1 control (CSI)", "\xc2\x9b", 2, 0 },
	{ "cut short", "\xe2\x82", 2, 0 },
	{ "cut by the next lead", "\xe2\x82\x61", 3, 0 },
	{ "lone continuation", "\x80", 1, 0 },
	{ "over-long slash", "\xc0\xaf", 2, 0 },
	{ "over-long in three", "\xe0\x80\xaf", 3, 0 },
	{ "over-long in four", "\xf0\x80\x80\xaf", 4, 0 },
	{ "surrogate", "\xed\xa0\x80", 3, 0 },
	{ "past the last character", "\xf4\x90\x80\x80", 4, 0 },
	{ "five-byte form", "\xf8\x88\x80\x80\x80", 5, 0 },
	{ "right-to-left override", "\xe2\x80\xae", 3, 0 },
	{ "line separator", "\xe2\x80\xa8", 3, 0 },
	{ "zero width space", "\xe2\x80\x8b", 3, 0 },
	{ "byte order mark", "\xef\xbb\xbf", 3, 0 },
};

static void only_safe_characters_are_printable(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		size_t n = text_printable(rows[i].text, rows[i].left);

		if (n != rows[i].want)
			fail_msg("%s: got %zu", rows[i].label, n);
	}
}

static const struct {
	const char *label, *in, *want;
} tame_rows[] = {
	{ "empty", "", "" },
	{ "nothing to do", "pharos: caf\xc3\xa9", "pharos: caf\xc3\xa9" },
	{ "a second line", "one\ntwo", "one?two" },
	{ "an escape sequence", "\x1b]0;x\a", "?]0;x?" },
	{ "each bad byte once",
	    "a\xe2\x80\xae"
	    "b",
	    "a???b" },
	{ "cut at the end", "a\xe2\x82", "a??" },
};

static void taming_leaves_one_harmless_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(tame_rows); i++) {
		char text[40];

		snprintf(text, sizeof(text), "%s", tame_rows[i].in);
		text_tame(text);
		if (strcmp(text, tame_rows[i].want))
			fail_msg("%s: got %s", tame_rows[i].label, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_safe_characters_are_printable),
		cmocka_unit_test(taming_leaves_one_harmless_line),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
