/* The broker dials beacons, and the cluster's API where it reviews pods. In the
 * reverse mode without reviews it dials nobody at all. What it listens on is
 * bound before.
 */
#include "broker/profile.h"
#include "link/callsofcurl.h"
#include "net/socketcalls.h"

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
	&callsofcurl, /* the last one: not without a cluster */
};

int broker_profile(struct profile *p, const struct config *config,
    const struct cluster *cluster, struct fault *fault)
{
	size_t n = N_ELEMS(calls);

	profile_init(p, calls, cluster->access.server ? n : n - 1);
	uplink_options_profile(&config->uplink, p);
	cluster_profile(cluster, p);
	profile_beside(p, config->listen_cert);
	profile_beside(p, config->listen_key);
	profile_beside(p, config->client_token_file);
	return profile_check(p, fault);
}
