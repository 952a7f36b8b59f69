/* Shedding one TLS leg, with the test as its owner; then TLS in TLS, where the
 * inner leg is the owner of the outer one. Whole paths through a beacon's pump
 * are in test/sim. */
#include "net/test-tls-support.h"

/* One end: writes `in_tls` bytes, sheds, writes `raw` more, ends. */
struct shedder {
	struct leg *leg;
	size_t in_tls, raw, sent, got;
	size_t got_at_switch; /* SIZE_MAX before it */
	bool shed, ended, gone, bare;
	uint8_t last;
};

static void shedder_write(struct shedder *s)
{
	size_t until = s->shed ? s->in_tls + s->raw : s->in_tls;
	uint8_t bytes[3000];
	ssize_t n;
	size_t i;

	for (i = 0; i < sizeof(bytes) && s->sent + i < until; i++)
		bytes[i] = pattern(s->sent + i);
	n = i ? leg_write(s->leg, bytes, i) : 0;
	if (n > 0)
		s->sent += (size_t)n;
	if (s->sent == s->in_tls && !s->shed) {
		assert_true(leg_shed_out(s->leg));
		assert_true(leg_shed_out(s->leg)); /* repeatable */
		s->shed = true;
	}
	if (s->shed && s->sent == s->in_tls + s->raw)
		leg_finish(s->leg);
}

static void shedder_read(struct shedder *s)
{
	uint8_t bytes[5000];
	ssize_t n = leg_read(s->leg, bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] != pattern(s->got + (size_t)i))
			fail_msg("byte %zu differs", s->got + (size_t)i);
	if (n > 0)
		s->got += (size_t)n;
	if (n)
		return;
	if (leg_shed_in(s->leg))
		s->got_at_switch = s->got;
	else
		s->ended = true;
}

static void shedder_on_event(void *ctx, struct leg *leg, unsigned events)
{
	struct shedder *s = ctx;
	struct leg *below;

	s->gone |= (events & LEG_GONE) != 0;
	if (events & LEG_READ)
		shedder_read(s);
	if (events & LEG_WRITE)
		shedder_write(s);
	below = leg_bare(leg);
	if (below != leg) {
		s->bare = true;
		s->leg = below;
		leg_handle(below, shedder_on_event, s);
	}
	leg_want(s->leg,
	    (s->ended ? 0u : LEG_READ) |
		(s->shed && s->sent == s->in_tls + s->raw ? 0u : LEG_WRITE));
}

static void shedder_start(struct shedder *s, struct leg *leg)
{
	s->leg = leg;
	s->got_at_switch = SIZE_MAX;
	tls_leg_agree_shed(leg);
	leg_handle(leg, shedder_on_event, s);
	leg_want(leg, LEG_READ | LEG_WRITE);
}

/* A session that is open, with nobody at its ends. */
static void open_session(struct pair *p, size_t capacity)
{
	*p = (struct pair){ .server.keeps_open = true,
		.client.keeps_open = true };
	pair_open(p, server_config(), client_config(), capacity);
	TURN_UNTIL(end_open(&p->server) && end_open(&p->client), (void)0);
}

static const struct {
	const char *label;
	size_t tls_up, raw_up, tls_down, raw_down, capacity, chop;
} switches[] = {
	{ "nothing, either way", 0, 0, 0, 0, WIDE, 0 },
	{ "at once", 0, 100000, 0, 100000, WIDE, 0 },
	{ "at the end", 100000, 0, 100000, 0, WIDE, 0 },
	{ "one byte each", 1, 1, 1, 1, WIDE, 0 },
	{ "one way early, one late", 10, 50000, 70000, 3, WIDE, 0 },
	{ "a lot", 300000, 300000, 200000, 400000, WIDE, 0 },
	{ "a wire of one byte", 300, 300, 200, 200, 1, 0 },
	{ "a narrow wire", 20000, 20000, 20000, 20000, 7, 0 },
	{ "chopped to one byte", 2000, 2000, 2000, 2000, WIDE, 1 },
	{ "chopped about a close_notify", 9000, 9000, 9000, 9000, WIDE, 48 },
	{ "chopped about a record", 90000, 90000, 70000, 80000, WIDE, 20000 },
};

