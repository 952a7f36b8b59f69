/* beacon/session.h: one leg, from the accepted descriptor until it is in a pair
 * or gone.
 *
 *   NEW      the limiter knows it; a proxy
 *            may have to name the source   10 s from accept to the last byte
 *   SHAKING  outer TLS                     of HELLO
 *   HELLO    reading it
 *   WAITING  joined the switchboard        PING; a connector's 10 s
 *   PAIRING  PAIRED is on its way, and a   the deadline of that PONG;
 *            PONG may be owed              TCP_USER_TIMEOUT
 *   PAIRED   the pump has the leg          none: pairs may be idle
 *
 * Until PAIRING a session ends itself, or the switchboard ends it; then its
 * pair does (beacon/pair.h).
 */
#pragma once
#include "beacon/beacon.h"
#include "net/leg.h"

enum session_state {
	SESSION_NEW,
	SESSION_SHAKING,
	SESSION_HELLO,
	SESSION_WAITING,
	SESSION_PAIRING,
	SESSION_PAIRED,
	SESSION_STATE_COUNT
};

enum { SESSION_OUT_MOST = 192, SESSION_PONG = 3 + FRAME_PING };

/* What it needs on its way into a pair, frames and all: not there any more once
 * bytes are all. */
struct session_speech {
	struct session *session;
	bool proxied;		   /* a proxy will say for whom it comes */
	struct preamble *preamble; /* NEW, while it does */
	uint32_t retry_ms; /* not 0: over the rate, is told so after TLS */
	struct tls_shake *shake; /* SHAKING */
	struct wheel_timer deadline;
	uint8_t *in;		    /* where the frame is read: */
	uint8_t pong[SESSION_PONG]; /* here, and HELLO on the heap */
	size_t room, have;
	uint8_t out[SESSION_OUT_MOST]; /* one frame */
	size_t out_start, out_end;
	unsigned to_send;	    /* those that wait for it */
	uint32_t position;	    /* of WAIT */
	uint8_t opaque[FRAME_PING]; /* of PING */
};

struct session {
	struct beacon *beacon;
	enum session_state state;
	char source[ADDRESS_TEXT_MOST];
	uint64_t serial; /* counted up */
	uint64_t accepted_ms;
	uint64_t began_us; /* its handshake; then, when its HELLO was read */
	bool sheds;	   /* its HELLO agrees to shed outer TLS */
	struct leg *leg;   /* HELLO to PAIRING */
	struct limiter_guest guest;
	struct switchboard_leg board_leg;
	struct pair *pair; /* PAIRING, PAIRED */
	uint8_t hash[FRAME_HASH];
	struct session_speech *speech; /* until PAIRED */
	TAILQ_ENTRY(session) of_beacon;
};

/** session_new() - for a connection from @source, "192.0.2.7:4711"
 * Return: NEW, or NULL without memory. */
struct session *session_new(struct beacon *b, const char *source);
/** session_left_ms() - what is left of the time for HELLO */
uint64_t session_left_ms(const struct session *s);
/** session_start() - take over @lower, the leg that was accepted; may end it */
void session_start(struct session *s, struct leg *lower);
/** session_end() - close what is there and free the session; the switchboard
 * may have news then */
void session_end(struct session *s);
/** session_refuse() - ERROR, then the end */
struct session_refusal {
	enum frame_error code;
	uint32_t retry_ms;
	const char *text;
};
void session_refuse(struct session *s, const struct session_refusal *why);

/** session_goaway() - GOAWAY, then the end: the client is to come back to this
 * address after @reconnect_ms */
void session_goaway(struct session *s, uint32_t reconnect_ms);

/** session_wait(), session_ping() - send it; may end the session */
void session_wait(struct session *s, uint32_t position);
void session_ping(struct session *s, const uint8_t opaque[FRAME_PING]);

/** session_pair() - PAIRING: send PAIRED
 * From here on @pair hears of readiness and failure.
 * Return: 0; -errno: the leg has failed. */
MUST_USE int session_pair(struct session *s, struct pair *pair);
/** session_ready() - PAIRED is out, nothing is owed */
bool session_ready(const struct session *s);
/** session_take_leg() - PAIRED; the leg is the caller's */
struct leg *session_take_leg(struct session *s);
