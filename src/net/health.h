/* net/health.h: what every daemon serves on --health-addr.
 *
 * /healthz (the loop is alive: 200), /readyz (useful now: 200, or 503 with the
 * reason), /metrics (Prometheus text), and the program's own admin routes.
 * Plain HTTP; the address is the operator's choice and 127.0.0.1 the sensible
 * one.
 */
#pragma once
#include "base/metric.h"
#include "net/httpd.h"

struct health;
struct health_config {
	const char *address;
	const struct metric_registry *metrics;
	/* NULL when ready, else the reason, borrowed */
	const char *(*ready)(void *ctx);
	void *ctx;
	/* more routes (admin), or NULL */
	const struct httpd_route *routes;
	size_t n_routes;
};
MUST_USE int health_open(struct health **out, struct loop *loop,
    const struct health_config *config, struct fault *fault);
void health_close(struct health *h);
const char *health_address(const struct health *h);
