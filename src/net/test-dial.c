/* Names and connections, with a name server of the test's own on loopback. */
#include "net/dial.h"
#include "net/egress.h"
#include "net/resolve.h"
#include "net/test-support.h"

#include <stdio.h>
#include <arpa/inet.h>

enum { PATIENCE = 5000 };

static struct loop *loop;

static struct {
	int calls;
	struct leg *leg;
	struct fault fault;
	struct address_place address[RESOLVE_MOST];
	size_t n;
} got;

/* The name server: answers A and AAAA for a fixed table, else NXDOMAIN. */
static struct {
	int fd;
	char where[32];
	uv_poll_t poll;
	bool silent;
} server;

struct record {
	const char *name; /* as on the wire */
	uint16_t type;
	const char *address;
};

enum { TYPE_A = 1, TYPE_AAAA = 28 };

static const struct record records[] = {
	{ "\3two\7example", TYPE_A, "127.0.0.2" },
	{ "\3two\7example", TYPE_A, "127.0.0.3" },
	{ "\3mix\7example", TYPE_A, "127.0.0.2" },
	{ "\3mix\7example", TYPE_A, "127.0.0.3" },
	{ "\3mix\7example", TYPE_AAAA, "::1" },
	{ "\4none\7example", TYPE_A, NULL }, /* exists, without an address */
};

struct message {
	uint8_t bytes[512];
	size_t n;
};

static void add(struct message *m, const void *bytes, size_t n)
{
	assert_true(m->n + n <= sizeof(m->bytes));
	memcpy(m->bytes + m->n, bytes, n);
	m->n += n;
}

static void add_record(struct message *m, const struct record *r)
{
	static const uint8_t head[] = { 0xc0, 12 }; /* the question's name */
	uint8_t fixed[] = { 0, (uint8_t)r->type, 0, 1, 0, 0, 0, 60, 0,
		r->type == TYPE_A ? 4 : 16 };
	uint8_t address[16];

	assert_int_equal(inet_pton(r->type == TYPE_A ? AF_INET : AF_INET6,
			     r->address, address),
	    1);
	add(m, head, sizeof(head));
	add(m, fixed, sizeof(fixed));
	add(m, address, fixed[9]);
	m->bytes[7]++;
}

static void answer(struct message *m)
{
	const char *name = (const char *)m->bytes + 12;
	size_t n_name = strlen(name) + 1;
	uint16_t type = m->bytes[12 + n_name + 1];
	bool known = false;

	m->n = 12 + n_name + 4; /* without the additional section */
	m->bytes[2] |= 0x80;
	m->bytes[11] = 0;
	for (size_t i = 0; i < N_ELEMS(records); i++) {
		if (strcmp(records[i].name, name))
			continue;
		known = true;
		if (records[i].type == type && records[i].address)
			add_record(m, &records[i]);
	}
	m->bytes[3] = known ? 0 : 3;
}

static void on_query(uv_poll_t *poll, int status, int events)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct message m;
	ssize_t n = recvfrom(server.fd, m.bytes, sizeof(m.bytes), 0,
	    (struct sockaddr *)&from, &size);

	(void)poll;
	(void)status;
	(void)events;
	assert_true(n > 16);
	if (server.silent)
		return;
	answer(&m);
	assert_int_equal(
	    sendto(server.fd, m.bytes, m.n, 0, (struct sockaddr *)&from, size),
	    (ssize_t)m.n);
}

static int setup(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(sa);

	(void)state;
	memset(&got, 0, sizeof(got));
	assert_int_equal(loop_new(&loop), 0);
	memset(&server, 0, sizeof(server));
	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&sa, size), 0);
	assert_int_equal(
	    getsockname(server.fd, (struct sockaddr *)&sa, &size), 0);
	(void)snprintf(server.where, sizeof(server.where), "127.0.0.1:%u",
	    ntohs(sa.sin_port));
	assert_int_equal(
	    uv_poll_init(loop_uv(loop), &server.poll, server.fd), 0);
	assert_int_equal(uv_poll_start(&server.poll, UV_READABLE, on_query), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leg_reset(got.leg);
	uv_close((uv_handle_t *)&server.poll, NULL);
	close(server.fd);
	loop_free(loop);
	assert_int_equal(
	    got.calls, 0); /* none came twice, or was not awaited */
	return 0;
}

/* The look-up or dial that is under way has ended, once (see teardown()). */
static void await_end(void)
{
	TEST_UNTIL(loop, got.calls == 1);
	got.calls = 0;
}

static void on_resolved(void *ctx, const struct address_place *addresses,
    size_t n, const struct fault *fault)
{
	(void)ctx;
	got.calls++;
	got.n = n;
	memcpy(got.address, addresses, n * sizeof(*addresses));
	if (fault)
		got.fault = *fault;
}

