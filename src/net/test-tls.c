#include "net/test-tls-support.h"

#include "net/tcp.h"

#include <malloc.h>

/* What a session that is open tells, and that it holds nothing while idle. */
static void both_ends_open(void **state)
{
	struct pair p = { .server.keeps_open = true,
		.client.keeps_open = true };
	uint8_t one[32], two[32];

	(void)state;
	pair_open(&p, server_config(), client_config(), WIDE);
	assert_int_equal(leg_state(p.server.leg), LEG_OPENING);
	assert_int_equal(tls_leg_export(p.server.leg, "x", one), -EPROTO);
	TURN_UNTIL(end_open(&p.server) && end_open(&p.client), (void)0);

	assert_true(tls_leg_is(p.server.leg));
	assert_false(tls_leg_is(p.wire));
	assert_ptr_equal(leg_lower(p.server.leg), p.wire);
	assert_string_equal(leg_source(p.server.leg), "memory");
	assert_string_equal(tls_leg_alpn(p.server.leg), "test/1");
	assert_string_equal(tls_leg_alpn(p.client.leg), "test/1");
	assert_null(tls_leg_peer(p.server.leg));
	assert_int_equal(
	    X509_cmp(tls_leg_peer(p.client.leg), server_id->leaf), 0);
	assert_int_equal(tls_leg_export(p.server.leg, "label", one), 0);
	assert_int_equal(tls_leg_export(p.client.leg, "label", two), 0);
	assert_memory_equal(one, two, sizeof(one));
	assert_int_equal(tls_leg_export(p.client.leg, "other", two), 0);
	assert_memory_not_equal(one, two, sizeof(one));
	assert_string_equal(leg_fault(p.client.leg)->text, "");
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	pair_free(&p);
}

static void nobody_is_called_while_nothing_happens(void **state)
{
	struct pair p = { .server.keeps_open = true,
		.client.keeps_open = true };
	int before;

	(void)state;
	pair_open(&p, server_config(), client_config(), WIDE);
	TURN_UNTIL(end_open(&p.server) && end_open(&p.client), (void)0);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	before = p.server.calls + p.client.calls;
	for (int i = 0; i < 50; i++)
		loop_turn(loop);
	assert_int_equal(p.server.calls + p.client.calls, before);
	pair_free(&p);
}

/* A peer that reads nothing can still say something, however much of what is
 * for it is held: it may be unable to read before it has said all. */
static void what_is_held_for_a_peer_does_not_keep_it_silent(void **state)
{
	enum { NARROW = 4096, RECORDS = 3 * 16384, STEP = 40 };
	static const uint8_t bytes[LOOP_BLOCK];

	(void)state;
	for (size_t more = 0; more < 1000; more += STEP) {
		struct pair p = { .server.keeps_open = true,
			.client.keeps_open = true };
		ssize_t n;
		char byte;

		pair_open(&p, server_config(), client_config(), NARROW);
		TURN_UNTIL(end_open(&p.server) && end_open(&p.client), (void)0);
		leg_want(p.client.leg, 0);
		leg_want(p.server.leg, 0);
		n = leg_write(p.server.leg, bytes, RECORDS + more);
		while (n > 0)
			n = leg_write(p.server.leg, bytes, sizeof(bytes));
		assert_int_equal(n, -EAGAIN);
		assert_int_equal(leg_write(p.client.leg, "x", 1), 1);
		for (int i = 0; i < 8; i++)
			loop_turn(loop);
		if (leg_read(p.server.leg, &byte, 1) != 1)
			fail_msg("three records and %zu bytes", more);
		pair_free(&p);
	}
}

static const struct {
	const char *label;
	size_t up, down, capacity, chop, read_most;
} transfers[] = {
	{ "nothing at all", 0, 0, WIDE, 0, 0 },
	{ "one byte up", 1, 0, WIDE, 0, 0 },
	{ "one byte down", 0, 1, WIDE, 0, 0 },
	{ "a record", 16384, 16384, WIDE, 0, 0 },
	{ "a record and a byte", 16385, 16385, WIDE, 0, 0 },
	{ "a block", 65536, 65536, WIDE, 0, 0 },
	{ "a lot, both ways", 1000000, 700000, WIDE, 0, 0 },
	{ "one byte a read", 40000, 10, WIDE, 0, 1 },
	{ "a pipe of one byte", 1000, 1000, 1, 0, 0 },
	{ "a narrow pipe", 100000, 100000, 7, 0, 0 },
	{ "chopped to one byte", 20000, 20000, WIDE, 1, 0 },
	{ "chopped finely", 200000, 200000, WIDE, 40, 0 },
	{ "chopped about a record", 900000, 900000, 40000, 20000, 0 },
	{ "chopped, with odd reads", 300000, 300000, 5000, 3000, 777 },
};

