#include "base/fault.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static void set_fills_all_and_returns_the_code(void **state)
{
	struct fault f = FAULT_NONE;

	(void)state;
	assert_int_equal(
	    fault_set(&f, -ENOENT, "check the path", "no %s", "key"), -ENOENT);
	assert_int_equal(f.code, -ENOENT);
	assert_string_equal(f.text, "no key");
	assert_string_equal(f.hint, "check the path");
}

static void a_later_fault_replaces_the_hint_too(void **state)
{
	struct fault f = FAULT_NONE;

	(void)state;
	fault_set(&f, 1, "old", "old");
	fault_set(&f, 2, NULL, "new");
	assert_int_equal(f.code, 2);
	assert_string_equal(f.text, "new");
	assert_string_equal(f.hint, "");
}

static void nobody_listening_still_gets_the_code(void **state)
{
	(void)state;
	assert_int_equal(fault_set(NULL, 5, "hint", "text"), 5);
	assert_int_equal(fault_wrap(NULL, "hop"), 0);
}

static void a_peers_text_stays_one_line(void **state)
{
	struct fault f = FAULT_NONE;

	(void)state;
	fault_set(&f, 1, "two\nlines", "peer said \"%s\"", "a\r\n\x1b[2J");
	assert_string_equal(f.text, "peer said \"a???[2J\"");
	assert_string_equal(f.hint, "two?lines");
}

static void long_text_is_cut(void **state)
{
	struct fault f = FAULT_NONE;
	char text[2 * FAULT_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	fault_set(&f, 1, text, "%s", text);
	assert_int_equal(strlen(f.text), FAULT_TEXT_MAX - 1);
	assert_int_equal(strlen(f.hint), FAULT_HINT_MAX - 1);
	fault_wrap(&f, "%s", text);
	assert_int_equal(strlen(f.text), FAULT_TEXT_MAX - 1);
}

static void wrap_puts_the_hop_in_front(void **state)
{
	struct fault f = FAULT_NONE;

	(void)state;
	fault_set(&f, -ETIMEDOUT, "try later", "no answer");
	assert_int_equal(fault_wrap(&f, "beacon %s", "b1:443"), -ETIMEDOUT);
	assert_string_equal(f.text, "beacon b1:443: no answer");
	assert_string_equal(f.hint, "try later");
}

/* What fault_print() writes, caught at the descriptor. */
static void catch_print(const struct fault *f, char *text, size_t room)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	fault_print("pharos-beacon", f);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	n = read(ends[0], text, room - 1);
	assert_true(n > 0);
	text[n] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

static void print_shows_text_then_hint(void **state)
{
	struct fault f = FAULT_NONE;
	char text[1000];

	(void)state;
	fault_set(&f, 1, "do that", "it failed");
	catch_print(&f, text, sizeof(text));
	assert_string_equal(text, "pharos-beacon: it failed\n    do that\n");
	fault_set(&f, 1, NULL, "it failed");
	catch_print(&f, text, sizeof(text));
	assert_string_equal(text, "pharos-beacon: it failed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_all_and_returns_the_code),
		cmocka_unit_test(a_later_fault_replaces_the_hint_too),
		cmocka_unit_test(nobody_listening_still_gets_the_code),
		cmocka_unit_test(a_peers_text_stays_one_line),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(wrap_puts_the_hop_in_front),
		cmocka_unit_test(print_shows_text_then_hint),
	};

	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
