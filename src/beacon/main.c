/* pharos-beacon: joins two clients that both dialled out, by info hash. See
 * pharos-beacon(8) and doc/wire/beacon.md. */
#include "base/isolate.h"
#include "base/log.h"
#include "beacon/beacon.h"
#include <signal.h>

static void on_signal(void *ctx, int number)
{
	log_info("ending", LOG_INT("signal", number));
	loop_stop(ctx);
}

static int run(
    struct loop *loop, const struct config *config, struct fault *fault)
{
	static const struct isolate_profile profile = { 0 };
	struct isolate_report report;
	CLEANUP(beacon_freep) struct beacon *beacon = NULL;
	int r = beacon_new(&beacon, loop, config, fault);

	if (!r)
		r = beacon_open(beacon, config, fault);
	if (!r && !config->common.no_sandbox) {
		r = isolate_enter(&profile, &report, fault);
		if (!r)
			isolate_log(&profile, &report);
	}
	if (!r)
		r = loop_signal(loop, SIGTERM, on_signal, loop);
	if (!r)
		r = loop_signal(loop, SIGINT, on_signal, loop);
	if (!r)
		loop_run(loop);
	return r;
}

int main(int argc, char **argv)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	struct config config = { 0 };
	struct fault fault = FAULT_NONE;
	int r = option_load(&config_options, argc, argv, &config, NULL, &fault);

	if (!r) {
		log_setup("beacon", (enum log_format)config.common.log_format,
		    (enum log_level)config.common.log_level);
		r = loop_new(&loop);
		if (r)
			fault_set(&fault, r, NULL, "no event loop");
	}
	if (!r)
		r = run(loop, &config, &fault);
	if (fault.code)
		fault_print("pharos-beacon", &fault);
	option_clear(&config_options, &config);
	if (r == OPTION_E_DONE)
		return EXIT_SUCCESS;
	return r == OPTION_E_BAD ? 2 : r ? EXIT_FAILURE : EXIT_SUCCESS;
}
