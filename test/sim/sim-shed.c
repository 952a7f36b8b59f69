/* Thousands of sessions that shed their outer TLS: two clients, TLS in TLS,
 * through a beacon's pump, over legs in memory whose reads and writes are short
 * and irregular.
 *
 *   A, inner TLS over outer TLS ==wire== beacon's outer TLS, pump
 *                                      beacon's outer TLS ==wire== B, likewise
 *
 * What must hold:
 *   - every byte arrives, both ways, and the end after the last one; whatever
 *     the portions, the room of the wires and the moment of a KeyUpdate
 *   - outer TLS is shed where all have agreed, and kept where one has not
 *   - a reset at any moment is seen as one by the other side, and never as an
 *     end
 *   - somebody on the way who cuts, injects, repeats or changes a record at the
 *     switch is noticed, each time
 *
 * The clock stands still: no deadline may pass because the machine is busy.
 *
 *   sim-shed [SESSIONS]
 */
#include "base/buf.h"
#include "net/memleg.h"
#include "net/pump.h"
#include "net/shake.h"
#include "net/tlsleg.h"
#include "net/tunnel.h"
#include "pki/testpki.h"

#include <openssl/err.h>
#include <stdio.h>

enum { SESSIONS = 150, TURNS_MOST = 4000000, TURNS_AFTER = 400 };
enum { A, B, SIDES };

static struct loop *loop;
static struct testpki_ca ca;
static struct identity *bridge_id, *broker_id, *beacon_id;
static struct tunnel_trust trust[SIDES];
static struct tls_context *inner_context[SIDES];
static struct tls_context *beacon_context, *outer_context;
static uint32_t random_state;

