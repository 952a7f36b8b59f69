/* net/beaconc.c
 *
 * A visit goes through these states; each has a deadline:
 *
 *   DIALLING   dial_open()                                   DIAL_MS
 *   SHAKING    outer TLS, ALPN beacon/1                      SHAKE_MS
 *   GREETING   HELLO is being written                        GREET_MS
 *   ASKED      waiting for the first WAIT, PAIRED or ERROR   the same GREET_MS
 *   WAITING    registered; the beacon pings                  3 ping intervals
 *
 * Only the beacon sends PING. Each is answered with one PONG, and nothing is
 * read while an answer is still to be written: so when PAIRED has been read,
 * all PONGs are out, and the next byte in either direction is the peer's.
 * Nothing is ever read past a frame for the same reason.
 *
 * Ends: PAIRED hands the leg to the owner. Everything else closes the visit
 * with a fault that names the beacon: dial and TLS failures as they are, ERROR
 * by the table below, GOAWAY as `draining`. The owner is told last, when
 * nothing of the visit is left, so it may open the next one from the call.
 */
#include "net/beaconc.h"
#include "base/hex.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/shake.h"
#include "net/tcp.h"
#include "pki/prove.h"
#include "wire/proof.h"

#include <stdio.h>

enum {
	DIAL_MS = 10000,
	SHAKE_MS = 10000,
	GREET_MS = 10000,
	USER_TIMEOUT_MS = 30000,
	TOLD_MOST_MS = 60000, /* of what a beacon may make us wait */
	PING_LEAST_S = 1,
	PING_MOST_S = 120,
	SILENT_INTERVALS = 3,
	STEPS_A_TURN = 64, /* reads and writes */
	SHORT_HASH = 4,	   /* bytes of an info hash, for people */
};

#define NO_EXPORTER "the outer session has no exporter"

enum beaconc_state { DIALLING, SHAKING, GREETING, ASKED, WAITING, STATES };

struct beaconc {
	struct loop *loop;
	struct beaconc_config config;
	const struct beaconc_events *events;
	void *ctx;
	enum beaconc_state state;
	struct address address;
	struct dial *dial;	 /* in DIALLING */
	struct tls_shake *shake; /* in SHAKING */
	struct leg *leg;	 /* from GREETING on */
	struct wheel_timer timer;
	uint64_t patience_ms; /* in WAITING */
	bool told_waiting;
	bool telling;	/* `waiting` runs: */
	bool cancelled; /* beaconc_cancel() takes effect after it */
	uint32_t position;
	uint8_t in[FRAME_BUFFER], out[FRAME_BUFFER];
	size_t n_in, n_out, sent;
};

static void beaconc_move(struct beaconc *b, enum beaconc_state to)
{
	static const enum beaconc_state next[STATES] = {
		[DIALLING] = SHAKING,
		[SHAKING] = GREETING,
		[GREETING] = ASKED,
		[ASKED] = WAITING,
		[WAITING] = STATES,
	};

	INVARIANT(to == next[b->state]);
	b->state = to;
}

static void beaconc_free(struct beaconc *b)
{
	dial_cancel(b->dial);
	tls_shake_cancel(b->shake);
	leg_close(b->leg);
	loop_cancel(b->loop, &b->timer);
	tls_context_free(b->config.outer);
	free(b);
}

/* What the operator reads and when to come back. */
struct farewell {
	struct fault fault;
	unsigned code;
	uint32_t retry_ms;
};

/* The visit has failed. @why->fault does not name the beacon yet. */
static void beaconc_fail(struct beaconc *b, struct farewell *why)
{
	const struct beaconc_events *events = b->events;
	void *ctx = b->ctx;

	fault_wrap(&why->fault, "beacon %s", b->config.target);
	if (why->retry_ms > TOLD_MOST_MS)
		why->retry_ms = TOLD_MOST_MS;
	beaconc_free(b);
	events->failed(ctx, &why->fault, why->code, why->retry_ms);
}

