/* net/daemon.c: see the header. */
#include "net/daemon.h"
#include "base/log.h"
#include "net/loop.h"
#include <signal.h>
#include <sys/resource.h>

struct daemon {
	struct loop *loop;
	struct health *health;
};

static const char *always_ready(void *ctx)
{
	(void)ctx;
	return NULL;
}

static int health_start(
    struct daemon *d, const struct daemon_config *config, struct fault *fault)
{
	struct health_config h = {
		.address = config->health_address,
		.metrics = config->metrics,
		.ready = config->ready ? config->ready : always_ready,
		.ctx = config->ctx,
		.routes = config->routes,
		.n_routes = config->n_routes,
	};
	int r;

	if (!config->health_address)
		return 0;
	r = health_open(&d->health, d->loop, &h, fault);
	if (!r)
		daemon_listening("health", health_address(d->health));
	return r;
}

static int isolate(const struct daemon_config *config, struct fault *fault)
{
	struct isolate_report report;
	int r;

	if (config->common->no_sandbox) {
		log_warn("not isolated: --no-sandbox");
		return 0;
	}
	r = isolate_enter(config->profile, &report, fault);
	if (!r)
		isolate_log(config->profile, &report);
	return r;
}

static void on_signal(void *ctx, int signum)
{
	struct daemon *d = ctx;

	log_info("stopping", LOG_INT("signal", signum));
	loop_stop(d->loop);
}

static int signals_start(struct daemon *d)
{
	int r = loop_signal(d->loop, SIGTERM, on_signal, d);

	return r ? r : loop_signal(d->loop, SIGINT, on_signal, d);
}

/* The usual soft limit of 1,024 is far too low for who serves thousands. */
static void raise_descriptors(size_t wanted)
{
	struct rlimit limit;

	if (!wanted || getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < wanted)
		log_warn("few descriptors", LOG_UINT("allowed", limit.rlim_max),
		    LOG_UINT("wanted", wanted),
		    LOG_STR("hint", "raise LimitNOFILE or ulimit -n"));
}

int daemon_open(struct daemon **out, struct loop *loop,
    const struct daemon_config *config, struct fault *fault)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors(config->descriptors);
	r = health_start(d, config, fault);
	if (!r)
		r = signals_start(d);
	if (!r)
		r = isolate(config, fault);
	if (r)
		daemon_close(d);
	else
		*out = d;
	return r;
}

void daemon_run(struct daemon *d)
{
	loop_run(d->loop);
}

void daemon_close(struct daemon *d)
{
	if (!d)
		return;
	loop_unsignal(d->loop, SIGTERM);
	loop_unsignal(d->loop, SIGINT);
	health_close(d->health);
	free(d);
}

void daemon_listening(const char *what, const char *address)
{
	log_info(
	    "listening", LOG_STR("what", what), LOG_STR("address", address));
}

static int load(
    const struct daemon_program *p, int argc, char **argv, struct fault *fault)
{
	int r = option_load(p->options, argc, argv, p->config, NULL, fault);

	if (!r && p->check && p->check(p->config, fault))
		r = OPTION_E_BAD;
	return r;
}

static int run(const struct daemon_program *p, struct fault *fault)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	int r = loop_new(&loop);

	if (r)
		return fault_set(fault, r, NULL, "no event loop");
	r = p->run(loop, p->config, fault);
	if (r && !fault->code)
		fault_set(fault, r, NULL, "%s", strerror(r < 0 ? -r : EINVAL));
	return r;
}

/* The options' codes mean something else than what run() forwards, so each is
 * turned into a status by itself. */
static int load_status(int r)
{
	if (r == OPTION_E_DONE)
		return EXIT_SUCCESS;
	return r == OPTION_E_BAD ? 2 : EXIT_FAILURE;
}

int daemon_main(const struct daemon_program *p, int argc, char **argv)
{
	struct fault fault = FAULT_NONE;
	int r = load(p, argc, argv, &fault);
	int status = load_status(r);

	if (!r) {
		log_setup(p->log_name, (enum log_format)p->common->log_format,
		    (enum log_level)p->common->log_level);
		status = run(p, &fault) ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	if (fault.code)
		fault_print(p->options->program, &fault);
	option_clear(p->options, p->config);
	return status;
}
