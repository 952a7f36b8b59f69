/* load-soak: pairs that come, say much or little, and go, in every way, for as
 * long as asked; every byte is checked.
 *
 * Each end is a joint's (load/joint.h): the product's own client, with mutual
 * TLS inside and whatever the relay does to what is outside. All ends of a kind
 * are alike to the relay, so an end may meet one of another joint; what it
 * hears says what is to come (load/talk.h).
 */
#include "load/joint.h"
#include "load/stint.h"
#include "load/talk.h"
#include <stdio.h>
#include <sys/random.h>

struct config {
	struct joint_options joint;
	long window, rate, length, patience;
};

#define AT(m) LOAD_AT(struct config, m)

static const struct option_row rows[] = {
	JOINT_ROWS(struct config, joint),
	{ LOAD_NUMBER("window", "48", 1, 60), .help = "pairs at once",
	    AT(window) },
	{ LOAD_NUMBER("rate", "50", 1, 10000),
	    .help = "new pairs a second at most", AT(rate) },
	{ LOAD_TIME("length", "60s"), .help = "how long", AT(length) },
	{ LOAD_TIME("patience", "30s"),
	    .help = "for one pair, from first to last", AT(patience) },
};

static const struct option_table table = {
	.program = "load-soak",
	.about = "pairs that come and go, and every byte checked",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

struct couple {
	struct stint stint;
	struct run *run;
	struct joint joint;
	struct talk talks[2];
	unsigned ended;
};

struct run {
	struct load *load;
	const struct config *config;
	struct joint_plan plan;
	struct wheel_timer pace;
	struct stints couples;
	uint64_t began, bytes;
	long ends[TALK_ENDS];
};

static void on_over(struct stint *s)
{
	struct couple *c = CONTAINER_OF(s, struct couple, stint);

	for (int i = 0; i < 2; i++) {
		c->run->bytes += c->talks[i].heard;
		talk_stop(&c->talks[i]);
	}
	joint_deinit(&c->joint);
	free(c);
}

static void on_failed(struct joint *j, const char *text)
{
	stint_fault(&CONTAINER_OF(j, struct couple, joint)->stint, text);
}

static void couple_talked(struct couple *c, enum talk_end how)
{
	static const char *const faults[TALK_ENDS] = {
		[TALK_RESET] = "a reset that nobody had announced",
		[TALK_WRONG] = "a byte that nobody said",
		[TALK_SHORT] = "an end at the wrong place",
	};

	c->run->ends[how]++;
	if (faults[how])
		stint_fault(&c->stint, faults[how]);
	else if (++c->ended == 2)
		stint_end(&c->stint);
}

static void on_talked_0(struct talk *t, enum talk_end how)
{
	couple_talked(CONTAINER_OF(t, struct couple, talks[0]), how);
}

static void on_talked_1(struct talk *t, enum talk_end how)
{
	couple_talked(CONTAINER_OF(t, struct couple, talks[1]), how);
}

static uint64_t random_number(void)
{
	uint64_t n;

	INVARIANT(getrandom(&n, sizeof(n), 0) == sizeof(n));
	return n;
}

/* Mostly little, sometimes megabytes. */
static uint64_t how_much(void)
{
	uint64_t n = random_number() >> 8;

	switch (random_number() % 16) {
	case 0:
		return n % (4u << 20);
	case 1:
	case 2:
	case 3:
		return n % (64u << 10);
	default:
		return n % 2000;
	}
}

static void on_ready(struct joint *j)
{
	struct couple *c = CONTAINER_OF(j, struct couple, joint);

	for (int i = 0; i < 2; i++) {
		c->talks[i] = (struct talk){
			.seed = random_number(),
			.say = how_much(),
			.breaks = random_number() % 8 == 0,
			.ended = i ? on_talked_1 : on_talked_0,
		};
		talk_start(&c->talks[i], STEAL(j->end[i].leg));
	}
}

static void couple_start(struct run *run)
{
	struct couple *c = calloc(1, sizeof(*c));

	INVARIANT(c);
	c->run = run;
	stint_begin(&c->stint, &run->couples);
	joint_start(&c->joint, &run->plan);
}

static bool may_start(const struct run *run, uint64_t now)
{
	return run->couples.under_way < run->config->window &&
	       (uint64_t)run->couples.started <
		   (now - run->began) * (uint64_t)run->config->rate / 1000;
}

static void on_pace(struct wheel_timer *t, uint64_t now)
{
	struct run *run = CONTAINER_OF(t, struct run, pace);
	bool over = now - run->began >= (uint64_t)run->config->length;

	if (over && !run->couples.under_way) {
		loop_stop(run->load->loop);
		return;
	}
	while (!over && may_start(run, now))
		couple_start(run);
	loop_after(run->load->loop, &run->pace, 10, on_pace);
}

static void report(const struct run *run)
{
	printf("{\"pairs\": %ld, \"good_ends\": %ld, \"broken_ends\": %ld, "
	       "\"faults\": %ld, \"bytes\": %" PRIu64
	       ", \"first_fault\": \"%s\"}\n",
	    run->couples.started, run->ends[TALK_GOOD], run->ends[TALK_BROKEN],
	    run->couples.faults, run->bytes, run->couples.first_fault);
}

static int run_soak(struct load *load, const void *config, struct fault *fault)
{
	const struct config *options = config;
	struct run run = {
		.load = load,
		.config = options,
		.couples = { .loop = load->loop,
		    .patience_ms = options->patience,
		    .impatience = "not done in time",
		    .over = on_over },
		.began = loop_now(load->loop),
		.plan = { .ready = on_ready, .failed = on_failed },
	};
	int r = joint_plan_open(&run.plan, load, &run.config->joint, fault);

	TAILQ_INIT(&run.couples.all);
	if (!r) {
		loop_after(load->loop, &run.pace, 10, on_pace);
		loop_run(load->loop);
		report(&run);
	}
	joint_plan_close(&run.plan);
	return r;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };

	(void)argc;
	return load_main(&table, &config, &config.joint.load, run_soak, argv);
}
