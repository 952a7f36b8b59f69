/* load-soak: pairs that come, say much or little, and go, in every way, for as
 * long as asked; every byte is checked.
 *
 * Each end is a joint's (load/joint.h): the product's own client, with mutual
 * TLS inside and whatever the relay does to what is outside. All ends of a kind
 * are alike to the relay, so an end may meet one of another joint; what it
 * hears says what is to come (load/talk.h).
 */
#include "load/joint.h"
#include "load/talk.h"
#include <stdio.h>
#include <sys/random.h>

struct config {
	struct joint_options joint;
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
	JOINT_ROWS(struct config, joint),
	{ NUMBER("window", "48", 1, 60), .help = "pairs at once", AT(window) },
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

struct couple {
	TAILQ_ENTRY(couple) of_run;
	struct run *run;
	struct wheel_timer patience;
	struct loop_task leave;
	struct joint joint;
	struct talk talks[2];
	unsigned ended;
};

struct run {
	struct load *load;
	const struct config *config;
	struct joint_plan plan;
	struct wheel_timer pace;
	TAILQ_HEAD(, couple) couples;
	uint64_t began, bytes;
	long started, under_way, faults;
	long ends[TALK_ENDS];
	char first_fault[FAULT_TEXT_MAX];
};

static void couple_free(struct couple *c)
{
	struct run *run = c->run;

	TAILQ_REMOVE(&run->couples, c, of_run);
	loop_cancel(run->load->loop, &c->patience);
	loop_unpost(run->load->loop, &c->leave);
	for (int i = 0; i < 2; i++) {
		run->bytes += c->talks[i].heard;
		talk_stop(&c->talks[i]);
	}
	joint_deinit(&c->joint);
	free(c);
	run->under_way--;
}

static void on_leave(struct loop_task *t)
{
	couple_free(CONTAINER_OF(t, struct couple, leave));
}

static void couple_leave(struct couple *c)
{
	if (!c->leave.link)
		loop_post(c->run->load->loop, &c->leave, on_leave);
}

static void couple_fault(struct couple *c, const char *text)
{
	struct run *run = c->run;

	if (!run->faults++)
		(void)snprintf(
		    run->first_fault, sizeof(run->first_fault), "%s", text);
	couple_leave(c);
}

static void on_patience(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	couple_fault(
	    CONTAINER_OF(t, struct couple, patience), "not done in time");
}

static void on_failed(struct joint *j, const char *text)
{
	couple_fault(CONTAINER_OF(j, struct couple, joint), text);
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
		couple_fault(c, faults[how]);
	else if (++c->ended == 2)
		couple_leave(c);
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
	TAILQ_INSERT_TAIL(&run->couples, c, of_run);
	run->started++;
	run->under_way++;
	loop_after(run->load->loop, &c->patience,
	    (uint64_t)run->config->patience, on_patience);
	joint_start(&c->joint, &run->plan);
}

static bool may_start(const struct run *run, uint64_t now)
{
	return run->under_way < run->config->window &&
	       (uint64_t)run->started <
		   (now - run->began) * (uint64_t)run->config->rate / 1000;
}

static void on_pace(struct wheel_timer *t, uint64_t now)
{
	struct run *run = CONTAINER_OF(t, struct run, pace);
	bool over = now - run->began >= (uint64_t)run->config->length;

	if (over && !run->under_way) {
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
	    run->started, run->ends[TALK_GOOD], run->ends[TALK_BROKEN],
	    run->faults, run->bytes, run->first_fault);
}

static int run_soak(struct load *load, const void *config, struct fault *fault)
{
	struct run run = {
		.load = load,
		.config = config,
		.began = loop_now(load->loop),
		.plan = { .ready = on_ready, .failed = on_failed },
	};
	int r = joint_plan_open(&run.plan, load, &run.config->joint, fault);

	TAILQ_INIT(&run.couples);
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
