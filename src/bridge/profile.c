/* The bridge dials: beacons or brokers, and the store. Nothing comes in to it
 * but health pages, whose sockets are there before.
 */
#include "bridge/profile.h"
#include "net/address.h"
#include "net/socketcalls.h"
#include <sys/socket.h>

static const struct isolate_call own_rows[] = {
	/* libcurl wakes itself, and hears from its resolver's thread */
	ISOLATE_ONLY("socketpair", ISOLATE_IS(0, AF_UNIX)),
};
static const struct isolate_calls own = { ISOLATE_CALLS(own_rows) };

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
	&own,
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
