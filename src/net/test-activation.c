/* Which of the sockets that were passed in is whose. */
#include "net/activation.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

enum { NONE = -1, BAD = -2 };

static void set(const char *variable, const char *value)
{
	char own[32];

	if (value && !strcmp(value, "own")) {
		snprintf(own, sizeof(own), "%d", (int)getpid());
		value = own;
	}
	if (value)
		setenv(variable, value, 1);
	else
		unsetenv(variable);
}

static void test_find(void **state)
{
	static const struct {
		const char *label, *pid, *fds, *names;
		int want; /* a descriptor, NONE, BAD */
	} rows[] = {
		{ "no manager", NULL, NULL, NULL, NONE },
		{ "for another process", "1", "1", "legs", NONE },
		{ "no sockets", "own", "0", NULL, NONE },
		{ "no number of sockets", "own", NULL, NULL, NONE },
		{ "one, without a name", "own", "1", NULL, 3 },
		{ "one, of any name", "own", "1", "pharos-beacon.socket", 3 },
		{ "the first of two", "own", "2", "legs:other", 3 },
		{ "the second of two", "own", "2", "other:legs", 4 },
		{ "the last of three", "own", "3", "a:b:legs", 5 },
		{ "an empty name before", "own", "2", ":legs", 4 },
		{ "two, none of them ours", "own", "2", "a:b", BAD },
		{ "two, both ours", "own", "2", "legs:legs", BAD },
		{ "two without names", "own", "2", NULL, BAD },
		{ "a name that goes on", "own", "2", "legs2:a", BAD },
		{ "a name beyond the sockets", "own", "2", "a:b:legs", BAD },
		{ "more than can be", "own", "65", "legs", BAD },
		{ "no number", "own", "one", "legs", BAD },
		{ "no process", "all", "1", "legs", BAD },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		int fd = 99, r;

		set("LISTEN_PID", rows[i].pid);
		set("LISTEN_FDS", rows[i].fds);
		set("LISTEN_FDNAMES", rows[i].names);
		r = activation_find(&fd, "legs", &fault);
		if (rows[i].want == BAD ? r != -EINVAL || !*fault.text
					: r || fd != rows[i].want)
			fail_msg("%s: %d, descriptor %d", rows[i].label, r, fd);
		if (fd >= 3 && fd < 99)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
}

static void test_no_such_descriptor(void **state)
{
	struct fault fault = FAULT_NONE;
	int fd = 99;

	(void)state;
	close(3);
	set("LISTEN_PID", "own");
	set("LISTEN_FDS", "1");
	assert_int_equal(activation_find(&fd, "legs", &fault), -EBADF);
	assert_int_equal(fd, 99);
	assert_non_null(strstr(fault.text, "descriptor 3"));
}

static int open_three(void **state)
{
	(void)state;
	for (int fd = 3; fd < 6; fd++)
		if (dup2(STDIN_FILENO, fd) != fd)
			return -1;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_no_such_descriptor),
	};

	return cmocka_run_group_tests(tests, open_three, NULL);
}
