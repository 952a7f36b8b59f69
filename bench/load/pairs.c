/* load-pairs: many short pairs through a relay.
 *
 * A couple is a listener and a connector under a key of their own. Either both
 * are made ready, TLS and all, and greet in the same turn (--together), or the
 * connector begins once the listener waits. What is measured begins with the
 * connector and ends when both have read PAIRED. Then both close.
 *
 * A couple that is refused, broken, paired with a stranger or not paired within
 * --patience is lost.
 */
#include "load/setup.h"
#include "load/stint.h"
#include "load/tally.h"
#include "load/visit.h"
#include <stdio.h>
#include <sys/random.h>

struct config {
	struct load_options load;
	int way;
	long pairs, window, rate, patience;
	bool together;
};

#define AT(m) LOAD_AT(struct config, m)

static const struct option_row rows[] = {
	LOAD_ROWS(struct config, load),
	{ .name = "way",
	    .metavar = "KIND",
	    .help = "what the relay speaks",
	    .type = OPTION_CHOICE,
	    .initial = "beacon",
	    .choices = visit_ways,
	    AT(way) },
	{ LOAD_NUMBER("pairs", "1000", 1, 10000000), .help = "in all",
	    AT(pairs) },
	{ LOAD_NUMBER("window", "200", 1, 10000),
	    .help = "on their way at once", AT(window) },
	{ LOAD_NUMBER("rate", "0", 0, 100000),
	    .help = "new pairs a second; 0: as the window allows", AT(rate) },
	{ LOAD_TIME("patience", "20s"),
	    .help = "for one pair, until it is lost", AT(patience) },
	{ .name = "together",
	    .help = "both legs greet in the same turn",
	    .type = OPTION_BOOL,
	    .initial = "false",
	    AT(together) },
};

static const struct option_table table = {
	.program = "load-pairs",
	.about = "many short pairs through a relay",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

struct couple {
	struct stint stint;
	struct run *run;
	struct visit legs[2]; /* connector first */
	unsigned secured, paired;
};

struct run {
	struct load *load;
	const struct config *config;
	struct visit_plan plan;
	struct wheel_timer pace;
	struct stints couples;
	long done;
	uint64_t began;
	struct tally connected, greeted; /* to PAIRED, from these moments */
};

static void start_some(struct run *run);

static struct couple *couple_of(struct visit *v)
{
	return CONTAINER_OF(
	    v - (v->role == FRAME_LISTEN), struct couple, legs[0]);
}

static void on_over(struct stint *s)
{
	struct couple *c = CONTAINER_OF(s, struct couple, stint);
	struct run *run = c->run;

	visit_deinit(&c->legs[0]);
	visit_deinit(&c->legs[1]);
	free(c);
	run->done++;
	start_some(run);
	if (run->done == run->config->pairs)
		loop_stop(run->load->loop);
}

static void on_failed(struct visit *v, const char *text)
{
	stint_fault(&couple_of(v)->stint, text);
}

static void on_paired(struct visit *v)
{
	struct couple *c = couple_of(v);
	const struct visit *connector = &c->legs[0];
	struct run *run = c->run;

	if (++c->paired < 2 || stint_ending(&c->stint))
		return;
	if (memcmp(c->legs[0].pair, c->legs[1].pair, FRAME_ID) != 0) {
		stint_fault(&c->stint, "paired with a stranger");
		return;
	}
	tally_add(&run->connected, v->paired - connector->began);
	tally_add(&run->greeted, v->paired - connector->greeted);
	stint_end(&c->stint);
}

static void start_leg(struct couple *c, struct visit *v)
{
	int r = visit_start(v);

	if (r)
		stint_fault(&c->stint, strerror(-r));
}

static void on_secured(struct visit *v)
{
	struct couple *c = couple_of(v);

	if (!c->run->config->together) {
		visit_greet(v);
	} else if (++c->secured == 2) {
		visit_greet(&c->legs[0]);
		visit_greet(&c->legs[1]);
	}
}

static void on_waiting(struct visit *v)
{
	struct couple *c = couple_of(v);

	if (v->role == FRAME_LISTEN && !c->run->config->together)
		start_leg(c, &c->legs[0]);
}

static void couple_start(struct run *run)
{
	struct couple *c = calloc(1, sizeof(*c));
	uint8_t key[FRAME_HASH];

	INVARIANT(c && getrandom(key, sizeof(key), 0) == sizeof(key));
	c->run = run;
	stint_begin(&c->stint, &run->couples);
	for (int i = 0; i < 2; i++) {
		c->legs[i].plan = &run->plan;
		c->legs[i].role = i ? FRAME_LISTEN : FRAME_CONNECT;
		memcpy(c->legs[i].key, key, sizeof(key));
	}
	start_leg(c, &c->legs[1]);
	if (run->config->together)
		start_leg(c, &c->legs[0]);
}

/* How many should have been started by now. */
static long due(const struct run *run)
{
	uint64_t ms = loop_now(run->load->loop) - run->began;
	long by_now = run->config->pairs;

	if (run->config->rate)
		by_now = (long)(ms * (uint64_t)run->config->rate / 1000) + 1;
	return by_now < run->config->pairs ? by_now : run->config->pairs;
}

static void on_pace(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	start_some(CONTAINER_OF(t, struct run, pace));
}

static void start_some(struct run *run)
{
	long by_now = due(run);

	while (run->couples.started < by_now &&
	       run->couples.under_way < run->config->window)
		couple_start(run);
	if (run->couples.started < run->config->pairs && run->config->rate)
		loop_after(run->load->loop, &run->pace, 1, on_pace);
}

static void report(struct run *run, double seconds)
{
	printf("{\"pairs\": %ld, \"lost\": %ld, \"seconds\": %.3f, ", run->done,
	    run->couples.faults, seconds);
	tally_print(&run->connected, "connected_ms");
	printf(", ");
	tally_print(&run->greeted, "greeted_ms");
	printf(", \"first_fault\": \"%s\"}\n", run->couples.first_fault);
}

static int run_pairs(struct load *load, const void *config, struct fault *fault)
{
	uint64_t began = tally_now();
	const struct config *options = config;
	struct run run = {
		.load = load,
		.config = options,
		.couples = { .loop = load->loop,
		    .patience_ms = options->patience,
		    .impatience = "not in time",
		    .over = on_over },
		.began = loop_now(load->loop),
		.plan = { .crowd = &load->crowd,
		    .outer = load->outer,
		    .secured = on_secured,
		    .waiting = on_waiting,
		    .paired = on_paired,
		    .failed = on_failed },
	};

	run.plan.way = (enum visit_way)run.config->way;
	if (run.plan.way == VISIT_BEACON && !load->outer)
		return fault_set(fault, -EINVAL, NULL, "give --relay-ca FILE");
	TAILQ_INIT(&run.couples.all);
	start_some(&run);
	loop_run(load->loop);
	report(&run, (double)(tally_now() - began) / 1e9);
	loop_cancel(load->loop, &run.pace);
	tally_deinit(&run.connected);
	tally_deinit(&run.greeted);
	return 0;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };

	(void)argc;
	return load_main(&table, &config, &config.load, run_pairs, argv);
}
