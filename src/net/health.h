/* net/health.h: what every daemon serves on --health-addr.
 *
 * /healthz (the loop is alive: 200), /readyz (useful now: 200, or 503 with the
 * reason), /metrics (Prometheus text), and /v1/status where a program has such
 * a page (JSON). Plain HTTP; the address is the operator's choice and 127.0.0.1
 * the sensible one.
 *
 * POST /admin/drain is for this machine only: there too if the address is
 * loopback, otherwise on 127.0.0.1 and ::1, one port above. A request with an
 * Origin comes from a browser's page and is refused.
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
	/* the text of /v1/status, on the heap; 0 or -ENOMEM. NULL: there is no
	 * such page */
	int (*status)(void *ctx, char **out);
	void *ctx;
	/* what /admin/drain does, or NULL: there is no such thing */
	void (*drain)(void *drain_ctx);
	void *drain_ctx;
};
MUST_USE int health_open(struct health **out, struct loop *loop,
    const struct health_config *config, struct fault *fault);
void health_close(struct health *h);
const char *health_address(const struct health *h);
/** health_admin_address() - where /admin/drain is served if not there; or NULL
 */
const char *health_admin_address(const struct health *h);
