/* devstore/serve.h: the engine on the network: HTTPS, or plain HTTP on
 * loopback.
 *
 * Takes a request's body whole, asks the engine, answers. Nothing waits: the
 * engine is done when it returns.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "devstore/engine.h"

struct loop;
struct serve;

enum {
	SERVE_CALLS_MOST = 128, /* bodies being received; more: 503 */
	SERVE_BODY_MS = 30000,	/* for a body to come */
};

struct serve_config {
	struct engine *engine;		  /* borrowed */
	const char *address;		  /* "127.0.0.1:8200" */
	const char *cert_file, *key_file; /* both, or NULL: plain HTTP */
};
/** serve_open() - Return: 0; -errno with @fault: address, certificate, or plain
 * HTTP asked for on an address that is not loopback. */
MUST_USE int serve_open(struct serve **out, struct loop *loop,
    const struct serve_config *config, struct fault *fault);
void serve_close(struct serve *s);
/** serve_address() - with the real port */
const char *serve_address(const struct serve *s);
struct metric_table *serve_metrics(struct serve *s);