static unsigned any(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

static uint8_t pattern(int side, size_t i)
{
	return (uint8_t)((i * 2654435761u + (size_t)side * 97) >> 11);
}

/* ---- somebody on the way: between client A and the beacon */

enum attack {
	NOTHING,
	DROP_END,   /* the close_notify of outer TLS */
	CHANGE_END, /* one bit of it */
	REPEAT_END,
	FIN_AT_END, /* instead of it */
	FIN_AFTER,  /* right after it */
	DROP_FIRST, /* the first raw record */
	CHANGE_FIRST,
	REPEAT_FIRST,
	INJECT_BEFORE, /* a record of the right form before the end */
	INJECT_AFTER,  /* the same after it */
	SWAP,	       /* the end and the first raw record */
	RESET_AT_END,
	ATTACKS
};

static const char *const attack_names[] = {
	[DROP_END] = "drop close_notify",
	[CHANGE_END] = "change close_notify",
	[REPEAT_END] = "repeat close_notify",
	[FIN_AT_END] = "FIN in place of close_notify",
	[FIN_AFTER] = "FIN right after close_notify",
	[DROP_FIRST] = "drop the first raw record",
	[CHANGE_FIRST] = "change the first raw record",
	[REPEAT_FIRST] = "repeat the first raw record",
	[INJECT_BEFORE] = "inject a record before close_notify",
	[INJECT_AFTER] = "inject a record after close_notify",
	[SWAP] = "swap close_notify and the first raw record",
	[RESET_AT_END] = "reset at close_notify",
};

enum { HELD_MOST = 128 * 1024, TAKEN_MOST = 32768, HEADER = 5, END_SIZE = 24 };

/* One direction of the wire, in whole records. */
struct way {
	struct leg *from, *to;
	uint8_t in[HELD_MOST], out[HELD_MOST];
	size_t n_in, n_out, sent;
	uint8_t end[END_SIZE]; /* SWAP holds it back */
	bool seen_end, done, ended;
};

struct middle {
	bool there;
	enum attack attack;
	int direction; /* 0: from A, 1: to A */
	struct way way[2];
};

static void way_put(struct way *w, const uint8_t *bytes, size_t n)
{
	INVARIANT(w->n_out + n <= HELD_MOST);
	memcpy(w->out + w->n_out, bytes, n);
	w->n_out += n;
}

static void way_inject(struct way *w)
{
	uint8_t record[HEADER + 40] = { 23, 3, 3, 0, 40 };

	for (size_t i = HEADER; i < sizeof(record); i++)
		record[i] = (uint8_t)any(256);
	way_put(w, record, sizeof(record));
}

/* The close_notify of outer TLS, or what is sent in its place.
 * Return: false when the connection is to be reset. */
static bool way_end(struct way *w, enum attack attack, uint8_t *r)
{
	if (attack == CHANGE_END)
		r[HEADER + any(END_SIZE - HEADER)] ^= 1;
	if (attack == INJECT_BEFORE)
		way_inject(w);
	if (attack == SWAP)
		memcpy(w->end, r, END_SIZE);
	else if (attack != DROP_END && attack != FIN_AT_END)
		way_put(w, r, END_SIZE);
	if (attack == REPEAT_END)
		way_put(w, r, END_SIZE);
	if (attack == INJECT_AFTER)
		way_inject(w);
	w->done = attack == FIN_AT_END || attack == FIN_AFTER;
	return attack != RESET_AT_END;
}

/* The first raw record, likewise. */
static void way_first(
    struct way *w, enum attack attack, uint8_t *r, size_t size)
{
	if (attack == CHANGE_FIRST)
		r[HEADER + any((unsigned)(size - HEADER))] ^= 1;
	if (attack != DROP_FIRST)
		way_put(w, r, size);
	if (attack == REPEAT_FIRST)
		way_put(w, r, size);
	if (attack == SWAP)
		way_put(w, w->end, END_SIZE);
}

static bool way_record(
    struct way *w, enum attack attack, uint8_t *r, size_t size)
{
	if (w->seen_end && attack != NOTHING) {
		way_first(w, attack, r, size);
		w->seen_end = false; /* and never again */
		return true;
	}
	if (size == END_SIZE && r[0] == 23 && !w->ended) {
		w->seen_end = w->ended = true;
		return way_end(w, attack, r);
	}
	way_put(w, r, size);
	return true;
}

static bool way_records(struct way *w, enum attack attack)
{
	size_t at = 0;
	bool goes_on = true;

	while (goes_on && !w->done && w->n_in - at >= HEADER) {
		size_t size =
		    HEADER + (size_t)w->in[at + 3] * 256 + w->in[at + 4];

		if (w->n_in - at < size)
			break;
		goes_on = way_record(w, attack, w->in + at, size);
		at += size;
	}
	if (w->done) /* nothing goes on behind the end */
		at = w->n_in;
	memmove(w->in, w->in + at, w->n_in - at);
	w->n_in -= at;
	return goes_on;
}

/* Return: false when one of the ends has gone. */
static bool way_carry(struct way *w, enum attack attack)
{
	ssize_t n = -EAGAIN;

	if (w->sent == w->n_out) {
		w->sent = w->n_out = 0;
		INVARIANT(w->n_in + TAKEN_MOST <= HELD_MOST);
		n = leg_read(w->from, w->in + w->n_in, TAKEN_MOST);
		if (n > 0)
			w->n_in += (size_t)n;
		if (!way_records(w, attack))
			return false;
	}
	if (w->sent < w->n_out) {
		ssize_t put =
		    leg_write(w->to, w->out + w->sent, w->n_out - w->sent);

		if (put > 0)
			w->sent += (size_t)put;
		else if (put != -EAGAIN)
			return false;
	}
	if ((n == 0 || w->done) && w->sent == w->n_out)
		leg_finish(w->to);
	return n >= 0 || n == -EAGAIN;
}

/* Return: as way_carry(). */
static bool middle_carry(struct middle *m)
{
	for (int i = 0; i < 2; i++)
		if (!way_carry(
			&m->way[i], i == m->direction ? m->attack : NOTHING))
			return false;
	return true;
}

static void middle_close(struct middle *m)
{
	if (!m->there)
		return;
	leg_reset(m->way[0].from);
	leg_reset(m->way[1].from);
	m->there = false;
}

/* ---- a session */

struct client {
	struct leg *leg;
	int side;
	size_t to_send, sent, got, portion;
	bool ended, failed;
};

struct session {
	struct client client[SIDES];
	struct leg *beacon[SIDES];
	struct pump *pump;
	struct pump_result result;
	bool over;
	struct middle middle;
};

static void client_read(struct client *c)
{
	uint8_t bytes[5000];
	ssize_t n = leg_read(c->leg, bytes, 1 + any(sizeof(bytes)));

	for (ssize_t i = 0; i < n; i++)
		INVARIANT(bytes[i] == pattern(1 - c->side, c->got + (size_t)i));
	if (n > 0)
		c->got += (size_t)n;
	c->ended |= n == 0;
	c->failed |= n < 0 && n != -EAGAIN;
}

static void client_write(struct client *c)
{
	uint8_t bytes[20000];
	size_t n = c->to_send - c->sent;
	ssize_t put;

	if (n > c->portion)
		n = c->portion;
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(c->side, c->sent + i);
	put = n ? leg_write(c->leg, bytes, n) : 0;
	if (put > 0)
		c->sent += (size_t)put;
	c->failed |= put < 0 && put != -EAGAIN;
	if (c->sent == c->to_send)
		leg_finish(c->leg);
}

static void on_client(void *ctx, struct leg *leg, unsigned events)
{
	struct client *c = ctx;
	bool writes = c->sent < c->to_send;

	if (events & LEG_READ)
		client_read(c);
	if (events & LEG_WRITE)
		client_write(c);
	c->failed |= (events & LEG_GONE) != 0;
	leg_want(leg,
	    c->failed ? 0
		      : (c->ended ? 0u : LEG_READ) | (writes ? LEG_WRITE : 0u));
}

static void on_pump(void *ctx, const struct pump_result *result)
{
	struct session *s = ctx;

	s->result = *result;
	s->over = true;
}

/* New keys, asked for as a peer may do at any time. */
static void update_keys(struct leg *leg)
{
	struct tls_leg *t;

	if (!tls_leg_is(leg) || leg_state(leg) != LEG_OPEN)
		return;
	t = tls_leg_of(leg);
	if (!t->ssl || t->broken || t->way_out != WAY_OPEN ||
	    tlsbio_room(&t->wire) < 1024 || SSL_in_init(t->ssl))
		return;
	INVARIANT(SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED));
	(void)SSL_do_handshake(t->ssl);
	ERR_clear_error();
	tlsleg_settle(t);
}

