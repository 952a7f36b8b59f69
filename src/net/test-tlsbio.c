/* TLS legs against peers that are no friends: what is not TLS, what is cut or
 * reset at any byte, and what only bare OpenSSL would send. */
#include "base/test-valgrind.h"
#include "net/test-tls-support.h"

/* A server leg over one half of a pair in memory; the other half is @peer. */
static struct leg *open_server(struct leg **peer, size_t capacity)
{
	struct tls_context *c = context_of(server_config());
	struct leg *leg;

	assert_int_equal(memleg_pair(&leg, peer, loop, capacity), 0);
	assert_int_equal(tls_leg_open(&leg, leg, c, NULL), 0);
	tls_context_free(c);
	return leg;
}

/* A TLS leg that is open, @r its peer. */
static struct leg *open_with_raw(
    struct raw *r, struct end *e, bool raw_is_server, size_t capacity)
{
	struct tls_context *c =
	    context_of(raw_is_server ? client_config() : server_config());
	struct leg *leg, *peer;

	assert_int_equal(memleg_pair(&leg, &peer, loop, capacity), 0);
	raw_open(r, peer, raw_is_server);
	raw_start(r, raw_is_server);
	assert_int_equal(tls_leg_open(&leg, leg, c, SERVER_NAME), 0);
	tls_context_free(c);
	end_start(e, leg);
	TURN_UNTIL(end_open(e) && SSL_is_init_finished(r->ssl), raw_shake(r));
	return leg;
}

static void close_both(struct leg *leg, struct raw *r)
{
	leg_close(leg);
	raw_free(r);
	for (int i = 0; i < 4; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
}

#define BYTES(s) s, sizeof(s) - 1

static const struct {
	const char *label, *bytes;
	size_t n;
	enum tls_failure failure;
	const char *says;
} strangers[] = {
	{ "HTTP", BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	    TLS_FAILURE_NOT_TLS, "expected TLS, got a plain HTTP request" },
	{ "HTTP CONNECT", BYTES("CONNECT a:443 HTTP/1.1\r\n\r\n"),
	    TLS_FAILURE_NOT_TLS, "plain HTTP CONNECT" },
	{ "HTTP/2", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	    TLS_FAILURE_NOT_TLS, "expected TLS, got something else" },
	{ "SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n"), TLS_FAILURE_NOT_TLS,
	    "expected TLS, got something else" },
	{ "PROXY", BYTES("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
	    TLS_FAILURE_NOT_TLS, "expected TLS" },
	{ "zeros", BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	    TLS_FAILURE_NOT_TLS, "expected TLS" },
	{ "ones", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	    TLS_FAILURE_NOT_TLS, "expected TLS" },
	{ "data before a handshake", BYTES("\x17\x03\x03\0\4abcd"),
	    TLS_FAILURE_NOT_TLS, "expected a TLS handshake" },
	{ "an alert at once", BYTES("\x15\x03\x03\0\2\2\x28"),
	    TLS_FAILURE_NOT_TLS, "expected a TLS handshake" },
	{ "another message", BYTES("\x16\x03\x01\0\4\x0b\0\0\0"),
	    TLS_FAILURE_NOT_TLS, "expected a TLS handshake" },
	{ "an empty hello", BYTES("\x16\x03\x01\0\4\1\0\0\0"),
	    TLS_FAILURE_OTHER, "length" },
	{ "a record too long", BYTES("\x16\x03\x01\xff\xff\1\0\0\0"),
	    TLS_FAILURE_OTHER, "too long" },
	{ "a hello that claims 16 MB", BYTES("\x16\x03\x01\0\4\1\xff\xff\xff"),
	    TLS_FAILURE_OTHER, "longer than 16 KiB" },
	{ "a hello that claims a byte too many",
	    BYTES("\x16\x03\x01\0\4\1\0\x40\1"), TLS_FAILURE_OTHER,
	    "longer than 16 KiB" },
	{ "the same, its length in two records",
	    BYTES("\x16\x03\x01\0\2\1\0\x16\x03\x01\0\2\x40\1"),
	    TLS_FAILURE_OTHER, "longer than 16 KiB" },
};

static void what_is_not_tls_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(strangers); i++)
		for (size_t chop = 0; chop < 2; chop++) {
			struct end e = { .keeps_open = true };
			struct leg *peer, *leg = open_server(&peer, WIDE);

			memleg_chop(peer, chop, 1);
			end_start(&e, leg);
			for (size_t at = 0; at < strangers[i].n;) {
				ssize_t n =
				    leg_write(peer, strangers[i].bytes + at,
					strangers[i].n - at);

				assert_true(n > 0);
				at += (size_t)n;
			}
			TURN_UNTIL(e.gone, (void)0);
			if (tls_leg_failure(leg) != strangers[i].failure ||
			    !strstr(leg_fault(leg)->text, strangers[i].says))
				fail_msg("%s: %s %s", strangers[i].label,
				    tls_failure_name(tls_leg_failure(leg)),
				    leg_fault(leg)->text);
			assert_int_equal(leg_read(leg, &e, 1), -EPROTO);
			assert_int_equal(leg_write(leg, "", 1), -EPROTO);
			leg_close(leg);
			leg_close(peer);
		}
}

