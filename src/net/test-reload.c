/* Which changes of files lead to a reading of them, and how often. */
#include "net/reload.h"
#include "base/log.h"
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { START = 1000, CALM = 250, PATIENCE = 2000, LOOK = 5000 };

static struct loop *loop;
static struct reload *reload;
static char folder[32], first[64], second[64];
static const char *files[] = { first, NULL, second };
static unsigned loads;
static int verdict;

static int on_load(void *ctx, struct fault *fault)
{
	assert_ptr_equal(ctx, &loads);
	loads++;
	return verdict ? fault_set(fault, verdict, "repair it", "half a file")
		       : 0;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static char *in_folder(const char *name)
{
	static char path[2][128];
	static unsigned turn;
	char *to = path[++turn % 2];

	snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
	return to;
}

/* As Kubernetes lays out a volume: FILE -> ..data/FILE, ..data -> ..v1 */
static int setup(void **state)
{
	(void)state;
	log_setup("test", LOG_FORMAT_TEXT, LOG_LEVEL_ERR);
	strcpy(folder, "/tmp/pharos-reload-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(first, sizeof(first), "%s/tls.crt", folder);
	snprintf(second, sizeof(second), "%s/tls.key", folder);
	assert_int_equal(mkdir(in_folder("..v1"), 0700), 0);
	write_file(in_folder("..v1/tls.crt"), "one");
	assert_int_equal(symlink("..v1", in_folder("..data")), 0);
	assert_int_equal(symlink("..data/tls.crt", first), 0);
	write_file(second, "two");
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, START);
	assert_int_equal(reload_open(&reload, loop,
			     &(struct reload_config){ .files = files,
				 .n_files = N_ELEMS(files),
				 .load = on_load,
				 .ctx = &loads }),
	    0);
	loads = 0;
	verdict = 0;
	return 0;
}

/* signature of nftw() */
static int remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	reload_close(reload);
	loop_free(loop);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What the kernel has to say is read, then the time passes. */
static void pass(uint64_t ms)
{
	loop_turn(loop);
	loop_set_now(loop, loop_now(loop) + ms);
	loop_turn(loop);
}

static void in_place(void)
{
	write_file(second, "three");
}

static void by_renaming(void)
{
	write_file(in_folder("new"), "two");
	assert_int_equal(rename(in_folder("new"), second), 0);
}

static void by_turning_a_link(void)
{
	assert_int_equal(mkdir(in_folder("..v2"), 0700), 0);
	write_file(in_folder("..v2/tls.crt"), "one");
	assert_int_equal(symlink("..v2", in_folder("..tmp")), 0);
	assert_int_equal(rename(in_folder("..tmp"), in_folder("..data")), 0);
}

static void both(void)
{
	by_renaming();
	by_turning_a_link();
}

static void removed(void)
{
	assert_int_equal(unlink(second), 0);
}

static void another_file(void)
{
	write_file(in_folder("log"), "a line");
}

static void nothing(void)
{
}

static void test_what_is_a_change(void **state)
{
	static const struct {
		const char *label;
		void (*change)(void);
		unsigned loads;
	} rows[] = {
		{ "nothing", nothing, 0 },
		{ "written in place", in_place, 1 },
		{ "replaced by renaming", by_renaming, 1 },
		{ "Kubernetes turns its link", by_turning_a_link, 1 },
		{ "both files at once", both, 1 },
		{ "removed", removed, 1 },
		{ "another file in the folder", another_file, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		rows[i].change();
		pass(CALM - 1);
		if (loads)
			fail_msg("%s: read too early", rows[i].label);
		pass(1);
		if (loads != rows[i].loads)
			fail_msg("%s: read %u times", rows[i].label, loads);
		pass(PATIENCE);
		assert_int_equal(loads, rows[i].loads);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* Whoever writes a file in pieces is waited for. */
static void test_calm_is_waited_for(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		write_file(second, &"0123456789"[i]);
		pass(CALM - 1);
		assert_int_equal(loads, 0);
	}
	pass(CALM);
	assert_int_equal(loads, 1);
}

/* But not for ever: somebody may write in that folder all day. */
static void test_patience_ends(void **state)
{
	(void)state;
	write_file(second, "changed");
	for (uint64_t t = 0; t < PATIENCE; t += 100) {
		another_file();
		pass(100);
		assert_true(t + 100 >= PATIENCE || !loads);
	}
	assert_int_equal(loads, 1);
}

static uint64_t count(const char *result)
{
	const struct metric_table *t = reload_metrics();

	for (size_t i = 0; i < t->n_rows; i++)
		if (strstr(t->rows[i].labels, result))
			return *t->rows[i].value;
	fail_msg("no %s", result);
	return 0;
}

/* What is refused is tried again with the next change, and not before. */
static void test_refused(void **state)
{
	uint64_t refused = count("refused"), done = count("done");

	(void)state;
	verdict = -EINVAL;
	in_place();
	pass(CALM);
	assert_int_equal(loads, 1);
	pass(PATIENCE);
	another_file();
	pass(PATIENCE);
	assert_int_equal(loads, 1);
	assert_int_equal(count("refused"), refused + 1);
	assert_int_equal(count("done"), done);
	verdict = 0;
	by_turning_a_link();
	pass(CALM);
	assert_int_equal(loads, 2);
	assert_int_equal(count("done"), done + 1);
}

/* A pipe is not read, by whichever way: the loop would wait for its writer. */
static void test_what_is_no_file_is_refused(void **state)
{
	uint64_t refused = count("refused");

	(void)state;
	removed();
	assert_int_equal(mkfifo(second, 0600), 0);
	pass(CALM);
	assert_int_equal(loads, 0);
	assert_int_equal(count("refused"), refused + 1);
	assert_int_equal(reload_now(reload), -EINVAL);
	assert_int_equal(loads, 0);
	by_renaming();
	pass(CALM);
	assert_int_equal(loads, 1);
}

static char aside[64];

static void move_folder_away(void)
{
	snprintf(aside, sizeof(aside), "%s-aside", folder);
	assert_int_equal(rename(folder, aside), 0);
}

static void make_folder(void)
{
	assert_int_equal(mkdir(folder, 0700), 0);
	write_file(first, "four");
	write_file(second, "five");
}

static void remove_folder(void)
{
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void move_back(void)
{
	remove_folder();
	assert_int_equal(rename(aside, folder), 0);
}

/* Whatever became of the old folder, changes in the new one are seen. */
static void test_a_folder_made_anew_is_watched(void **state)
{
	static const struct {
		const char *label;
		void (*go)(void), (*tidy)(void);
		bool at_once; /* before anybody has looked */
	} rows[] = {
		{ "removed", remove_folder, nothing, false },
		{ "removed and made at once", remove_folder, nothing, true },
		{ "moved", move_folder_away, move_back, false },
		{ "moved and made at once", move_folder_away, move_back, true },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		rows[i].go();
		if (!rows[i].at_once)
			pass((uint64_t)2 * LOOK); /* nothing is there */
		loads = 0;
		make_folder();
		pass(LOOK);
		pass(CALM);
		if (loads != 1)
			fail_msg("%s: read %u times", rows[i].label, loads);
		by_renaming();
		pass(CALM);
		if (loads != 2)
			fail_msg("%s: not watched", rows[i].label);
		pass((uint64_t)2 * LOOK);
		assert_int_equal(loads, 2);
		rows[i].tidy();
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* A signal is an order: no change is asked for, and none is read twice. */
static void test_signal(void **state)
{
	(void)state;
	assert_int_equal(reload_now(reload), 0);
	assert_int_equal(loads, 1);
	in_place();
	loop_turn(loop);
	verdict = -EINVAL;
	assert_int_equal(reload_now(reload), -EINVAL);
	assert_int_equal(loads, 2);
	pass(PATIENCE);
	assert_int_equal(loads, 2);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_a_change),
		TEST(test_calm_is_waited_for),
		TEST(test_patience_ends),
		TEST(test_refused),
		TEST(test_what_is_no_file_is_refused),
		TEST(test_a_folder_made_anew_is_watched),
		TEST(test_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
