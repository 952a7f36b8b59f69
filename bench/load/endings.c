/* load-endings: how soon the other end learns that one has finished, or reset.
 *
 * Pairs one after the other, each through the relay with mutual TLS inside. One
 * byte crosses; then the connection of end 0 finishes its direction (--end
 * fin), or is reset: the connection, below the inner session, whose own words
 * of parting would pass as bytes. It is seen when end 1 reads that its
 * connection is over; or not within --patience.
 */
#include "load/joint.h"
#include "load/tally.h"
#include <stdio.h>

struct config {
	struct joint_options joint;
	int end;
	long pairs, patience;
};

#define AT(m) LOAD_AT(struct config, m)

enum { END_FIN, END_RST };
static const char *const ends[] = { "fin", "rst", NULL };

static const struct option_row rows[] = {
	JOINT_ROWS(struct config, joint),
	{ .name = "end",
	    .metavar = "HOW",
	    .help = "fin or rst",
	    .type = OPTION_CHOICE,
	    .initial = "fin",
	    .choices = ends,
	    AT(end) },
	{ LOAD_NUMBER("pairs", "100", 1, 1000000),
	    .help = "one after the other", AT(pairs) },
	{ LOAD_TIME("patience", "3s"), .help = "for one end to be seen",
	    AT(patience) },
};

static const struct option_table table = {
	.program = "load-endings",
	.about = "how soon the end of a connection passes through a relay",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

struct run {
	struct load *load;
	const struct config *config;
	struct joint_plan plan;
	struct joint joint;
	struct wheel_timer patience;
	struct loop_task next;
	struct fault *fault;
	long started, unseen;
	uint64_t ended; /* tally_now() when end 0 did */
	struct tally seen;
};

static void start_one(struct run *run);

static void on_next(struct loop_task *t)
{
	struct run *run = CONTAINER_OF(t, struct run, next);

	joint_deinit(&run->joint);
	if (run->started == run->config->pairs)
		loop_stop(run->load->loop);
	else
		start_one(run);
}

static void pair_over(struct run *run)
{
	loop_cancel(run->load->loop, &run->patience);
	loop_post(run->load->loop, &run->next, on_next);
}

static void on_patience(struct wheel_timer *t, uint64_t now)
{
	struct run *run = CONTAINER_OF(t, struct run, patience);

	(void)now;
	run->unseen++;
	pair_over(run);
}

static void end_now(struct run *run)
{
	struct joint_end *e = &run->joint.end[0];

	loop_after(run->load->loop, &run->patience,
	    (uint64_t)run->config->patience, on_patience);
	run->ended = tally_now();
	if (run->config->end == END_FIN)
		leg_finish(leg_lower(e->leg));
	else
		leg_reset(STEAL(e->leg));
}

/* First the byte, then the end. */
static void on_end_1(void *ctx, struct leg *leg, unsigned events)
{
	struct run *run = ctx;
	uint8_t byte;
	ssize_t n = leg_read(leg, &byte, 1);

	if (n == 1)
		end_now(run);
	if (n == 1 || (n == -EAGAIN && !(events & LEG_GONE)))
		return;
	leg_want(leg, 0);
	if (run->ended) {
		tally_add(&run->seen, tally_now() - run->ended);
		pair_over(run);
	}
}

static void on_ready(struct joint *j)
{
	struct run *run = CONTAINER_OF(j, struct run, joint);

	leg_handle(j->end[1].leg, on_end_1, run);
	leg_want(j->end[1].leg, LEG_READ);
	if (leg_write(j->end[0].leg, "x", 1) != 1)
		j->plan->failed(j, "the first byte was not taken");
}

static void on_failed(struct joint *j, const char *text)
{
	struct run *run = CONTAINER_OF(j, struct run, joint);

	fault_set(run->fault, -EIO, NULL, "%s", text);
	loop_stop(run->load->loop);
}

static void start_one(struct run *run)
{
	run->started++;
	run->ended = 0;
	run->joint = (struct joint){ 0 };
	joint_start(&run->joint, &run->plan);
}

static int run_endings(
    struct load *load, const void *config, struct fault *fault)
{
	struct run run = { .load = load,
		.config = config,
		.fault = fault,
		.plan = { .ready = on_ready, .failed = on_failed } };
	int r = joint_plan_open(&run.plan, load, &run.config->joint, fault);

	if (!r) {
		start_one(&run);
		loop_run(load->loop);
	}
	joint_deinit(&run.joint);
	loop_cancel(load->loop, &run.patience);
	if (!fault->code) {
		printf("{\"unseen\": %ld, ", run.unseen);
		tally_print(&run.seen, "seen_ms");
		printf("}\n");
	}
	tally_deinit(&run.seen);
	joint_plan_close(&run.plan);
	return fault->code;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };

	(void)argc;
	return load_main(
	    &table, &config, &config.joint.load, run_endings, argv);
}