/* A second hello, which a server asks for when it does not like the first one's
 * groups, is bounded like the first. */
static void a_second_hello_is_bounded_too(void **state)
{
	static const uint8_t claim[] = { 22, 3, 3, 0, 4, 1, 0, 0x40, 1 };
	struct tls_context *c = context_of(server_config());
	struct end e = { .keeps_open = true };
	struct leg *leg, *peer;
	struct raw r;

	(void)state;
	assert_int_equal(memleg_pair(&leg, &peer, loop, WIDE), 0);
	raw_open(&r, peer, false);
	SSL_CTX_set1_groups_list(r.ctx, "P-521:X25519");
	raw_start(&r, false);
	assert_int_equal(tls_leg_open(&leg, leg, c, NULL), 0);
	tls_context_free(c);
	end_start(&e, leg);
	SSL_do_handshake(r.ssl);
	r.stops_reading = true;
	raw_move(&r);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	assert_false(e.gone);
	assert_int_equal(leg_write(peer, claim, sizeof(claim)), sizeof(claim));
	TURN_UNTIL(e.gone, (void)0);
	assert_non_null(strstr(leg_fault(leg)->text, "longer than 16 KiB"));
	leg_close(leg);
	raw_free(&r);
}

/* A relay between the two ends that lets a number of bytes pass and then cuts
 * both off. */
struct relay {
	struct leg *side[2];
	size_t budget;
	bool cut;
};

static void relay_move(struct relay *r, bool reset)
{
	uint8_t bytes[4096];

	for (int i = 0; i < 2 && !r->cut; i++) {
		size_t most =
		    r->budget < sizeof(bytes) ? r->budget : sizeof(bytes);
		ssize_t n = most ? leg_read(r->side[i], bytes, most) : -EAGAIN;

		if (n > 0) {
			assert_int_equal(
			    leg_write(r->side[1 - i], bytes, (size_t)n), n);
			r->budget -= (size_t)n;
		}
		r->cut = !r->budget;
	}
	if (!r->cut || !r->side[0])
		return;
	for (int i = 0; i < 2; i++) {
		if (reset)
			leg_reset(STEAL(r->side[i]));
		else
			leg_close(STEAL(r->side[i]));
	}
}

/* Either the end came in order, with all bytes before it, or a fault says that
 * the connection was cut. */
static void assert_cut(const struct end *e)
{
	if (!e->gone) {
		assert_int_equal(e->got, 10);
		return;
	}
	assert_int_equal(tls_leg_failure(e->leg), TLS_FAILURE_CLOSED);
	assert_int_equal(leg_fault(e->leg)->code, -ECONNRESET);
	assert_non_null(strstr(leg_fault(e->leg)->text, "TLS with the "));
}

/* The handshake and one message each way, with the connection cut after
 * @budget bytes. Return: whether it was cut. */
