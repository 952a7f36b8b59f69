/* libpharos-leg by its public header: two routes of one process over loopback,
 * one of which accepts what the other dials. */
#include <pharos/leg.h>

#include "pki/testpki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { LONG_MS = 20000, SIGNALS = 32 };

static char folder[] = "/tmp/pharos-test-leg-XXXXXX";
static char files[2][3][64]; /* of [home, laptop]: certificate, key, CA */
static const char *const names[] = { "home", "laptop" };

static int group_setup(void **state)
{
	struct testpki_ca ca = testpki_ca_new("the CA");

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (int i = 0; i < 2; i++) {
		struct identity *id =
		    testpki_identity(&ca, ROLE_PIPE, names[i], NULL);

		(void)snprintf(files[i][0], 64, "%s/%s.crt", folder, names[i]);
		(void)snprintf(files[i][1], 64, "%s/%s.key", folder, names[i]);
		(void)snprintf(files[i][2], 64, "%s/ca.crt", folder);
		testpki_write_cert(files[i][0], id->leaf);
		testpki_write_key(files[i][1], id->key);
		testpki_write_cert(files[i][2], ca.cert);
		identity_free(id);
	}
	testpki_ca_free(&ca);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 3; k++)
			unlink(files[i][k]);
	rmdir(folder);
	return 0;
}

/* ---- a side that echoes, and one that asks it */

struct side {
	struct pharos_route *route;
	struct pharos_stream *stream; /* the last one */
	char said[256];		      /* by the log */
	int offers, events_gone;
	enum { ECHO, REFUSE, KEEP } then;
	char heard[64];
	size_t n_heard;
	bool ended;
};

static void on_echo(void *ctx, struct pharos_stream *stream, unsigned events)
{
	char bytes[4096];
	ssize_t n;

	(void)ctx;
	if (events & PHAROS_GONE) {
		pharos_stream_close(stream);
		return;
	}
	while ((n = pharos_stream_read(stream, bytes, sizeof(bytes))) > 0)
		assert_int_equal(
		    pharos_stream_write(stream, bytes, (size_t)n), n);
	if (!n)
		pharos_stream_close(stream);
}

static void on_offered(void *ctx, struct pharos_stream *stream)
{
	struct side *side = ctx;

	side->offers++;
	side->stream = stream;
	assert_string_equal(pharos_stream_peer(stream), "laptop");
	if (side->then == REFUSE)
		pharos_stream_refuse(stream, "not today");
	if (side->then != ECHO)
		return;
	assert_int_equal(pharos_stream_accept(stream), 0);
	assert_int_equal(pharos_stream_accept(stream), -EINVAL); /* again */
	pharos_stream_handle(stream, on_echo, side);
	pharos_stream_want(stream, PHAROS_READ);
}

static void on_log(void *ctx, enum pharos_level level, const char *line)
{
	struct side *side = ctx;

	(void)snprintf(side->said, sizeof(side->said), "%d %s", level, line);
}

static struct pharos_route_config config_of(struct side *side, int who)
{
	return (struct pharos_route_config){
		.size = sizeof(struct pharos_route_config),
		.side = who ? PHAROS_CONNECT : PHAROS_LISTEN,
		.cert_file = files[who][0],
		.key_file = files[who][1],
		.ca_file = files[who][2],
		.offered = on_offered,
		.log = on_log,
		.ctx = side,
	};
}

static void open_side(struct side *side, struct pharos_route_config *config)
{
	struct pharos_error error;

	if (pharos_route_open(&side->route, config, &error))
		fail_msg("%s", error.text);
	assert_int_equal(error.code, 0);
}

static void open_listening(struct side *side)
{
	struct pharos_route_config config = config_of(side, 0);

	config.accept = "127.0.0.1:0";
	open_side(side, &config);
}

static void open_connecting(
    struct side *side, const char *address, unsigned wait_ms)
{
	const char *dial[] = { address, NULL };
	struct pharos_route_config config = config_of(side, 1);

	config.dial = dial;
	config.wait_ms = wait_ms;
	config.peer_names = (const char *const[]){ "home", NULL };
	open_side(side, &config);
}

/* The address of a port where nobody listens. */
static const char *nowhere(void)
{
	static char address[64];
	struct side side = { .then = ECHO };

	open_listening(&side);
	(void)snprintf(
	    address, sizeof(address), "%s", pharos_route_address(side.route));
	pharos_route_close(side.route);
	return address;
}

