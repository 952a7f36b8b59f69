/* base/test-child.h: test cases that need a process of their own, since what
 * they try cannot be taken back. A child that finds something wrong says so on
 * standard error. It leaves by _exit(): a leak checker would need the very
 * calls that were given up. Include before cmocka.h.
 */
#pragma once
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			child_failed(#condition, __LINE__);                    \
	} while (0)

enum { CHILD_GOOD = 0, CHILD_BAD = 1 };

_Noreturn static inline void child_failed(const char *condition, int line)
{
	int error = errno;

	/* standard error was opened before anything was given up */
	dprintf(STDERR_FILENO, "# line %d: %s (errno %d)\n", line, condition,
	    error);
	_exit(CHILD_BAD);
}

static inline void in_child(void (*body)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(CHILD_GOOD);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CHILD_GOOD);
}