static bool cut_after(size_t budget, bool reset)
{
	static struct tls_context *server, *client;
	struct relay r = { .budget = budget };
	struct end s = { .to_send = 10 }, c = { .to_send = 10 };
	struct leg *a, *b;

	if (!server) {
		server = context_of(server_config());
		client = context_of(client_config());
	}
	if (!budget) {
		tls_context_freep(&server);
		tls_context_freep(&client);
		return false;
	}
	assert_int_equal(memleg_pair(&a, &r.side[0], loop, WIDE), 0);
	assert_int_equal(memleg_pair(&b, &r.side[1], loop, WIDE), 0);
	assert_int_equal(tls_leg_open(&a, a, server, NULL), 0);
	assert_int_equal(tls_leg_open(&b, b, client, SERVER_NAME), 0);
	end_start(&s, a);
	end_start(&c, b);
	TURN_UNTIL(
	    (s.ended || s.gone) && (c.ended || c.gone), relay_move(&r, reset));
	if (r.cut) {
		assert_cut(&s);
		assert_cut(&c);
	} else {
		assert_false(s.gone || c.gone);
		leg_close(r.side[0]);
		leg_close(r.side[1]);
	}
	leg_close(a);
	leg_close(b);
	for (int i = 0; i < 4; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	return r.cut;
}

static void a_reset_at_any_byte_is_seen(void **state)
{
	size_t budget;

	(void)state;
	for (budget = 1; cut_after(budget, true); budget += test_stride(61))
		;
	assert_in_range(budget, 1000, 3000);
	cut_after(0, false);
}

static void a_cut_at_any_place_is_seen(void **state)
{
	size_t budget;

	(void)state;
	for (budget = 1; cut_after(budget, false);
	     budget += 5 * test_stride(13))
		;
	assert_in_range(budget, 1000, 3000);
	cut_after(0, false);
}

/* An end of the leg below is no end of the session, wherever it comes. */
static void truncation_is_no_end(void **state)
{
	(void)state;
	for (int partial = 0; partial < 2; partial++) {
		struct raw r;
		struct end e = { .keeps_open = true };
		struct leg *leg = open_with_raw(&r, &e, false, WIDE);
		uint8_t bytes[100];

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = pattern(i);
		assert_int_equal(SSL_write(r.ssl, bytes, 100), 100);
		raw_move(&r);
		if (partial) {
			assert_int_equal(SSL_write(r.ssl, bytes, 100), 100);
			r.hold = 40;
		}
		raw_move(&r);
		leg_finish(r.leg);
		TURN_UNTIL(e.gone, (void)0);
		assert_int_equal(e.got, 100);
		assert_false(e.ended);
		assert_int_equal(e.error, -ECONNRESET);
		assert_int_equal(leg_fault(leg)->code, -ECONNRESET);
		assert_non_null(strstr(leg_fault(leg)->text,
		    "ended in the middle of the session"));
		close_both(leg, &r);
	}
}

/* What had come before a reset can still be read, then the error. */
static void a_reset_is_told_at_once(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true, .to_send = 0 };
	struct leg *leg = open_with_raw(&r, &e, false, WIDE);
	uint8_t bytes[100], back[200];

	(void)state;
	leg_want(leg, 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern(i);
	assert_int_equal(SSL_write(r.ssl, bytes, 100), 100);
	raw_move(&r);
	leg_reset(STEAL(r.leg));
	leg_handle(leg, end_on_event, &e);
	leg_want(leg, 0);
	e.ended = true; /* so that the handler does not read */
	TURN_UNTIL(e.gone, (void)0);
	assert_int_equal(leg_state(leg), LEG_FAILED);
	assert_int_equal(leg_write(leg, "x", 1), -ECONNRESET);
	assert_int_equal(leg_read(leg, back, sizeof(back)), 100);
	assert_memory_equal(back, bytes, 100);
	assert_int_equal(leg_read(leg, back, sizeof(back)), -ECONNRESET);
	assert_int_equal(leg_read(leg, back, sizeof(back)), -ECONNRESET);
	close_both(leg, &r);
}

/* Bytes that follow the peer's close_notify are not SSL's: they stay in the
 * block, and the leg reads as ended. */
static void what_follows_the_end_stays_outside(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true };
	struct leg *leg = open_with_raw(&r, &e, false, WIDE);

	(void)state;
	assert_int_equal(SSL_write(r.ssl, "\0", 1), 1);
	SSL_shutdown(r.ssl);
	BIO_write(r.out, "raw bytes", 9);
	raw_move(&r);
	TURN_UNTIL(e.ended, (void)0);
	assert_int_equal(e.got, 1);
	assert_int_equal(pool_lent(loop_pool(loop)), 1);
	assert_int_equal(leg_state(leg), LEG_OPEN);
	close_both(leg, &r);
}

