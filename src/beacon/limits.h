/* beacon/limits.h: every number that the beacon enforces. Compile-time
 * constants, on purpose: generous for real traffic, a cap on abuse, and the
 * same on every beacon. doc/wire/beacon.md says what a client meets at each.
 */
#pragma once

enum {
	/* pairs */
	LIMIT_PAIRS = 1000,    /* at once; more wait for a slot */
	LIMIT_PAIRS_FAIR = 64, /* a source above it yields while others wait */
	LIMIT_HALF_CLOSED_MS = 600000, /* silent and half-closed: cut */

	/* new connections from one source */
	LIMIT_RATE_BURST = 100,
	LIMIT_RATE_PER_MINUTE = 100,
	LIMIT_RATE_POLITE = 200, /* up to here: ERROR rateLimit, then closed */
	LIMIT_RATE_SOURCES = 10000,

	/* before HELLO */
	LIMIT_HELLO_MS = 10000, /* from accept to the last byte of HELLO */
	LIMIT_UNFINISHED = 2000,
	LIMIT_UNFINISHED_SOURCE = 64,

	/* leaves whose proof is remembered as verified; one more replaces the
	   one used longest ago */
	LIMIT_KNOWN_LEAVES = 512,

	/* waiting legs */
	LIMIT_WAITING = 20000,
	LIMIT_WAITING_HASH_PROVEN = 64,
	LIMIT_WAITING_HASH_BARE = 16,
	LIMIT_WAITING_SOURCE_BARE = 8,
	LIMIT_CONNECTOR_MS = 10000, /* a connector without a listener */
	LIMIT_PING_MS = 25000,	    /* between pings, with jitter */
	LIMIT_PONG_MS = 10000,	    /* for the answer */
	LIMIT_POSITIONS_TOLD =
	    32, /* of the queue, at once; others at their ping */
	LIMIT_RETRY_PEER_MS = 1000, /* hint with noPeer, up to twice as long */
	LIMIT_RETRY_BUSY_MS = 5000, /* hint with a limit, up to twice as long */
	LIMIT_USER_TIMEOUT_MS = 30000, /* TCP_USER_TIMEOUT before pairing */

	/* going down: so many waiting legs get their GOAWAY at once, then
	   others after so long; all are gone in 0.8 s, and pairs go on */
	LIMIT_DRAIN_STEP = 250,
	LIMIT_DRAIN_STEP_MS = 10,
	LIMIT_RETRY_DRAIN_MS =
	    1000, /* hint at least, and spread over at least */

	/* that all of these need together */
	LIMIT_DESCRIPTORS = LIMIT_WAITING + 2 * LIMIT_PAIRS + LIMIT_UNFINISHED +
			    128 /* of net/pipes.h */ + 64,
};