static void fail_with(struct beaconc *b, const struct fault *fault)
{
	beaconc_fail(b, &(struct farewell){ .fault = *fault });
}

static void fail_because(
    struct beaconc *b, int code, const char *hint, const char *text)
{
	struct farewell why = { .code = 0 };

	fault_set(&why.fault, code, hint, "%s", text);
	beaconc_fail(b, &why);
}

/* The beacon has broken the protocol. */
static void fail_protocol(struct beaconc *b, const char *what)
{
	fail_because(b, -EPROTO,
	    "is that a beacon, of a version that fits this program?", what);
}

/* What each refusal means to the reader. */
static const struct refusal {
	const char *text, *hint;
	bool of_hash; /* it concerns the info hash, which is then shown */
} refusals[FRAME_ERROR_COUNT] = {
	[FRAME_ERROR_RATE_LIMIT] = { "too many connections from this address",
	    "it is tried again by itself; see what else connects from here" },
	[FRAME_ERROR_BAD_HELLO] = { "it does not understand our HELLO",
	    "check that both programs are of versions that fit" },
	[FRAME_ERROR_VERSION] = { "it speaks another version of the protocol",
	    "update the older one of the two" },
	[FRAME_ERROR_FEATURE] = { "it lacks a feature that we asked for",
	    "update the beacon" },
	[FRAME_ERROR_SOURCE_BUSY] = { "too many legs wait from this address",
	    "see what else connects from here" },
	[FRAME_ERROR_HASH_BUSY] = { "too many legs wait",
	    "do more programs run with this CA than you know of?", true },
	[FRAME_ERROR_NO_PEER] = { "nobody is waiting",
	    "is the bridge running, connected to this beacon, and of the same "
	    "CA?",
	    true },
	[FRAME_ERROR_DRAINING] = { "it is shutting down",
	    "another beacon is used, or this one when it is back" },
	[FRAME_ERROR_UNPROVEN] = { "our proof was not accepted",
	    "certificate and key have to come from the CA with that info hash "
	    "(see `pharos pki show`), and clocks have to agree",
	    true },
	[FRAME_ERROR_TIMEOUT] = { "we were too slow for it",
	    "the network or one of the two machines is overloaded" },
};

static void on_error_frame(struct beaconc *b, const struct frame_err *e)
{
	static const struct refusal unknown = { "it refused us",
		"update this program to learn what that means" };
	const struct refusal *r = &unknown;
	struct farewell why = { .code = e->code, .retry_ms = e->retry_ms };
	char hash[64] = "", digits[2 * SHORT_HASH + 1];

	if (e->code && e->code < FRAME_ERROR_COUNT)
		r = &refusals[e->code];
	hex_encode(digits, b->config.hash, SHORT_HASH);
	if (r->of_hash)
		(void)snprintf(
		    hash, sizeof(hash), " under info hash %s…", digits);
	fault_set(&why.fault,
	    e->code == FRAME_ERROR_NO_PEER ? -ENXIO : -ECONNREFUSED, r->hint,
	    "%s: %s%s%s%s%s", frame_error_name(e->code), r->text, hash,
	    e->text[0] ? " (it says: " : "", e->text, e->text[0] ? ")" : "");
	beaconc_fail(b, &why);
}

static void on_goaway(struct beaconc *b, const struct frame_goaway *g)
{
	const struct refusal *r = &refusals[FRAME_ERROR_DRAINING];
	struct farewell why = { .code = FRAME_ERROR_DRAINING,
		.retry_ms = g->reconnect_ms };

	fault_set(&why.fault, -ECONNREFUSED, r->hint, "%s: %s",
	    frame_error_name(FRAME_ERROR_DRAINING), r->text);
	beaconc_fail(b, &why);
}

