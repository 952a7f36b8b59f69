/* The bridge dials: beacons or brokers, and the store. Nothing comes in to it
 * but health pages, whose sockets are there before.
 */
#include "bridge/profile.h"
#include "bridge/issuer.h"
#include "bridge/realms.h"
#include "link/callsofcurl.h"
#include "net/address.h"
#include "net/socketcalls.h"
#include "wire/credential.h"

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
	&callsofcurl,
};

static void reach_store(struct profile *p, const struct config *config)
{
	profile_resolver(p);
	if (config->vault_addr)
		profile_port(p, address_port_of(config->vault_addr));
	profile_beside(p, config->vault_ca);
	if (!config->vault_ca && !config->vault_pin)
		profile_system_cas(p);
}

/* ---- credentials --------------------------------------------------------- */

static void reach_by(void *ctx, const char *path)
{
	struct profile *p = ctx;
	struct credential c = { .n_beacons = 0 };

	if (realms_read_credential(&c, path, NULL))
		return; /* whoever serves it says why */
	profile_port(p, address_port_of(c.address));
	for (size_t i = 0; i < c.n_beacons; i++)
		profile_port(p, address_port_of(c.beacon[i]));
	credential_deinit(&c);
}

/* What comes into a folder later may name the ports that stores and beacons
 * mostly have, or those that were named at the start. */
static void reach_credentials(struct profile *p, const struct config *config)
{
	enum { PORT_BEACON = 443, PORT_STORE = 8200 };
	const struct option_list *given = &config->credential;

	realms_each(config, reach_by, p);
	for (size_t i = 0; i < given->n_items; i++)
		if (realms_is_folder(given->items[i])) {
			profile_path(p, given->items[i], ISOLATE_READ);
			profile_port(p, PORT_BEACON);
			profile_port(p, PORT_STORE);
		} else {
			profile_beside(p, given->items[i]);
		}
}

/* A cluster's issuer is known when its registration is: bridge/issuer.h. */
static void reach_issuer(struct profile *p, const struct config *config)
{
	if (!config->credential.n_items && !config->store_token_file)
		return;
	profile_port(p, ISSUER_PORT);
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
	reach_credentials(p, config);
	reach_issuer(p, config);
	profile_beside(p, config->store_token_file);
	return profile_check(p, fault);
}