static void bytes_arrive_as_they_were_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(transfers); i++)
		for (uint32_t seed = transfers[i].chop ? 3 : 1; seed; seed--) {
			struct pair p = {
				.client.to_send = transfers[i].up,
				.server.to_send = transfers[i].down,
				.client.read_most = transfers[i].read_most,
				.server.read_most = transfers[i].read_most,
			};

			pair_open(&p, server_config(), client_config(),
			    transfers[i].capacity);
			memleg_chop(p.wire, transfers[i].chop, seed);
			TEST_UNTIL(loop, p.server.ended && p.client.ended);
			if (p.server.got != transfers[i].up ||
			    p.client.got != transfers[i].down ||
			    p.server.gone || p.client.gone)
				fail_msg("%s: %zu %zu", transfers[i].label,
				    p.server.got, p.client.got);
			assert_int_equal(pool_lent(loop_pool(loop)), 0);
			pair_free(&p);
		}
}

/* One side ends first; the other goes on for as long as it likes. */
static void each_direction_ends_on_its_own(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct pair p = { .server.keeps_open = true,
			.client.keeps_open = true };
		struct end *early = first ? &p.server : &p.client;
		struct end *late = first ? &p.client : &p.server;
		char byte;

		pair_open(&p, server_config(), client_config(), WIDE);
		TURN_UNTIL(end_open(early) && end_open(late), (void)0);
		leg_finish(early->leg);
		leg_finish(early->leg);
		assert_int_equal(leg_write(early->leg, "x", 1), -EPIPE);
		TURN_UNTIL(late->ended, (void)0);
		assert_int_equal(leg_read(late->leg, &byte, 1), 0);

		late->to_send = 100000;
		leg_want(late->leg, LEG_WRITE);
		TURN_UNTIL(early->got == 100000, (void)0);
		assert_false(early->ended);
		leg_finish(late->leg);
		TURN_UNTIL(early->ended, (void)0);
		assert_false(early->gone || late->gone);
		pair_free(&p);
	}
}

/* The owner closes right after its last write: all of it arrives, and the end
 * as an end. */
static void a_close_delivers_what_was_written(void **state)
{
	struct pair p = { .client.keeps_open = true,
		.server.keeps_open = true };
	char words[40000];

	(void)state;
	for (size_t i = 0; i < sizeof(words); i++)
		words[i] = (char)pattern(i);
	pair_open(&p, server_config(), client_config(), 100);
	TURN_UNTIL(end_open(&p.server) && end_open(&p.client), (void)0);
	assert_int_equal(
	    leg_write(p.client.leg, words, sizeof(words)), sizeof(words));
	leg_close(STEAL(p.client.leg));
	TURN_UNTIL(p.server.ended, (void)0);
	assert_int_equal(p.server.got, sizeof(words));
	pair_free(&p);
}

/* The pair over loopback TCP, whose legs know less than those in memory. */
static void pair_open_tcp(
    struct pair *p, struct tls_config server, struct tls_config client)
{
	struct leg *leg[2];
	int fd[2];

	test_tcp_pair(fd);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fd[i], F_SETFL, O_NONBLOCK), 0);
		assert_int_equal(tcp_leg_open(&leg[i], loop, fd[i], false), 0);
	}
	p->server_context = context_of(server);
	p->client_context = context_of(client);
	p->wire = leg[0];
	assert_int_equal(
	    tls_leg_open(&leg[0], leg[0], p->server_context, NULL), 0);
	assert_int_equal(
	    tls_leg_open(&leg[1], leg[1], p->client_context, SERVER_NAME), 0);
	end_start(&p->server, leg[0]);
	end_start(&p->client, leg[1]);
}