static void open_wire(struct session *s, int side, bool middle)
{
	size_t room = any(3) ? 1 + any(30000) : 1 + any(300);
	struct leg *near, *far, *between;

	INVARIANT(!memleg_pair(&near, &far, loop, room));
	memleg_chop(near, any(4) ? 1 + any(20000) : 1 + any(60), 1 + any(9999));
	if (middle) {
		INVARIANT(
		    !memleg_pair(&between, &s->beacon[side], loop, 65536));
		s->middle.there = true;
		s->middle.way[0].from = s->middle.way[1].to = far;
		s->middle.way[0].to = s->middle.way[1].from = between;
		far = s->beacon[side];
	}
	INVARIANT(!tls_leg_open(&s->beacon[side], far, beacon_context, NULL));
	INVARIANT(
	    !tls_leg_open(&s->client[side].leg, near, outer_context, "0.sim"));
}

static void turn(struct session *s)
{
	loop_turn(loop);
	if (s->middle.there && !middle_carry(&s->middle))
		middle_close(&s->middle);
}

static bool is_open(const struct session *s)
{
	for (int i = 0; i < SIDES; i++)
		if (leg_state(s->beacon[i]) != LEG_OPEN ||
		    leg_state(s->client[i].leg) != LEG_OPEN)
			return false;
	return true;
}

static void begin_client(struct session *s, int side)
{
	struct client *c = &s->client[side];

	c->side = side;
	c->to_send = any(4) ? any(60000) : any(10);
	c->portion = any(4) ? 1 + any(20000) : 1 + any(20);
	if (c->portion < 20)
		c->to_send %= 3000;
	INVARIANT(!tls_leg_open(&c->leg, c->leg, inner_context[side],
	    side == B ? TUNNEL_BRIDGE_NAME : NULL));
	leg_handle(c->leg, on_client, c);
	leg_want(c->leg, LEG_READ | LEG_WRITE);
}

/* As far as the pump; @agreed: to shed. */
static void session_open(struct session *s, bool agreed, bool middle)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < SIDES; i++)
		open_wire(s, i, middle && i == A);
	while (!is_open(s))
		turn(s);
	for (int i = 0; i < SIDES && agreed; i++) {
		tls_leg_agree_shed(s->beacon[i]);
		tls_leg_agree_shed(s->client[i].leg);
	}
	INVARIANT(
	    !pump_start(&s->pump, s->beacon[A], s->beacon[B], 0, on_pump, s));
	begin_client(s, A);
	begin_client(s, B);
}

static bool client_done(const struct client *c)
{
	return c->failed || (c->ended && c->sent == c->to_send);
}

/* Until both clients have done with it.
 * Return: false when that does not come. */
static bool session_run(struct session *s, bool updates)
{
	for (int i = 0; i < TURNS_MOST; i++) {
		if (client_done(&s->client[A]) && client_done(&s->client[B]))
			return true;
		if (updates && !any(30)) {
			struct leg *leg = s->client[any(SIDES)].leg;

			update_keys(any(2) ? leg : leg_lower(leg));
		}
		turn(s);
	}
	return false;
}

static void session_close(struct session *s)
{
	for (int i = 0; i < SIDES; i++)
		leg_close(s->client[i].leg);
	for (int i = 0; i < TURNS_AFTER && !s->over; i++)
		turn(s);
	middle_close(&s->middle);
	for (int i = 0; i < TURNS_AFTER && !s->over; i++)
		loop_turn(loop);
	if (!s->over)
		pump_stop(s->pump);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	INVARIANT(!pool_lent(loop_pool(loop)));
}

static bool is_whole(const struct client *c, const struct client *peer)
{
	return c->ended && !c->failed && c->got == peer->to_send;
}

/* ---- what is tried */

