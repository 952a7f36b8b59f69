/* The broker dials beacons, or, in the reverse mode, nobody at all. What it
 * listens on is bound before.
 */
#include "broker/profile.h"
#include "net/socketcalls.h"

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
};

int broker_profile(
    struct profile *p, const struct config *config, struct fault *fault)
{
	profile_init(p, calls, N_ELEMS(calls));
	uplink_options_profile(&config->uplink, p);
	profile_beside(p, config->listen_cert);
	profile_beside(p, config->listen_key);
	profile_beside(p, config->client_token_file);
	return profile_check(p, fault);
}