/* Both routes as an event loop would have them: by their descriptors alone. */
static void poll_once(const struct side *a, const struct side *b)
{
	struct pollfd fds[2] = {
		{ .fd = pharos_route_fd(a->route), .events = POLLIN },
		{ .fd = b ? pharos_route_fd(b->route) : -1, .events = POLLIN },
	};

	if (!poll(fds, 2, LONG_MS))
		fail_msg("nothing happens");
	if (fds[0].revents)
		assert_int_equal(pharos_route_dispatch(a->route), 0);
	if (fds[1].revents)
		assert_int_equal(pharos_route_dispatch(b->route), 0);
}

static void on_hear(void *ctx, struct pharos_stream *stream, unsigned events)
{
	struct side *side = ctx;
	ssize_t n;

	side->events_gone += (events & PHAROS_GONE) != 0;
	if (!(events & PHAROS_READ))
		return;
	n = pharos_stream_read(stream, side->heard + side->n_heard,
	    sizeof(side->heard) - side->n_heard);
	side->ended |= !n;
	if (n > 0)
		side->n_heard += (size_t)n;
	if (side->ended)
		pharos_stream_want(stream, 0);
}

static void ask(struct side *far, struct side *near, const char *name)
{
	assert_int_equal(
	    pharos_stream_open(&near->stream, near->route, name), 0);
	pharos_stream_handle(near->stream, on_hear, near);
	pharos_stream_want(near->stream, PHAROS_READ);
	while (pharos_stream_write(near->stream, "hello", 5) != 5)
		poll_once(far, near);
	pharos_stream_finish(near->stream);
}