static void on_silence(struct wheel_timer *t, uint64_t now)
{
	struct beaconc *b = CONTAINER_OF(t, struct beaconc, timer);

	(void)now;
	if (b->state == WAITING)
		fail_because(b, -ETIMEDOUT, "the network to it is down",
		    "no ping for three intervals while waiting");
	else
		fail_because(b, -ETIMEDOUT,
		    "is that a beacon? it may be overloaded",
		    "outer TLS is up, but HELLO is not answered");
}

/* Return: false when the owner has cancelled the visit from its call. */
static bool tell_waiting(struct beaconc *b, uint32_t position)
{
	if (b->told_waiting && b->position == position)
		return true;
	b->told_waiting = true;
	b->position = position;
	b->telling = true;
	b->events->waiting(b->ctx, position);
	b->telling = false;
	if (!b->cancelled)
		return true;
	beaconc_cancel(b);
	return false;
}

/* Return: as on_frame(). */
static bool on_wait(struct beaconc *b, const struct frame_wait *w)
{
	uint64_t ping_s = w->ping_s;

	if (ping_s < PING_LEAST_S)
		ping_s = PING_LEAST_S;
	if (ping_s > PING_MOST_S)
		ping_s = PING_MOST_S;
	if (b->state == ASKED)
		beaconc_move(b, WAITING);
	b->patience_ms = ping_s * 1000 * SILENT_INTERVALS;
	loop_after(b->loop, &b->timer, b->patience_ms, on_silence);
	return tell_waiting(b, w->position);
}

static void on_ping(struct beaconc *b, const struct frame *ping)
{
	struct frame pong = *ping;

	pong.type = FRAME_TYPE_PONG;
	INVARIANT(!frame_write(&pong, b->out, sizeof(b->out), &b->n_out));
	b->sent = 0;
	if (b->state == WAITING)
		loop_after(b->loop, &b->timer, b->patience_ms, on_silence);
}

static void on_paired(struct beaconc *b, const struct frame_paired *p)
{
	const struct beaconc_events *events = b->events;
	struct leg *leg = STEAL(b->leg);
	uint8_t pair[FRAME_ID];
	void *ctx = b->ctx;

	memcpy(pair, p->pair, sizeof(pair));
	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	if (p->flags & FRAME_PAIRED_SHED)
		tls_leg_agree_shed(leg);
	tcp_leg_user_timeout(leg, 0); /* from here on a peer may just be slow */
	beaconc_free(b);
	events->paired(ctx, leg, pair);
}

static uint32_t known_flags(const struct beaconc *b)
{
	return b->config.shed ? FRAME_PAIRED_SHED : 0;
}

/* Return: true when the visit goes on. */
static bool on_frame(struct beaconc *b, const struct frame *f)
{
	switch (f->type) {
	case FRAME_TYPE_WAIT:
		return on_wait(b, &f->u.wait);
	case FRAME_TYPE_PING:
		on_ping(b, f);
		return true;
	case FRAME_TYPE_PAIRED:
		if (f->u.paired.flags & ~known_flags(b))
			fail_protocol(b, "it paired us in a way that we did "
					 "not ask for");
		else
			on_paired(b, &f->u.paired);
		return false;
	case FRAME_TYPE_ERROR:
		on_error_frame(b, &f->u.error);
		return false;
	case FRAME_TYPE_GOAWAY:
		on_goaway(b, &f->u.goaway);
		return false;
	case FRAME_TYPE_HELLO:
	case FRAME_TYPE_PONG:
		break;
	}
	fail_protocol(b, "it sent a frame that only clients send");
	return false;
}

/* Return: as on_frame(). */
static bool take_frame(struct beaconc *b)
{
	struct frame f;
	int r = frame_read(&f, b->in, b->n_in);

	if (r) {
		fail_protocol(b, "it sent a malformed frame");
		return false;
	}
	b->n_in = 0;
	return on_frame(b, &f);
}