static struct resolve *look_up(const char *host)
{
	struct resolve *r;

	got.fault.text[0] = '\0';
	assert_int_equal(
	    resolve_open(&r, loop,
		&(struct resolve_config){
		    .host = host, .port = 443, .servers = server.where },
		on_resolved, NULL),
	    0);
	assert_int_equal(got.calls, 0);
	return r;
}

static void check_addresses(const char *label, const char *const *want)
{
	size_t n = 0;

	for (; want[n]; n++) {
		struct address_place *a = &got.address[n];
		char text[INET6_ADDRSTRLEN];
		bool v4 = a->sa.any.sa_family == AF_INET;

		if (n >= got.n)
			fail_msg("%s: too few addresses", label);
		inet_ntop(a->sa.any.sa_family,
		    v4 ? (void *)&a->sa.v4.sin_addr
		       : (void *)&a->sa.v6.sin6_addr,
		    text, sizeof(text));
		assert_string_equal(text, want[n]);
		assert_int_equal(
		    ntohs(v4 ? a->sa.v4.sin_port : a->sa.v6.sin6_port), 443);
	}
	if (n != got.n)
		fail_msg("%s: %zu addresses", label, got.n);
}

static void names_become_addresses_in_turn(void **state)
{
	static const struct {
		const char *host;
		const char *want[4];
	} rows[] = {
		{ "192.0.2.7", { "192.0.2.7" } },
		{ "2001:db8::1", { "2001:db8::1" } },
		{ "two.example", { "127.0.0.2", "127.0.0.3" } },
		{ "mix.example", { "::1", "127.0.0.2", "127.0.0.3" } },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		look_up(rows[i].host);
		await_end();
		check_addresses(rows[i].host, rows[i].want);
	}
}

static void the_hosts_file_comes_first(void **state)
{
	(void)state;
	server.silent = true;
	look_up("localhost");
	await_end();
	assert_true(got.n >= 1);
}

static void names_that_are_not_there_have_a_reason(void **state)
{
	static const char *const hosts[] = { "nobody.example", "none.example" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(hosts); i++) {
		look_up(hosts[i]);
		await_end();
		assert_int_equal(got.n, 0);
		assert_non_null(strstr(got.fault.text, hosts[i]));
		assert_int_not_equal(got.fault.hint[0], '\0');
	}
}

static void a_look_up_can_be_cancelled_at_every_stage(void **state)
{
	struct resolve *r;

	(void)state;
	resolve_cancel(look_up("192.0.2.7"));
	r = look_up("two.example");
	resolve_cancel(r);
	server.silent = true;
	r = look_up("two.example");
	loop_wait(loop); /* the query has gone out */
	resolve_cancel(r);
	resolve_cancel(NULL);
	loop_turn(loop);
	assert_int_equal(got.calls, 0);
}

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	(void)ctx;
	got.calls++;
	got.leg = leg;
	if (fault)
		got.fault = *fault;
}

static struct dial *dial(const char *host, uint16_t port, unsigned ms)
{
	char target[64];
	struct dial *d;

	(void)snprintf(target, sizeof(target), "%s:%u", host, port);
	assert_int_equal(
	    dial_open(&d, loop, target, ms, on_dialled, NULL, NULL), 0);
	assert_int_equal(dial_name_servers(d, server.where), 0);
	assert_int_equal(got.calls, 0);
	return d;
}

/* A dial has ended, by the address @source. */
static void await_leg(const char *source)
{
	await_end();
	assert_non_null(got.leg);
	assert_int_equal(leg_state(got.leg), LEG_OPEN);
	assert_memory_equal(leg_source(got.leg), source, strlen(source));
}

/* What a dial that fails says. */
struct failure {
	const char *label, *host;
	uint16_t port;
	unsigned ms;
	int code;
	const char *text;
};

static void await_failure(const struct failure *want)
{
	await_end();
	if (got.leg || got.fault.code != want->code ||
	    !strstr(got.fault.text, want->text))
		fail_msg("%s: %s", want->label, got.fault.text);
	assert_int_not_equal(got.fault.hint[0], '\0');
}

/* Listen on @host:@port (0: any). */
static int listen_on(const char *host, uint16_t *port, int backlog)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(*port) };
	socklen_t size = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, host, &sa.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, size), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &size), 0);
	*port = ntohs(sa.sin_port);
	return fd;
}

static void an_address_is_connected_to(void **state)
{
	uint16_t port;
	int fd = test_listen(&port);

	(void)state;
	dial("127.0.0.1", port, PATIENCE);
	await_leg("127.0.0.1:");
	assert_int_equal(leg_write(got.leg, "x", 1), 1);
	close(fd);
}