static void bytes_go_on_raw_where_tls_ended(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(switches); i++) {
		struct shedder up = { .in_tls = switches[i].tls_up,
			.raw = switches[i].raw_up };
		struct shedder down = { .in_tls = switches[i].tls_down,
			.raw = switches[i].raw_down };
		struct pair p;

		open_session(&p, switches[i].capacity);
		memleg_chop(p.wire, switches[i].chop, 7);
		shedder_start(&up, p.client.leg);
		shedder_start(&down, p.server.leg);
		TURN_UNTIL(up.ended && down.ended, (void)0);
		if (up.gone || down.gone || up.got_at_switch != down.in_tls ||
		    down.got_at_switch != up.in_tls ||
		    down.got != up.in_tls + up.raw ||
		    up.got != down.in_tls + down.raw)
			fail_msg("%s: %zu %zu, at %zu %zu", switches[i].label,
			    up.got, down.got, up.got_at_switch,
			    down.got_at_switch);
		assert_int_equal(pool_lent(loop_pool(loop)), 0);
		p.client.leg = up.leg;
		p.server.leg = down.leg;
		pair_free(&p);
	}
}

static void who_did_not_agree_sheds_nothing(void **state)
{
	struct pair p;
	char byte;

	(void)state;
	open_session(&p, WIDE);
	assert_false(leg_shed_out(p.client.leg));
	assert_false(leg_shed_out(p.wire));
	assert_false(leg_shed_in(p.wire));
	tls_leg_agree_shed(p.client.leg);
	leg_handle(p.server.leg, NULL, NULL);
	assert_true(leg_shed_out(p.client.leg));
	assert_int_equal(leg_write(p.client.leg, "raw", 3), 3);
	TURN_UNTIL(leg_read(p.server.leg, &byte, 1) == 0, (void)0);
	assert_false(leg_shed_in(p.server.leg)); /* that was the end */
	assert_int_equal(leg_read(p.server.leg, &byte, 1), 0);
	assert_ptr_equal(leg_bare(p.server.leg), p.server.leg);
	pair_free(&p);
}

/* The peer is bare OpenSSL: it asks for new keys again and again after our
 * close_notify. OpenSSL answers each; none of it may get among the raw bytes.
 */
static void nothing_of_ssl_follows_our_close_notify(void **state)
{
	struct tls_context *context = context_of(client_config());
	uint8_t bytes[64], *at;
	struct leg *ours, *theirs;
	struct raw peer;
	ssize_t n;

	(void)state;
	assert_int_equal(memleg_pair(&ours, &theirs, loop, WIDE), 0);
	assert_int_equal(tls_leg_open(&ours, ours, context, SERVER_NAME), 0);
	raw_open(&peer, theirs, true);
	raw_start(&peer, true);
	TURN_UNTIL(raw_shake(&peer) && leg_state(ours) == LEG_OPEN, (void)0);
	tls_leg_agree_shed(ours);
	leg_want(ours, LEG_READ);
	assert_true(leg_shed_out(ours));
	TURN_UNTIL(
	    SSL_read(peer.ssl, bytes, sizeof(bytes)) == 0, raw_move(&peer));
	assert_int_equal(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN,
	    SSL_RECEIVED_SHUTDOWN);
	for (int i = 0; i < 5; i++) {
		assert_true(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED));
		assert_int_equal(SSL_write(peer.ssl, "more", 4), 4);
		raw_move(&peer);
		n = 0;
		TURN_UNTIL(n > 0, n = leg_read(ours, bytes, sizeof(bytes)));
		assert_memory_equal(bytes, "more", 4);
	}
	assert_int_equal(leg_write(ours, "raw bytes", 9), 9);
	raw_move(&peer);
	assert_int_equal(BIO_get_mem_data(peer.in, &at), 9);
	assert_memory_equal(at, "raw bytes", 9);
	leg_close(ours);
	raw_free(&peer);
	tls_context_free(context);
	loop_turn(loop);
}

/* What has come with the close_notify and after it is there, whole, even if the
 * peer has gone by reset since. */
static void raw_bytes_before_a_reset_are_read(void **state)
{
	struct pair p;
	char got[16];

	(void)state;
	open_session(&p, WIDE);
	tls_leg_agree_shed(p.client.leg);
	tls_leg_agree_shed(p.server.leg);
	leg_handle(p.server.leg, NULL, NULL);
	assert_true(leg_shed_out(p.client.leg));
	assert_int_equal(leg_write(p.client.leg, "last", 4), 4);
	leg_reset(p.client.leg);
	p.client.leg = NULL;
	TURN_UNTIL(leg_state(p.server.leg) == LEG_FAILED, (void)0);
	assert_int_equal(leg_read(p.server.leg, got, sizeof(got)), 0);
	assert_true(leg_shed_in(p.server.leg));
	assert_int_equal(leg_read(p.server.leg, got, sizeof(got)), 4);
	assert_int_equal(leg_read(p.server.leg, got, sizeof(got)), -ECONNRESET);
	pair_free(&p);
}

