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

static struct pipe *asked[4];
static int n_asked;

static bool give_up(void *ctx)
{
	struct pipe *pipe = ctx;

	asked[n_asked++] = pipe;
	pipe->held = 0;
	return true;
}

static bool keep(void *ctx)
{
	asked[n_asked++] = ctx;
	return false;
}

static size_t take_all(struct pipe *all[PIPES_MOST], bool (*yield)(void *))
{
	size_t n = 0;

	while (n < PIPES_MOST && (all[n] = pipes_take(pipes, 0))) {
		all[n]->yield = yield;
		all[n]->ctx = all[n];
		all[n]->held = all[n]->most;
		n++;
	}
	n_asked = 0;
	return n;
}

static void give_all(struct pipe *all[], size_t n)
{
	while (n) {
		all[--n]->held = 0;
		pipes_give(pipes, all[n]);
	}
}

static void half_of_them_have_a_bound_on_their_bytes(void **state)
{
	struct pipe *all[PIPES_MOST];
	size_t n = take_all(all, NULL), deep = 0;

	(void)state;
	for (size_t i = 0; i < n; i++)
		deep += all[i]->most > PIPES_YIELD_MOST;
	assert_in_range(deep, 0, PIPES_MOST / 2);
	give_all(all, n);
}

/* Not one that holds more than a block does. */
static void the_one_lent_longest_is_given_up_for_another(void **state)
{
	struct pipe *all[PIPES_MOST], *one;
	size_t n = take_all(all, give_up), first = 0;

	(void)state;
	while (all[first]->most > PIPES_YIELD_MOST)
		first++;
	for (size_t i = 0; i < 2; i++) {
		one = pipes_take(pipes, 0);
		assert_ptr_equal(one, all[first + i]);
		assert_ptr_equal(asked[i], one);
		assert_int_equal(one->held, 0);
	}
	assert_int_equal(n_asked, 2);
	assert_int_equal(pipes_yielded(pipes), 2);
	assert_int_equal(pipes_lent(pipes), n);
	give_all(all, n);
}

static void a_borrower_may_keep_it(void **state)
{
	struct pipe *all[PIPES_MOST];
	size_t n = take_all(all, keep);
	uint64_t lacked = pipes_lacked(pipes);

	(void)state;
	assert_null(pipes_take(pipes, 0));
	assert_int_equal(n_asked, 1);
	assert_int_equal(pipes_lacked(pipes), lacked + 1);
	assert_int_equal(pipes_yielded(pipes), 0);
	give_all(all, n);
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
		TEST(half_of_them_have_a_bound_on_their_bytes),
		TEST(the_one_lent_longest_is_given_up_for_another),
		TEST(a_borrower_may_keep_it),
		TEST(without_descriptors_there_is_none_until_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
