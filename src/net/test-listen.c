#include "base/test-valgrind.h"
#include "net/listen.h"
#include "net/test-support.h"

#include <stdio.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct loop *loop;
static struct listener *listener;

static struct {
	int n, fd[100];
	char source[64];
	bool close_it; /* close the listener at the first connection */
} got;

static void on_accepted(void *ctx, int fd, const char *source)
{
	(void)ctx;
	got.fd[got.n++] = fd;
	(void)snprintf(got.source, sizeof(got.source), "%s", source);
	if (got.close_it)
		listen_close(STEAL(listener));
}

static int setup(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	listener = NULL;
	assert_int_equal(loop_new(&loop), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < got.n; i++)
		close(got.fd[i]);
	listen_close(listener);
	loop_free(loop);
	return 0;
}

static uint16_t port_of(const char *address)
{
	return (uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static uint16_t open_on(const char *address)
{
	struct fault fault = FAULT_NONE;

	if (listen_open(&listener, loop, address, on_accepted, NULL, &fault))
		fail_msg("%s", fault.text);
	return port_of(listen_address(listener));
}

static void an_accepted_descriptor_is_ready_for_use(void **state)
{
	uint16_t port = open_on("127.0.0.1:0");
	int client = test_connect(port), value = 0;
	socklen_t size = sizeof(value);
	struct sockaddr_in sa;
	socklen_t sa_size = sizeof(sa);
	char want[64];

	(void)state;
	TEST_UNTIL(loop, got.n == 1);
	assert_true(fcntl(got.fd[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(got.fd[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(
	    getsockopt(got.fd[0], SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
	assert_int_equal(value, 1);
	assert_int_equal(
	    getsockname(client, (struct sockaddr *)&sa, &sa_size), 0);
	(void)snprintf(want, sizeof(want), "127.0.0.1:%u", ntohs(sa.sin_port));
	assert_string_equal(got.source, want);
	close(client);
}

static void without_a_host_both_families_come_in(void **state)
{
	uint16_t port = open_on(":0");
	int client = test_connect(port);

	(void)state;
	TEST_UNTIL(loop, got.n == 1);
	assert_memory_equal(got.source, "127.0.0.1:", 10); /* not ::ffff: */
	close(client);
}

static void many_at_once_are_all_accepted(void **state)
{
	uint16_t port = open_on("localhost:0");
	int client[90];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(client); i++)
		client[i] = test_connect(port);
	loop_turn(loop);
	assert_int_equal(got.n, 64); /* a turn's share */
	TEST_UNTIL(loop, got.n == (int)N_ELEMS(client));
	for (size_t i = 0; i < N_ELEMS(client); i++)
		close(client[i]);
}

static void the_callee_may_close_the_listener(void **state)
{
	uint16_t port = open_on("127.0.0.1:0");
	int one = test_connect(port), two = test_connect(port);

	(void)state;
	got.close_it = true;
	TEST_UNTIL(loop, got.n == 1);
	loop_turn(loop);
	assert_int_equal(got.n, 1);
	close(one);
	close(two);
}

static void bad_addresses_are_refused_with_a_reason(void **state)
{
	uint16_t port = open_on("127.0.0.1:0");
	char taken[32];
	const struct {
		const char *address;
		int code;
		const char *text;
	} rows[] = {
		{ taken, -EADDRINUSE, "address already in use" },
		{ "192.0.2.1:0", -EADDRNOTAVAIL, "192.0.2.1:0" },
		{ "example.org:443", -EINVAL, "example.org:443" },
		{ "443", -EINVAL, "443" },
		{ "", -EINVAL, "not an address" },
	};

	(void)state;
	(void)snprintf(taken, sizeof(taken), "127.0.0.1:%u", port);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		struct listener *l = NULL;

		assert_int_equal(listen_open(&l, loop, rows[i].address,
				     on_accepted, NULL, &fault),
		    rows[i].code);
		assert_null(l);
		assert_non_null(strstr(fault.text, rows[i].text));
		assert_int_not_equal(fault.hint[0], '\0');
	}
}

static void a_passed_descriptor_is_adopted_if_it_listens(void **state)
{
	struct fault fault = FAULT_NONE;
	uint16_t port;
	int listening = test_listen(&port), client = test_connect(port);

	(void)state;
	assert_int_equal(
	    listen_adopt(&listener, loop, client, on_accepted, NULL, &fault),
	    -EINVAL);
	assert_int_not_equal(fault.hint[0], '\0');
	assert_int_equal(
	    listen_adopt(&listener, loop, listening, on_accepted, NULL, &fault),
	    0);
	TEST_UNTIL(loop, got.n == 1);
	close(client);
}

/* Take every descriptor that the limit allows. */
static void use_up_descriptors(int spare)
{
	int top = dup(0);
	struct rlimit most;

	assert_true(top >= 0);
	close(top);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &most), 0);
	most.rlim_cur = (rlim_t)top + (rlim_t)spare;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &most), 0);
}

static void running_out_of_descriptors_sheds_and_recovers(void **state)
{
	uint16_t port = open_on("127.0.0.1:0");
	int client[3];
	struct rlimit before;

	(void)state;
	if (test_in_valgrind()) {
		print_message("# valgrind keeps descriptors for itself\n");
		skip();
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (size_t i = 0; i < N_ELEMS(client); i++)
		client[i] = test_connect(port);
	use_up_descriptors(1); /* room for one of the three */
	TEST_UNTIL(loop, listen_starved(listener) == 2);
	assert_int_equal(got.n, 1);
	assert_int_equal(recv(client[1], (char[1]){ 0 }, 1, 0), 0);
	assert_true(test_turns_in(loop, 20) < 10);
	assert_int_equal(listen_starved(listener), 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(client[0]);
	client[0] = test_connect(port);
	TEST_UNTIL(loop, got.n == 2);
	for (size_t i = 0; i < N_ELEMS(client); i++)
		close(client[i]);
}

/* From here on there is no IPv6 in the kernel, as far as this process sees. */
static bool lose_ipv6(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool lost = filter &&
		    !seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT),
			SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_INET6)) &&
		    !seccomp_load(filter);

	seccomp_release(filter);
	return lost;
}

enum { GOOD, NO_FILTER, NO_LISTENER, OTHER_ADDRESS, V6_TOO };

/* What a process without IPv6 comes to. */
static int listen_without_ipv6(void)
{
	struct listener *l = NULL;

	if (!lose_ipv6())
		return NO_FILTER;
	if (listen_open(&l, loop, ":0", on_accepted, NULL, NULL))
		return NO_LISTENER;
	if (strncmp(listen_address(l), "0.0.0.0:", 8) != 0)
		return OTHER_ADDRESS;
	return listen_open(&l, loop, "[::1]:0", on_accepted, NULL, NULL) ==
		       -EAFNOSUPPORT
		   ? GOOD
		   : V6_TOO;
}

static void without_ipv6_a_port_alone_is_ipv4s(void **state)
{
	pid_t child = fork();
	int status = -1;

	(void)state;
	if (!child)
		_exit(listen_without_ipv6());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER)
		skip(); /* no seccomp here */
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), GOOD);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_accepted_descriptor_is_ready_for_use),
		TEST(without_a_host_both_families_come_in),
		TEST(many_at_once_are_all_accepted),
		TEST(the_callee_may_close_the_listener),
		TEST(bad_addresses_are_refused_with_a_reason),
		TEST(a_passed_descriptor_is_adopted_if_it_listens),
		TEST(running_out_of_descriptors_sheds_and_recovers),
		TEST(without_ipv6_a_port_alone_is_ipv4s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