static void whole_sessions(unsigned sessions)
{
	static struct session s;
	unsigned shed = 0, agreements = 0;

	for (unsigned i = 0; i < sessions; i++) {
		bool agreed = any(8) != 0;

		session_open(&s, agreed, any(4) == 0);
		INVARIANT(session_run(&s, any(3) == 0));
		INVARIANT(is_whole(&s.client[A], &s.client[B]));
		INVARIANT(is_whole(&s.client[B], &s.client[A]));
		session_close(&s);
		INVARIANT(s.over && (agreed || !s.result.shed));
		agreements += agreed;
		shed += s.result.shed;
	}
	INVARIANT(shed == agreements);
	printf("ok 1 - %u sessions whole, %u of them shed\n", sessions, shed);
	fflush(stdout);
}

/* One side is reset after so many turns. */
static void reset_sessions(unsigned sessions)
{
	static struct session s;
	unsigned in_time = 0;

	for (unsigned i = 0; i < sessions; i++) {
		int who = (int)any(SIDES);
		struct client *c = &s.client[who], *peer = &s.client[1 - who];
		unsigned turns = any(400);

		session_open(&s, true, false);
		while (turns-- && !client_done(peer))
			turn(&s);
		if (!client_done(peer)) {
			in_time++;
			c->failed = true;
			leg_reset(STEAL(c->leg));
			INVARIANT(session_run(&s, false));
			/* an end is an end only after the last byte */
			INVARIANT(peer->failed || peer->got == c->to_send);
			INVARIANT(!peer->ended || peer->got == c->to_send);
		}
		session_close(&s);
	}
	INVARIANT(in_time > sessions / 8); /* about half of them are */
	printf("ok 2 - %u sessions reset at any moment\n", in_time);
	fflush(stdout);
}

/* Who noticed: the beacon, or the inner session at an end. */
static void attack_sessions(enum attack attack, unsigned sessions)
{
	static struct session s;
	unsigned beacon = 0;

	for (unsigned i = 0; i < sessions; i++) {
		session_open(&s, true, true);
		for (int k = 0; k < SIDES; k++) /* the first is not the last */
			s.client[k].to_send += 20000;
		s.middle.attack = attack;
		s.middle.direction = (int)(i % 2);
		(void)session_run(&s, false);
		INVARIANT(!s.client[A].ended ||
			  s.client[A].got == s.client[B].to_send);
		INVARIANT(!s.client[B].ended ||
			  s.client[B].got == s.client[A].to_send);
		INVARIANT(s.client[A].failed || s.client[B].failed);
		beacon += s.over && s.result.reset;
		session_close(&s);
	}
	printf("ok %d - %s: noticed %u times of %u, by the beacon %u, by the "
	       "inner session else\n",
	    (int)attack + 2, attack_names[attack], sessions, sessions, beacon);
	fflush(stdout);
}

static struct tls_context *context_of(const struct tls_config *of)
{
	struct tls_context *c;

	INVARIANT(!tls_context_new(&c, of, NULL));
	return c;
}

static void make_world(void)
{
	INVARIANT(!loop_new(&loop));
	loop_fake_clock(loop, 1);
	ca = testpki_ca_new("the bridge CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "k1", NULL);
	beacon_id = testpki_identity(&ca, ROLE_BRIDGE, "beacon", "0.sim");
	trust[A] = (struct tunnel_trust){ bridge_id, TLS_SERVER, ROLE_BROKER };
	trust[B] = (struct tunnel_trust){ broker_id, TLS_CLIENT, ROLE_BRIDGE };
	for (int i = 0; i < SIDES; i++)
		INVARIANT(!tunnel_context(&inner_context[i], &trust[i], NULL));
	beacon_context = context_of(&(struct tls_config){
	    .end = TLS_SERVER, .hop = "outer TLS", .identity = beacon_id });
	outer_context = context_of(&(struct tls_config){ .end = TLS_CLIENT,
	    .hop = "outer TLS",
	    .trust = TLS_TRUST_CA,
	    .ca = ca.cert });
}

static void free_world(void)
{
	for (int i = 0; i < SIDES; i++)
		tls_context_free(inner_context[i]);
	tls_context_free(beacon_context);
	tls_context_free(outer_context);
	identity_free(bridge_id);
	identity_free(broker_id);
	identity_free(beacon_id);
	testpki_ca_free(&ca);
	loop_free(loop);
}

int main(int argc, char **argv)
{
	unsigned sessions =
	    argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : SESSIONS;

	random_state = 20261121;
	make_world();
	printf("1..%d\n", ATTACKS + 1);
	whole_sessions(sessions);
	reset_sessions(sessions / 4);
	for (int i = DROP_END; i < ATTACKS; i++)
		attack_sessions((enum attack)i, 4 + sessions / 100);
	free_world();
	return 0;
}