static size_t raw_read_all(struct raw *r)
{
	static uint8_t bytes[65536];
	size_t got = 0;
	int n;

	raw_move(r);
	while ((n = SSL_read(r->ssl, bytes, sizeof(bytes))) > 0)
		got += (size_t)n;
	ERR_clear_error();
	raw_move(r);
	return got;
}

/* A KeyUpdate with every few records, both ways, asking for one in turn. */
static void keys_change_under_load(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true, .to_send = 2000000 };
	struct leg *leg = open_with_raw(&r, &e, true, 30000);
	uint8_t bytes[3000];
	size_t sent = 0, got = 0;

	(void)state;
	while (sent < 1000000 || got < e.to_send || e.got < sent) {
		if (sent < 1000000) {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = pattern(sent + i);
			assert_int_equal(SSL_write(r.ssl, bytes, sizeof(bytes)),
			    sizeof(bytes));
			sent += sizeof(bytes);
			assert_int_equal(
			    SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
			SSL_do_handshake(r.ssl);
		}
		got += raw_read_all(&r);
		loop_turn(loop);
		assert_false(e.gone);
	}
	assert_int_equal(e.got, sent);
	assert_int_equal(got, e.to_send);
	close_both(leg, &r);
}

static void ask_for_keys(struct raw *r, int times)
{
	for (int i = 0; i < times; i++) {
		SSL_key_update(r->ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(r->ssl);
	}
}

/* The peer asks for new keys again and again and reads none of the answers,
 * while our own writing is stuck. We hold one block for it, then stop reading;
 * when it reads at last, all goes on. */
static void a_flood_of_key_updates_is_bounded(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true, .to_send = 200000 };
	struct leg *leg = open_with_raw(&r, &e, false, 8192);
	size_t got = 0, left = 0;
	int calls;

	(void)state;
	TURN_UNTIL(pool_lent(loop_pool(loop)) == 1, (void)0);
	r.stops_reading = true;
	for (int round = 0; round < 40; round++) {
		ask_for_keys(&r, 100);
		for (int i = 0; i < 8; i++) {
			raw_move(&r);
			loop_turn(loop);
		}
		assert_true(pool_lent(loop_pool(loop)) <= 2);
		calls = e.calls;
	}
	left = (size_t)BIO_pending(r.out);
	assert_true(left > 30000); /* we do not read it */
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	assert_int_equal(e.calls, calls); /* and do not spin */
	assert_false(e.gone);
	r.stops_reading = false;
	TURN_UNTIL(got == e.to_send, got += raw_read_all(&r));
	assert_int_equal(SSL_write(r.ssl, "\0", 1), 1);
	TURN_UNTIL(e.got == 1, raw_move(&r));
	close_both(leg, &r);
}

/* After our close_notify SSL still answers KeyUpdates; nothing of that may
 * reach the leg below, whose direction has ended. */
static void nothing_follows_our_own_end(void **state)
{
	struct raw r;
	struct end e = { .to_send = 1 };
	struct leg *leg = open_with_raw(&r, &e, false, WIDE);

	(void)state;
	TURN_UNTIL(r.below_ended, raw_move(&r));
	for (int i = 0; i < 5; i++) {
		SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(r.ssl);
		assert_int_equal(
		    SSL_write(r.ssl, &(uint8_t){ pattern((size_t)i) }, 1), 1);
		TURN_UNTIL(e.got == (size_t)i + 1, raw_move(&r));
	}
	assert_false(e.gone);
	assert_int_equal(raw_read_all(&r), 1);
	assert_int_equal(SSL_get_shutdown(r.ssl), SSL_RECEIVED_SHUTDOWN);
	SSL_shutdown(r.ssl);
	TURN_UNTIL(e.ended, raw_move(&r));
	close_both(leg, &r);
}

/* A TLS leg whose peer, a server, has sent the first records of a long ticket;
 * what is missing comes once r->hold is raised. */
static struct leg *open_in_mid_ticket(struct raw *r, struct end *e)
{
	struct tls_config config = client_config();
	struct tls_context *c;
	struct leg *leg, *peer;

