#include "beacon/allow.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define ONE   "1111111111111111111111111111111111111111111111111111111111111111"
#define AB    "abababababababababababababababababababababababababababababababab"
#define UPPER "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"

static char path[] = "/tmp/pharos-allow-XXXXXX";

static int load(struct allow **out, const char *text, struct fault *fault)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	size_t n = strlen(text);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	close(fd);
	return allow_load(out, path, fault);
}

static bool has(const struct allow *a, uint8_t byte)
{
	uint8_t hash[FRAME_HASH];

	memset(hash, byte, sizeof(hash));
	return allow_has(a, hash);
}

static const struct {
	const char *label, *text;
	const char *fault; /* how its text ends; NULL: it is good */
	bool one, ab;
} row[] = {
	{ "one", ONE "\n", NULL, true, false },
	{ "two", ONE "\n" AB "\n", NULL, true, true },
	{ "no last line break", AB, NULL, false, true },
	{ "upper case", UPPER "\n", NULL, false, true },
	{ "comments, blanks, CR",
	    "# ours\n\n  \t" ONE " # the first\r\n" AB "\r\n#\n", NULL, true,
	    true },
	{ "twice", ONE "\n" ONE "\n", NULL, true, false },
	{ "comments only", "# nobody\n", NULL, false, false },
	{ "empty", "", "is empty", false, false },
	{ "a digit short",
	    ONE "\n"
		"1" ONE "\n",
	    ":2: not an info hash "
	    "(64 hex digits)",
	    false, false },
	{ "not hex", "\n\nx" ONE "\n", ":3: not an info hash (64 hex digits)",
	    false, false },
	{ "two in a line", ONE " " AB "\n",
	    ":1: not an info hash (64 hex digits)", false, false },
};

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		CLEANUP(allow_freep) struct allow *a = NULL;
		struct fault fault = FAULT_NONE;
		int r = load(&a, row[i].text, &fault);

		if (!r != !row[i].fault ||
		    (r && !ends_with(fault.text, row[i].fault)))
			fail_msg("%s: %d, %s", row[i].label, r, fault.text);
		if (!r && (has(a, 0x11) != row[i].one ||
			      has(a, 0xab) != row[i].ab || has(a, 0)))
			fail_msg("%s: wrong hashes", row[i].label);
	}
}

static void test_nul(void **state)
{
	struct allow *a = NULL;
	struct fault fault = FAULT_NONE;
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, ONE "\0\n", 66), 66);
	close(fd);
	assert_int_equal(allow_load(&a, path, &fault), -EINVAL);
	assert_null(a);
}

static void test_limit(void **state)
{
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	struct allow *a = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	(void)state;
	assert_non_null(to);
	for (int i = 0; i <= ALLOW_HASHES_MOST; i++)
		fprintf(to, "%064x\n", (unsigned)i);
	fclose(to);
	assert_int_equal(load(&a, text, &fault), -E2BIG);
	assert_true(ends_with(fault.text, ":20001: too many info hashes"));
	text[n - 65] = '\0'; /* without the last line */
	assert_int_equal(load(&a, text, &fault), 0);
	allow_free(a);
}

static void test_missing(void **state)
{
	struct fault fault = FAULT_NONE;
	struct allow *a = NULL;

	(void)state;
	assert_int_equal(allow_load(&a, "/nonexistent/allow", &fault), -ENOENT);
	assert_non_null(strstr(fault.text, "/nonexistent/allow"));
}

static void test_no_list_allows_all(void **state)
{
	(void)state;
	assert_true(has(NULL, 0x11));
}

static int make_file(void **state)
{
	(void)state;
	close(mkstemp(path));
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_no_list_allows_all),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
