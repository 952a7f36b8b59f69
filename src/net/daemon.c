/* net/daemon.c: see the header. */
#include "net/daemon.h"
#include "base/log.h"
#include "net/drain.h"
#include "net/vitals.h"
#include "net/notify.h"
#include <signal.h>
#include <sys/resource.h>

enum { STATUS_USAGE = 2, STATUS_CUT = 3 };

struct daemon {
	struct loop *loop;
	struct daemon_config config;
	struct health *health;
	struct drain drain;
	struct reload *reload;
	struct notify *notify;
	bool cut;
	struct isolate_meter isolation;
	struct vitals vitals;
};

static const char *ready(void *ctx)
{
	const struct daemon *d = ctx;

	if (d->drain.state != DRAIN_SERVING)
		return "draining";
	return d->config.ready ? d->config.ready(d->config.ctx) : NULL;
}

static int status(void *ctx, char **out)
{
	const struct daemon *d = ctx;

	return d->config.status(d->config.ctx, out);
}

static void announce_health(const struct daemon *d)
{
	const char *admin = health_admin_address(d->health);

	daemon_listening("health", health_address(d->health));
	if (admin)
		daemon_listening("admin", admin);
}

static int health_start(struct daemon *d, struct fault *fault)
{
	struct health_config h = {
		.address = d->config.health_address,
		.metrics = d->config.metrics,
		.ready = ready,
		.status = d->config.status ? status : NULL,
		.ctx = d,
		.drain = d->config.drain ? daemon_drain : NULL,
		.drain_ctx = d,
	};
	int r;

	if (!h.address)
		return 0;
	r = health_open(&d->health, d->loop, &h, fault);
	if (!r)
		announce_health(d);
	return r;
}

/* ---- the way out */

static void over(void *owner, bool cut)
{
	struct daemon *d = owner;

	d->cut = cut;
	if (cut)
		log_warn("cut what was left");
	log_info("stopping");
	loop_stop(d->loop);
}

static void nothing_to_drain(void *ctx)
{
	(void)ctx;
}

static bool never_busy(void *ctx)
{
	(void)ctx;
	return false;
}

static void drain_prepare(struct daemon *d)
{
	struct drain_config drain = {
		.begin = d->config.drain ? d->config.drain : nothing_to_drain,
		.busy = d->config.busy ? d->config.busy : never_busy,
		.ctx = d->config.ctx,
		.ms = (uint64_t)d->config.drain_ms,
		.over = over,
		.owner = d,
	};

	drain_init(&d->drain, d->loop, &drain);
}

void daemon_drain(void *daemon)
{
	struct daemon *d = daemon;

	if (d->drain.state != DRAIN_SERVING)
		return;
	log_info("draining", LOG_INT("timeout_ms", d->config.drain_ms));
	notify_stopping(d->notify, (uint64_t)d->config.drain_ms);
	drain_begin(&d->drain);
}

bool daemon_draining(const struct daemon *d, uint64_t *left_ms)
{
	uint64_t now = loop_now(d->loop), until = d->drain.until_ms;

	if (d->drain.state == DRAIN_SERVING)
		return false;
	*left_ms = until > now ? until - now : 0;
	return true;
}

const struct vitals *daemon_vitals(const struct daemon *d)
{
	return &d->vitals;
}

static int isolate(
    struct daemon *d, const struct daemon_config *config, struct fault *fault)
{
	struct isolate_report report;
	int r;

	if (config->common->no_sandbox) {
		log_warn("not isolated: --no-sandbox");
		return 0;
	}
	r = isolate_enter(config->profile, &report, fault);
	if (r)
		return r;
	isolate_meter_set(&d->isolation, &report);
	isolate_log(config->profile, &report);
	return 0;
}

static void on_signal(void *ctx, int signum)
{
	struct daemon *d = ctx;

	log_info("signal", LOG_INT("number", signum));
	if (d->drain.state == DRAIN_SERVING && d->config.drain)
		daemon_drain(d);
	else
		drain_cut(&d->drain);
}

