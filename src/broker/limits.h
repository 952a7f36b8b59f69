/* broker/limits.h: what one source may take of the broker, and all of them
 * together. A source is a pod that the cluster has named; before that, and
 * where pods are not reviewed, an IPv4 address or an IPv6 /64 (net/address.h).
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

/* What the cluster is asked about pods' tokens. */
enum {
	LIMIT_REVIEWS = 1024,	    /* tokens that wait for an answer, */
	LIMIT_REVIEWS_AT_ONCE = 16, /* calls of them under way */
	LIMIT_REVIEW_MS = 5000,	    /* one of them, its wait included */
	LIMIT_TOKENS = 8192,	    /* answers that are remembered: */
	LIMIT_GOOD_MS = 30000,	    /* a good one so long; */
	LIMIT_GRACE_MS = 5 * 60000, /* so much longer if nobody answers, */
	LIMIT_PROBE_MS = 5000,	    /* which is tried out so often; */
	LIMIT_REFUSED_MS = 10000,   /* a refusal so long */
};

enum {
	LIMIT_ANSWER_MS = 10000,   /* the bridge's answer to CONNECT */
	LIMIT_ASK_AGAIN_MS = 3000, /* and until its tunnel is doubted, and
				      another one asked too */
	LIMIT_EARLY = 4096, /* bytes of a pod's that the bridge is sent before
			       it has answered its CONNECT */
	LIMIT_FORWARD_MS = 120000, /* a request of pass-through, in all */
	LIMIT_HALF_CLOSED_MS = 10 * 60000, /* a session with one end, silent */
};
