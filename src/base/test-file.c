#include "base/file.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], path[80];

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-file-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/f", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void put(const char *text, size_t n, mode_t mode)
{
	CLEANUP(close_p)
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
}

static const struct {
	const char *label, *text;
	size_t n, most;
	int want;
} size_rows[] = {
	{ "a file", "hello\n", 6, 100, 0 },
	{ "exactly the bound", "hello", 5, 5, 0 },
	{ "one byte", "x", 1, 1, 0 },
	{ "NUL inside", "a\0b", 3, 100, 0 },
	{ "one byte too many", "hello", 5, 4, FILE_E_TOO_BIG },
	{ "empty", "", 0, 100, FILE_E_EMPTY },
};

static void a_file_is_read_within_its_bound(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(size_rows); i++) {
		char *text = NULL;
		size_t n = 77;
		int r;

		put(size_rows[i].text, size_rows[i].n, 0644);
		r = file_read(&text, &n, path, size_rows[i].most);
		if (r != size_rows[i].want)
			fail_msg("%s: got %d", size_rows[i].label, r);
		if (r) {
			assert_null(text);
			assert_int_equal(n, 77);
			continue;
		}
		assert_int_equal(n, size_rows[i].n);
		assert_memory_equal(text, size_rows[i].text, n + 1);
		free(text);
	}
}

static void the_size_may_be_left_out(void **state)
{
	char *text;

	(void)state;
	put("x", 1, 0600);
	assert_int_equal(file_read(&text, NULL, path, 10), 0);
	assert_string_equal(text, "x");
	free(text);
}

static void a_missing_file_is_an_errno(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(file_read(&text, NULL, path, 10), -ENOENT);
	assert_null(text);
}

static void folders_and_devices_are_refused(void **state)
{
	char *text = NULL;

	(void)state;
	assert_int_equal(file_read(&text, NULL, folder, 10), FILE_E_KIND);
	assert_int_equal(file_read(&text, NULL, "/dev/zero", 10), FILE_E_KIND);
	assert_null(text);
}

static void a_file_without_a_size_is_read(void **state)
{
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(file_read(&text, &n, "/proc/self/status", 65536), 0);
	assert_non_null(strstr(text, "Name:"));
	free(text);
	assert_int_equal(
	    file_read(&text, &n, "/proc/self/status", 10), FILE_E_TOO_BIG);
}

static void a_pipe_is_read_to_its_end(void **state)
{
	char name[32], *text;
	int ends[2];
	size_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "by pipe", 7), 7);
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	assert_int_equal(file_read(&text, &n, name, 7), 0);
	assert_string_equal(text, "by pipe");
	free(text);
	close(ends[0]);
}

static void a_silent_pipe_is_given_up(void **state)
{
	struct file f = { .fd = -1 };
	char text[10];
	size_t n;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_open(&f, path, FILE_PRIVATE, 10), 0);
	assert_int_equal(f.patience_ms, FILE_PATIENCE_MS);
	f.patience_ms = 1;
	assert_int_equal(file_fill(&f, text, &n), -ETIMEDOUT);
	close_p(&f.fd);
}

static const struct {
	const char *label;
	mode_t mode;
	bool others; /* owned by a user, else by root */
	int want;
} mode_rows[] = {
	{ "private", 0600, false, 0 },
	{ "private, read only", 0400, false, 0 },
	{ "root's, for a group", 0640, false, 0 },
	{ "root's, group may write", 0660, false, 0 },
	{ "root's, for everyone", 0644, false, FILE_E_OPEN },
	{ "root's, others may write", 0602, false, FILE_E_OPEN },
	{ "a user's", 0600, true, 0 },
	{ "a user's, for a group", 0640, true, FILE_E_OPEN },
	{ "a user's, group may write", 0620, true, FILE_E_OPEN },
	{ "a user's, for everyone", 0604, true, FILE_E_OPEN },
};

/* Giving files away needs root; any other user can try the rows of a user. */
static void a_private_file_bars_others(void **state)
{
	bool root = !geteuid();

	(void)state;
	for (size_t i = 0; i < N_ELEMS(mode_rows); i++) {
		struct file f = { .fd = -1 };
		int r;

		if (!root && !mode_rows[i].others)
			continue;
		put("key", 3, mode_rows[i].mode);
		if (root && mode_rows[i].others)
			assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
		r = file_open(&f, path, FILE_PRIVATE, 10);
		if (r != mode_rows[i].want)
			fail_msg("%s: got %d", mode_rows[i].label, r);
		close_p(&f.fd);
		assert_int_equal(file_open(&f, path, FILE_ANY, 10), 0);
		close_p(&f.fd);
		assert_int_equal(unlink(path), 0);
	}
}

static void growth_while_reading_is_seen(void **state)
{
	struct file f = { .fd = -1 };
	char text[10];
	size_t n;

	(void)state;
	put("old", 3, 0600);
	assert_int_equal(file_open(&f, path, FILE_ANY, 10), 0);
	assert_int_equal(f.room, 3);
	put("newer", 5, 0600);
	assert_int_equal(file_fill(&f, text, &n), -EAGAIN);
	close_p(&f.fd);
}

static const struct {
	int code;
	const char *want;
} fault_rows[] = {
	{ FILE_E_EMPTY, "k.pem is empty" },
	{ FILE_E_TOO_BIG, "k.pem has more than 99 bytes" },
	{ FILE_E_OPEN, "k.pem can be read or written by others" },
	{ FILE_E_KIND, "k.pem is neither a file nor a pipe" },
	{ -ENOENT, "cannot read k.pem: No such file or directory" },
};

static void every_code_has_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(fault_rows); i++) {
		struct fault f = FAULT_NONE;
		int r = file_fault(&f, fault_rows[i].code, "k.pem", 99);

		assert_int_equal(r, fault_rows[i].code);
		assert_int_equal(f.code, r);
		assert_string_equal(f.text, fault_rows[i].want);
		assert_true(*f.hint);
	}
}

static void read_back(const char *want)
{
	char *text = NULL;

	assert_int_equal(file_read(&text, NULL, path, 100), 0);
	assert_string_equal(text, want);
	free(text);
}

static void all_is_written_or_the_reason_is_told(void **state)
{
	struct rlimit whole, three;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(file_write(fd, "hello", 5), 0);
	assert_int_equal(file_write(fd, "", 0), 0);
	read_back("hello");
	assert_int_equal(ftruncate(fd, 0) | (int)lseek(fd, 0, SEEK_SET), 0);
	/* three bytes are taken, then no more */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
	three = (struct rlimit){ .rlim_cur = 3, .rlim_max = whole.rlim_max };
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &three), 0);
	assert_int_equal(file_write(fd, "hello", 5), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
	read_back("hel");
	close(fd);
	assert_int_equal(file_write(-1, "hello", 5), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FILE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		FILE_TEST(a_file_is_read_within_its_bound),
		FILE_TEST(the_size_may_be_left_out),
		FILE_TEST(a_missing_file_is_an_errno),
		FILE_TEST(folders_and_devices_are_refused),
		FILE_TEST(a_file_without_a_size_is_read),
		FILE_TEST(a_pipe_is_read_to_its_end),
		FILE_TEST(a_silent_pipe_is_given_up),
		FILE_TEST(a_private_file_bars_others),
		FILE_TEST(growth_while_reading_is_seen),
		FILE_TEST(all_is_written_or_the_reason_is_told),
		FILE_TEST(every_code_has_its_words),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
