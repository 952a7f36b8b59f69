/* pharos-bridge: serves wrappers and brokers from the store beside it. See
 * pharos-bridge(8). */
#include "bridge/profile.h"
#include "bridge/realms.h"
#include "net/daemon.h"
#include "net/http.h"
#include "net/loop.h"
#include "wire/vault.h"

static int run(struct loop *loop, const void *from, struct fault *fault)
{
	const struct config *config = from;
	const char *const files[] = { UPLINK_OPTION_FILES(config->uplink),
		config->store_token_file };
	CLEANUP(profile_deinit) struct profile profile;
	struct metric_registry metrics = { .first = NULL };
	struct realms *realms = NULL;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_addr,
		.metrics = &metrics,
		.ready = realms_ready,
		.reload = realms_reload,
		.files = files,
		.n_files = N_ELEMS(files),
		.drain = realms_drain,
		.busy = realms_busy,
		.drain_ms = config->drain_timeout,
		.profile = &profile.isolate,
	};
	int r = bridge_profile(&profile, config, fault);

	if (config->credential.n_items)
		daemon_descriptors(REALMS_DESCRIPTORS);
	if (!r)
		r = realms_open(&realms, loop, config, &metrics, fault);
	if (r)
		return r;
	metric_add(&metrics, http_metrics());
	d.ctx = realms;
	r = daemon_open(&daemon, loop, &d, fault);
	if (!r)
		r = daemon_run(daemon);
	daemon_close(daemon);
	realms_close(realms);
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