	config.identity = client_id; /* makes a ticket long */
	c = context_of(config);
	assert_int_equal(memleg_pair(&leg, &peer, loop, WIDE), 0);
	raw_open(r, peer, true);
	SSL_CTX_clear_options(r->ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_max_send_fragment(r->ctx, 512);
	SSL_CTX_set_verify(r->ctx, SSL_VERIFY_PEER, NULL);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(r->ctx), ca.cert);
	SSL_CTX_set_session_id_context(r->ctx, (const unsigned char *)"x", 1);
	raw_start(r, true);
	assert_int_equal(tls_leg_open(&leg, leg, c, SERVER_NAME), 0);
	tls_context_free(c);
	end_start(e, leg);
	TURN_UNTIL(end_open(e) && SSL_is_init_finished(r->ssl), raw_shake(r));
	assert_int_equal(SSL_new_session_ticket(r->ssl), 1);
	SSL_do_handshake(r->ssl);
	assert_true(BIO_pending(r->out) > 600);
	r->hold = 600;
	raw_move(r);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	return leg;
}

/* SSL takes no data before the rest has come; a write that waits for it is not
 * lost, and nobody spins meanwhile. */
static void half_a_message_holds_a_write_back(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true };
	struct leg *leg = open_in_mid_ticket(&r, &e);
	size_t got = 0;
	int calls;

	(void)state;
	e.to_send = 1;
	e.ended = true; /* the handler wants to write and nothing else */
	assert_int_equal(leg_write(leg, "\0", 1), -EAGAIN);
	leg_want(leg, LEG_WRITE);
	calls = e.calls;
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	assert_int_equal(e.calls, calls);
	assert_int_equal(raw_read_all(&r), 0);
	r.hold = SIZE_MAX;
	TURN_UNTIL(got == 1, got += raw_read_all(&r));
	assert_int_equal(e.sent, 1);
	assert_false(e.gone);
	close_both(leg, &r);
}

/* Neither is an end, even if the owner reads no more. */
static void half_a_message_holds_an_end_back(void **state)
{
	(void)state;
	for (int closed = 0; closed < 2; closed++) {
		struct raw r;
		struct end e = { .keeps_open = true };
		struct leg *leg = open_in_mid_ticket(&r, &e);

		leg_want(leg, 0);
		if (closed)
			leg_close(STEAL(leg));
		else
			leg_finish(leg);
		for (int i = 0; i < 8; i++)
			loop_turn(loop);
		assert_int_equal(raw_read_all(&r), 0);
		assert_false(r.below_ended);
		r.hold = SIZE_MAX;
		TURN_UNTIL(r.below_ended, raw_read_all(&r));
		assert_int_equal(
		    SSL_get_shutdown(r.ssl), SSL_RECEIVED_SHUTDOWN);
		assert_false(e.gone);
		close_both(leg, &r);
	}
}

/* Tickets are for resumption, which we do not do; and they would be bytes after
 * the handshake that nobody asked for. */
static void no_tickets_are_sent(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true };
	struct tls_context *c = context_of(server_config());
	struct leg *leg, *peer;

	(void)state;
	assert_int_equal(memleg_pair(&leg, &peer, loop, WIDE), 0);
	raw_open(&r, peer, false);
	SSL_CTX_clear_options(r.ctx, SSL_OP_NO_TICKET);
	raw_start(&r, false);
	assert_int_equal(tls_leg_open(&leg, leg, c, NULL), 0);
	tls_context_free(c);
	end_start(&e, leg);
	TURN_UNTIL(end_open(&e) && SSL_is_init_finished(r.ssl), raw_shake(&r));
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	raw_move(&r);
	assert_int_equal(BIO_pending(r.in), 0);
	close_both(leg, &r);
}

static void an_altered_record_ends_the_session(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true };
	struct leg *leg = open_with_raw(&r, &e, false, WIDE);
	uint8_t *at;
	long n;

	(void)state;
	assert_int_equal(SSL_write(r.ssl, "hello", 5), 5);
	n = BIO_get_mem_data(r.out, &at);
	at[n - 1] ^= 1;
	raw_move(&r);
	TURN_UNTIL(e.gone, (void)0);
	assert_int_equal(e.got, 0);
	assert_non_null(strstr(leg_fault(leg)->text, "altered on its way"));
	close_both(leg, &r);
}

