/* wrapper/fetchway.h: the way to the bridge: TCP and TLS to the broker, CONNECT
 * there, TLS with the bridge inside it, HTTP/2 in that. The broker carries it
 * and cannot look in.
 */
#pragma once
#include "base/secret.h"
#include "net/address.h"
#include "net/http.h"
#include "wrapper/handoff.h"

struct fetchway;
struct egress;

struct fetchway_order {
	const char *broker;		   /* "https://host:port" */
	const char *broker_ca;		   /* file; "" for the system's roots */
	const char *bridge_ca;		   /* file */
	const struct secret *broker_token; /* or NULL */
	const struct egress *egress;	   /* by which proxy to the broker */
};

/* Where it failed. @fault: borrowed for the call. */
struct fetchway_failure {
	enum handoff_hop hop;
	bool retry; /* may work later */
	uint32_t retry_ms;
	const struct fault *fault;
};

struct fetchway_events {
	/* once: requests can be sent on @conn, until `lost` or close */
	void (*open)(void *ctx, struct http_conn *conn);
	/* last call, before or after `open`; the callee does not close it from
	 * within */
	void (*lost)(void *ctx, const struct fetchway_failure *why);
};

/** fetchway_broker() - the broker's address of its URL, "https://host:port"
 * Return: 0; -EINVAL with @fault, which names the option. */
MUST_USE int fetchway_broker(
    struct address *out, const char *url, struct fault *fault);
/** fetchway_open() - begin; @order and @events are borrowed until the end
 * Return: 0; -errno with @fault: a file or the address is not right. */
MUST_USE int fetchway_open(struct fetchway **out, struct loop *loop,
    const struct fetchway_order *order, const struct fetchway_events *events,
    void *ctx, struct fault *fault);
/** fetchway_close() - no event comes after; NULL is fine */
void fetchway_close(struct fetchway *w);
/** fetchway_hop() - how far it has come, for the deadline's words */
enum handoff_hop fetchway_hop(const struct fetchway *w);