static void an_end_without_close_notify_is_a_cut(void **state)
{
	struct pair p;
	char byte;

	(void)state;
	open_session(&p, WIDE);
	tls_leg_agree_shed(p.server.leg);
	leg_handle(p.server.leg, NULL, NULL);
	leg_finish(leg_lower(p.client.leg));
	TURN_UNTIL(leg_read(p.server.leg, &byte, 1) == -ECONNRESET, (void)0);
	assert_false(leg_shed_in(p.server.leg));
	pair_free(&p);
}

/* To end while the switch is still on its way out. */
static void a_leg_may_end_right_after_it_has_shed(void **state)
{
	(void)state;
	for (int closes = 0; closes < 2; closes++) {
		struct pair p;
		char byte;

		open_session(&p, 3);
		tls_leg_agree_shed(p.client.leg);
		tls_leg_agree_shed(p.server.leg);
		leg_handle(p.server.leg, NULL, NULL);
		assert_true(leg_shed_out(p.client.leg));
		assert_int_equal(leg_write(p.client.leg, "x", 1), -EAGAIN);
		if (closes)
			leg_close(STEAL(p.client.leg));
		else
			leg_finish(p.client.leg);
		TURN_UNTIL(leg_read(p.server.leg, &byte, 1) == 0, (void)0);
		assert_true(leg_shed_in(p.server.leg));
		TURN_UNTIL(leg_read(p.server.leg, &byte, 1) == 0, (void)0);
		assert_false(leg_shed_in(p.server.leg));
		pair_free(&p);
	}
}

/* ---- TLS in TLS: the inner leg sheds the outer one by itself */

/* A wire between the outer legs that the test carries by hand, and can spoil.
 */
struct nest {
	struct tls_context *context[2];
	struct leg *far[2]; /* the wire's ends: [0] the server's */
	struct leg *leg[2]; /* inner TLS: [0] server, [1] client */
	struct leg *outer[2];
	struct end end[2];
	size_t carried[2];
	bool spoil; /* the next bytes */
};

static void nest_open(struct nest *n, bool agreed)
{
	memset(n, 0, sizeof(*n));
	n->context[0] = context_of(server_config());
	n->context[1] = context_of(client_config());
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    memleg_pair(&n->leg[i], &n->far[i], loop, WIDE), 0);
		assert_int_equal(tls_leg_open(&n->outer[i], n->leg[i],
				     n->context[i], i ? SERVER_NAME : NULL),
		    0);
		if (agreed)
			tls_leg_agree_shed(n->outer[i]);
	}
}

/* WIDE is room for all; to an end that is closed nothing gets through. */
static void nest_carry(struct nest *n)
{
	uint8_t bytes[4096];

	for (int i = 0; i < 2; i++) {
		ssize_t got = leg_read(n->far[i], bytes, sizeof(bytes));

		if (got <= 0)
			continue;
		if (n->spoil)
			bytes[got - 1] ^= 1;
		n->spoil = false;
		n->carried[i] += (size_t)got;
		(void)!leg_write(n->far[1 - i], bytes, (size_t)got);
	}
}

static void nest_go_inside(struct nest *n)
{
	TURN_UNTIL(leg_state(n->outer[0]) == LEG_OPEN &&
		       leg_state(n->outer[1]) == LEG_OPEN,
	    nest_carry(n));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tls_leg_open(&n->leg[i], n->outer[i],
				     n->context[i], i ? SERVER_NAME : NULL),
		    0);
		n->end[i].keeps_open = true;
		end_start(&n->end[i], n->leg[i]);
	}
}

static void nest_close(struct nest *n)
{
	for (int i = 0; i < 2; i++) {
		leg_close(n->end[i].leg);
		leg_close(n->far[i]);
		tls_context_free(n->context[i]);
	}
	for (int i = 0; i < 4; i++)
		loop_turn(loop);
}

static bool nest_heard(const struct nest *n, size_t bytes)
{
	return n->end[0].got == bytes && n->end[1].got == bytes;
}

