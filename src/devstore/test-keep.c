#include "devstore/keep.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <cmocka.h>

#define OWNER "11111111-2222-4333-8444-555555555555"

struct place {
	char folder[32], file[64], log[64];
};

static int place_make(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->folder, "/tmp/pharos-keep-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->file, sizeof(p->file), "%s/store", p->folder);
	snprintf(p->log, sizeof(p->log), "%s/store-wal", p->folder);
	*state = p;
	return 0;
}

static int place_clear(void **state)
{
	struct place *p = *state;

	unlink(p->file);
	unlink(p->log);
	rmdir(p->folder);
	free(p);
	return 0;
}

static struct keep *opened(const struct place *p)
{
	struct fault fault = FAULT_NONE;
	struct keep *k;

	if (keep_open(&k, p->file, &fault))
		fail_msg("%s", fault.text);
	return k;
}

/* The rows of a kind as text: "name=value name=value ". */
struct rows {
	char text[4096];
};

static int on_row(void *ctx, const struct keep_row *row)
{
	struct rows *rows = ctx;
	size_t n = strlen(rows->text);

	snprintf(rows->text + n, sizeof(rows->text) - n, "%s=%lld ", row->name,
	    (long long)json_integer_value(json_object_get(row->value, "v")));
	return 0;
}

static void assert_rows(
    struct keep *k, enum keep_kind kind, const char *expected)
{
	struct rows rows = { .text = "" };

	assert_int_equal(keep_each(k, kind, on_row, &rows, NULL), 0);
	assert_string_equal(rows.text, expected);
}

static void put(
    const struct keep_at *at, enum keep_kind kind, const char *name, int v)
{
	keep_put(at, kind, name, json_pack("{si}", "v", v));
}

static void test_what_was_committed_is_there(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };

	assert_true(keep_is_empty(k));
	put(&at, KEEP_TOKEN, "b", 1);
	put(&at, KEEP_TOKEN, "a", 2);
	put(&at, KEEP_MOUNT, "a", 3);
	put(&at, KEEP_TOKEN, "b", 4);
	assert_rows(k, KEEP_TOKEN, ""); /* not yet */
	assert_int_equal(keep_commit(k, NULL), 0);
	put(&at, KEEP_TOKEN, "c", 5); /* never said to be done */
	keep_close(k);
	k = opened(*state);
	assert_false(keep_is_empty(k));
	assert_rows(k, KEEP_TOKEN, "b=4 a=2 "); /* in the order of making */
	assert_rows(k, KEEP_MOUNT, "a=3 ");
	keep_close(k);
}

static void test_what_was_removed_is_not(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };
	struct keep_at other = { .keep = k, .owner = "other" };

	put(&at, KEEP_TOKEN, "a", 1);
	put(&at, KEEP_TOKEN, "b", 2);
	put(&at, KEEP_MOUNT, "m", 3);
	put(&other, KEEP_MOUNT, "m", 4);
	assert_int_equal(keep_commit(k, NULL), 0);
	keep_remove(&at, KEEP_TOKEN, "a");
	keep_remove(&at, KEEP_TOKEN, "never there");
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "b=2 ");
	keep_drop(&at);
	put(&other, KEEP_MOUNT, "n", 5);
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "");
	assert_rows(k, KEEP_MOUNT, "m=4 n=5 ");
	keep_close(k);
}

static void test_what_is_forgotten_waits_for_a_change(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };

	put(&at, KEEP_TOKEN, "a", 1);
	assert_int_equal(keep_commit(k, NULL), 0);
	keep_forget(&at, KEEP_TOKEN, "a");
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "a=1 ");
	put(&at, KEEP_TOKEN, "b", 2);
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "b=2 ");
	keep_close(k);
}

static void test_all_or_nothing(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };
	struct fault fault = FAULT_NONE;

	put(&at, KEEP_TOKEN, "a", 1);
	keep_put(
	    &at, KEEP_TOKEN, "b", NULL); /* as json_pack() without memory */
	assert_int_equal(keep_commit(k, &fault), -ENOMEM);
	assert_non_null(strstr(fault.text, "no memory"));
	assert_rows(k, KEEP_TOKEN, "");
	put(&at, KEEP_TOKEN, "c", 3); /* it works again */
	assert_int_equal(keep_commit(k, NULL), 0);
	put(&at, KEEP_TOKEN, "d", 4);
	keep_discard(k);
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "c=3 ");
	keep_close(k);
}

static void test_limit_changes(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };
	char name[16];

	for (int i = 0; i <= KEEP_CHANGES_MOST; i++) {
		snprintf(name, sizeof(name), "%d", i);
		put(&at, KEEP_TOKEN, name, i);
	}
	assert_int_equal(keep_commit(k, NULL), -ENOBUFS);
	assert_rows(k, KEEP_TOKEN, "");
	for (int i = 0; i < KEEP_CHANGES_MOST; i++)
		keep_forget(&at, KEEP_TOKEN, "x");
	put(&at, KEEP_TOKEN, "a", 1); /* there is room for it */
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "a=1 ");
	keep_close(k);
}

