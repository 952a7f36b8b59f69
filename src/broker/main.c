/* pharos-broker: lets pods reach the bridge over tunnels that it dials. See
 * pharos-broker(8). */
#include "base/log.h"
#include "broker/broker.h"
#include "net/daemon.h"
#include "net/loop.h"

static int run(
    struct loop *loop, const struct config *config, struct fault *fault)
{
	static const struct isolate_profile profile = { 0 };
	struct broker *broker = NULL;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_addr,
		.ready = broker_ready,
		.profile = &profile,
	};
	int r = broker_open(&broker, loop, config, fault);

	if (r)
		return r;
	d.metrics = &broker->meter.registry;
	d.ctx = broker;
	r = daemon_open(&daemon, loop, &d, fault);
	if (!r) {
		broker_announce(broker);
		daemon_run(daemon);
	}
	daemon_close(daemon);
	broker_close(broker);
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	struct config config = { .mode = CONFIG_BEACON };
	struct fault fault = FAULT_NONE;
	int r = option_load(&config_options, argc, argv, &config, NULL, &fault);

	if (!r)
		r = config_check(&config, &fault) ? OPTION_E_BAD : 0;
	if (!r) {
		log_setup("broker", (enum log_format)config.common.log_format,
		    (enum log_level)config.common.log_level);
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
