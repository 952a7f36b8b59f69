/* net/test-support.h: what several tests of net/ need. Tests only. */
#pragma once
#include "net/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { TEST_PATIENCE_MS = 20000 };

struct test_patience {
	struct wheel_timer timer;
	bool over;
};

static inline void test_patience_over(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	CONTAINER_OF(t, struct test_patience, timer)->over = true;
}

/** TEST_UNTIL() - turn the loop until @condition; fail when it never comes */
#define TEST_UNTIL(loop, condition)                                            \
	do {                                                                   \
		struct test_patience patience_ = { .over = false };            \
                                                                               \
		loop_after((loop), &patience_.timer, TEST_PATIENCE_MS,         \
		    test_patience_over);                                       \
		while (!(condition) && !patience_.over)                        \
			loop_wait(loop);                                       \
		loop_cancel((loop), &patience_.timer);                         \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

/** test_turns_in() - how often the loop turns in @ms when it is left alone */
static inline uint64_t test_turns_in(struct loop *loop, unsigned ms)
{
	struct test_patience patience = { .over = false };
	uint64_t before = loop_turns(loop);

	loop_after(loop, &patience.timer, ms, test_patience_over);
	while (!patience.over)
		loop_wait(loop);
	return loop_turns(loop) - before;
}

/** test_listen() - a listening socket on 127.0.0.1; @port is set */
static inline int test_listen(uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, size), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &size), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

/** test_connect() - a blocking socket connected to 127.0.0.1:@port */
static inline int test_connect(uint16_t port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/** test_tcp_pair() - two ends of one loopback connection, both blocking */
static inline void test_tcp_pair(int fd[2])
{
	uint16_t port;
	int listening = test_listen(&port);

	fd[0] = test_connect(port);
	fd[1] = accept(listening, NULL, NULL);
	assert_true(fd[1] >= 0);
	close(listening);
}

/** test_reset() - close @fd so that the other end sees a reset */
static inline void test_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}