static void fail_read(struct beaconc *b, ssize_t n)
{
	struct fault fault;

	if (n) {
		fault = *leg_fault(b->leg);
		fail_with(b, &fault);
		return;
	}
	fail_because(b, -ECONNRESET,
	    "it may have been stopped, or a middlebox cut the connection",
	    "it closed the connection");
}

enum progress { AGAIN, LATER, OVER };

/* Read on, but never past a frame. */
static enum progress read_some(struct beaconc *b)
{
	size_t need = 0;
	ssize_t n;

	if (frame_need(b->in, b->n_in, &need)) {
		fail_protocol(b, "it sent something that is not a frame");
		return OVER;
	}
	if (!need)
		return take_frame(b) ? AGAIN : OVER;
	n = leg_read(b->leg, b->in + b->n_in, need);
	if (n == -EAGAIN)
		return LATER;
	if (n <= 0) {
		fail_read(b, n);
		return OVER;
	}
	b->n_in += (size_t)n;
	return AGAIN;
}

/* All of it, or nothing more can be: what the beacon said last, and why it
 * went, is still to be read. */
static void written(struct beaconc *b)
{
	b->sent = b->n_out = 0;
	if (b->state == GREETING)
		beaconc_move(b, ASKED);
}

static enum progress write_some(struct beaconc *b)
{
	ssize_t n = leg_write(b->leg, b->out + b->sent, b->n_out - b->sent);

	if (n == -EAGAIN || n == 0)
		return LATER;
	if (n > 0)
		b->sent += (size_t)n;
	if (n < 0 || b->sent == b->n_out)
		written(b);
	return AGAIN;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct beaconc *b = ctx;
	enum progress progress = AGAIN;

	if (events & LEG_GONE)
		written(b);
	for (int i = 0; i < STEPS_A_TURN && progress == AGAIN; i++)
		progress = b->n_out ? write_some(b) : read_some(b);
	if (progress != OVER)
		leg_want(leg, b->n_out ? LEG_WRITE : LEG_READ);
}

/* The proof over this very session; the signature and certificates stay in @m.
 */
static int add_proof(struct beaconc *b, struct frame_hello *hello,
    struct prove_material *m, struct fault *fault)
{
	uint8_t exporter[FRAME_EXPORTER], signed_bytes[PROOF_SIGNED_SIZE];
	int r = tls_leg_export(b->leg, PROOF_EXPORTER_LABEL, exporter);

	if (r)
		return fault_set(fault, r, NULL, NO_EXPORTER);
	proof_signed_bytes(
	    signed_bytes, exporter, b->config.hash, b->config.role);
	r = prove_sign(
	    m, b->config.identity, signed_bytes, sizeof(signed_bytes));
	if (r == -EMSGSIZE)
		return fault_set(fault, r,
		    "issue it with fewer and shorter names, and a P-256 key",
		    "our certificate or its CA is above %d bytes, too large "
		    "for a HELLO",
		    PROVE_CERT_MOST);
	if (r)
		return fault_set(fault, r, "is the key of an allowed kind?",
		    "signing the proof failed");
	hello->has_proof = true;
	hello->proof.leaf = (struct frame_span){ m->leaf, m->n_leaf };
	hello->proof.ca = (struct frame_span){ m->ca, m->n_ca };
	hello->proof.signature =
	    (struct frame_span){ m->signature, m->n_signature };
	return 0;
}

static int add_shed(
    struct beaconc *b, struct frame_hello *hello, struct fault *fault)
{
	int r = 0;

	hello->has_shed = b->config.shed;
	if (hello->has_shed)
		r = tls_leg_export(b->leg, FRAME_SHED_LABEL, hello->shed);
	return r ? fault_set(fault, r, NULL, NO_EXPORTER) : 0;
}

