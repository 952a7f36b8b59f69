#include "base/replace.h"
#include "base/file.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], path[80];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-replace-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/f", folder);
	return 0;
}

/* Fails if anything but the file is in the folder. */
static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void expect(const char *want, mode_t mode)
{
	char *text = NULL;
	struct stat st;

	assert_int_equal(file_read(&text, NULL, path, 100), 0);
	assert_string_equal(text, want);
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void it_is_made_and_replaced(void **state)
{
	(void)state;
	assert_int_equal(replace_file(path, "one", 3, 0600), 0);
	expect("one", 0600);
	assert_int_equal(replace_file(path, "another", 7, 0644), 0);
	expect("another", 0644);
}

static void what_is_left_of_a_crash_is_no_hindrance(void **state)
{
	char waiting[90];

	(void)state;
	snprintf(waiting, sizeof(waiting), "%s.new", path);
	assert_int_equal(
	    replace_file(waiting, "half of a longer", 16, 0644), 0);
	assert_int_equal(replace_file(path, "whole", 5, 0600), 0);
	expect("whole", 0600);
}

static void on_a_full_disk_the_old_one_stands(void **state)
{
	struct rlimit whole, three;

	(void)state;
	assert_int_equal(replace_file(path, "old", 3, 0600), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
	three = (struct rlimit){ .rlim_cur = 3, .rlim_max = whole.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &three), 0);
	assert_int_equal(replace_file(path, "a new one", 9, 0600), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
	expect("old", 0600);
}

static void where_it_cannot_be_written_it_says_so(void **state)
{
	static char much[5000];
	char none[100], link[90];

	(void)state;
	snprintf(none, sizeof(none), "%s/none/f", folder);
	assert_int_equal(replace_file(none, "x", 1, 0600), -ENOENT);
	memset(much, 'a', sizeof(much) - 1);
	assert_int_equal(replace_file(much, "x", 1, 0600), -ENAMETOOLONG);
	/* it is never written through a link that lies in wait */
	snprintf(link, sizeof(link), "%s.new", path);
	assert_int_equal(symlink("/tmp/elsewhere", link), 0);
	assert_int_equal(replace_file(path, "x", 1, 0600), -ELOOP);
	assert_int_equal(access("/tmp/elsewhere", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define REPLACE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		REPLACE_TEST(it_is_made_and_replaced),
		REPLACE_TEST(what_is_left_of_a_crash_is_no_hindrance),
		REPLACE_TEST(on_a_full_disk_the_old_one_stands),
		REPLACE_TEST(where_it_cannot_be_written_it_says_so),
	};

	return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
