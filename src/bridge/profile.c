/* The bridge dials: beacons or brokers, and the store. Nothing comes in to it
 * but health pages, whose sockets are there before.
 */
#include "bridge/profile.h"
#include "link/callsofcurl.h"
#include "net/address.h"
#include "net/socketcalls.h"

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
	&callsofcurl,
};

static void reach_store(struct profile *p, const struct config *config)
{
	profile_resolver(p);
	profile_port(p, address_port_of(config->vault_addr));
	profile_beside(p, config->vault_ca);
	if (!config->vault_ca && !config->vault_pin)
		profile_system_cas(p);
}

int bridge_profile(
    struct profile *p, const struct config *config, struct fault *fault)
{
	const struct option_list *brokers = &config->broker_address;

	profile_init(p, calls, N_ELEMS(calls));
	uplink_options_profile(&config->uplink, p);
	for (size_t i = 0; i < brokers->n_items; i++)
		profile_port(p, address_port_of(brokers->items[i]));
	reach_store(p, config);
	return profile_check(p, fault);
}
