/* cli/pipe.h: `pharos pipe`: TCP services over a tunnel, and what its two verbs
 * share: how they meet, and how they run
 */
#pragma once
#include "base/metric.h"
#include "base/profile.h"
#include "cli/pipe_session.h"
#include "cli/pipe_targets.h"
#include "cli/verb.h"
#include "net/daemon.h"
#include "net/trunk.h"
#include "net/uplinkoption.h"

extern const struct verb pipe_verbs; /* the group */
extern const struct verb pipe_expose_verb, pipe_connect_verb;

enum {
	PIPE_DIAL_MS = 10000, /* to a target */
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

/* Rows over the counts and an uplink. */
struct pipe_meter {
	struct metric_registry registry;
	struct metric_table table;
	struct metric_row rows[12];
};

/* A verb while it runs: it keeps a trunk to the other side. Embedded in the
 * verb's object. */
struct pipe_program {
	const struct pipe_options *options;
	const struct pipe_targets *targets; /* that it dials; or NULL */
	enum trunk_side side;
	/* pipe_trunk_config(), and what else the verb says of its trunk; asked
	 * again when the files are */
	void (*configure)(struct pipe_program *p, struct trunk_config *out);
	/* what else is to be opened and bound, or told; the trunk is there */
	int (*opened)(struct pipe_program *p, struct fault *fault);
	/* no more connections; also called at the end. NULL: they come by the
	 * trunk alone */
	void (*shut)(struct pipe_program *p);
	long drain_ms;
	bool quiet; /* warnings only, unless the level is debug */
	struct pipe_sessions sessions; /* `ended` and `gone` are the verb's */

	/* set while it runs */
	struct trunk *trunk;
	struct daemon *daemon; /* for daemon_drain() */
	struct pipe_meter meter;
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
