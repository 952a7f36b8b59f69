/* cli/pipe.h: `pharos pipe`: TCP services over a tunnel, and what its two verbs
 * share: how they meet, how they run, and connections that are joined.
 */
#pragma once
#include "base/metric.h"
#include "base/profile.h"
#include "cli/pipe_targets.h"
#include "cli/verb.h"
#include "net/daemon.h"
#include "net/pump.h"
#include "net/trunk.h"
#include "net/uplinkoption.h"
#include <sys/queue.h>

extern const struct verb pipe_verbs; /* the group */
extern const struct verb pipe_expose_verb, pipe_connect_verb;

enum {
	PIPE_CONNECTIONS_MOST = 1024,	  /* at once, of one process */
	PIPE_DIAL_MS = 10000,		  /* to a target */
	PIPE_HALF_CLOSED_MS = 10 * 60000, /* one end has come, and silence */
	PIPE_DESCRIPTORS = PIPE_CONNECTIONS_MOST + 64,
};

/* ---- options */

struct pipe_options {
	struct option_common common;
	struct uplink_options uplink;
	struct option_list dial, peer;
	char *accept, *health_addr;
	long drain_ms;
};

#define PIPE_OPTION_ROWS(config, member)                                       \
	OPTION_ROWS_COMMON(config, member.common),                             \
	    UPLINK_OPTION_ROWS_PLAIN(config, member.uplink),                   \
	    { .name = "dial",                                                  \
		    .metavar = "HOST:PORT",                                    \
		    .help = "no beacon: the other side, which accepts",        \
		    .type = OPTION_LIST,                                       \
		    .offset = offsetof(config, member.dial) },                 \
	    { .name = "accept",                                                \
		    .metavar = "ADDRESS",                                      \
		    .help = "no beacon: where the other side dials in",        \
		    .type = OPTION_TEXT,                                       \
		    .offset = offsetof(config, member.accept) },               \
	    { .name = "peer",                                                  \
		    .metavar = "NAME",                                         \
		    .help = "only with certificates of that name",             \
		    .detail = "Repeatable. Without it, with every pipe "       \
			      "certificate of the CA.",                        \
		    .type = OPTION_LIST,                                       \
		    .offset = offsetof(config, member.peer) },                 \
	    { .name = "drain-timeout",                                         \
		    .metavar = "DURATION",                                     \
		    .help = "how long connections may go on at the end",       \
		    .detail = "What is left of them then is cut.",             \
		    .initial = "10s",                                          \
		    .flags = OPTION_RARE,                                      \
		    .type = OPTION_DURATION,                                   \
		    .offset = offsetof(config, member.drain_ms) },             \
	{                                                                      \
		.name = "health-addr", .metavar = "ADDRESS",                   \
		.help = "serve /healthz, /readyz and /metrics",                \
		.detail = "Not served unless it is given.",                    \
		.type = OPTION_TEXT,                                           \
		.offset = offsetof(config, member.health_addr)                 \
	}

/** pipe_options_check() - that there is one way to meet
 * Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int pipe_options_check(
    const struct pipe_options *options, struct fault *fault);

/** pipe_trunk_config() - files and route as the options say; @count: tunnels
 * that a connecting side keeps where there are as many targets; for each target
 * of a listening side, legs that wait
 * @out: borrows from @options. */
void pipe_trunk_config(struct trunk_config *out, enum trunk_side side,
    unsigned count, const struct pipe_options *options);

/** pipe_uplink_options() - those of the uplink, with the mode that follows from
 * the others; borrows from @options */
struct uplink_options pipe_uplink_options(const struct pipe_options *options);

/* ---- running */

/* A verb while it runs. */
struct pipe_program {
	const struct pipe_options *options;
	/* everything that opens and binds; the program's state goes to @ctx */
	int (*open)(void *ctx, struct loop *loop, struct fault *fault);
	void (*close)(void *ctx);
	/* as in struct daemon_config */
	const char *(*ready)(void *ctx);
	reload_fn reload;
	void (*drain)(void *ctx);
	bool (*busy)(void *ctx);
	long drain_ms;
	void *ctx;
	struct metric_registry *metrics;
	const struct pipe_targets *targets; /* that it dials; or NULL */
	bool quiet; /* warnings only, unless the level is debug */

	struct daemon *daemon; /* set while it runs, for daemon_drain() */
};
/** pipe_profile() - what it gives up when it runs; profile_deinit() it, also
 * after a failure
 * Return: 0; -E2BIG, -ENOMEM with @fault. */
MUST_USE int pipe_profile(
    struct profile *p, const struct pipe_program *program, struct fault *fault);
/** pipe_run() - open, give up what is not needed, run until a signal or
 * daemon_drain(), drain, close
 * Return: 0; VERB_E_CUT; -errno with @fault. */
MUST_USE int pipe_run(struct pipe_program *program, struct fault *fault);

/** pipe_drain() - tunnels take no more streams, and end with those that run;
 * what is left at the drain's deadline is not theirs to cut
 * pipe_busy() - are there tunnels? */
void pipe_drain(struct trunk *trunk, long drain_ms);
bool pipe_busy(const struct trunk *trunk);

/* ---- connections */

/* What is carried, and how often not; for /metrics. */
struct pipe_counts {
	uint64_t open;		     /* now, with those not joined yet */
	uint64_t carried;	     /* joined so far */
	uint64_t failed;	     /* no stream, or no target */
	uint64_t refused;	     /* a name that is not offered */
	uint64_t full;		     /* over PIPE_CONNECTIONS_MOST */
	uint64_t reset;		     /* of those carried: not ended in order */
	uint64_t to_peer, from_peer; /* bytes */
};

/* Rows over the counts and an uplink. */
struct pipe_meter {
	struct metric_registry registry;
	struct metric_table table;
	struct metric_row rows[12];
};
/** pipe_meter_init() - @counts and @trunk must outlive it */
void pipe_meter_init(struct pipe_meter *m, const struct pipe_counts *counts,
    struct trunk *const *trunk);

/** pipe_ready() - NULL while a tunnel is up, or, for who listens, a leg waits;
 * else why not */
const char *pipe_ready(const struct trunk *trunk, enum trunk_side side);
