/* broker/uplink.h: the broker's tunnels to the bridge, kept alive over a route,
 * and what is known of them.
 */
#pragma once
#include "base/fault.h"
#include "broker/config.h"
#include "broker/status.h"

struct http_conn;
struct identity;
struct loop;
struct uplink;

/** uplink_open() - load what @config names for the tunnel, and begin
 * Return: 0; -errno with @fault. */
MUST_USE int uplink_open(struct uplink **out, struct loop *loop,
    const struct config *config, struct fault *fault);
/** uplink_close() - NULL is fine */
void uplink_close(struct uplink *u);

/** uplink_pick() - a tunnel to send on, or NULL
 * uplink_up() - how many are up
 * uplink_fault() - why there is none; "" if unknown; borrowed */
struct http_conn *uplink_pick(struct uplink *u);
size_t uplink_up(const struct uplink *u);
const char *uplink_fault(const struct uplink *u);

/** uplink_look() - fill in tunnels, targets and the last error; borrowed until
 * the loop's next turn */
void uplink_look(const struct uplink *u, struct status *status);
/** uplink_expiry() - of the broker's certificate, seconds since 1970 */
int64_t uplink_expiry(const struct uplink *u);
/** uplink_address() - (mode reverse) where bridges dial in; else NULL */
const char *uplink_address(const struct uplink *u);
