/* broker/status.h: what GET /v1/status says, as JSON. Pure.
 *
 *   {"sealed":true,"mode":"beacon","pass_through":false,
 *    "tunnels":[{"peer":"eu-1","target":"b1.example:443","age_seconds":12}],
 *    "targets":[{"target":"b1.example:443","state":"live","last_error":""}],
 *    "last_error":"","asks_for":"pod token",
 *    "reviews":{"waiting":0,"remembered":12,"last_error":""}}
 *
 * and, where the broker joins by a join string or by words,
 *
 *    "join":{"certificate":"good","ends":1800000000,"waits_for":"",
 *     "last_error":"","remedy":"","retry_in_seconds":30}
 *
 * with certificate none, good or expired; ends and retry_in_seconds only where
 * there is one; and "words":"fago keno dili fomi malo migi" while a person is
 * waited for who compares them.
 * asks_for: what pods must show: nothing, a client token, a pod token; reviews
 * is there for the last of them only.
 * sealed: every byte that pods exchange with the bridge is encrypted between
 * those two; false when pass-through is on, since the broker reads that.
 */
#pragma once
#include "base/err.h"

struct status_tunnel {
	const char *peer, *target;
	uint64_t age_s;
};

struct status_target {
	const char *target;
	unsigned live;	  /* tunnels over it */
	unsigned waiting; /* on the way, or registered and waiting */
	uint64_t rests_s; /* until the next try; 0: not resting */
	const char *last_error;
};

/* How it stands with the certificate. */
struct status_join {
	bool joins; /* by either; else the rest is not looked at */
	bool expired;
	int64_t ends; /* since 1970; 0: there is none */
	const char *waits_for, *last_error, *remedy; /* "" */
	const char *words;			     /* "": none are shown */
	uint64_t retry_s;			     /* 0: none is awaited */
};

enum { STATUS_TUNNELS_MOST = 64, STATUS_TARGETS_MOST = 16 };

struct status {
	const char *mode;
	bool pass_through;
	struct status_tunnel tunnels[STATUS_TUNNELS_MOST];
	size_t n_tunnels;
	struct status_target targets[STATUS_TARGETS_MOST];
	size_t n_targets;
	const char *last_error; /* "" when all is well */
	enum status_asks {
		STATUS_NOTHING,
		STATUS_CLIENT_TOKEN,
		STATUS_POD_TOKEN
	} asks_for;
	/* with STATUS_POD_TOKEN: tokens that wait for the cluster's word, those
	 * whose is remembered, and why there is none; "" when all is well */
	uint64_t reviews_waiting, reviews_remembered;
	const char *reviews_last_error;
	struct status_join join;
};

/** status_print() - @out: on the heap, NUL-terminated; the caller frees it
 * Return: 0; -ENOMEM. */
MUST_USE int status_print(const struct status *status, char **out);
