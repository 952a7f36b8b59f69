/* Jobs come back as children of ours, with what was given along. */
#include "wrapper/starter.h"
#include "base/isolate.h"
#include "base/secret.h"
#include "base/test-child.h"
#include <sys/prctl.h>
#include <unistd.h>

static struct value a_value(const char *text)
{
	struct secret *secret;
	struct value v = VALUE_NONE;
	bool hidden;
	int fd;

	assert_int_equal(secret_from(&secret, text, strlen(text)), 0);
	fd = secret_seal_fd(secret, &hidden);
	secret_free(secret);
	assert_int_equal(value_init(&v, fd, strlen(text), hidden), 0);
	return v;
}

/* "WHAT:" and the values, into the job's descriptor. */
static void tell(void *ctx, const struct starter_job *job)
{
	const pid_t *parent = ctx;

	if (getppid() != *parent)
		_exit(1);
	dprintf(job->fd, "%d:", (int)job->what);
	for (size_t i = 0; i < job->n_values; i++) {
		struct value_view view;

		if (value_open(&view, &job->values[i]))
			_exit(1);
		dprintf(job->fd, "%.*s,", (int)view.size, view.bytes);
		value_close(&view);
	}
	_exit(42);
}

static void run_job(
    struct starter *s, const struct starter_job *given, const char *expected)
{
	struct starter_job job = *given;
	char text[64] = "";
	int ends[2], status;
	pid_t pid;
	ssize_t n, used = 0;

	assert_int_equal(pipe(ends), 0);
	job.fd = ends[1];
	assert_int_equal(starter_start(s, &job, &pid), 0);
	close(ends[1]);
	while ((n = read(
		    ends[0], text + used, sizeof(text) - 1 - (size_t)used)) > 0)
		used += n;
	close(ends[0]);
	assert_string_equal(text, expected);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void jobs(struct starter *s)
{
	struct value values[] = { a_value("one"), a_value("other") };
	const struct starter_job with = { STARTER_COMMAND, values, 2, -1 };
	const struct starter_job without = { STARTER_FETCH, NULL, 0, -1 };

	run_job(s, &with, "0:one,other,");
	run_job(s, &without, "2:"); /* nothing is left of the one before */
	run_job(s, &with, "0:one,other,");
	for (size_t i = 0; i < N_ELEMS(values); i++)
		value_deinit(&values[i]);
}

static void by_a_process_of_its_own(void **state)
{
	pid_t self = getpid();
	struct starter s = { .fd = -1, .become = tell, .ctx = &self };

	(void)state;
	assert_int_equal(starter_open(&s), 0);
	jobs(&s);
	starter_close(&s);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	starter_close(&s);
}

static void by_ourselves(void **state)
{
	pid_t self = getpid();
	struct starter s = { .fd = -1, .become = tell, .ctx = &self };

	(void)state;
	jobs(&s);
}

/* Exit code: is there a filter, or no_new_privs? */
static void look(void *ctx, const struct starter_job *job)
{
	(void)ctx;
	(void)job;
	_exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? 42 : 43);
}

static void started_while_confined(void)
{
	struct starter s = { .fd = -1, .become = look };
	struct isolate_profile profile = { .landlock = true };
	int status;
	pid_t pid;

	CHECK(!starter_open(&s));
	CHECK(!isolate_enter(&profile, NULL, NULL));
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(!starter_start(&s, &(struct starter_job){ .fd = s.fd }, &pid));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WEXITSTATUS(status) == 42);
	starter_close(&s);
}

static void what_is_started_keeps_its_rights(void **state)
{
	(void)state;
	in_child(started_while_confined);
}

static void a_starter_that_was_ended(void **state)
{
	struct starter s = { .fd = -1, .become = look };
	pid_t pid = 0;

	(void)state;
	assert_int_equal(starter_open(&s), 0);
	assert_int_equal(kill(s.pid, SIGKILL), 0);
	assert_int_equal(waitpid(s.pid, NULL, 0), s.pid);
	assert_int_equal(
	    starter_start(&s, &(struct starter_job){ .fd = s.fd }, &pid),
	    -ECONNRESET);
	assert_int_equal(pid, 0);
	starter_close(&s);
}

/* It does not outlive who it works for. */
static void orphaned(void)
{
	struct starter s = { .fd = -1, .become = look };

	CHECK(!starter_open(&s));
	CHECK(write(STDOUT_FILENO, &s.pid, sizeof(s.pid)) == sizeof(s.pid));
}

static void it_ends_with_the_supervisor(void **state)
{
	int ends[2], kept = dup(STDOUT_FILENO);
	pid_t pid;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
	in_child(orphaned);
	assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
	assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ends[0]);
	close(ends[1]);
	close(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_a_process_of_its_own),
		cmocka_unit_test(by_ourselves),
		cmocka_unit_test(what_is_started_keeps_its_rights),
		cmocka_unit_test(a_starter_that_was_ended),
		cmocka_unit_test(it_ends_with_the_supervisor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
