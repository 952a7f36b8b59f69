/* net/uplink.h: the tunnels of a program that has a certificate: load it, open
 * the route, keep the tunnels, tell the log, and know what a status page shows.
 * The bridge's and the broker's way to each other; they differ in the
 * configuration only.
 */
#pragma once
#include "base/fault.h"
#include "net/tunnelset.h"

struct uplink;

struct uplink_config {
	/* who we are, and who the peer must be */
	const char *cert_file, *key_file, *ca_file;
	const char *info_hash; /* as typed; must be that of ca_file; or NULL */
	enum role role, peer_role;
	enum tls_end end;
	struct httpd *handlers; /* this end serves requests; NULL: it sends */

	/* how the two meet; beacon.* is filled in for ROUTE_BEACON */
	struct route_config route;
	const char *beacon_ca, *beacon_pin;
};

/** uplink_open() - load the files, and begin
 * @config: borrowed for the call, handlers until uplink_close().
 * Return: 0; -errno with @fault. */
MUST_USE int uplink_open(struct uplink **out, struct loop *loop,
    const struct uplink_config *config, struct fault *fault);
/** uplink_close() - tunnels are cut; NULL is fine */
void uplink_close(struct uplink *u);

/** uplink_pick() - a tunnel to send on, or NULL
 * uplink_up() - how many are up
 * uplink_last_fault() - why there is none; "" if unknown; borrowed */
struct http_conn *uplink_pick(struct uplink *u);
size_t uplink_up(const struct uplink *u);
const char *uplink_last_fault(const struct uplink *u);
/** uplink_waiting() - legs on their way or registered at beacons */
size_t uplink_waiting(const struct uplink *u);

/* A tunnel that is up, for status pages. */
struct uplink_line {
	const char *peer, *target; /* borrowed until the loop's next turn */
	uint64_t age_ms;
};
/** uplink_lines() - fill in at most @most
 * Return: how many. */
size_t uplink_lines(
    const struct uplink *u, struct uplink_line *lines, size_t most);
struct route *uplink_route(const struct uplink *u);
const struct identity *uplink_identity(const struct uplink *u);
/** uplink_expiry() - of our certificate, seconds since 1970 */
int64_t uplink_expiry(const struct uplink *u);
