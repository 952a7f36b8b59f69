#include "net/pipes.h"
#include "net/test-support.h"

#include <sys/resource.h>

static struct pipes *pipes;

static int setup(void **state)
{
	(void)state;
	return pipes_new(&pipes);
}

static int teardown(void **state)
{
	(void)state;
	pipes_free(pipes);
	return 0;
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void a_pipe_that_is_empty_is_used_again(void **state)
{
	struct pipe *a = pipes_take(pipes, 0);
	int in;

	(void)state;
	assert_non_null(a);
	assert_true(a->size >= PIPES_SIZE_LEAST);
	assert_int_equal(fcntl(a->in, F_GETPIPE_SZ), a->size);
	assert_true(fcntl(a->out, F_GETFL) & O_NONBLOCK);
	in = a->in;
	pipes_give(pipes, a);
	assert_int_equal(pipes_lent(pipes), 0);
	assert_int_equal(pipes_made(pipes), 1);
	a = pipes_take(pipes, 0);
	assert_int_equal(a->in, in);
	pipes_give(pipes, a);
	pipes_give(pipes, NULL);
}

/* What is in it is of somebody who is gone. */
static void a_pipe_that_holds_bytes_is_closed(void **state)
{
	int before = open_descriptors();
	struct pipe *a = pipes_take(pipes, 0);

	(void)state;
	assert_int_equal(write(a->in, "x", 1), 1);
	a->held = 1;
	pipes_give(pipes, a);
	assert_int_equal(pipes_made(pipes), 0);
	assert_int_equal(open_descriptors(), before);
}

/* An unprivileged user may not even get so many: then there are fewer. */
static void there_are_so_many_and_no_more(void **state)
{
	struct pipe *all[PIPES_MOST];
	size_t n = 0;

	(void)state;
	while (n < PIPES_MOST && (all[n] = pipes_take(pipes, 0)))
		n++;
	assert_true(n > 0);
	assert_null(pipes_take(pipes, 0));
	assert_int_equal(pipes_lent(pipes), n);
	assert_true(pipes_lacked(pipes) > 0);
	while (n)
		pipes_give(pipes, all[--n]);
	assert_non_null(all[0] = pipes_take(pipes, 0));
	pipes_give(pipes, all[0]);
}

static void without_descriptors_there_is_none_until_later(void **state)
{
	struct rlimit had, none;
	struct pipe *a;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = had;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	a = pipes_take(pipes, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_null(a);
	assert_null(pipes_take(pipes, 1000 + PIPES_RETRY_MS - 1));
	assert_int_equal(pipes_lacked(pipes), 2);
	a = pipes_take(pipes, 1000 + PIPES_RETRY_MS);
	assert_non_null(a);
	pipes_give(pipes, a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pipe_that_is_empty_is_used_again),
		TEST(a_pipe_that_holds_bytes_is_closed),
		TEST(there_are_so_many_and_no_more),
		TEST(without_descriptors_there_is_none_until_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
