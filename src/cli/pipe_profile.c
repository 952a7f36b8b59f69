/* What `pharos pipe` may do once it runs: make connections to beacons, to the
 * other side, and to the targets that it exposes, by their ports; read its own
 * files again. What it listens on is bound before.
 */
#include "cli/pipe.h"
#include "net/address.h"
#include "net/socketcalls.h"

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_DIAL,
};

int pipe_profile(
    struct profile *p, const struct pipe_program *program, struct fault *fault)
{
	const struct pipe_options *options = program->options;
	const struct pipe_targets *targets = program->targets;
	const struct uplink_options uplink = pipe_uplink_options(options);

	profile_init(p, calls, N_ELEMS(calls));
	uplink_options_profile(&uplink, p);
	if (options->dial.n_items || targets)
		profile_resolver(p);
	for (size_t i = 0; i < options->dial.n_items; i++)
		profile_port(p, address_port_of(options->dial.items[i]));
	for (size_t i = 0; targets && i < targets->n; i++)
		profile_port(p, address_port_of(targets->target[i].address));
	return profile_check(p, fault);
}
