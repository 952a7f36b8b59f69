#include "base/err.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void fold_keeps_errno_and_hides_a_positive_code(void **state)
{
	(void)state;
	assert_int_equal(ERR_FOLD(0), 0);
	assert_int_equal(ERR_FOLD(-EPIPE), -EPIPE);
	assert_int_equal(ERR_FOLD(3), -ENOTRECOVERABLE);
}

static void steal_hands_the_pointer_over(void **state)
{
	int value = 7, *from = &value;
	int *to = STEAL(from);

	(void)state;
	assert_ptr_equal(to, &value);
	assert_null(from);
}

struct outer {
	int before;
	int member;
};

static void container_of_finds_the_struct(void **state)
{
	struct outer o = { 0 };

	(void)state;
	assert_ptr_equal(CONTAINER_OF(&o.member, struct outer, member), &o);
}

static void close_p_closes_once_and_keeps_errno(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int was = fd;

	(void)state;
	assert_true(fd >= 0);
	errno = EXDEV;
	close_p(&fd);
	close_p(&fd);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
}

static void broken_invariant_ends_the_process_and_names_itself(void **state)
{
	char text[200] = "";
	int ends[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		INVARIANT(child == 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "test-err.c"));
	assert_non_null(strstr(text, "child == 1"));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fold_keeps_errno_and_hides_a_positive_code),
		cmocka_unit_test(steal_hands_the_pointer_over),
		cmocka_unit_test(container_of_finds_the_struct),
		cmocka_unit_test(close_p_closes_once_and_keeps_errno),
		cmocka_unit_test(
		    broken_invariant_ends_the_process_and_names_itself),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
