/* broker/limits.h: what one source may take of the broker, and all of them
 * together. A source is an IPv4 address or an IPv6 /64 (net/address.h): in a
 * cluster that is a pod.
 */
#pragma once

enum {
	LIMIT_STREAMS_SOURCE = 8, /* requests and sessions at once */
	LIMIT_RATE_BURST = 100,	  /* requests at once, */
	LIMIT_RATE_STEP_MS = 100, /* and one more each of these */
	LIMIT_SOURCES = 16384,	  /* whose rate is remembered */

	LIMIT_CONNECTIONS = 4096,
	LIMIT_CONNECTIONS_SOURCE = 64,
	/* of one connection: more than LIMIT_STREAMS_SOURCE, so that HTTP/2
	 * clients are told 429 instead of waiting for a stream to end */
	LIMIT_STREAMS_CONNECTION = 32,

	/* that these connections need, with tunnels, health pages and files */
	LIMIT_DESCRIPTORS = LIMIT_CONNECTIONS + 256,

	LIMIT_TOKEN_BYTES = 8192, /* of --client-token-file */
};

enum {
	LIMIT_ANSWER_MS = 10000,   /* the bridge's answer to CONNECT */
	LIMIT_ASK_AGAIN_MS = 3000, /* and until its tunnel is doubted, and
				      another one asked too */
	LIMIT_FORWARD_MS = 120000, /* a request of pass-through, in all */
	LIMIT_HALF_CLOSED_MS = 10 * 60000, /* a session with one end, silent */
};
