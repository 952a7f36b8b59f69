/* pharos-broker: lets pods reach the bridge over tunnels that it dials. See
 * pharos-broker(8). */
#include "broker/broker.h"
#include "broker/limits.h"
#include "broker/profile.h"
#include "net/daemon.h"
#include "net/loop.h"
#include "wire/vault.h"

static int run(struct loop *loop, const void *from, struct fault *fault)
{
	const struct config *config = from;
	CLEANUP(broker_order_clear)
	struct broker_order order = { .config = NULL };
	const char *const files[] = { UPLINK_OPTION_FILES(config->uplink),
		config->listen_cert, config->listen_key,
		config->client_token_file };
	CLEANUP(profile_deinit) struct profile profile = { .error = 0 };
	struct broker *broker = NULL;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_addr,
		.ready = broker_ready,
		.status = broker_status,
		.reload = broker_reload,
		.files = files,
		.n_files = N_ELEMS(files),
		.drain = broker_drain,
		.busy = broker_busy,
		.drain_ms = config->drain_timeout,
		.profile = &profile.isolate,
		.descriptors = LIMIT_DESCRIPTORS,
	};
	int r = broker_order_read(&order, config, fault);

	if (!r)
		r = broker_profile(&profile, &order, fault);
	if (!r)
		r = broker_open(&broker, loop, &order, fault);
	if (r)
		return r;
	d.metrics = &broker->meter.registry;
	d.ctx = broker;
	r = daemon_open(&daemon, loop, &d, fault);
	if (!r) {
		broker_announce(broker);
		r = daemon_run(daemon);
	}
	daemon_close(daemon);
	broker_close(broker);
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
		.log_name = "broker",
		.config = &config,
		.common = &config.common,
		.check = check,
		.run = run,
	};

	vault_wipe_json(); /* tokens pass through it */
	return daemon_main(&program, argc, argv);
}