static void on_hangup(void *ctx, int signum)
{
	struct daemon *d = ctx;
	bool refused;

	(void)signum;
	if (!d->reload) {
		log_info("nothing to reload");
		return;
	}
	notify_reloading(d->notify);
	refused = reload_now(d->reload) != 0;
	if (d->drain.state != DRAIN_SERVING)
		return;
	notify_ready(d->notify);
	if (refused)
		notify_status(d->notify, "serving; a reload was refused");
}

static int signals_start(struct daemon *d)
{
	int r = loop_signal(d->loop, SIGTERM, on_signal, d);

	if (!r)
		r = loop_signal(d->loop, SIGINT, on_signal, d);
	return r ? r : loop_signal(d->loop, SIGHUP, on_hangup, d);
}

static int reload_start(struct daemon *d)
{
	const struct reload_config reload = {
		.files = d->config.files,
		.n_files = d->config.n_files,
		.load = d->config.reload,
		.ctx = d->config.ctx,
	};

	if (!reload.load)
		return 0;
	if (d->config.metrics)
		metric_add(d->config.metrics, reload_metrics());
	return reload_open(&d->reload, d->loop, &reload);
}

/* The usual soft limit of 1,024 is far too low for who serves thousands. */
void daemon_descriptors(size_t wanted)
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
	d->config = *config;
	drain_prepare(d);
	isolate_meter_init(&d->isolation, config->metrics);
	vitals_open(&d->vitals, loop, config->metrics);
	signal(SIGPIPE, SIG_IGN);
	daemon_descriptors(config->descriptors);
	r = notify_open(&d->notify, loop);
	if (!r)
		r = signals_start(d);
	if (!r)
		r = reload_start(d);
	if (!r)
		r = health_start(d, fault);
	if (!r)
		r = isolate(d, config, fault);
	if (r)
		daemon_close(d);
	else
		*out = d;
	return r;
}

int daemon_run(struct daemon *d)
{
	notify_ready(d->notify);
	loop_run(d->loop);
	return d->cut ? DAEMON_E_CUT : 0;
}

/* The registry outlives us, and others may still take theirs out of it. */
static void drop_metrics(struct daemon *d)
{
	if (!d->config.metrics)
		return;
	metric_drop(d->config.metrics, &d->isolation.table);
	metric_drop(d->config.metrics, &d->vitals.table);
}

void daemon_close(struct daemon *d)
{
	if (!d)
		return;
	drop_metrics(d);
	loop_unsignal(d->loop, SIGTERM);
	loop_unsignal(d->loop, SIGINT);
	loop_unsignal(d->loop, SIGHUP);
	reload_close(d->reload);
	notify_close(d->notify);
	vitals_close(&d->vitals);
	drain_deinit(&d->drain);
	health_close(d->health);
	free(d);
}

void daemon_listening(const char *what, const char *address)
{
	log_info(
	    "listening", LOG_STR("what", what), LOG_PLACE("address", address));
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
	if (r && r != DAEMON_E_CUT && !fault->code)
		fault_set(fault, r, NULL, "%s", strerror(r < 0 ? -r : EINVAL));
	return r;
}

/* The options' codes mean something else than what run() forwards, so each is
 * turned into a status by itself. */
static int load_status(int r)
{
	if (r == OPTION_E_DONE)
		return EXIT_SUCCESS;
	return r == OPTION_E_BAD ? STATUS_USAGE : EXIT_FAILURE;
}

static int run_status(int r)
{
	if (r == DAEMON_E_CUT)
		return STATUS_CUT;
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

int daemon_main(const struct daemon_program *p, int argc, char **argv)
{
	struct fault fault = FAULT_NONE;
	int r = load(p, argc, argv, &fault);
	int status = load_status(r);

	if (!r) {
		option_log(p->log_name, p->common);
		status = run_status(run(p, &fault));
	}
	if (fault.code)
		fault_print(p->options->program, &fault);
	option_clear(p->options, p->config);
	return status;
}
