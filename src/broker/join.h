/* broker/join.h: how the broker meets the bridge (net/uplink.h), from its
 * configuration, and what /v1/status shows of it.
 */
#pragma once
#include "broker/config.h"
#include "broker/status.h"
#include "net/uplink.h"

/** join_open() - load what @config names for the tunnel, and begin
 * Return: 0; -errno with @fault. */
MUST_USE int join_open(struct uplink **out, struct loop *loop,
    const struct config *config, struct fault *fault);
/** join_prepare() - read those files again; uplink_renew() uses them
 * Return: 0; -errno with @fault. */
MUST_USE int join_prepare(struct papers **out, const struct uplink *u,
    const struct config *config, struct fault *fault);
/** join_look() - fill in tunnels, targets and the last error; borrowed until
 * the loop's next turn, at @now_ms */
void join_look(const struct uplink *u, uint64_t now_ms, struct status *status);