static void two_routes_in_an_event_loop(void **state)
{
	struct side far = { .then = ECHO }, near = { .then = ECHO };

	(void)state;
	open_listening(&far);
	open_connecting(&near, pharos_route_address(far.route), 0);
	assert_null(pharos_route_address(near.route));
	ask(&far, &near, "ssh");
	assert_string_equal(pharos_stream_name(far.stream), "ssh");
	assert_int_equal(pharos_route_tunnels(near.route), 1);
	while (!near.ended)
		poll_once(&far, &near);
	assert_int_equal(near.n_heard, 5);
	assert_memory_equal(near.heard, "hello", 5);
	assert_int_equal(near.events_gone, 0);
	assert_non_null(strstr(near.said, "2 tunnel up"));
	assert_non_null(strstr(near.said, "peer home"));
	pharos_stream_close(near.stream);
	pharos_route_drain(near.route, LONG_MS);
	while (pharos_route_busy(near.route))
		poll_once(&far, &near);
	assert_non_null(strstr(near.said, "2 tunnel gone"));
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

static void a_refusal_says_why(void **state)
{
	struct side far = { .then = REFUSE }, near = { .then = ECHO };
	struct pharos_error error;

	(void)state;
	open_listening(&far);
	open_connecting(&near, pharos_route_address(far.route), 0);
	assert_int_equal(pharos_stream_open(&near.stream, near.route, NULL), 0);
	pharos_stream_handle(near.stream, on_hear, &near);
	while (!near.events_gone)
		poll_once(&far, &near);
	pharos_stream_error(near.stream, &error);
	assert_int_equal(error.code, -ECONNREFUSED);
	assert_non_null(strstr(error.text, "not today"));
	assert_int_equal(
	    pharos_stream_write(near.stream, "x", 1), -ECONNREFUSED);
	assert_int_equal(
	    pharos_stream_wait(near.stream, PHAROS_WRITE, -1), PHAROS_GONE);
	pharos_stream_close(near.stream);
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

/* A deadline wakes who polls the descriptor and asks for no timeout. */
static void without_a_tunnel_it_fails_in_time(void **state)
{
	struct side near = { .then = ECHO };
	struct pharos_error error;

	(void)state;
	open_connecting(&near, nowhere(), 50);
	assert_int_equal(
	    pharos_stream_open(&near.stream, near.route, "ssh"), 0);
	pharos_stream_handle(near.stream, on_hear, &near);
	while (!near.events_gone)
		poll_once(&near, NULL);
	pharos_stream_error(near.stream, &error);
	assert_int_equal(error.code, -ETIMEDOUT);
	assert_non_null(strstr(error.text, "no tunnel to the peer in 50 ms"));
	assert_non_null(strstr(error.hint, "is the other side running"));
	pharos_route_error(near.route, &error);
	assert_int_equal(error.code, -ENOTCONN);
	assert_non_null(strstr(error.text, "refused"));
	assert_non_null(strstr(near.said, "1 target failed"));
	pharos_route_close(near.route); /* and the stream with it */
}

/* The library's idea of now is not that of the last dispatch. */
static void time_passes_between_dispatches(void **state)
{
	struct side near = { .then = ECHO };

	(void)state;
	open_connecting(&near, nowhere(), 1000);
	assert_int_equal(pharos_route_dispatch(near.route), 0);
	poll(NULL, 0, 1500);
	assert_int_equal(
	    pharos_stream_open(&near.stream, near.route, "ssh"), 0);
	assert_int_equal(pharos_stream_wait(near.stream, PHAROS_WRITE, 10), 0);
	pharos_route_close(near.route);
}

/* ---- blocking, each side in a thread of its own */

static void *serve(void *ctx)
{
	struct side *side = ctx;

	while (!side->ended)
		if (pharos_route_wait(side->route, 20))
			break;
	return NULL;
}

static void on_last(void *ctx, struct pharos_stream *stream)
{
	struct side *side = ctx;

	if (!strcmp(pharos_stream_name(stream), "end"))
		side->ended = true;
	on_offered(ctx, stream);
}

static void a_program_without_a_loop_waits(void **state)
{
	struct side far = { .then = ECHO }, near = { .then = ECHO };
	struct pharos_route_config config = config_of(&far, 0);
	pthread_t thread;
	char bytes[16];

	(void)state;
	config.accept = "127.0.0.1:0";
	config.offered = on_last;
	open_side(&far, &config);
	open_connecting(&near, pharos_route_address(far.route), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &far), 0);
	assert_int_equal(
	    pharos_stream_open(&near.stream, near.route, "echo"), 0);
	assert_int_equal(pharos_stream_wait(near.stream, PHAROS_WRITE, LONG_MS),
	    PHAROS_WRITE);
	assert_int_equal(pharos_stream_wait(near.stream, PHAROS_READ, 10), 0);
	assert_int_equal(pharos_stream_write(near.stream, "abc", 3), 3);
	assert_int_equal(
	    pharos_stream_wait(near.stream, PHAROS_READ, LONG_MS), PHAROS_READ);
	assert_int_equal(
	    pharos_stream_read(near.stream, bytes, sizeof(bytes)), 3);
	assert_int_equal(
	    pharos_stream_read(near.stream, bytes, sizeof(bytes)), -EAGAIN);
	pharos_stream_finish(near.stream);
	assert_int_equal(pharos_stream_write(near.stream, "x", 1), -EPIPE);
	pharos_stream_close(near.stream);
	assert_int_equal(
	    pharos_stream_open(&near.stream, near.route, "end"), 0);
	assert_int_equal(pharos_stream_wait(near.stream, PHAROS_WRITE, LONG_MS),
	    PHAROS_WRITE);
	pthread_join(thread, NULL);
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

/* ---- what a callback may do */

static void on_write_close_route(
    void *ctx, struct pharos_stream *stream, unsigned events)
{
	struct side *side = ctx;

	(void)events;
	side->ended = true;
	assert_int_equal(pharos_route_dispatch(side->route), -EDEADLK);
	assert_int_equal(pharos_route_wait(side->route, 0), -EDEADLK);
	assert_int_equal(pharos_stream_wait(stream, PHAROS_READ, 0), -EDEADLK);
	pharos_route_close(side->route);
}

static void on_write_close_stream(
    void *ctx, struct pharos_stream *stream, unsigned events)
{
	(void)ctx;
	(void)events;
	pharos_stream_reset(stream);
}

static void a_callback_may_close_what_it_was_called_for(void **state)
{
	static const pharos_stream_fn handlers[] = { on_write_close_route,
		on_write_close_stream };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(handlers); i++) {
		struct side far = { .then = ECHO }, near = { .then = ECHO };

		open_listening(&far);
		open_connecting(&near, pharos_route_address(far.route), 0);
		while (!pharos_route_tunnels(near.route))
			poll_once(&far, &near);
		assert_int_equal(
		    pharos_stream_open(&near.stream, near.route, "x"), 0);
		pharos_stream_handle(near.stream, handlers[i], &near);
		pharos_stream_want(near.stream, PHAROS_WRITE);
		while (!far.offers) {
			assert_int_equal(pharos_route_wait(near.route, 5), 0);
			assert_int_equal(pharos_route_wait(far.route, 5), 0);
		}
		while (pharos_route_busy(far.route) && !near.ended) {
			assert_int_equal(pharos_route_wait(far.route, 5), 0);
			if (pharos_stream_wait(near.stream, PHAROS_WRITE, 5) ==
			    PHAROS_GONE)
				break;
		}
		assert_int_equal(near.ended, i == 0);
		if (i)
			pharos_route_close(near.route);
		pharos_route_close(far.route);
	}
}

static void an_offer_that_the_peer_takes_back(void **state)
{
	struct side far = { .then = KEEP }, near = { .then = ECHO };

	(void)state;
	open_listening(&far);
	open_connecting(&near, pharos_route_address(far.route), 0);
	assert_int_equal(pharos_stream_open(&near.stream, near.route, "x"), 0);
	while (!far.offers)
		poll_once(&far, &near);
	pharos_stream_reset(near.stream);
	pharos_stream_handle(far.stream, on_hear, &far);
	while (!far.events_gone)
		poll_once(&far, &near);
	assert_int_equal(pharos_stream_accept(far.stream), -ECONNRESET);
	pharos_stream_refuse(far.stream, "too late");
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

/* ---- the process around it */

static void an_idle_route_does_not_wake_its_caller(void **state)
{
	struct side far = { .then = ECHO }, near = { .then = ECHO };
	struct pollfd fd = { .events = POLLIN };
	int wakes = 0;

	(void)state;
	open_listening(&far);
	open_connecting(&near, pharos_route_address(far.route), 0);
	ask(&far, &near, "x");
	while (!near.ended)
		poll_once(&far, &near);
	fd.fd = pharos_route_fd(near.route);
	while (wakes < 100 && poll(&fd, 1, 300)) {
		assert_int_equal(pharos_route_dispatch(near.route), 0);
		wakes++;
	}
	assert_true(wakes < 20);
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

static void look_at_signals(struct sigaction seen[SIGNALS])
{
	memset(seen, 0, sizeof(seen[0]) * SIGNALS);
	for (int i = 1; i < SIGNALS; i++)
		(void)sigaction(i, NULL, &seen[i]);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void the_process_is_left_alone(void **state)
{
	struct side far = { .then = ECHO }, near = { .then = ECHO };
	struct sigaction before[SIGNALS], after[SIGNALS];
	bool mine[64];

	(void)state;
	look_at_signals(before);
	for (int fd = 0; fd < 64; fd++)
		mine[fd] = is_open(fd);
	open_listening(&far);
	open_connecting(&near, pharos_route_address(far.route), 0);
	ask(&far, &near, "x");
	for (int fd = 0; fd < 64; fd++)
		if (!mine[fd] && is_open(fd) &&
		    !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			fail_msg("descriptor %d is left to a child", fd);
	pharos_route_close(far.route); /* with the stream in the middle */
	for (int i = 0; i < 10; i++)
		(void)pharos_stream_write(near.stream, "x", 1);
	pharos_route_close(near.route);
	look_at_signals(after);
	for (int i = 1; i < SIGNALS; i++)
		if (before[i].sa_handler != after[i].sa_handler)
			fail_msg("signal %d is handled", i);
	for (int fd = 0; fd < 64; fd++)
		assert_int_equal(mine[fd], is_open(fd));
}

/* ---- configurations */

static const char *const one_address[] = { "127.0.0.1:1", NULL };
static const char *const no_address[] = { NULL };

#define SPOILER(name, change)                                                  \
	static void name(struct pharos_route_config *c)                        \
	{                                                                      \
		change;                                                        \
	}
SPOILER(no_size, c->size = 0)
SPOILER(no_side, c->side = (enum pharos_side)0)
SPOILER(no_key, c->key_file = NULL)
SPOILER(two_ways, c->dial = one_address)
SPOILER(no_way, c->accept = NULL)
SPOILER(empty_way, (c->accept = NULL, c->dial = no_address))
SPOILER(nobody_to_offer_to, c->offered = NULL)
SPOILER(unknown_role, c->role = "king")
SPOILER(unknown_peer_role, c->peer_role = "")
SPOILER(another_role, c->role = "broker")
SPOILER(missing_key, c->key_file = "/none")
SPOILER(bad_proxy, c->egress_proxy = "ftp://proxy:1")
#undef SPOILER

static const struct {
	void (*spoil)(struct pharos_route_config *c);
	const char *said;
} spoilt[] = {
	{ no_size, "size" },
	{ no_side, "side" },
	{ no_key, "key_file" },
	{ two_ways, "how to meet" },
	{ no_way, "how to meet" },
	{ empty_way, "0 addresses" },
	{ nobody_to_offer_to, "offered" },
	{ unknown_role, "no such role" },
	{ unknown_peer_role, "no such role" },
	{ another_role, "broker" },
	{ missing_key, "/none" },
	{ bad_proxy, "egress proxy of egress_proxy: its scheme" },
};

static void bad_configurations_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(spoilt); i++) {
		struct side side = { .then = ECHO };
		struct pharos_route_config config = config_of(&side, 0);
		struct pharos_error error = { .code = 0 };
		int r;

		config.accept = "127.0.0.1:0";
		spoilt[i].spoil(&config);
		r = pharos_route_open(&side.route, &config, &error);
		if (r >= 0 || r != error.code || side.route ||
		    !strstr(error.text, spoilt[i].said))
			fail_msg(
			    "not \"%s\": %d %s", spoilt[i].said, r, error.text);
	}
}

static void a_certificate_is_renewed_while_streams_go_on(void **state)
{
	struct side far = { .then = ECHO }, near = { .then = ECHO };
	struct pharos_route_config config = config_of(&far, 0);
	struct pharos_error error;

	(void)state;
	config.accept = "127.0.0.1:0";
	open_side(&far, &config);
	open_connecting(&near, pharos_route_address(far.route), 0);
	ask(&far, &near, "x");
	config.key_file = files[1][1];
	assert_true(pharos_route_renew(far.route, &config, &error) < 0);
	assert_non_null(strstr(error.text, "laptop.key"));
	config.cert_file = files[1][0]; /* both sides are laptops now */
	assert_int_equal(pharos_route_renew(far.route, &config, &error), 0);
	config.side = PHAROS_CONNECT;
	assert_int_equal(
	    pharos_route_renew(far.route, &config, &error), -EINVAL);
	while (!near.ended)
		poll_once(&far, &near);
	assert_memory_equal(near.heard, "hello", 5);
	pharos_route_close(near.route);
	/* a new tunnel meets the new name, and wants the old one */
	open_connecting(&near, pharos_route_address(far.route), 0);
	while (!strstr(near.said, "got one named laptop"))
		poll_once(&far, &near);
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

/* A program may have been built against a later header. */
static void a_longer_configuration_is_taken_if_it_says_nothing(void **state)
{
	struct {
		struct pharos_route_config config;
		char later[16];
	} longer = { .later = "" };
	struct side side = { .then = ECHO };
	struct pharos_error error;

	(void)state;
	longer.config = config_of(&side, 0);
	longer.config.accept = "127.0.0.1:0";
	longer.config.size = sizeof(longer);
	open_side(&side, &longer.config);
	pharos_route_close(side.route);
	longer.later[15] = 1;
	assert_int_equal(
	    pharos_route_open(&side.route, &longer.config, &error), -EINVAL);
	assert_non_null(strstr(error.text, "does not know yet"));
}

static void the_wrong_calls_are_refused(void **state)
{
	struct side far = { .then = ECHO }, near = { .then = ECHO };

	(void)state;
	open_listening(&far);
	open_connecting(&near, pharos_route_address(far.route), 0);
	assert_int_equal(
	    pharos_stream_open(&far.stream, far.route, "x"), -EINVAL);
	assert_int_equal(
	    pharos_stream_open(&near.stream, near.route, "No"), -EINVAL);
	assert_null(near.stream);
	pharos_stream_close(NULL);
	pharos_route_close(NULL);
	assert_string_equal(pharos_version(), PHAROS_VERSION);
	pharos_route_close(near.route);
	pharos_route_close(far.route);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_routes_in_an_event_loop),
		cmocka_unit_test(a_refusal_says_why),
		cmocka_unit_test(without_a_tunnel_it_fails_in_time),
		cmocka_unit_test(time_passes_between_dispatches),
		cmocka_unit_test(a_program_without_a_loop_waits),
		cmocka_unit_test(a_callback_may_close_what_it_was_called_for),
		cmocka_unit_test(an_offer_that_the_peer_takes_back),
		cmocka_unit_test(an_idle_route_does_not_wake_its_caller),
		cmocka_unit_test(the_process_is_left_alone),
		cmocka_unit_test(bad_configurations_are_refused),
		cmocka_unit_test(
		    a_longer_configuration_is_taken_if_it_says_nothing),
		cmocka_unit_test(a_certificate_is_renewed_while_streams_go_on),
		cmocka_unit_test(the_wrong_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