static int write_hello(struct beaconc *b, struct fault *fault)
{
	struct frame f = { .type = FRAME_TYPE_HELLO };
	struct frame_hello *hello = &f.u.hello;
	struct prove_material m;
	int r;

	hello->version = FRAME_VERSION;
	hello->role = b->config.role;
	memcpy(hello->hash, b->config.hash, sizeof(hello->hash));
	hello->require_proven = b->config.require_proven;
	(void)snprintf(hello->name, sizeof(hello->name), "%s",
	    b->config.name ? b->config.name : "");
	r = add_shed(b, hello, fault);
	if (!r && b->config.identity)
		r = add_proof(b, hello, &m, fault);
	if (r)
		return r;
	r = frame_write(&f, b->out, sizeof(b->out), &b->n_out);
	if (r)
		return fault_set(fault, r, NULL, "HELLO cannot be written");
	b->sent = 0;
	return 0;
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct beaconc *b = ctx;
	struct fault own;

	(void)why;
	b->shake = NULL;
	if (!leg) {
		fail_with(b, fault);
		return;
	}
	b->leg = leg;
	beaconc_move(b, GREETING);
	if (write_hello(b, &own)) {
		fail_with(b, &own);
		return;
	}
	loop_after(b->loop, &b->timer, GREET_MS, on_silence);
	leg_handle(leg, on_leg, b);
	leg_want(leg, LEG_WRITE);
}

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct beaconc *b = ctx;
	struct tls_shake_order order = { .lower = leg,
		.context = b->config.outer,
		.name = b->address.host,
		.ms = SHAKE_MS,
		.fn = on_shaken,
		.ctx = b };

	b->dial = NULL;
	if (!leg) {
		fail_with(b, fault);
		return;
	}
	tcp_leg_user_timeout(leg, USER_TIMEOUT_MS);
	beaconc_move(b, SHAKING);
	if (tls_shake(&b->shake, &order))
		fail_because(b, -ENOMEM, NULL, "no memory for outer TLS");
}

int beaconc_open(struct beaconc **out, struct loop *loop,
    const struct beaconc_config *config, const struct beaconc_events *events,
    void *ctx, struct fault *fault)
{
	struct beaconc *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->config = *config;
	b->events = events;
	b->ctx = ctx;
	r = dial_open(
	    &b->dial, loop, config->target, DIAL_MS, on_dialled, b, fault);
	if (r) {
		free(b);
		return r;
	}
	INVARIANT(!address_parse(&b->address, config->target));
	tls_context_ref(b->config.outer);
	*out = b;
	return 0;
}

void beaconc_cancel(struct beaconc *b)
{
	if (!b)
		return;
	if (b->telling) {
		b->cancelled = true;
		return;
	}
	leg_reset(STEAL(b->leg));
	beaconc_free(b);
}

static int read_pin(uint8_t out[32], const char *text, struct fault *fault)
{
	if (!hex_decode(out, 32, text))
		return 0;
	return fault_set(fault, -EINVAL,
	    "it is the hash of the public key (SPKI) in the beacon's "
	    "certificate",
	    "--beacon-pin is not a SHA-256 of 64 hex digits");
}

int beaconc_outer_context(struct tls_context **out,
    const struct beaconc_trust *trust, struct fault *fault)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };
	uint8_t pin[32];
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = "outer TLS",
		.alpn = alpn,
		.is_outer = true,
		.trust = TLS_TRUST_SYSTEM };
	int r;

	if (trust->ca_file && trust->pin_hex)
		return fault_set(fault, -EINVAL, "give one of the two",
		    "--beacon-ca and --beacon-pin exclude each other");
	if (trust->ca_file) {
		config.trust = TLS_TRUST_CA;
		config.ca_file = trust->ca_file;
	}
	if (trust->pin_hex) {
		r = read_pin(pin, trust->pin_hex, fault);
		if (r)
			return r;
		config.trust = TLS_TRUST_PIN;
		config.pin = pin;
	}
	return tls_context_new(out, &config, fault);
}
