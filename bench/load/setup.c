#include "load/setup.h"
#include "net/beaconc.h"
#include <stdio.h>
#include <sys/resource.h>

/* As many descriptors as the system lets us have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int load_open(
    struct load *load, const struct load_options *o, struct fault *fault)
{
	const struct beaconc_trust trust = { .ca_file = o->relay_ca };
	int r = loop_new(&load->loop);

	if (r)
		return fault_set(fault, r, NULL, "no event loop");
	crowd_init(&load->crowd, load->loop, (uint16_t)o->port);
	load->crowd.first = (uint32_t)o->first_source;
	load->crowd.size = (uint32_t)o->sources;
	if (o->relay_ca)
		r = beaconc_outer_context(&load->outer, &trust, fault);
	return r;
}

static int load_run(struct load *load, const void *config,
    const struct load_options *options,
    int (*run)(struct load *load, const void *config, struct fault *fault),
    struct fault *fault)
{
	int r = load_open(load, options, fault);

	if (!r)
		r = run(load, config, fault);
	tls_context_free(load->outer);
	if (load->loop)
		loop_free(load->loop);
	return r;
}

int load_main(const struct option_table *table, void *config,
    const struct load_options *options,
    int (*run)(struct load *load, const void *config, struct fault *fault),
    char **argv)
{
	struct fault fault = FAULT_NONE;
	struct load load = { 0 };
	int argc = 0, r;

	while (argv[argc])
		argc++;
	raise_descriptors();
	r = option_load(table, argc, argv, config, NULL, &fault);
	if (r == OPTION_E_DONE)
		return EXIT_SUCCESS;
	if (r) {
		fault_print(table->program, &fault);
		option_clear(table, config);
		return 2;
	}
	r = load_run(&load, config, options, run, &fault);
	if (r && !fault.code)
		fault_set(&fault, r, NULL, "%s", strerror(r < 0 ? -r : EIO));
	if (r)
		fault_print(table->program, &fault);
	option_clear(table, config);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