static void test_no_room(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };
	struct rlimit was, most = { .rlim_cur = 65536 };
	char *text = calloc(256, 1024);
	struct fault fault = FAULT_NONE;

	put(&at, KEEP_TOKEN, "a", 1);
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_non_null(text);
	memset(text, 'x', 256 * 1024 - 1);
	put(&at, KEEP_TOKEN, "b", 2);
	keep_put(&at, KEEP_TOKEN, "c", json_pack("{ss}", "v", text));
	free(text);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	most.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &most), 0);
	assert_int_not_equal(keep_commit(k, &fault), 0);
	assert_non_null(strstr(fault.text, ((struct place *)*state)->file));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_rows(k, KEEP_TOKEN, "a=1 ");
	put(&at, KEEP_TOKEN, "d", 4);
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_rows(k, KEEP_TOKEN, "a=1 d=4 ");
	keep_close(k);
}

static void test_the_file_is_private_and_one_opens_it(void **state)
{
	const struct place *p = *state;
	struct fault fault = FAULT_NONE;
	struct keep *k = opened(p), *second;
	struct stat st;

	assert_int_equal(stat(p->file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(p->log, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(keep_open(&second, p->file, &fault), -EBUSY);
	assert_non_null(strstr(fault.text, "another process has it open"));
	put(&(struct keep_at){ .keep = k }, KEEP_TOKEN, "a", 1);
	assert_int_equal(keep_commit(k, NULL), 0); /* its lock still holds */
	keep_close(k);
	k = opened(p);
	keep_close(k);
}

static const struct bad_row {
	const char *label, *bytes;
	mode_t mode;
	const char *expected;
} bad_rows[] = {
	{ "text", "this is no database, but it is long enough to be looked at",
	    0600, "not a store's file, or damaged" },
	{ "open to others", "", 0644, "others may read or write it" },
	{ "open to the group", "", 0620, "others may read or write it" },
};

static void file_write(const struct place *p, const char *bytes, mode_t mode)
{
	int fd = open(p->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(bytes);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_bad_files(void **state)
{
	for (size_t i = 0; i < N_ELEMS(bad_rows); i++) {
		const struct bad_row *row = &bad_rows[i];
		struct fault fault = FAULT_NONE;
		struct keep *k;

		file_write(*state, row->bytes, row->mode);
		if (!keep_open(&k, ((struct place *)*state)->file, &fault))
			fail_msg("%s: opened", row->label);
		if (!strstr(fault.text, row->expected) || !*fault.hint)
			fail_msg("%s: %s", row->label, fault.text);
	}
}

/* Bytes of a good file spoilt, wherever: it is refused, or all of it is read;
 * never less. */
static void test_damaged_pages(void **state)
{
	const struct place *p = *state;
	struct keep *k = opened(p);
	struct keep_at at = { .keep = k, .owner = OWNER };
	char name[16], good[4096] = "";
	struct stat st;
	int refused = 0;

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		put(&at, KEEP_TOKEN, name, i);
		snprintf(good + strlen(good), sizeof(good) - strlen(good),
		    "n%d=%d ", i, i);
	}
	assert_int_equal(keep_commit(k, NULL), 0);
	keep_close(k);
	assert_int_equal(stat(p->file, &st), 0);
	for (off_t at_byte = 0; at_byte < st.st_size; at_byte += 509) {
		int fd = open(p->file, O_RDWR | O_CLOEXEC);
		struct rows rows = { .text = "" };
		uint8_t was[4], spoilt[4];

		assert_true(fd >= 0);
		assert_int_not_equal(pread(fd, was, 4, at_byte), 0);
		for (size_t i = 0; i < 4; i++)
			spoilt[i] = (uint8_t)~was[i];
		assert_int_not_equal(pwrite(fd, spoilt, 4, at_byte), 0);
		if (keep_open(&k, p->file, NULL)) {
			refused++;
		} else {
			refused +=
			    keep_each(k, KEEP_TOKEN, on_row, &rows, NULL) != 0;
			keep_close(k);
		}
		assert_int_not_equal(pwrite(fd, was, 4, at_byte), 0);
		close(fd);
		unlink(p->log);
	}
	assert_in_range(refused, 1, st.st_size / 509 + 1);
	k = opened(p);
	assert_rows(k, KEEP_TOKEN, good);
	keep_close(k);
}

static int on_row_refused(void *ctx, const struct keep_row *row)
{
	(void)ctx;
	return strcmp(row->name, "b") ? 0 : -EINVAL;
}

static void test_a_row_that_nobody_understands(void **state)
{
	struct keep *k = opened(*state);
	struct keep_at at = { .keep = k, .owner = OWNER };
	struct fault fault = FAULT_NONE;

	put(&at, KEEP_TOKEN, "a", 1);
	put(&at, KEEP_TOKEN, "b", 2);
	assert_int_equal(keep_commit(k, NULL), 0);
	assert_int_equal(
	    keep_each(k, KEEP_TOKEN, on_row_refused, NULL, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "damaged: row 2 (token)"));
	keep_close(k);
}

int main(void)
{
#define PLACED(test)                                                           \
	cmocka_unit_test_setup_teardown(test, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		PLACED(test_what_was_committed_is_there),
		PLACED(test_what_was_removed_is_not),
		PLACED(test_what_is_forgotten_waits_for_a_change),
		PLACED(test_all_or_nothing),
		PLACED(test_limit_changes),
		PLACED(test_no_room),
		PLACED(test_the_file_is_private_and_one_opens_it),
		PLACED(test_bad_files),
		PLACED(test_damaged_pages),
		PLACED(test_a_row_that_nobody_understands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