/* A handshake that is given up owes the peer nothing. */
static void a_close_in_the_handshake_waits_for_nothing(void **state)
{
	struct tls_context *c = context_of(client_config());
	struct leg *leg, *peer;

	(void)state;
	assert_int_equal(memleg_pair(&leg, &peer, loop, 1), 0);
	assert_int_equal(tls_leg_open(&leg, leg, c, SERVER_NAME), 0);
	assert_int_equal(pool_lent(loop_pool(loop)), 1);
	leg_close(leg);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	leg_close(peer);
	tls_context_free(c);
}

/* A peer that takes nothing holds a closed leg for LEG_LINGER_MS, no longer. */
static void a_close_does_not_wait_for_ever(void **state)
{
	struct raw r;
	struct end e = { .keeps_open = true };
	struct leg *leg = open_with_raw(&r, &e, false, 4096);
	char words[20000] = "";
	uint64_t before = loop_now(loop);

	(void)state;
	assert_int_equal(leg_write(leg, words, sizeof(words)), sizeof(words));
	leg_close(leg);
	loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 1);
	TEST_UNTIL(loop, !pool_lent(loop_pool(loop)));
	assert_in_range(
	    loop_now(loop) - before, LEG_LINGER_MS, LEG_LINGER_MS + 500);
	assert_int_equal(leg_state(r.leg), LEG_FAILED);
	raw_free(&r);
}

static void tls_runs_in_tls(void **state)
{
	struct tls_context *server = context_of(server_config());
	struct tls_context *client = context_of(client_config());
	struct end s = { .to_send = 300000 }, c = { .to_send = 300000 };
	struct leg *a, *b, *wire;

	(void)state;
	assert_int_equal(memleg_pair(&a, &b, loop, 20000), 0);
	wire = a;
	memleg_chop(wire, 3000, 7);
	for (int depth = 0; depth < 3; depth++) {
		assert_int_equal(tls_leg_open(&a, a, server, NULL), 0);
		assert_int_equal(tls_leg_open(&b, b, client, SERVER_NAME), 0);
	}
	end_start(&s, a);
	end_start(&c, b);
	TEST_UNTIL(loop, s.ended && c.ended);
	assert_int_equal(s.got, 300000);
	assert_int_equal(c.got, 300000);
	assert_string_equal(leg_source(a), "memory");
	leg_close(a);
	leg_close(b);
	tls_context_free(server);
	tls_context_free(client);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
}

/* A session ends with the loop, even one that still waits to be flushed. */
static void a_loop_takes_lingerers_with_it(void **state)
{
	struct loop *own = NULL, *saved = loop;
	struct raw r;
	struct end e = { .keeps_open = true };
	struct leg *leg;
	char words[20000] = "";

	(void)state;
	assert_int_equal(loop_new(&own), 0);
	loop = own;
	leg = open_with_raw(&r, &e, false, 4096);
	assert_int_equal(leg_write(leg, words, sizeof(words)), sizeof(words));
	leg_close(leg);
	raw_free(&r);
	loop_free(own);
	loop = saved;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_tls_is_named),
		cmocka_unit_test(a_second_hello_is_bounded_too),
		cmocka_unit_test(a_reset_at_any_byte_is_seen),
		cmocka_unit_test(a_cut_at_any_place_is_seen),
		cmocka_unit_test(truncation_is_no_end),
		cmocka_unit_test(a_reset_is_told_at_once),
		cmocka_unit_test(what_follows_the_end_stays_outside),
		cmocka_unit_test(keys_change_under_load),
		cmocka_unit_test(a_flood_of_key_updates_is_bounded),
		cmocka_unit_test(nothing_follows_our_own_end),
		cmocka_unit_test(half_a_message_holds_a_write_back),
		cmocka_unit_test(half_a_message_holds_an_end_back),
		cmocka_unit_test(no_tickets_are_sent),
		cmocka_unit_test(an_altered_record_ends_the_session),
		cmocka_unit_test(a_close_in_the_handshake_waits_for_nothing),
		cmocka_unit_test(a_close_does_not_wait_for_ever),
		cmocka_unit_test(tls_runs_in_tls),
		cmocka_unit_test(a_loop_takes_lingerers_with_it),
	};

	return cmocka_run_group_tests(tests, tls_setup, tls_teardown);
}
