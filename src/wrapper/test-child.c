/* How commands start and end. */
#include "wrapper/child.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void become(void *ctx, const struct starter_job *job)
{
	child_become(ctx, job->fd);
}

static int start(struct child_order *order, pid_t *pid, struct fault *f)
{
	struct starter starter = { .fd = -1, .become = become, .ctx = order };

	return child_start(pid, &starter, &(struct starter_job){ .fd = -1 },
	    order->argv[0], f);
}

static int run(char *const *argv, pid_t *pid, struct fault *f)
{
	sigset_t none;

	sigemptyset(&none);
	return start(
	    &(struct child_order){ .argv = argv, .mask = &none }, pid, f);
}

static int run_shell(const char *script, pid_t *pid)
{
	char *copy = strdup(script);
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, copy, NULL };
	int r = run(argv, pid, NULL);

	free(copy);
	return r;
}

static const struct {
	const char *script;
	int code;
} ends[] = {
	{ "exit 0", 0 },
	{ "exit 1", 1 },
	{ "exit 255", 255 },
	{ "kill -TERM $$", 128 + SIGTERM },
	{ "kill -KILL $$", 128 + SIGKILL },
	{ "kill -SEGV $$", 128 + SIGSEGV },
};

static void test_exit_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		pid_t pid;
		int status;

		assert_int_equal(run_shell(ends[i].script, &pid), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (child_exit_code(status) != ends[i].code)
			fail_msg(
			    "%s: %d", ends[i].script, child_exit_code(status));
	}
}

static const struct {
	const char *label, *command;
	int code, exit_code;
} failures[] = {
	{ "not in PATH", "pharos-no-such-command", CHILD_E_NOT_FOUND, 127 },
	{ "no such file", "/no/such/file", CHILD_E_NOT_FOUND, 127 },
	{ "a folder", "/", CHILD_E_NOT_RUN, 126 },
	{ "not executable", "/etc/passwd", CHILD_E_NOT_RUN, 126 },
};

static void test_exec_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(failures); i++) {
		char *command = strdup(failures[i].command);
		char *argv[] = { command, NULL };
		struct fault f = FAULT_NONE;
		pid_t pid = 0;
		int r = run(argv, &pid, &f);

		if (r != failures[i].code ||
		    child_start_code(r) != failures[i].exit_code ||
		    !strstr(f.text, command) || !*f.hint)
			fail_msg("%s: %d %s", failures[i].label, r, f.text);
		assert_int_equal(pid, 0);
		/* no zombie stays */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		free(command);
	}
}

static int cannot(void *ctx, char ***environment)
{
	(void)ctx;
	(void)environment;
	return -E2BIG;
}

static int one_variable(void *ctx, char ***environment)
{
	static char only[] = "ONLY=this";
	static char *list[] = { only, NULL };

	(void)ctx;
	*environment = list;
	return 0;
}

static void test_prepare(void **state)
{
	char *argv[] = { (char[]){ "/bin/sh" }, (char[]){ "-c" },
		(char[]){ "test \"$ONLY\" = this -a -z \"$HOME\"" }, NULL };
	sigset_t none;
	struct child_order order = { .argv = argv, .mask = &none };
	struct fault f = FAULT_NONE;
	pid_t pid;
	int status;

	(void)state;
	sigemptyset(&none);
	setenv("HOME", "/root", 1);
	order.prepare = cannot;
	assert_int_equal(start(&order, &pid, &f), CHILD_E_PREPARE);
	assert_int_equal(child_start_code(CHILD_E_PREPARE), 125);
	assert_non_null(strstr(f.hint, "--deliver file"));
	order.prepare = one_variable;
	assert_int_equal(start(&order, &pid, &f), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(child_exit_code(status), 0);
}

/* The command gets the mask that the wrapper was started with, not the one that
 * it blocks for itself; and leads a group of its own. */
static void test_mask_and_group(void **state)
{
	sigset_t ours, before;
	pid_t pid;
	int status;

	(void)state;
	child_signals(&ours);
	assert_int_equal(sigprocmask(SIG_BLOCK, &ours, &before), 0);
	assert_int_equal(run_shell("kill -TERM -$$; exit 3", &pid), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
	assert_int_equal(child_exit_code(status), 128 + SIGTERM);
}

static const struct {
	int number;
	bool passed_on;
} taken[] = {
	{ SIGHUP, true },
	{ SIGINT, true },
	{ SIGQUIT, true },
	{ SIGTERM, true },
	{ SIGUSR1, true },
	{ SIGUSR2, true },
	{ SIGWINCH, true },
	{ SIGCONT, true },
	{ SIGCHLD, true },
	{ SIGPIPE, true },
	{ SIGKILL, false },
	{ SIGSTOP, false },
	{ SIGTSTP, false },
	{ SIGTTOU, false },
	{ SIGSEGV, false },
	{ SIGABRT, false },
};

static void test_signals(void **state)
{
	sigset_t set;

	(void)state;
	child_signals(&set);
	for (size_t i = 0; i < N_ELEMS(taken); i++)
		if (sigismember(&set, taken[i].number) != taken[i].passed_on)
			fail_msg("signal %d", taken[i].number);
	assert_true(sigismember(&set, SIGRTMIN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_exec_fails),
		cmocka_unit_test(test_prepare),
		cmocka_unit_test(test_mask_and_group),
		cmocka_unit_test(test_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
