/* pharos-bridge: serves wrappers and brokers from the store beside it. See
 * pharos-bridge(8). */
#include "bridge/meter.h"
#include "bridge/profile.h"
#include "net/daemon.h"
#include "net/loop.h"

static int run(struct loop *loop, const void *from, struct fault *fault)
{
	const struct config *config = from;
	const char *const files[] = { UPLINK_OPTION_FILES(config->uplink) };
	CLEANUP(profile_deinit) struct profile profile;
	struct realm *realm = NULL;
	struct meter meter;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_addr,
		.metrics = &meter.registry,
		.ready = realm_ready,
		.reload = realm_reload,
		.files = files,
		.n_files = N_ELEMS(files),
		.drain = realm_drain,
		.busy = realm_busy,
		.drain_ms = config->drain_timeout,
		.profile = &profile.isolate,
	};
	int r = bridge_profile(&profile, config, fault);

	if (!r)
		r = realm_open(&realm, loop, config, fault);
	if (r)
		return r;
	meter_init(&meter, loop, realm);
	d.ctx = realm;
	r = daemon_open(&daemon, loop, &d, fault);
	if (!r)
		r = daemon_run(daemon);
	daemon_close(daemon);
	realm_close(realm);
	return r;
}

static int check(const void *config, struct fault *fault)
{
	return config_check(config, fault);
}

int main(int argc, char **argv)
{
	struct config config = { .health_addr = NULL };
	const struct daemon_program program = {
		.options = &config_options,
		.log_name = "bridge",
		.config = &config,
		.common = &config.common,
		.check = check,
		.run = run,
	};

	vault_wipe_json();
	return daemon_main(&program, argc, argv);
}
