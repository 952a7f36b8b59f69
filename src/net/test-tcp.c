/* A TCP leg against a bare socket that the test drives by hand. */
#include "net/tcp.h"
#include "net/test-support.h"

#include <stdio.h>

#include <netinet/tcp.h>

static struct loop *loop;
static struct leg *leg;
static int peer, leg_fd;

static struct seen {
	unsigned events; /* all that have come */
	int calls;
	bool read_all, ended;
	size_t n;
} seen;

static void on_event(void *ctx, struct leg *l, unsigned events)
{
	char some[4096];
	ssize_t n;

	(void)ctx;
	seen.events |= events;
	seen.calls++;
	if (!seen.read_all || !(events & LEG_READ))
		return;
	n = leg_read(l, some, sizeof(some));
	if (n > 0)
		seen.n += (size_t)n;
	if (n == 0) {
		seen.ended = true;
		leg_want(l, 0);
	}
}

static int setup(void **state)
{
	int fd[2];

	(void)state;
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(loop_new(&loop), 0);
	test_tcp_pair(fd);
	peer = fd[0];
	leg_fd = fd[1];
	assert_int_equal(tcp_leg_open(&leg, loop, fd[1], false), 0);
	leg_handle(leg, on_event, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leg_close(leg);
	if (peer >= 0)
		close(peer);
	loop_free(loop);
	return 0;
}

static void peer_sends(const char *text)
{
	assert_int_equal(
	    send(peer, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void an_open_leg_is_writable_and_knows_its_source(void **state)
{
	struct sockaddr_in sa;
	socklen_t size = sizeof(sa);
	char want[64];

	(void)state;
	assert_int_equal(getsockname(peer, (struct sockaddr *)&sa, &size), 0);
	(void)snprintf(want, sizeof(want), "127.0.0.1:%u", ntohs(sa.sin_port));
	assert_string_equal(leg_source(leg), want);
	assert_int_equal(leg_state(leg), LEG_OPEN);
	leg_want(leg, LEG_WRITE);
	TEST_UNTIL(loop, seen.events == LEG_WRITE);
}

static void bytes_go_both_ways_and_the_end_follows_them(void **state)
{
	char got[8] = "";

	(void)state;
	seen.read_all = true;
	leg_want(leg, LEG_READ);
	assert_int_equal(leg_write(leg, "hello", 5), 5);
	assert_int_equal(recv(peer, got, 5, MSG_WAITALL), 5);
	assert_string_equal(got, "hello");
	peer_sends("there");
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	TEST_UNTIL(loop, seen.ended);
	assert_int_equal(seen.n, 5);
	assert_int_equal(leg_write(leg, "x", 1), 1); /* still open that way */
	leg_finish(leg);
	leg_finish(leg);
	assert_int_equal(leg_write(leg, "x", 1), -EPIPE);
	assert_int_equal(recv(peer, got, 2, MSG_WAITALL), 1);
	assert_int_equal(leg_state(leg), LEG_OPEN);
}

static void reading_waits_for_bytes(void **state)
{
	char got[8];

	(void)state;
	assert_int_equal(leg_read(leg, got, sizeof(got)), -EAGAIN);
	leg_want(leg, LEG_READ);
	loop_turn(loop);
	assert_int_equal(seen.calls, 0);
	peer_sends("x");
	TEST_UNTIL(loop, seen.events == LEG_READ);
	assert_int_equal(leg_read(leg, got, sizeof(got)), 1);
	seen.events = 0;
	peer_sends("y");
	TEST_UNTIL(loop, seen.events == LEG_READ);
}

static size_t fill(void)
{
	static const char block[65536];
	size_t n = 0;
	ssize_t put;

	while ((put = leg_write(leg, block, sizeof(block))) > 0)
		n += (size_t)put;
	assert_int_equal(put, -EAGAIN);
	return n;
}

static void a_full_socket_is_writable_once_the_peer_reads(void **state)
{
	static char block[65536];
	size_t sent, got = 0;

	(void)state;
	sent = fill();
	leg_want(leg, LEG_WRITE);
	assert_true(test_turns_in(loop, 20) < 10);
	assert_int_equal(seen.calls, 0);
	while (got < sent) {
		ssize_t n = recv(peer, block, sizeof(block), 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	TEST_UNTIL(loop, seen.events == LEG_WRITE);
}

/* Resets, told to a leg whose owner wants nothing. */
static void told_gone(void)
{
	TEST_UNTIL(loop, seen.events == LEG_GONE);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(leg_state(leg), LEG_FAILED);
	assert_int_equal(leg_fault(leg)->code, -ECONNRESET);
	assert_non_null(strstr(leg_fault(leg)->text, "127.0.0.1:"));
	assert_int_equal(leg_write(leg, "x", 1), -ECONNRESET);
	assert_true(test_turns_in(loop, 20) < 10);
}

static void a_reset_is_told_to_an_idle_leg(void **state)
{
	(void)state;
	loop_turn(loop);
	test_reset(peer);
	peer = -1;
	told_gone();
	assert_int_equal(leg_read(leg, (char[1]){ 0 }, 1), -ECONNRESET);
}

static void a_reset_after_unread_bytes_leaves_them_readable(void **state)
{
	char got[8] = "";

	(void)state;
	peer_sends("last");
	loop_turn(loop);
	test_reset(peer);
	peer = -1;
	told_gone();
	assert_int_equal(leg_read(leg, got, sizeof(got)), 4);
	assert_string_equal(got, "last");
	assert_int_equal(leg_read(leg, got, sizeof(got)), -ECONNRESET);
	assert_int_equal(leg_read(leg, got, sizeof(got)), -ECONNRESET);
}

static void a_reset_after_an_end_is_told(void **state)
{
	(void)state;
	seen.read_all = true;
	leg_want(leg, LEG_READ);
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	TEST_UNTIL(loop, seen.ended);
	seen = (struct seen){ .events = 0 };
	assert_true(test_turns_in(loop, 20) < 10);
	test_reset(peer);
	peer = -1;
	told_gone();
}

static void a_reset_after_our_end_is_told(void **state)
{
	(void)state;
	leg_finish(leg);
	assert_true(test_turns_in(loop, 20) < 10);
	test_reset(peer);
	peer = -1;
	told_gone();
}

static void a_reset_is_told_to_a_blocked_writer(void **state)
{
	(void)state;
	fill();
	leg_want(leg, LEG_WRITE);
	loop_turn(loop);
	test_reset(peer);
	peer = -1;
	TEST_UNTIL(loop, seen.events & LEG_GONE);
	assert_int_equal(leg_state(leg), LEG_FAILED);
}

/* What nobody takes must not keep the loop turning. */
static void unread_bytes_do_not_spin_the_loop(void **state)
{
	(void)state;
	leg_want(leg, LEG_READ);
	loop_turn(loop);
	leg_want(leg, 0);
	peer_sends("x");
	assert_true(test_turns_in(loop, 20) < 10);
	assert_int_equal(seen.calls, 0);
	leg_want(leg, LEG_READ);
	TEST_UNTIL(loop, seen.events == LEG_READ);
}

static void an_unread_end_does_not_spin_the_loop(void **state)
{
	(void)state;
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	assert_true(test_turns_in(loop, 20) < 10);
	assert_int_equal(seen.calls, 0);
	leg_finish(leg); /* now the descriptor reports a hang-up */
	assert_true(test_turns_in(loop, 20) < 10);
	assert_int_equal(seen.calls, 0);
	leg_want(leg, LEG_READ);
	TEST_UNTIL(loop, seen.events == LEG_READ);
	assert_int_equal(leg_read(leg, (char[1]){ 0 }, 1), 0);
}

/* Closing. */
static void closing_delivers_our_last_words_past_unread_bytes(void **state)
{
	char got[8] = "";

	(void)state;
	peer_sends("nobody reads this");
	loop_turn(loop);
	assert_int_equal(leg_write(leg, "bye", 3), 3);
	leg_close(STEAL(leg));
	assert_int_equal(recv(peer, got, 8, MSG_WAITALL), 3);
	assert_string_equal(got, "bye");
	peer_sends("nor this");
	loop_turn(loop);
	assert_int_equal(recv(peer, got, 8, 0), 0);
}

static bool leg_fd_is_open(void)
{
	return fcntl(leg_fd, F_GETFD) >= 0;
}

static void a_closed_leg_goes_when_the_peer_ends_too(void **state)
{
	(void)state;
	leg_close(STEAL(leg));
	loop_turn(loop);
	assert_true(leg_fd_is_open());
	close(peer);
	peer = -1;
	TEST_UNTIL(loop, !leg_fd_is_open());
}

static void a_closed_leg_waits_for_the_peer_so_long_and_no_longer(void **state)
{
	(void)state;
	loop_fake_clock(loop, 0);
	leg_close(STEAL(leg));
	loop_set_now(loop, LEG_LINGER_MS - 1);
	loop_turn(loop);
	assert_true(leg_fd_is_open());
	loop_set_now(loop, LEG_LINGER_MS);
	loop_turn(loop);
	assert_false(leg_fd_is_open());
}

static void closing_after_both_ends_is_immediate(void **state)
{
	(void)state;
	leg_finish(leg);
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	seen.read_all = true;
	leg_want(leg, LEG_READ);
	TEST_UNTIL(loop, seen.ended);
	leg_close(STEAL(leg));
	assert_false(leg_fd_is_open());
}

static void resetting_is_seen_as_a_reset(void **state)
{
	(void)state;
	assert_int_equal(leg_write(leg, "bye", 3), 3);
	leg_reset(STEAL(leg));
	assert_false(leg_fd_is_open());
	for (;;) {
		char got[8];
		ssize_t n = recv(peer, got, 8, 0);

		if (n > 0)
			continue;
		assert_int_equal(n, -1);
		assert_int_equal(errno, ECONNRESET);
		break;
	}
}

/* Connecting. */
static int start_connecting(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	return fd;
}

static void a_connecting_leg_opens(void **state)
{
	uint16_t port;
	int listening = test_listen(&port);
	struct leg *c;

	(void)state;
	assert_int_equal(
	    tcp_leg_open(&c, loop, start_connecting(port), true), 0);
	assert_int_equal(leg_state(c), LEG_OPENING);
	assert_int_equal(leg_read(c, (char[1]){ 0 }, 1), -EAGAIN);
	assert_int_equal(leg_write(c, "x", 1), -EAGAIN);
	leg_handle(c, on_event, NULL);
	leg_want(c, LEG_WRITE);
	TEST_UNTIL(loop, seen.events == LEG_WRITE);
	assert_int_equal(leg_state(c), LEG_OPEN);
	leg_reset(c);
	close(listening);
}

static void a_refused_connection_fails(void **state)
{
	uint16_t port;
	struct leg *c;

	(void)state;
	close(test_listen(&port));
	assert_int_equal(
	    tcp_leg_open(&c, loop, start_connecting(port), true), 0);
	leg_handle(c, on_event, NULL);
	TEST_UNTIL(loop, seen.events == LEG_GONE);
	assert_int_equal(leg_fault(c)->code, -ECONNREFUSED);
	leg_close(c);
}

static void a_connecting_leg_can_be_closed(void **state)
{
	uint16_t port;
	int listening = test_listen(&port);
	struct leg *c;

	(void)state;
	assert_int_equal(
	    tcp_leg_open(&c, loop, start_connecting(port), true), 0);
	leg_close(c);
	close(listening);
}

static void socket_options_are_set(void **state)
{
	static const struct {
		int level, name, want;
	} rows[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 4000 },
	};

	(void)state;
	tcp_set_keepalive(leg_fd);
	tcp_leg_user_timeout(leg, 4000);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int value = -1;
		socklen_t size = sizeof(value);

		assert_int_equal(getsockopt(leg_fd, rows[i].level, rows[i].name,
				     &value, &size),
		    0);
		assert_int_equal(value, rows[i].want);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_open_leg_is_writable_and_knows_its_source),
		TEST(bytes_go_both_ways_and_the_end_follows_them),
		TEST(reading_waits_for_bytes),
		TEST(a_full_socket_is_writable_once_the_peer_reads),
		TEST(a_reset_is_told_to_an_idle_leg),
		TEST(a_reset_after_unread_bytes_leaves_them_readable),
		TEST(a_reset_after_an_end_is_told),
		TEST(a_reset_after_our_end_is_told),
		TEST(a_reset_is_told_to_a_blocked_writer),
		TEST(unread_bytes_do_not_spin_the_loop),
		TEST(an_unread_end_does_not_spin_the_loop),
		TEST(closing_delivers_our_last_words_past_unread_bytes),
		TEST(a_closed_leg_goes_when_the_peer_ends_too),
		TEST(a_closed_leg_waits_for_the_peer_so_long_and_no_longer),
		TEST(closing_after_both_ends_is_immediate),
		TEST(resetting_is_seen_as_a_reset),
		TEST(a_connecting_leg_opens),
		TEST(a_refused_connection_fails),
		TEST(a_connecting_leg_can_be_closed),
		TEST(socket_options_are_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
