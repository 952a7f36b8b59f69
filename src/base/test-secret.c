#include "base/secret.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void bytes_are_kept_and_end_in_a_nul(void **state)
{
	struct secret *s;

	(void)state;
	assert_int_equal(secret_from(&s, "hvs.\0x", 6), 0);
	assert_int_equal(secret_size(s), 6);
	assert_memory_equal(secret_bytes(s), "hvs.\0x\0", 7);
	secret_free(s);
	secret_free(NULL);
}

static void an_empty_secret_is_an_empty_string(void **state)
{
	struct secret *s;

	(void)state;
	assert_int_equal(secret_from(&s, NULL, 0), 0);
	assert_string_equal(secret_bytes(s), "");
	assert_true(secret_equal(s, "", 0));
	secret_free(s);
}

static void append_takes_all_or_nothing(void **state)
{
	struct secret *s;

	(void)state;
	assert_int_equal(secret_new(&s, 5), 0);
	assert_int_equal(secret_append(s, "abc", 3), 0);
	assert_int_equal(secret_append(s, "def", 3), -ENOBUFS);
	assert_int_equal(secret_append(s, "x", SIZE_MAX), -ENOBUFS);
	assert_string_equal(secret_bytes(s), "abc");
	assert_int_equal(secret_append(s, "de", 2), 0);
	assert_string_equal(secret_bytes(s), "abcde");
	secret_free(s);
}

static const struct {
	const char *label, *bytes;
	size_t n;
	bool equal;
} equal_rows[] = {
	{ "the same", "token", 5, true },
	{ "last byte differs", "tokeN", 5, false },
	{ "first byte differs", "Token", 5, false },
	{ "a prefix", "toke", 4, false },
	{ "longer", "tokens", 6, false },
	{ "its NUL is not part of it", "token", 6, false },
	{ "nothing", "", 0, false },
};

static void equal_means_every_byte(void **state)
{
	struct secret *s;

	(void)state;
	assert_int_equal(secret_from(&s, "token", 5), 0);
	for (size_t i = 0; i < N_ELEMS(equal_rows); i++)
		if (secret_equal(s, equal_rows[i].bytes, equal_rows[i].n) !=
		    equal_rows[i].equal)
			fail_msg("%s", equal_rows[i].label);
	secret_free(s);
}

static void wipe_leaves_zeros(void **state)
{
	char bytes[] = "token";

	(void)state;
	secret_wipe(bytes, 5);
	assert_memory_equal(bytes, "\0\0\0\0\0", 6);
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define LOCKS_PAGES 0 /* the sanitizer turns mlock(2) into nothing */
#else
#define LOCKS_PAGES 1
#endif

#if LOCKS_PAGES
/* The flags that the kernel shows for the mapping of @at. */
static bool mapping_has(const void *at, const char *flag)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool here = false, found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps)) {
		char *dash;
		uintptr_t from = strtoul(line, &dash, 16);

		if (*dash == '-')
			here = (uintptr_t)at >= from &&
			       (uintptr_t)at < strtoul(dash + 1, NULL, 16);
		if (here && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag) != NULL;
	}
	fclose(maps);
	return found;
}

static void the_pages_are_locked_and_not_dumped(void **state)
{
	struct secret *s;

	(void)state;
	assert_int_equal(secret_from(&s, "x", 1), 0);
	assert_true(mapping_has(secret_bytes(s), " lo"));
	assert_true(mapping_has(secret_bytes(s), " dd"));
	secret_free(s);
}

#endif

static void in_child(void (*fn)(void), int *status)
{
	pid_t child = fork();

	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(child, status, 0), child);
}

static void read_past_the_end(void)
{
	struct secret *s;
	volatile char c;

	if (secret_from(&s, "x", 1))
		_exit(1);
	c = secret_bytes(s)[2];
	(void)c;
}

static void one_byte_past_the_end_ends_the_process(void **state)
{
	int status;

	(void)state;
	in_child(read_past_the_end, &status);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) < 2);
}

#if LOCKS_PAGES
/* As a user without privileges and with nothing left to lock. */
static void ask_past_the_lock_limit(void)
{
	struct rlimit none = { 0, 0 };
	struct secret *s = NULL;

	if (setrlimit(RLIMIT_MEMLOCK, &none))
		_exit(2);
	if (!geteuid() && setuid(12345))
		_exit(3);
	if (secret_new(&s, 1) != -ENOMEM || s)
		_exit(4);
}

