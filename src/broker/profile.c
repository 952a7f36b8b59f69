/* The broker dials beacons, and the cluster's API where it joins by a join
 * string or reviews pods. In the reverse mode without these it dials nobody at
 * all. What it listens on is bound before.
 */
#include "broker/profile.h"
#include "broker/broker.h"
#include "link/callsofcurl.h"
#include "net/socketcalls.h"

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
	&callsofcurl, /* the last one: not without a cluster */
};

int broker_profile(
    struct profile *p, const struct broker_order *order, struct fault *fault)
{
	const struct config *config = order->config;
	size_t n = N_ELEMS(calls);

	profile_init(p, calls, order->cluster.access.server ? n : n - 1);
	join_profile(&order->join, config, p);
	cluster_profile(&order->cluster, p);
	profile_beside(p, config->listen_cert);
	profile_beside(p, config->listen_key);
	profile_beside(p, config->client_token_file);
	return profile_check(p, fault);
}
