/* pharos-beacon: joins two clients that both dialled out, by info hash. See
 * pharos-beacon(8) and doc/wire/beacon.md. */
#include "base/slab.h"
#include "beacon/beacon.h"
#include "beacon/limits.h"
#include "beacon/profile.h"
#include "net/daemon.h"

static int run(struct loop *loop, const void *from, struct fault *fault)
{
	const struct config *config = from;
	const char *const files[] = { config->tls_cert, config->tls_key,
		config->allow };
	CLEANUP(beacon_freep) struct beacon *beacon = NULL;
	CLEANUP(profile_deinit) struct profile profile;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_addr,
		.ready = beacon_ready,
		.reload = beacon_reload,
		.files = files,
		.n_files = N_ELEMS(files),
		.drain = beacon_drain,
		.busy = beacon_busy,
		.drain_ms = config->drain_timeout,
		.profile = &profile.isolate,
		.descriptors = LIMIT_DESCRIPTORS,
	};
	int r = beacon_profile(&profile, config, fault);

	if (!r)
		r = beacon_new(&beacon, loop, config, fault);
	if (!r)
		r = beacon_open(beacon, config, fault);
	if (r)
		return r;
	d.metrics = &beacon->meter.registry;
	d.ctx = beacon;
	r = daemon_open(&daemon, loop, &d, fault);
	beacon->daemon = daemon;
	if (!r)
		r = daemon_run(daemon);
	beacon->daemon = NULL;
	daemon_close(daemon);
	return r;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	const struct daemon_program program = {
		.options = &config_options,
		.log_name = "beacon",
		.config = &config,
		.common = &config.common,
		.run = run,
	};

	slab_use();
	return daemon_main(&program, argc, argv);
}
