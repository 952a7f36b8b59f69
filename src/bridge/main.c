/* pharos-bridge: serves wrappers and brokers from the store beside it. See
 * pharos-bridge(8). */
#include "base/log.h"
#include "bridge/meter.h"
#include "net/daemon.h"
#include "net/loop.h"

static int run(
    struct loop *loop, const struct config *config, struct fault *fault)
{
	static const struct isolate_profile profile = { 0 };
	struct realm *realm = NULL;
	struct meter meter;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_addr,
		.metrics = &meter.registry,
		.ready = realm_ready,
		.profile = &profile,
	};
	int r = realm_open(&realm, loop, config, fault);

	if (r)
		return r;
	meter_init(&meter, loop, realm);
	d.ctx = realm;
	r = daemon_open(&daemon, loop, &d, fault);
	if (!r)
		daemon_run(daemon);
	daemon_close(daemon);
	realm_close(realm);
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	struct config config = { .mode = CONFIG_BEACON };
	struct fault fault = FAULT_NONE;
	int r = option_load(&config_options, argc, argv, &config, NULL, &fault);

	vault_wipe_json();
	if (!r)
		r = config_check(&config, &fault) ? OPTION_E_BAD : 0;
	if (!r) {
		log_setup("bridge", config.common.log_format,
		    config.common.log_level);
		r = loop_new(&loop);
	}
	if (!r)
		r = run(loop, &config, &fault);
	if (fault.code)
		fault_print(config_options.program, &fault);
	option_clear(&config_options, &config);
	if (r == OPTION_E_DONE)
		return EXIT_SUCCESS;
	return r == OPTION_E_BAD ? 2 : r ? EXIT_FAILURE : EXIT_SUCCESS;
}
