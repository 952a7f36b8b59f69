/* Pairs of descriptors as a leg: pipes, sockets, files. */
#include "net/fdleg.h"
#include "net/loop.h"
#include "net/test-support.h"
#include <signal.h>
#include <stdio.h>

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_new(&loop), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static struct {
	unsigned events;
	int calls;
} got;

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	(void)ctx;
	got.events |= events;
	got.calls++;
	leg_want(leg, 0);
}

static struct leg *open_leg(int in, int out)
{
	struct leg *leg;

	assert_int_equal(fd_leg_open(&leg, loop, in, out), 0);
	leg_handle(leg, on_leg, NULL);
	got.events = 0;
	got.calls = 0;
	return leg;
}

/* @in[1] and @out[0] are the test's. */
static struct leg *open_pipes(int in[2], int out[2])
{
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	return open_leg(in[0], out[1]);
}

static ssize_t read_when_ready(struct leg *leg, void *to, size_t n)
{
	ssize_t r;

	while ((r = leg_read(leg, to, n)) == -EAGAIN) {
		got.events = 0;
		leg_want(leg, LEG_READ);
		TEST_UNTIL(loop, got.events);
	}
	return r;
}

static void bytes_and_ends_pass(void **state)
{
	int in[2], out[2];
	struct leg *leg = open_pipes(in, out);
	char text[16];

	(void)state;
	assert_int_equal(leg_read(leg, text, sizeof(text)), -EAGAIN);
	assert_int_equal(write(in[1], "in", 2), 2);
	assert_int_equal(read_when_ready(leg, text, sizeof(text)), 2);
	assert_int_equal(leg_write(leg, "out", 3), 3);
	assert_int_equal(read(out[0], text, sizeof(text)), 3);
	leg_finish(leg);
	assert_int_equal(leg_write(leg, "x", 1), -EPIPE);
	assert_int_equal(read(out[0], text, sizeof(text)), 0);
	close(in[1]); /* the other direction has gone on until now */
	assert_int_equal(read_when_ready(leg, text, sizeof(text)), 0);
	leg_close(leg);
	close(out[0]);
}

static void a_full_sink_is_waited_for(void **state)
{
	static char much[1 << 20];
	int in[2], out[2];
	struct leg *leg = open_pipes(in, out);
	ssize_t n = leg_write(leg, much, sizeof(much));

	(void)state;
	assert_true(n > 0 && n < (ssize_t)sizeof(much));
	assert_int_equal(leg_write(leg, much, 1), -EAGAIN);
	leg_want(leg, LEG_WRITE);
	test_turns_in(loop, 20);
	assert_int_equal(got.calls, 0);
	assert_int_equal(read(out[0], much, (size_t)n), n);
	TEST_UNTIL(loop, got.events & LEG_WRITE);
	assert_int_equal(leg_write(leg, much, 1), 1);
	leg_close(leg);
	close(in[1]);
	close(out[0]);
}

static void an_idle_leg_costs_no_turns(void **state)
{
	int in[2], out[2];
	struct leg *leg = open_pipes(in, out);
	char text[4];

	(void)state;
	assert_int_equal(leg_read(leg, text, sizeof(text)), -EAGAIN);
	leg_want(leg, LEG_READ);
	assert_true(test_turns_in(loop, 50) < 10);
	leg_close(leg);
	close(in[1]);
	close(out[0]);
}

static void a_sink_that_nobody_reads_fails_the_leg(void **state)
{
	int in[2], out[2];
	struct leg *leg = open_pipes(in, out);

	(void)state;
	close(out[0]);
	assert_int_equal(leg_write(leg, "x", 1), -EPIPE);
	TEST_UNTIL(loop, got.events & LEG_GONE);
	assert_int_equal(leg_state(leg), LEG_FAILED);
	assert_string_equal(
	    leg_fault(leg)->text, "standard output: Broken pipe");
	assert_true(leg_read(leg, (char[4]){ 0 }, 4) < 0);
	leg_close(leg);
	close(in[1]);
}

static void files_are_always_ready(void **state)
{
	FILE *in = tmpfile(), *out = tmpfile();
	struct leg *leg;
	char text[16];

	(void)state;
	assert_int_equal(fputs("from a file", in) >= 0 && !fflush(in), true);
	rewind(in);
	leg = open_leg(dup(fileno(in)), dup(fileno(out)));
	leg_want(leg, LEG_READ | LEG_WRITE);
	TEST_UNTIL(loop, got.events == (LEG_READ | LEG_WRITE));
	assert_int_equal(leg_read(leg, text, sizeof(text)), 11);
	assert_int_equal(leg_read(leg, text, sizeof(text)), 0);
	assert_int_equal(leg_write(leg, "to", 2), 2);
	leg_close(leg);
	assert_int_equal(pread(fileno(out), text, sizeof(text), 0), 2);
	fclose(in);
	fclose(out);
}

/* ssh gives one socket for both. */
static void a_socket_for_both_is_half_closed(void **state)
{
	int fd[2];
	struct leg *leg;
	char text[4];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	leg = open_leg(fd[0], dup(fd[0]));
	leg_finish(leg);
	assert_int_equal(read(fd[1], text, sizeof(text)), 0);
	assert_int_equal(write(fd[1], "late", 4), 4);
	assert_int_equal(read_when_ready(leg, text, sizeof(text)), 4);
	leg_reset(leg);
	close(fd[1]);
}

static void descriptors_are_left_as_they_were(void **state)
{
	int in[2], out[2], kept, flags;
	struct leg *leg = open_pipes(in, out);

	(void)state;
	kept = dup(out[1]);
	assert_true(fcntl(kept, F_GETFL) & O_NONBLOCK);
	leg_close(leg);
	flags = fcntl(kept, F_GETFL);
	assert_false(flags & O_NONBLOCK);
	close(kept);
	close(in[1]);
	close(out[0]);
}

static void what_is_no_descriptor_is_refused(void **state)
{
	struct leg *leg = NULL;
	int fd[2];

	(void)state;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(fd_leg_open(&leg, loop, fd[0], 9999), -EBADF);
	assert_int_equal(fd_leg_open(&leg, loop, 9999, fd[1]), -EBADF);
	assert_null(leg);
	assert_false(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	close(fd[0]);
	close(fd[1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_and_ends_pass),
		TEST(a_full_sink_is_waited_for),
		TEST(an_idle_leg_costs_no_turns),
		TEST(a_sink_that_nobody_reads_fails_the_leg),
		TEST(files_are_always_ready),
		TEST(a_socket_for_both_is_half_closed),
		TEST(descriptors_are_left_as_they_were),
		TEST(what_is_no_descriptor_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