static void nest_send(struct nest *n, size_t bytes)
{
	for (int i = 0; i < 2; i++) {
		n->end[i].to_send += bytes;
		leg_want(n->leg[i], LEG_READ | LEG_WRITE);
	}
}

static void tls_in_tls_sheds_the_outer_one(void **state)
{
	(void)state;
	for (int agreed = 0; agreed < 2; agreed++) {
		struct nest n;
		size_t before;

		nest_open(&n, agreed);
		nest_go_inside(&n);
		nest_send(&n, 1);
		TURN_UNTIL(nest_heard(&n, 1), nest_carry(&n));
		before = n.carried[0];
		nest_send(&n, 1000);
		TURN_UNTIL(nest_heard(&n, 1001), nest_carry(&n));
		/* a record more of 22 bytes for each, or not */
		assert_int_equal(
		    n.carried[0] - before, 1000 + (agreed ? 1 : 2) * 22);
		for (int i = 0; i < 2; i++)
			assert_int_equal(
			    tls_leg_is(leg_lower(n.leg[i])), !agreed);
		assert_int_equal(pool_lent(loop_pool(loop)), 0);
		nest_close(&n);
	}
}

/* What breaks the connection before anything raw has come through is told
 * apart from what does so later. */
static void a_break_at_the_switch_is_known(void **state)
{
	static const struct {
		const char *label;
		bool agreed, heard, spoil;
		int code;
	} rows[] = {
		{ "kept, cut", false, false, false, -ECONNRESET },
		{ "kept, spoilt", false, false, true, -EPROTO },
		{ "shed, cut at once", true, false, false, LEG_CUT_AT_SHED },
		{ "shed, spoilt at once", true, false, true, LEG_CUT_AT_SHED },
		{ "shed, cut later", true, true, false, -ECONNRESET },
		{ "shed, spoilt later", true, true, true, -EPROTO },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct nest n;

		nest_open(&n, rows[i].agreed);
		nest_go_inside(&n);
		TURN_UNTIL(
		    end_open(&n.end[0]) && end_open(&n.end[1]), nest_carry(&n));
		for (int k = 0; k < 8; k++) {
			loop_turn(loop);
			nest_carry(&n);
		}
		if (rows[i].heard) {
			nest_send(&n, 1);
			TURN_UNTIL(nest_heard(&n, 1), nest_carry(&n));
		}
		if (rows[i].spoil) {
			n.spoil = true;
			n.end[0].to_send += 100;
			leg_want(n.leg[0], LEG_READ | LEG_WRITE);
			TURN_UNTIL(n.end[0].gone, nest_carry(&n));
		} else {
			leg_reset(n.far[0]);
			n.far[0] = NULL;
			TURN_UNTIL(n.end[0].gone, (void)0);
		}
		if (leg_fault(n.leg[0])->code != rows[i].code)
			fail_msg("%s: %d, %s", rows[i].label,
			    leg_fault(n.leg[0])->code,
			    leg_fault(n.leg[0])->text);
		nest_close(&n);
	}
}

/* Our own handshake is not done: the peer's end is an end. */
static void a_switch_before_the_inner_handshake_is_an_end(void **state)
{
	struct nest n;

	(void)state;
	nest_open(&n, true);
	nest_go_inside(&n);
	leg_close(n.leg[1]); /* with a close_notify of outer TLS */
	n.end[1].leg = NULL;
	TURN_UNTIL(n.end[0].gone, nest_carry(&n));
	assert_int_equal(leg_fault(n.leg[0])->code, -ECONNRESET);
	assert_non_null(strstr(leg_fault(n.leg[0])->text,
	    "the connection ended in the middle of the handshake"));
	nest_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_on_raw_where_tls_ended),
		cmocka_unit_test(who_did_not_agree_sheds_nothing),
		cmocka_unit_test(nothing_of_ssl_follows_our_close_notify),
		cmocka_unit_test(raw_bytes_before_a_reset_are_read),
		cmocka_unit_test(an_end_without_close_notify_is_a_cut),
		cmocka_unit_test(a_leg_may_end_right_after_it_has_shed),
		cmocka_unit_test(tls_in_tls_sheds_the_outer_one),
		cmocka_unit_test(a_break_at_the_switch_is_known),
		cmocka_unit_test(a_switch_before_the_inner_handshake_is_an_end),
	};

	return cmocka_run_group_tests(tests, tls_setup, tls_teardown);
}