static void what_cannot_be_locked_is_refused(void **state)
{
	int status;

	(void)state;
	in_child(ask_past_the_lock_limit, &status);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif

static void check_sealed(int fd, bool hidden, const char *want)
{
	size_t n = strlen(want);
	struct stat st;
	char *at;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, n);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	at = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(at != MAP_FAILED);
	assert_memory_equal(at, want, n);
	munmap(at, n);
	if (hidden)
		return;
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
}

static void a_sealed_descriptor_holds_the_bytes(void **state)
{
	struct secret *s;
	bool hidden;
	int fd;

	(void)state;
	assert_int_equal(secret_from(&s, "value", 5), 0);
	fd = secret_seal_fd(s, &hidden);
	assert_true(fd >= 0);
	check_sealed(fd, hidden, "value");
	close(fd);
	fd = secret_seal_fd(s, NULL);
	assert_true(fd >= 0);
	close(fd);
	secret_free(s);
}

static void an_empty_secret_can_be_sealed(void **state)
{
	struct secret *s;
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(secret_new(&s, 10), 0);
	fd = secret_seal_fd(s, NULL);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	close(fd);
	secret_free(s);
}

static const struct {
	const char *label, *text;
	mode_t mode;
	int want, want_token;
	const char *read;
} file_rows[] = {
	{ "a token", "hvs.abc", 0600, 0, 0, "hvs.abc" },
	{ "one newline goes", "hvs.abc\n", 0600, 0, 0, "hvs.abc" },
	{ "only one", "a\n\n", 0600, 0, 0, "a\n" },
	{ "the bound", "0123456789", 0600, 0, 0, "0123456789" },
	{ "past the bound", "0123456789\n", 0600, FILE_E_TOO_BIG,
	    FILE_E_TOO_BIG, NULL },
	{ "empty", "", 0600, FILE_E_EMPTY, FILE_E_EMPTY, NULL },
	{ "a newline alone", "\n", 0600, FILE_E_EMPTY, FILE_E_EMPTY, NULL },
	{ "open to others", "a", 0644, FILE_E_OPEN, 0, "a" },
};

static void check_file_row(size_t i, int got, struct secret *s, int want)
{
	if (got != want)
		fail_msg("%s: got %d", file_rows[i].label, got);
	if (got)
		assert_null(s);
	else
		assert_string_equal(secret_bytes(s), file_rows[i].read);
	secret_free(s);
}

static void a_file_is_read_with_its_checks(void **state)
{
	char path[] = "/tmp/test-secret-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < N_ELEMS(file_rows); i++) {
		const char *text = file_rows[i].text;
		struct secret *s = NULL;
		int r;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(
		    pwrite(fd, text, strlen(text), 0), strlen(text));
		assert_int_equal(fchmod(fd, file_rows[i].mode), 0);
		r = secret_read_file(&s, path, 10);
		check_file_row(i, r, s, file_rows[i].want);
		s = NULL;
		r = secret_read_token(&s, path, 10);
		check_file_row(i, r, s, file_rows[i].want_token);
	}
	close(fd);
	unlink(path);
}

static void no_file_and_no_kind_are_refused(void **state)
{
	struct secret *s = NULL;

	(void)state;
	assert_int_equal(secret_read_file(&s, "/nowhere", 10), -ENOENT);
	assert_int_equal(secret_read_file(&s, "/dev/null", 10), FILE_E_KIND);
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_kept_and_end_in_a_nul),
		cmocka_unit_test(an_empty_secret_is_an_empty_string),
		cmocka_unit_test(append_takes_all_or_nothing),
		cmocka_unit_test(equal_means_every_byte),
		cmocka_unit_test(wipe_leaves_zeros),
#if LOCKS_PAGES
		cmocka_unit_test(the_pages_are_locked_and_not_dumped),
		cmocka_unit_test(what_cannot_be_locked_is_refused),
#endif
		cmocka_unit_test(one_byte_past_the_end_ends_the_process),
		cmocka_unit_test(a_sealed_descriptor_holds_the_bytes),
		cmocka_unit_test(an_empty_secret_can_be_sealed),
		cmocka_unit_test(a_file_is_read_with_its_checks),
		cmocka_unit_test(no_file_and_no_kind_are_refused),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
