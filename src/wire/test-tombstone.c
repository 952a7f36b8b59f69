#include "wire/tombstone.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KEY_2  "AhEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_3  "AxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define HEAD   "pharos-tombstones 1\n"
#define LINE_2 KEY_2 " 10.88.0.2 fd00:88::2 2026-11-21T21:00:00Z phone\n"
#define LINE_3 KEY_3 " - - 2026-11-21T21:00:01Z Laptop\n"

static int read_text(
    struct tombstones *out, const char *text, struct fault *fault)
{
	const struct tombstones_source source = {
		.name = "tombstones", .text = text, .n = strlen(text)
	};

	return tombstones_read(out, &source, fault);
}

static const struct {
	const char *label, *text, *says; /* says NULL: read, written the same */
} rows[] = {
	{ "none", HEAD, NULL },
	{ "one that took its addresses along", HEAD LINE_2, NULL },
	{ "one whose peer lives on", HEAD LINE_3, NULL },
	{ "both", HEAD LINE_2 LINE_3, NULL },
	{ "an empty file", "", ":1: not" },
	{ "no line's end", "pharos-tombstones 1", ":1: not" },
	{ "of a version to come", "pharos-tombstones 2\n", ":1: not" },
	{ "cut in a line", HEAD LINE_2 "AxEi", ":3: not" },
	{ "cut before a line's end", HEAD KEY_2 " - - 2026-11-21T21:00:01Z a",
	    ":2: not" },
	{ "an empty line", HEAD "\n", ":2: not" },
	{ "in another order", HEAD LINE_3 LINE_2, ":3: not" },
	{ "one twice", HEAD LINE_2 LINE_2, ":3: not" },
	{ "no key", HEAD "x - - 2026-11-21T21:00:01Z a\n", ":2: not" },
	{ "no name", HEAD KEY_2 " - - 2026-11-21T21:00:01Z\n", ":2: not" },
	{ "an empty name", HEAD KEY_2 " - - 2026-11-21T21:00:01Z \n",
	    ":2: not" },
	{ "one more word", HEAD KEY_2 " - - 2026-11-21T21:00:01Z a b\n",
	    ":2: not" },
	{ "a name with a tab", HEAD KEY_2 " - - 2026-11-21T21:00:01Z a\tb\n",
	    ":2: not" },
	{ "no time", HEAD KEY_2 " - - now a\n", ":2: not" },
	{ "the families exchanged",
	    HEAD KEY_2 " fd00::2 10.88.0.2 2026-11-21T21:00:01Z a\n",
	    ":2: not" },
	{ "a second form of an address",
	    HEAD KEY_2 " - FD00::2 2026-11-21T21:00:01Z a\n", ":2: not" },
	{ "two blanks", HEAD KEY_2 "  - - 2026-11-21T21:00:01Z a\n",
	    ":2: not" },
	{ "ends of DOS", HEAD KEY_2 " - - 2026-11-21T21:00:01Z a\r\n",
	    ":2: not" },
};

static void one_text_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CLEANUP(free_p) char *again = NULL;
		struct tombstones t = { .n = 0 };
		struct fault fault = FAULT_NONE;
		size_t n;
		int r = read_text(&t, rows[i].text, &fault);

		if (r != (rows[i].says ? -EINVAL : 0))
			fail_msg("%s: %d", rows[i].label, r);
		if (r) {
			assert_non_null(strstr(fault.text, rows[i].says));
			continue;
		}
		assert_int_equal(tombstones_write(&again, &n, &t), 0);
		assert_string_equal(again, rows[i].text);
		tombstones_deinit(&t);
		tombstones_deinit(&t);
	}
}

static void a_line_longer_than_any_is_refused(void **state)
{
	char text[1000] = HEAD;
	struct tombstones t;
	struct fault fault = FAULT_NONE;

	(void)state;
	memset(text + strlen(text), 'a', sizeof(text) - strlen(text) - 1);
	text[sizeof(text) - 2] = '\n';
	assert_int_equal(read_text(&t, text, &fault), -EINVAL);
}

static void what_is_dead_stays_dead(void **state)
{
	struct tombstones t = { .n = 0 }, more = { .n = 0 };
	const struct wgkey key = test_key(3);

	(void)state;
	assert_int_equal(read_text(&t, HEAD LINE_3, NULL), 0);
	assert_int_equal(read_text(&more,
			     HEAD LINE_2 KEY_3
			     " 10.88.0.3 fd00:88::3 2027-01-01T00:00:00Z a\n",
			     NULL),
	    0);
	assert_int_equal(tombstones_join(&t, &more), 0);
	assert_int_equal(tombstones_join(&t, &t), 0);
	assert_int_equal(t.n, 2);
	assert_non_null(tombstones_find(&t, &key));
	assert_string_equal(tombstones_find(&t, &key)->name, "Laptop");
	assert_int_equal(tombstones_find(&t, &key)->v4.address[3], 3);
	assert_int_equal(tombstones_find(&t, &key)->v6.address[15], 3);
	tombstones_deinit(&t);
	tombstones_deinit(&more);
}

/* In any order, all are found, and no other. */
static void all_are_found(void **state)
{
	struct tombstones t = { .n = 0 };

	(void)state;
	for (unsigned i = 0; i < 256; i += 2) {
		struct tombstone one = { .key = test_key((uint8_t)(i * 37)),
			.name = "a" };

		assert_int_equal(tombstones_add(&t, &one), 0);
	}
	assert_int_equal(t.n, 128);
	for (unsigned i = 0; i < 256; i++) {
		const struct wgkey key = test_key((uint8_t)i);

		assert_int_equal(tombstones_find(&t, &key) != NULL, i % 2 == 0);
	}
	tombstones_deinit(&t);
}

static void more_than_the_most_is_refused(void **state)
{
	struct tombstones t = { .n = 0 };
	struct tombstone one = { .name = "a" };

	(void)state;
	for (uint32_t i = 0; i < TOMBSTONES_MOST; i++) {
		for (size_t j = 0; j < 4; j++)
			one.key.bytes[j] = (uint8_t)(i >> (24 - 8 * j));
		assert_int_equal(tombstones_add(&t, &one), 0);
	}
	assert_int_equal(tombstones_add(&t, &one), 0);
	one.key.bytes[5] = 1;
	assert_int_equal(tombstones_add(&t, &one), -ENOBUFS);
	tombstones_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_text_each),
		cmocka_unit_test(a_line_longer_than_any_is_refused),
		cmocka_unit_test(what_is_dead_stays_dead),
		cmocka_unit_test(all_are_found),
		cmocka_unit_test(more_than_the_most_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
