/* The beacon is open to the world, so its profile is the tightest: it reads the
 * folders of its own files, accepts, moves bytes, and makes no connection. All
 * sockets that it listens on are bound before.
 */
#include "beacon/profile.h"
#include "net/socketcalls.h"

static const struct isolate_call own_rows[] = {
	/* the control socket's name goes when the beacon does */
	{ "unlink" },
	{ "unlinkat" },
};
static const struct isolate_calls own = { ISOLATE_CALLS(own_rows) };

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_CARRY,
	&own,
};

int beacon_profile(
    struct profile *p, const struct config *config, struct fault *fault)
{
	char control[CONFIG_PATH_MOST];

	profile_init(p, calls, N_ELEMS(calls));
	/* read again when they are replaced */
	profile_beside(p, config->tls_cert);
	profile_beside(p, config->tls_key);
	profile_beside(p, config->allow);
	if (config_control(config, control))
		profile_socket(p, control);
	return profile_check(p, fault);
}
