/* load-soak: pairs that come, say much or little, and go, in every way, for as
 * long as asked; every byte is checked.
 *
 * A couple is a listener and a connector under a key of their own. How much
 * each says, and whether the connector breaks off in the middle, follows from
 * the key. A couple that breaks off has both its legs see a reset, every other
 * one hears every byte and the end of both directions; anything else is a
 * fault.
 */
#include "load/setup.h"
#include "load/tally.h"
#include "load/talk.h"
#include "load/visit.h"
#include <stdio.h>
#include <sys/random.h>

struct config {
	struct load_options load;
	long window, rate, length, patience;
};

#define AT(m) .offset = offsetof(struct config, m)
#define NUMBER(n, first, from, to)                                             \
	.name = (n), .metavar = "N", .type = OPTION_NUMBER,                    \
	.initial = (first), .least = (from), .most = (to)
#define TIME(n, first)                                                         \
	.name = (n), .metavar = "TIME", .type = OPTION_DURATION,               \
	.initial = (first), .least = 1, .most = 3600000

static const struct option_row rows[] = {
	LOAD_ROWS(struct config, load),
	{ NUMBER("window", "100", 1, 1000), .help = "pairs at once",
	    AT(window) },
	{ NUMBER("rate", "50", 1, 10000), .help = "new pairs a second at most",
	    AT(rate) },
	{ TIME("length", "60s"), .help = "how long", AT(length) },
	{ TIME("patience", "30s"), .help = "for one pair, from first to last",
	    AT(patience) },
};

