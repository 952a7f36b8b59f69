/* load-legs: many legs that arrive at a relay, and go or stay.
 *
 * A leg has arrived when the beacon has it wait (--way beacon), when TLS is
 * done (tls) or when it is connected (tcp). With --hold all stay, and answer
 * pings, until standard input ends; else each goes as it has arrived.
 */
#include "load/setup.h"
#include "load/tally.h"
#include "load/visit.h"
#include "net/beaconc.h"
#include "pki/identity.h"
#include <stdio.h>
#include <sys/random.h>

struct config {
	struct load_options load;
	char *cert, *key, *ca;
	int way;
	long legs, window, per_hash;
	bool hold;
};

#define AT(m)	   LOAD_AT(struct config, m)
#define TEXT(n, v) .name = (n), .metavar = (v), .type = OPTION_TEXT

static const struct option_row rows[] = {
	LOAD_ROWS(struct config, load),
	{ TEXT("cert", "FILE"), .help = "prove the legs with this", AT(cert) },
	{ TEXT("key", "FILE"), .help = "its key", AT(key) },
	{ TEXT("ca", "FILE"), .help = "its CA", AT(ca) },
	{ .name = "way",
	    .metavar = "KIND",
	    .help = "beacon, tls or tcp",
	    .type = OPTION_CHOICE,
	    .initial = "beacon",
	    .choices = visit_ways,
	    AT(way) },
	{ LOAD_NUMBER("legs", "1000", 1, 10000000), .help = "in all",
	    AT(legs) },
	{ LOAD_NUMBER("window", "8", 1, 10000), .help = "on their way at once",
	    AT(window) },
	{ LOAD_NUMBER("per-hash", "8", 1, 1000), .help = "bare legs to a hash",
	    AT(per_hash) },
	{ .name = "hold",
	    .help = "they stay until standard input ends",
	    .type = OPTION_BOOL,
	    .initial = "false",
	    AT(hold) },
};

