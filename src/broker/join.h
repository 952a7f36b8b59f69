/* broker/join.h: how the broker meets the bridge (net/uplink.h), from its
 * configuration, and what /v1/status shows of it.
 */
#pragma once
#include "broker/config.h"
#include "broker/status.h"
#include "net/uplink.h"
#include "wire/joinstring.h"

/* What the join string says. Not to be moved: it points into itself. */
struct join {
	struct joinstring said;
	const char *beacons[JOINSTRING_BEACONS_MOST];
	X509 *ca; /* of the bridge; NULL: there is no join string */
};
/** join_read() - the join string, if @config names one
 * @out: zeroed; join_clear() it.
 * Return: 0; -errno with @fault. */
MUST_USE int join_read(
    struct join *out, const struct config *config, struct fault *fault);
void join_clear(struct join *j); /* repeatable */
/** join_profile() - allow what meeting the bridge needs */
void join_profile(
    const struct join *j, const struct config *config, struct profile *profile);

/** join_config() - of the uplink; borrows from both */
void join_config(struct uplink_config *out, const struct join *j,
    const struct config *config);
/** join_look() - fill in tunnels, targets and the last error; borrowed until
 * the loop's next turn, at @now_ms */
void join_look(const struct uplink *u, uint64_t now_ms, struct status *status);
