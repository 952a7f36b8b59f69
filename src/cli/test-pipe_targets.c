/* What `pharos pipe expose` may dial, from --to, and what a name finds. */
#include "cli/pipe_targets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

#define LONG64                                                                 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *label;
	const char *items[3];
	const char *said; /* NULL: they are good */
} lists[] = {
	{ "one address", { "127.0.0.1:22" }, NULL },
	{ "an address by name", { "db.internal:5432" }, NULL },
	{ "IPv6", { "[::1]:22" }, NULL },
	{ "a name", { "ssh=127.0.0.1:22" }, NULL },
	{ "several", { "ssh=127.0.0.1:22", "db=[::1]:5", "h:1" }, NULL },
	{ "one address twice", { "a=h:1", "b=h:1" }, NULL },
	{ "the longest name", { LONG64 "=h:1" }, NULL },
	{ "a name too long", { LONG64 "a=h:1" }, "too long" },
	{ "no port", { "127.0.0.1" }, "127.0.0.1" },
	{ "no host", { ":22" }, ":22" },
	{ "nothing after the name", { "ssh=" }, "--to" },
	{ "an empty name", { "=h:1" }, "a name has" },
	{ "upper case", { "SSH=h:1" }, "a name has" },
	{ "a name with a slash", { "a/b=h:1" }, "a name has" },
	{ "two without names", { "h:1", "h:2" }, "two of them have no name" },
	{ "a name twice", { "a=h:1", "a=h:2" }, "given twice" },
	{ "a name with a name", { "a=b=h:1" }, "--to" },
};

static void each_list_is_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(lists); i++) {
		char *items[3];
		struct option_list list = { .items = items };
		struct pipe_targets targets;
		struct fault fault = FAULT_NONE;
		int r;

		while (list.n_items < 3 && lists[i].items[list.n_items]) {
			items[list.n_items] =
			    (char *)(uintptr_t)lists[i].items[list.n_items];
			list.n_items++;
		}
		r = pipe_targets_read(&targets, &list, &fault);
		if (!lists[i].said && (r || targets.n != list.n_items))
			fail_msg("%s: %s", lists[i].label, fault.text);
		if (lists[i].said &&
		    (r != OPTION_E_BAD || !strstr(fault.text, lists[i].said)))
			fail_msg("%s: %d %s", lists[i].label, r, fault.text);
	}
}

static void as_many_as_there_is_room_for(void **state)
{
	static char text[PIPE_TARGETS_MOST + 1][16];
	char *items[PIPE_TARGETS_MOST + 1];
	struct option_list list = { .items = items };
	struct pipe_targets targets;
	struct fault fault = FAULT_NONE;

	(void)state;
	for (int i = 0; i <= PIPE_TARGETS_MOST; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "n%d=h:1", i);
		items[i] = text[i];
	}
	list.n_items = PIPE_TARGETS_MOST;
	assert_int_equal(pipe_targets_read(&targets, &list, &fault), 0);
	list.n_items++;
	assert_int_equal(
	    pipe_targets_read(&targets, &list, &fault), OPTION_E_BAD);
	assert_non_null(strstr(fault.text, "at most 64"));
}

static void read_items(
    struct pipe_targets *out, const char *one, const char *two)
{
	char *items[] = { (char *)(uintptr_t)one, (char *)(uintptr_t)two };
	struct option_list list = { items, two ? 2 : 1 };

	assert_int_equal(pipe_targets_read(out, &list, NULL), 0);
}

static const char *found(const struct pipe_targets *targets, const char *name)
{
	const struct pipe_target *t = pipe_targets_find(targets, name);

	return t ? t->address : "none";
}

static void a_name_finds_its_own_and_nothing_else(void **state)
{
	struct pipe_targets targets;

	(void)state;
	read_items(&targets, "ssh=h:22", "db=h:5");
	assert_string_equal(found(&targets, "ssh"), "h:22");
	assert_string_equal(found(&targets, "db"), "h:5");
	assert_string_equal(found(&targets, ""), "none");
	assert_string_equal(found(&targets, "h:22"), "none");
	assert_string_equal(found(&targets, "ss"), "none");
	read_items(&targets, "ssh=h:22", "h:5");
	assert_string_equal(found(&targets, ""), "h:5");
	read_items(&targets, "ssh=h:22", NULL);
	assert_string_equal(found(&targets, ""), "h:22"); /* the only one */
	assert_string_equal(found(&targets, "db"), "none");
	read_items(&targets, "h:22", NULL);
	assert_string_equal(found(&targets, "ssh"), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_list_is_taken_or_refused),
		cmocka_unit_test(as_many_as_there_is_room_for),
		cmocka_unit_test(a_name_finds_its_own_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