static const struct option_table table = {
	.program = "load-legs",
	.about = "many legs that arrive at a relay, and go or stay",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

struct stay {
	TAILQ_ENTRY(stay) of_run;
	struct run *run;
	struct beaconc *beaconc; /* --way beacon */
	struct leg *leg;	 /* the others, once they have arrived */
	struct visit visit;	 /* until then */
	struct loop_task end;
	uint64_t began;
	bool arrived, gone;
};

struct run {
	struct load *load;
	const struct config *config;
	struct identity *identity;
	char target[32];
	uint8_t hash[FRAME_HASH];
	struct visit_plan plan;
	TAILQ_HEAD(, stay) stays;
	long started, under_way, arrived, failed, gone;
	struct tally taken;
	char first_fault[FAULT_TEXT_MAX];
};

static void start_some(struct run *run);

static void stay_free(struct stay *s)
{
	TAILQ_REMOVE(&s->run->stays, s, of_run);
	loop_unpost(s->run->load->loop, &s->end);
	beaconc_cancel(s->beaconc);
	visit_deinit(&s->visit);
	leg_reset(s->leg);
	free(s);
}

static void on_end(struct loop_task *t)
{
	struct stay *s = CONTAINER_OF(t, struct stay, end);
	struct run *run = s->run;

	if (s->gone || !run->config->hold)
		stay_free(s);
	start_some(run);
}

static void stay_arrived(struct stay *s)
{
	struct run *run = s->run;

	if (s->arrived)
		return;
	s->arrived = true;
	run->under_way--;
	run->arrived++;
	tally_add(&run->taken, tally_now() - s->began);
	loop_post(run->load->loop, &s->end, on_end);
}

static void stay_gone(struct stay *s, const char *text)
{
	struct run *run = s->run;

	s->gone = true;
	if (s->arrived) {
		run->gone++;
	} else {
		run->under_way--;
		if (!run->failed++)
			(void)snprintf(run->first_fault,
			    sizeof(run->first_fault), "%s", text);
	}
	loop_post(run->load->loop, &s->end, on_end);
}

/* ---- by way of a beacon */

static void on_waiting(void *ctx, uint32_t position)
{
	(void)position;
	stay_arrived(ctx);
}

static void on_paired(void *ctx, struct leg *leg, const uint8_t pair[FRAME_ID])
{
	struct stay *s = ctx;

	(void)pair;
	s->beaconc = NULL;
	leg_reset(leg);
	stay_gone(s, "paired with a stranger");
}

static void on_failed(
    void *ctx, const struct fault *fault, unsigned code, uint32_t retry_ms)
{
	struct stay *s = ctx;

	(void)code, (void)retry_ms;
	s->beaconc = NULL;
	stay_gone(s, fault->text);
}

static const struct beaconc_events beaconc_events = {
	.waiting = on_waiting,
	.paired = on_paired,
	.failed = on_failed,
};

static void start_beaconc(struct stay *s)
{
	struct run *run = s->run;
	struct beaconc_config config = { .target = run->target,
		.outer = run->load->outer,
		.role = FRAME_LISTEN,
		.identity = run->identity,
		.require_proven = run->identity != NULL };

	if (run->identity)
		memcpy(config.hash, run->identity->realm, FRAME_HASH);
	else if (run->started % run->config->per_hash == 0)
		INVARIANT(getrandom(run->hash, FRAME_HASH, 0) == FRAME_HASH);
	if (!run->identity)
		memcpy(config.hash, run->hash, FRAME_HASH);
	INVARIANT(!beaconc_open(
	    &s->beaconc, run->load->loop, &config, &beaconc_events, s, NULL));
}

/* ---- by other ways */

static void on_held(void *ctx, struct leg *leg, unsigned events)
{
	struct stay *s = ctx;
	char bytes[256];
	ssize_t n = leg_read(leg, bytes, sizeof(bytes));

	(void)events;
	if (n > 0 || n == -EAGAIN)
		return;
	leg_want(leg, 0);
	if (!s->gone)
		stay_gone(s, "closed by the relay");
}

static struct stay *stay_of(struct visit *v)
{
	return CONTAINER_OF(v, struct stay, visit);
}

static void on_secured(struct visit *v)
{
	struct stay *s = stay_of(v);

	s->leg = STEAL(v->leg);
	leg_handle(s->leg, on_held, s);
	leg_want(s->leg, LEG_READ);
	stay_arrived(s);
}

static void on_visit_failed(struct visit *v, const char *text)
{
	stay_gone(stay_of(v), text);
}

static void start_visit(struct stay *s)
{
	int r;

	s->visit.plan = &s->run->plan;
	r = visit_start(&s->visit);
	if (r)
		stay_gone(s, strerror(-r));
}

/* ---- the run */

static void start_one(struct run *run)
{
	struct stay *s = calloc(1, sizeof(*s));

	INVARIANT(s);
	s->run = run;
	s->began = tally_now();
	TAILQ_INSERT_TAIL(&run->stays, s, of_run);
	if (run->config->way == VISIT_BEACON)
		start_beaconc(s);
	else
		start_visit(s);
	run->started++;
	run->under_way++;
}

static void start_some(struct run *run)
{
	while (run->started < run->config->legs &&
	       run->under_way < run->config->window)
		start_one(run);
	if (run->arrived + run->failed == run->config->legs)
		loop_stop(run->load->loop);
}

static void report(struct run *run, double seconds)
{
	printf("{\"arrived\": %ld, \"failed\": %ld, \"gone\": %ld, "
	       "\"seconds\": %.3f, ",
	    run->arrived, run->failed, run->gone, seconds);
	tally_print(&run->taken, "arrived_ms");
	printf(", \"first_fault\": \"%s\"}\n", run->first_fault);
	(void)fflush(stdout);
}

static int run_legs(struct load *load, const void *config, struct fault *fault)
{
	struct run run = {
		.load = load,
		.config = config,
		.plan = { .crowd = &load->crowd,
		    .outer = load->plain_outer,
		    .secured = on_secured,
		    .failed = on_visit_failed },
	};
	uint64_t began = tally_now();
	int r = 0;

	run.plan.way = (enum visit_way)run.config->way;
	TAILQ_INIT(&run.stays);
	(void)snprintf(
	    run.target, sizeof(run.target), "127.0.0.1:%u", load->crowd.port);
	if (run.config->cert)
		r = identity_load(&run.identity, run.config->cert,
		    run.config->key, run.config->ca, fault);
	if (r)
		return r;
	start_some(&run);
	loop_run(load->loop);
	report(&run, (double)(tally_now() - began) / 1e9);
	if (run.config->hold)
		load_wait_stdin(load);
	if (run.config->hold)
		report(&run, (double)(tally_now() - began) / 1e9);
	while (!TAILQ_EMPTY(&run.stays))
		stay_free(TAILQ_FIRST(&run.stays));
	identity_free(run.identity);
	tally_deinit(&run.taken);
	return 0;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };

	(void)argc;
	return load_main(&table, &config, &config.load, run_legs, argv);
}
