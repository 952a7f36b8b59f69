#include "load/setup.h"
#include "net/beaconc.h"
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* As many descriptors as the system lets us have. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_contexts(struct load *load, char *relay_ca, struct fault *fault)
{
	const struct beaconc_trust trust = { .ca_file = relay_ca };
	const struct tls_config plain = { .end = TLS_CLIENT,
		.hop = "TLS with the relay",
		.is_outer = true, /* the same cipher as ours */
		.trust = TLS_TRUST_CA,
		.ca_file = relay_ca };
	int r = beaconc_outer_context(&load->outer, &trust, fault);

	return r ? r : tls_context_new(&load->plain_outer, &plain, fault);
}

static int load_open(
    struct load *load, const struct load_options *o, struct fault *fault)
{
	int r = loop_new(&load->loop);

	if (r)
		return fault_set(fault, r, NULL, "no event loop");
	crowd_init(&load->crowd, load->loop, (uint16_t)o->port);
	load->crowd.first = (uint32_t)o->first_source;
	load->crowd.size = (uint32_t)o->sources;
	if (o->relay_ca)
		r = open_contexts(load, o->relay_ca, fault);
	return r;
}

static void on_stdin(uv_poll_t *poll, int status, int events)
{
	bool *told = poll->data;
	char byte;

	(void)status, (void)events;
	(void)!read(STDIN_FILENO, &byte, 1);
	*told = true;
}

void load_wait_stdin(struct load *load)
{
	uv_poll_t poll;
	bool told = false;

	INVARIANT(!uv_poll_init(loop_uv(load->loop), &poll, STDIN_FILENO));
	poll.data = &told;
	INVARIANT(!uv_poll_start(&poll, UV_READABLE, on_stdin));
	while (!told)
		loop_wait(load->loop);
	uv_close((uv_handle_t *)&poll, NULL);
	loop_turn(load->loop);
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
	tls_context_free(load->plain_outer);
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
