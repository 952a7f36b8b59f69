#include "tether/lastrules.h"
#include "base/file.h"
#include "base/replace.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define RULES "table inet pharos_tether {\n\tchain pins {\n\t}\n}\n"

static char folder[64], path[80];

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-lastrules-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/" LASTRULES_NAME, folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void keep(const char *text)
{
	struct fault fault = FAULT_NONE;

	if (lastrules_write(folder, text, &fault))
		fail_msg("%s", fault.text);
}

static void what_was_kept_is_read(void **state)
{
	struct fault fault = FAULT_NONE;
	struct stat st;
	char *text = NULL;

	(void)state;
	keep("table inet pharos_tether {}\n");
	keep(RULES);
	assert_int_equal(lastrules_read(&text, folder, &fault), 0);
	assert_string_equal(text, RULES);
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void keep_not(void)
{
	unlink(path);
}

static void cut_short(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 3), 0);
}

static void cut_to_its_head(void)
{
	assert_int_equal(truncate(path, 20), 0);
}

static void empty(void)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void edit(void)
{
	CLEANUP(free_p) char *text = NULL;
	size_t n;

	assert_int_equal(file_read(&text, &n, path, 4096), 0);
	*strstr(text, "pins") = 'b';
	assert_int_equal(replace_file(path, text, n, 0600), 0);
}

static void take_the_head(void)
{
	assert_int_equal(replace_file(path, RULES, sizeof(RULES) - 1, 0600), 0);
}

static void open_to_all(void)
{
	assert_int_equal(chmod(path, 0666), 0);
}

static void what_is_not_as_it_was_is_refused(void **state)
{
	static const struct {
		const char *label;
		void (*deed)(void);
		int want;
		const char *told;
	} rows[] = {
		{ "none", keep_not, -ENOENT, "No such file" },
		{ "cut", cut_short, -EINVAL, "not as it was written" },
		{ "head", cut_to_its_head, -EINVAL, "not as it was written" },
		{ "empty", empty, -EINVAL, "is empty" },
		{ "edited", edit, -EINVAL, "not as it was written" },
		{ "no head", take_the_head, -EINVAL, "not as it was written" },
		{ "others", open_to_all, -EINVAL, "written by others" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		char *text = NULL;

		unlink(path);
		keep(RULES);
		rows[i].deed();
		if (lastrules_read(&text, folder, &fault) != rows[i].want ||
		    fault.code != rows[i].want ||
		    !strstr(fault.text, rows[i].told) || text)
			fail_msg("%s: %s", rows[i].label, fault.text);
	}
}

static void what_cannot_be_kept_is_told(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(lastrules_write("/none", RULES, &fault), -ENOENT);
	assert_non_null(strstr(fault.text, "/none/" LASTRULES_NAME));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		each(what_was_kept_is_read),
		each(what_is_not_as_it_was_is_refused),
		each(what_cannot_be_kept_is_told),
	};

	return cmocka_run_group_tests_name("lastrules", tests, NULL, NULL);
}