static const struct option_table table = {
	.program = "load-soak",
	.about = "pairs that come and go, and every byte checked",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

enum { CONNECTOR, LISTENER, SIDES };

struct couple {
	TAILQ_ENTRY(couple) of_run;
	struct run *run;
	struct wheel_timer patience;
	struct loop_task end;
	struct visit legs[SIDES];
	struct talk talks[SIDES];
	uint64_t say[SIDES];
	unsigned paired, ended;
	bool breaks; /* the connector resets in the middle */
};

struct run {
	struct load *load;
	const struct config *config;
	struct visit_plan plan;
	struct wheel_timer pace;
	TAILQ_HEAD(, couple) couples;
	uint64_t began;
	long started, under_way, good, broken, faults;
	uint64_t bytes;
	char first_fault[FAULT_TEXT_MAX];
};

static struct couple *couple_of(struct visit *v)
{
	return CONTAINER_OF(
	    v - (v->role == FRAME_LISTEN), struct couple, legs[0]);
}

static bool time_is_up(const struct run *run)
{
	return loop_now(run->load->loop) - run->began >=
	       (uint64_t)run->config->length;
}

static void couple_free(struct couple *c)
{
	struct run *run = c->run;

	TAILQ_REMOVE(&run->couples, c, of_run);
	loop_cancel(run->load->loop, &c->patience);
	loop_unpost(run->load->loop, &c->end);
	for (int i = 0; i < SIDES; i++) {
		run->bytes += c->talks[i].heard;
		talk_stop(&c->talks[i]);
		visit_deinit(&c->legs[i]);
	}
	free(c);
	run->under_way--;
}

static void on_end(struct loop_task *t)
{
	struct couple *c = CONTAINER_OF(t, struct couple, end);
	struct run *run = c->run;

	couple_free(c);
	if (time_is_up(run) && !run->under_way)
		loop_stop(run->load->loop);
}

static void couple_fault(struct couple *c, const char *text)
{
	struct run *run = c->run;

	if (c->end.link)
		return;
	if (!run->faults++)
		(void)snprintf(
		    run->first_fault, sizeof(run->first_fault), "%s", text);
	loop_post(run->load->loop, &c->end, on_end);
}

static void on_patience(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	couple_fault(
	    CONTAINER_OF(t, struct couple, patience), "not done in time");
}

static void on_failed(struct visit *v, const char *text)
{
	couple_fault(couple_of(v), text);
}

/* ---- what is said once they are paired */

static void on_talked(void *ctx, enum talk_end how)
{
	static const char *const texts[] = {
		[TALK_GOOD] = "a broken pair ended in order",
		[TALK_RESET] = "a good pair was reset",
		[TALK_WRONG] = "a byte that nobody said",
		[TALK_SHORT] = "an end at the wrong place",
	};
	struct couple *c = ctx;

	if (how != (c->breaks ? TALK_RESET : TALK_GOOD)) {
		couple_fault(c, texts[how]);
		return;
	}
	if (++c->ended < SIDES || c->end.link)
		return;
	if (c->breaks)
		c->run->broken++;
	else
		c->run->good++;
	loop_post(c->run->load->loop, &c->end, on_end);
}

static uint64_t seed_of(const struct couple *c, int side)
{
	uint64_t seed;

	memcpy(
	    &seed, c->legs[0].key + sizeof(seed) * (size_t)side, sizeof(seed));
	return seed;
}

static void start_talk(struct couple *c, int side)
{
	struct talk_plan plan = {
		.say_seed = seed_of(c, side),
		.hear_seed = seed_of(c, !side),
		.say = c->say[side],
		.hear = c->say[!side],
		.reset_at = UINT64_MAX,
		.ended = on_talked,
		.ctx = c,
	};

	if (c->breaks && side == CONNECTOR)
		plan.reset_at = plan.say / 2;
	talk_start(&c->talks[side], STEAL(c->legs[side].leg), &plan);
}

static void on_paired(struct visit *v)
{
	struct couple *c = couple_of(v);

	if (++c->paired < SIDES || c->end.link)
		return;
	for (int i = 0; i < SIDES; i++)
		start_talk(c, i);
}

/* ---- how they come */

static void start_leg(struct couple *c, int side)
{
	int r = visit_start(&c->legs[side]);

	if (r)
		couple_fault(c, strerror(-r));
}

static void on_secured(struct visit *v)
{
	visit_greet(v);
}

static void on_waiting(struct visit *v)
{
	struct couple *c = couple_of(v);

	if (v->role == FRAME_LISTEN && !c->end.link)
		start_leg(c, CONNECTOR);
}

/* Mostly little, sometimes megabytes. */
static uint64_t how_much(const uint8_t random[4])
{
	uint64_t most = random[0] < 16	 ? 4u << 20
			: random[0] < 96 ? 64u << 10
					 : 2000;

	return ((uint64_t)random[1] << 16 | (uint64_t)random[2] << 8 |
		   random[3]) %
	       most;
}

static void couple_start(struct run *run)
{
	struct couple *c = calloc(1, sizeof(*c));
	uint8_t key[FRAME_HASH];

	INVARIANT(c && getrandom(key, sizeof(key), 0) == sizeof(key));
	c->run = run;
	TAILQ_INSERT_TAIL(&run->couples, c, of_run);
	run->started++;
	run->under_way++;
	loop_after(run->load->loop, &c->patience,
	    (uint64_t)run->config->patience, on_patience);
	for (int i = 0; i < SIDES; i++) {
		c->legs[i].plan = &run->plan;
		c->legs[i].role = i == LISTENER ? FRAME_LISTEN : FRAME_CONNECT;
		c->say[i] = how_much(key + 16 + (size_t)(4 * i));
		memcpy(c->legs[i].key, key, sizeof(key));
	}
	c->breaks = key[24] < 64 && c->say[CONNECTOR] > 1;
	start_leg(c, LISTENER);
}

static void on_pace(struct wheel_timer *t, uint64_t now)
{
	struct run *run = CONTAINER_OF(t, struct run, pace);

	if (time_is_up(run)) {
		if (!run->under_way)
			loop_stop(run->load->loop);
		return;
	}
	while (run->under_way < run->config->window &&
	       (uint64_t)run->started <
		   (now - run->began) * (uint64_t)run->config->rate / 1000)
		couple_start(run);
	loop_after(run->load->loop, &run->pace, 10, on_pace);
}

static int run_soak(struct load *load, const void *config, struct fault *fault)
{
	struct run run = {
		.load = load,
		.config = config,
		.began = loop_now(load->loop),
		.plan = { .crowd = &load->crowd,
		    .outer = load->outer,
		    .way = VISIT_BEACON,
		    .secured = on_secured,
		    .waiting = on_waiting,
		    .paired = on_paired,
		    .failed = on_failed },
	};

	if (!load->outer)
		return fault_set(fault, -EINVAL, NULL, "give --relay-ca FILE");
	TAILQ_INIT(&run.couples);
	loop_after(load->loop, &run.pace, 10, on_pace);
	loop_run(load->loop);
	printf("{\"pairs\": %ld, \"good\": %ld, \"broken\": %ld, "
	       "\"faults\": %ld, \"bytes\": %" PRIu64
	       ", \"first_fault\": \"%s\"}\n",
	    run.started, run.good, run.broken, run.faults, run.bytes,
	    run.first_fault);
	return 0;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };

	(void)argc;
	return load_main(&table, &config, &config.load, run_soak, argv);
}
