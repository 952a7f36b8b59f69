/* net/daemon.h: what every daemon does alike: reading its options, health
 * pages, isolation, running until it is told to stop, exit status.
 */
#pragma once
#include "base/isolate.h"
#include "base/option.h"
#include "net/health.h"
#include "net/reload.h"

/* A program, for daemon_main(). */
struct daemon_program {
	const struct option_table *options;
	const char *log_name;		    /* "beacon" */
	void *config;			    /* the options' struct, zeroed */
	const struct option_common *common; /* in it */
	/* what the table cannot say; -EINVAL with @fault; or NULL */
	int (*check)(const void *config, struct fault *fault);
	/* the program: open, daemon_open(), daemon_run(), close; DAEMON_E_CUT
	 * is forwarded */
	int (*run)(struct loop *loop, const void *config, struct fault *fault);
};
/** daemon_main() - all of main()
 * Return: the exit status: 0; 1: it failed, and standard error says why; 2: the
 * options are wrong; 3: it ended, and something that ran was cut. */
int daemon_main(const struct daemon_program *program, int argc, char **argv);

struct daemon;
struct vitals;

/* The row of --drain-timeout; @what may go on for so long. */
#define DAEMON_ROW_DRAIN(config, member, what, time)                           \
	{                                                                      \
		.name = "drain-timeout", .metavar = "DURATION",                \
		.help = "how long " what " may go on once it ends",            \
		.detail = "What is left of them then is cut. See SIGNALS.",    \
		.initial = time, .type = OPTION_DURATION,                      \
		.flags = OPTION_RARE, .offset = offsetof(config, member)       \
	}
/* What ends by itself at the same time shall not win that race. */
enum { DAEMON_DRAIN_SLACK_MS = 1000 };

struct daemon_config {
	const struct option_common *common;
	const char *health_address;	      /* NULL: no health pages */
	struct metric_registry *metrics;      /* gets those of the daemon too */
	const char *(*ready)(void *ctx);      /* as health_config.ready */
	int (*status)(void *ctx, char **out); /* and .status */
	void *ctx;
	/* The way out (net/drain.h): begin, busy, and how long that may take.
	 * NULL: there is nothing to wait for. While it lasts /readyz says so.
	 */
	void (*drain)(void *ctx);
	bool (*busy)(void *ctx);
	long drain_ms;
	/* What SIGHUP and a change of these files do (net/reload.h); NULL:
	 * SIGHUP is ignored. */
	reload_fn reload;
	const char *const *files; /* borrowed */
	size_t n_files;
	const struct isolate_profile *profile;
	size_t descriptors; /* wanted: the soft limit is raised to the hard one,
			       with a warning if that is less; 0: left alone */
};

/** daemon_open() - serve the health pages and give up what @config->profile
 * does not list (unless --no-sandbox) Call it before the first thread: see
 * isolate_enter(). Return: 0; -errno with @fault. */
MUST_USE int daemon_open(struct daemon **out, struct loop *loop,
    const struct daemon_config *config, struct fault *fault);
/** daemon_descriptors() - what daemon_config.descriptors does, for a program
 * that needs them before daemon_open() */
void daemon_descriptors(size_t wanted);
/** daemon_run() - until SIGTERM or SIGINT, or daemon_drain(); then through the
 * drain; a second signal ends it at once
 * Return: 0; DAEMON_E_CUT: something that ran was cut. */
enum { DAEMON_E_CUT = 1 << 16 }; /* no other module's code */
MUST_USE int daemon_run(struct daemon *d);
/** daemon_drain() - what SIGTERM does: begin to end; repeatable; @daemon: a
 * struct daemon */
void daemon_drain(void *daemon);
/** daemon_draining() - has that begun?
 * @left_ms: until what is left is cut; set when it has */
bool daemon_draining(const struct daemon *d, uint64_t *left_ms);
/** daemon_vitals() - of the process; until daemon_close() */
const struct vitals *daemon_vitals(const struct daemon *d);
void daemon_close(struct daemon *d);
/** daemon_listening() - the log line by which a program says that it serves:
 * event "listening", @what ("api", "legs") and the real address */
void daemon_listening(const char *what, const char *address);
