/* net/daemon.h: what every daemon does alike once it has loaded its keys and
 * bound its sockets: health pages, isolation, and running until it is told to
 * stop.
 */
#pragma once
#include "base/isolate.h"
#include "base/option.h"
#include "net/health.h"

struct daemon;

struct daemon_config {
	const struct option_common *common;
	const char *health_address; /* NULL: no health pages */
	const struct metric_registry *metrics;
	const char *(*ready)(void *ctx); /* as health_config.ready */
	void *ctx;
	const struct httpd_route *routes; /* more health pages, or NULL */
	size_t n_routes;
	const struct isolate_profile *profile;
};

/** daemon_open() - serve the health pages and give up what @config->profile
 * does not list (unless --no-sandbox) Call it before the first thread: see
 * isolate_enter(). Return: 0; -errno with @fault. */
MUST_USE int daemon_open(struct daemon **out, struct loop *loop,
    const struct daemon_config *config, struct fault *fault);
/** daemon_run() - until SIGTERM or SIGINT */
void daemon_run(struct daemon *d);
void daemon_close(struct daemon *d);
/** daemon_listening() - the log line by which a program says that it serves:
 * event "listening", @what ("api", "legs") and the real address */
void daemon_listening(const char *what, const char *address);