static void the_next_address_is_tried_when_one_refuses(void **state)
{
	uint16_t port = 0;
	int fd = listen_on("127.0.0.3", &port, 4);

	(void)state;
	dial("two.example", port, PATIENCE);
	await_leg("127.0.0.3:");
	close(fd);
}

/* Connections to a listener whose queue is full hang: an address that does not
 * answer, on any machine. */
struct mute {
	int listening, filler[4];
};

static struct mute make_mute(const char *host, uint16_t *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct mute m = { .listening = listen_on(host, port, 0) };

	assert_int_equal(inet_pton(AF_INET, host, &sa.sin_addr), 1);
	sa.sin_port = htons(*port);
	for (size_t i = 0; i < N_ELEMS(m.filler); i++) {
		m.filler[i] = socket(
		    AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(m.filler[i], (struct sockaddr *)&sa, sizeof(sa));
	}
	return m;
}

static void close_mute(struct mute *m)
{
	for (size_t i = 0; i < N_ELEMS(m->filler); i++)
		close(m->filler[i]);
	close(m->listening);
}

static void an_address_that_is_mute_does_not_hold_up_the_next(void **state)
{
	uint16_t port = 0;
	struct mute mute = make_mute("127.0.0.2", &port);
	int fd = listen_on("127.0.0.3", &port, 4);

	(void)state;
	dial("two.example", port, PATIENCE);
	await_leg("127.0.0.3:");
	close_mute(&mute);
	close(fd);
}

static void failures_name_the_place_and_the_remedy(void **state)
{
	uint16_t port = 0;
	struct mute mute = make_mute("127.0.0.2", &port);
	const struct failure rows[] = {
		{ "refused", "127.0.0.1", 1, PATIENCE, -ECONNREFUSED,
		    "connecting to 127.0.0.1:1: connection refused" },
		{ "all refused", "two.example", 1, PATIENCE, -ECONNREFUSED,
		    "none of 2 addresses works; the last one, 127.0.0.3:1" },
		{ "no name", "nobody.example", 1, PATIENCE, -ENOENT,
		    "looking up the name nobody.example" },
		{ "mute", "127.0.0.2", port, 300, -ETIMEDOUT,
		    "no answer in 300 ms" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		dial(rows[i].host, rows[i].port, rows[i].ms);
		await_failure(&rows[i]);
		assert_non_null(strstr(got.fault.text, rows[i].host));
	}
	close_mute(&mute);
}

static void a_mute_name_server_is_named(void **state)
{
	(void)state;
	server.silent = true;
	dial("two.example", 443, 100);
	await_end();
	assert_int_equal(got.fault.code, -ETIMEDOUT);
	assert_non_null(strstr(got.fault.text, "no answer from a name server"));
}

static void targets_that_cannot_be_dialled_are_refused(void **state)
{
	static const char *const targets[] = { "", "b.example", ":443",
		"b.example:0", "b.example:https", "https://b.example:443" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(targets); i++) {
		struct fault fault = FAULT_NONE;
		struct dial *d = NULL;

		assert_int_equal(dial_open(&d, loop, targets[i], PATIENCE,
				     on_dialled, NULL, &fault),
		    -EINVAL);
		assert_null(d);
		assert_int_not_equal(fault.hint[0], '\0');
	}
}

static void a_dial_can_be_cancelled_at_every_stage(void **state)
{
	uint16_t port = 0;
	struct mute mute = make_mute("127.0.0.2", &port);
	struct dial *d;

	(void)state;
	dial_cancel(dial("two.example", port, PATIENCE));
	d = dial("127.0.0.2", port, PATIENCE);
	loop_turn(loop); /* on its way */
	dial_cancel(d);
	dial_cancel(NULL);
	loop_turn(loop);
	assert_int_equal(got.calls, 0);
	close_mute(&mute);
}

/* ---- by an egress proxy */

static struct egress *egress;

static void use_proxy(const char *host, uint16_t port, const char *except)
{
	char url[80];
	const struct egress_words words = { url, "a test", except };
	struct fault fault = FAULT_NONE;

	(void)snprintf(url, sizeof(url), "http://%s:%u", host, port);
	if (egress_new(&egress, &words, &fault))
		fail_msg("%s", fault.text);
	loop_set_egress(loop, egress);
}

static void drop_proxy(void)
{
	loop_set_egress(loop, NULL);
	egress_free(STEAL(egress));
}

/* The proxy's end of the connection, once what it is asked has come. */
static int next_asked(int listening, const char *question)
{
	char bytes[200];
	int fd = -1;
	ssize_t n;

	(void)fcntl(listening, F_SETFL, O_NONBLOCK);
	TEST_UNTIL(
	    loop, (fd = fd < 0 ? accept(listening, NULL, NULL) : fd) >= 0 &&
		      recv(fd, bytes, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
	n = recv(fd, bytes, sizeof(bytes) - 1, 0);
	assert_true(n > 0);
	bytes[n] = '\0';
	assert_non_null(strstr(bytes, question));
	return fd;
}

/* The proxy's name is looked up, and its addresses raced for; the target's name
 * goes to it as it is. */
static void a_proxy_is_asked_for_the_target(void **state)
{
	uint16_t port = 0;
	int fd = listen_on("127.0.0.3", &port, 4), end;
	char bytes[16] = "";

	(void)state;
	use_proxy("two.example", port, NULL);
	dial("nobody.example", 443, PATIENCE);
	end = next_asked(fd, "CONNECT nobody.example:443 HTTP/1.1\r\n");
	assert_int_equal(write(end, "HTTP/1.1 200 OK\r\n\r\nearly", 24), 24);
	await_leg("127.0.0.3:");
	assert_int_equal(leg_read(got.leg, bytes, sizeof(bytes)), 5);
	assert_string_equal(bytes, "early");
	close(end);
	close(fd);
	drop_proxy();
}

static void what_needs_no_proxy_is_reached_without(void **state)
{
	static const char *const rows[][2] = {
		{ "127.0.0.3", NULL }, /* loopback */
		{ "two.example", "example" },
	};
	uint16_t port = 0;
	int fd = listen_on("127.0.0.3", &port, 4);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		use_proxy("192.0.2.1", 1, rows[i][1]);
		dial(rows[i][0], port, PATIENCE);
		await_leg("127.0.0.3:");
		leg_reset(STEAL(got.leg));
		drop_proxy();
	}
	close(fd);
}

/* Whatever the proxy is for, this one is not it. */
static void what_stands_near_is_reached_without(void **state)
{
	uint16_t port = 0;
	int fd = listen_on("127.0.0.3", &port, 4);
	char target[32];
	struct dial *d;

	(void)state;
	use_proxy("192.0.2.1", 1, NULL);
	(void)snprintf(target, sizeof(target), "two.example:%u", port);
	assert_int_equal(
	    dial_open_near(&d, loop, target, PATIENCE, on_dialled, NULL, NULL),
	    0);
	assert_int_equal(dial_name_servers(d, server.where), 0);
	assert_ptr_equal(loop_egress(loop), egress);
	await_leg("127.0.0.3:");
	close(fd);
	drop_proxy();
}

static void a_proxy_that_fails_is_named(void **state)
{
	uint16_t port = 0;
	int fd = listen_on("127.0.0.2", &port, 4);
	const struct failure rows[] = {
		{ "refused", "127.0.0.1", 1, PATIENCE, -ECONNREFUSED,
		    "egress proxy: connecting to 127.0.0.1:1: connection "
		    "refused" },
		{ "no name", "nobody.example", 1, PATIENCE, -ENOENT,
		    "egress proxy: connecting to nobody.example:1" },
		{ "mute once connected", "127.0.0.2", port, 300, -ETIMEDOUT,
		    "no answer to CONNECT in 300 ms" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		use_proxy(rows[i].host, rows[i].port, NULL);
		dial("a.example", 443, rows[i].ms);
		await_failure(&rows[i]);
		drop_proxy();
	}
	close(fd);
}

static void a_dial_by_a_proxy_can_be_cancelled(void **state)
{
	uint16_t port = 0;
	int fd = listen_on("127.0.0.2", &port, 4), end;
	struct dial *d;

	(void)state;
	use_proxy("127.0.0.2", port, NULL);
	d = dial("a.example", 443, PATIENCE);
	end = next_asked(fd, "CONNECT a.example:443");
	dial_cancel(d);
	loop_turn(loop);
	assert_int_equal(got.calls, 0);
	close(end);
	close(fd);
	drop_proxy();
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_become_addresses_in_turn),
		TEST(the_hosts_file_comes_first),
		TEST(names_that_are_not_there_have_a_reason),
		TEST(a_look_up_can_be_cancelled_at_every_stage),
		TEST(an_address_is_connected_to),
		TEST(the_next_address_is_tried_when_one_refuses),
		TEST(an_address_that_is_mute_does_not_hold_up_the_next),
		TEST(failures_name_the_place_and_the_remedy),
		TEST(a_mute_name_server_is_named),
		TEST(targets_that_cannot_be_dialled_are_refused),
		TEST(a_dial_can_be_cancelled_at_every_stage),
		TEST(a_proxy_is_asked_for_the_target),
		TEST(what_needs_no_proxy_is_reached_without),
		TEST(what_stands_near_is_reached_without),
		TEST(a_proxy_that_fails_is_named),
		TEST(a_dial_by_a_proxy_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