static void it_runs_on_tcp(void **state)
{
	struct pair p = { .server.to_send = 4000000,
		.client.to_send = 2000000 };

	(void)state;
	pair_open_tcp(&p, server_config(), client_config());
	TEST_UNTIL(loop, p.server.ended && p.client.ended);
	assert_int_equal(p.server.got, 2000000);
	assert_int_equal(p.client.got, 4000000);
	assert_false(p.server.gone || p.client.gone);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	pair_free(&p);
}

/* The client is writing when the server refuses it and closes: the alert is not
 * lost to a reset, and the client says why. */
static void a_refusal_crosses_tcp(void **state)
{
	struct tls_config server = server_config(), client = client_config();
	struct pair p = { .client.to_send = 4000000,
		.server.keeps_open = true };

	(void)state;
	server.trust = TLS_TRUST_CA;
	server.ca = ca.cert;
	client.identity = stranger_id;
	pair_open_tcp(&p, server, client);
	TEST_UNTIL(loop, p.server.gone);
	leg_close(STEAL(p.server.leg));
	TEST_UNTIL(loop, p.client.gone);
	assert_int_equal(tls_leg_failure(p.client.leg), TLS_FAILURE_TRUST);
	assert_non_null(strstr(
	    leg_fault(p.client.leg)->text, "the peer refused our certificate"));
	pair_free(&p);
}

/* Bytes that OpenSSL holds, counted by standing in for its allocator. */
static size_t held;

static void *count_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	(void)file;
	(void)line;
	held += p ? malloc_usable_size(p) : 0;
	return p;
}

static void count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	held -= p ? malloc_usable_size(p) : 0;
	free(p);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	size_t before = p ? malloc_usable_size(p) : 0;
	void *out = realloc(p, n);

	(void)file;
	(void)line;
	if (out)
		held += malloc_usable_size(out) - before;
	return out;
}

/* A beacon holds thousands of sessions that wait. What one costs is OpenSSL's
 * floor for a server session; no buffer of OpenSSL's or ours is part of it. */
static void an_idle_session_holds_no_buffer(void **state)
{
	enum { SESSIONS = 50, MOST_EACH = 15 * 1024 };
	struct tls_context *context = context_of(server_config());
	struct raw r[SESSIONS];
	struct end e[SESSIONS];
	size_t sum = 0;

	(void)state;
	memset(e, 0, sizeof(e));
	for (int i = 0; i < SESSIONS; i++) {
		struct leg *leg, *peer;

		assert_int_equal(memleg_pair(&leg, &peer, loop, WIDE), 0);
		raw_open(&r[i], peer, false);
		raw_start(&r[i], false);
		assert_int_equal(tls_leg_open(&leg, leg, context, NULL), 0);
		e[i].keeps_open = true;
		end_start(&e[i], leg);
		TURN_UNTIL(end_open(&e[i]) && SSL_is_init_finished(r[i].ssl),
		    raw_shake(&r[i]));
		assert_int_equal(SSL_write(r[i].ssl, "\0", 1), 1);
		TURN_UNTIL(e[i].got == 1, raw_move(&r[i]));
		for (int turn = 0; turn < 4; turn++)
			loop_turn(loop);
	}
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	for (int i = 0; i < SESSIONS; i++) {
		size_t with = held;

		leg_reset(e[i].leg);
		sum += with - held;
	}
	print_message("# an idle session: %zu bytes\n", sum / SESSIONS);
	assert_in_range(sum / SESSIONS, 4 * 1024, MOST_EACH);
	for (int i = 0; i < SESSIONS; i++)
		raw_free(&r[i]);
	tls_context_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_open),
		cmocka_unit_test(nobody_is_called_while_nothing_happens),
		cmocka_unit_test(
		    what_is_held_for_a_peer_does_not_keep_it_silent),
		cmocka_unit_test(bytes_arrive_as_they_were_sent),
		cmocka_unit_test(each_direction_ends_on_its_own),
		cmocka_unit_test(a_close_delivers_what_was_written),
		cmocka_unit_test(it_runs_on_tcp),
		cmocka_unit_test(a_refusal_crosses_tcp),
		cmocka_unit_test(an_idle_session_holds_no_buffer),
	};

	INVARIANT(
	    CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free));
	return cmocka_run_group_tests(tests, tls_setup, tls_teardown);
}
