/* broker/refusal.h: what a pod is told when it is not served, and how often
 * that was so. Each kind has a status, a counter, and a Retry-After where
 * another try may help.
 */
#pragma once
#include "base/metric.h"
#include "net/http.h"

enum refusal_kind {
	REFUSAL_RATE,	      /* requests too fast */
	REFUSAL_STREAMS,      /* too many at once */
	REFUSAL_SOURCES,      /* too many sources */
	REFUSAL_PROXY_TOKEN,  /* CONNECT without the token that is asked for */
	REFUSAL_TOKEN,	      /* a request without it */
	REFUSAL_REVIEW,	      /* the cluster does not take the token */
	REFUSAL_NO_POD,	      /* it is good, but no pod's */
	REFUSAL_REVIEWS,      /* too many tokens wait for their review */
	REFUSAL_CLUSTER,      /* the cluster cannot be asked */
	REFUSAL_TARGET,	      /* CONNECT to anything but the bridge */
	REFUSAL_PASS_THROUGH, /* a request, and pass-through is off */
	REFUSAL_NO_TUNNEL,    /* none is up */
	REFUSAL_BUSY,	      /* tunnels are up, and all are full */
	REFUSAL_BRIDGE,	      /* the bridge said no */
	REFUSAL_CUT,	      /* the tunnel went before the bridge answered */
	REFUSAL_LATE,	      /* the bridge did not answer in time */
	REFUSAL_MEMORY,
	REFUSAL_COUNT
};

/* How often each was said. */
struct refusals {
	uint64_t counts[REFUSAL_COUNT];
};

struct refusal {
	enum refusal_kind kind;
	int status;	  /* 0: the kind's */
	unsigned retry_s; /* 0: the kind's */
	const char *text; /* the reason, naming the hop; NULL: the kind's */
};

/** refusal_send() - count @r, answer @s with it, and so end @s
 * The body is {"errors":[text]}, as the stores answer. */
void refusal_send(
    struct refusals *counts, struct http_stream *s, const struct refusal *r);
/** refusal_name() - "noTunnel", for logs and labels */
const char *refusal_name(enum refusal_kind kind);
