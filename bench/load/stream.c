/* load-stream: bytes from one end to the other through a relay, inside mutual
 * TLS; or many pairs that are there and idle.
 *
 * Each pair first carries --warm bytes both ways, so that whatever the relay
 * changes after a while has changed. Then `{"ready": N}` is printed and a byte
 * is awaited on standard input: whoever measures reads the clocks there. Then
 * the first pair carries --bytes from end 0 to end 1, and `{"bytes": N,
 * "seconds": S}` is printed.
 *
 * With --prepared those bytes pass by the inner session: a relay cannot tell
 * them from its records, and ends that need not encrypt keep the relay busy.
 */
#include "load/joint.h"
#include "load/tally.h"
#include <stdio.h>

struct config {
	struct joint_options joint;
	long pairs, window, bytes, warm;
	bool prepared;
};

#define AT(m) LOAD_AT(struct config, m)

static const struct option_row rows[] = {
	JOINT_ROWS(struct config, joint),
	{ LOAD_NUMBER("pairs", "1", 1, 10000), .help = "in all", AT(pairs) },
	{ LOAD_NUMBER("window", "16", 1, 1000), .help = "on their way at once",
	    AT(window) },
	{ LOAD_NUMBER("bytes", "0", 0, 1L << 40), .help = "from end 0 to end 1",
	    AT(bytes) },
	{ LOAD_NUMBER("warm", "1024", 1, 1L << 30), .help = "before, both ways",
	    AT(warm) },
	{ .name = "prepared",
	    .help = "--bytes are as if encrypted before",
	    .type = OPTION_BOOL,
	    .initial = "false",
	    AT(prepared) },
};

static const struct option_table table = {
	.program = "load-stream",
	.about = "bytes through a relay, inside mutual TLS",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

enum { BLOCK = 64 * 1024, TURN = 16 };

/* One way of one pair: so many bytes are to leave, and to arrive. */
struct lane {
	struct pair *pair;
	struct leg *from, *to;
	uint64_t left_out, left_in;
};

struct pair {
	TAILQ_ENTRY(pair) of_run;
	struct run *run;
	struct joint joint;
	struct lane lane[2];
	bool warm;
};

struct run {
	struct load *load;
	const struct config *config;
	struct joint_plan plan;
	TAILQ_HEAD(, pair) pairs;
	long started, warm;
	struct fault *fault;
	uint8_t block[BLOCK];
};

static void start_some(struct run *run);

static void run_failed(struct run *run, const char *text)
{
	if (!run->fault->code)
		fault_set(run->fault, -EIO, NULL, "%s", text);
	loop_stop(run->load->loop);
}

static bool is_done(const struct pair *p)
{
	return !p->lane[0].left_out && !p->lane[0].left_in &&
	       !p->lane[1].left_out && !p->lane[1].left_in;
}

static void pair_done(struct pair *p)
{
	struct run *run = p->run;

	if (p->warm) {
		loop_stop(run->load->loop);
		return;
	}
	p->warm = true;
	if (++run->warm == run->config->pairs)
		loop_stop(run->load->loop);
	else
		start_some(run);
}

static void lane_write(struct lane *l)
{
	const struct run *run = l->pair->run;
	ssize_t n = 0;

	for (int i = 0; i < TURN && l->left_out && n >= 0; i++) {
		n = leg_write(l->from, run->block,
		    l->left_out < BLOCK ? (size_t)l->left_out : BLOCK);
		l->left_out -= n > 0 ? (uint64_t)n : 0;
	}
	if (n < 0 && n != -EAGAIN)
		run_failed(l->pair->run, leg_fault(l->from)->text);
}

static void lane_read(struct lane *l)
{
	static uint8_t sink[BLOCK];
	ssize_t n = 1;

	for (int i = 0; i < TURN && l->left_in && n > 0; i++) {
		n = leg_read(l->to, sink, sizeof(sink));
		l->left_in -= n > 0 ? (uint64_t)n : 0;
	}
	if (n <= 0 && n != -EAGAIN)
		run_failed(l->pair->run,
		    n ? leg_fault(l->to)->text : "ended by the relay");
}

static void pair_want(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		leg_want(
		    p->lane[i].from, (p->lane[i].left_out ? LEG_WRITE : 0U) |
					 (p->lane[!i].left_in ? LEG_READ : 0U));
}

static void on_end(void *ctx, struct leg *leg, unsigned events)
{
	struct pair *p = ctx;
	int i = leg == p->lane[1].from;
	bool was_done = is_done(p);

	if (events & LEG_GONE)
		run_failed(p->run, leg_fault(leg)->text);
	if (events & LEG_WRITE)
		lane_write(&p->lane[i]);
	if (events & LEG_READ)
		lane_read(&p->lane[!i]);
	pair_want(p);
	if (!was_done && is_done(p))
		pair_done(p);
}

static void pair_carry(struct pair *p, uint64_t there, uint64_t back)
{
	p->lane[0].left_out = p->lane[0].left_in = there;
	p->lane[1].left_out = p->lane[1].left_in = back;
	pair_want(p);
}

static void on_ready(struct joint *j)
{
	struct pair *p = CONTAINER_OF(j, struct pair, joint);
	uint64_t warm = (uint64_t)p->run->config->warm;

	for (int i = 0; i < 2; i++) {
		p->lane[i] = (struct lane){
			.pair = p, .from = j->end[i].leg, .to = j->end[!i].leg
		};
		leg_handle(j->end[i].leg, on_end, p);
	}
	pair_carry(p, warm, warm);
}

static void on_failed(struct joint *j, const char *text)
{
	run_failed(CONTAINER_OF(j, struct pair, joint)->run, text);
}

static void start_some(struct run *run)
{
	while (run->started < run->config->pairs &&
	       run->started - run->warm < run->config->window) {
		struct pair *p = calloc(1, sizeof(*p));

		INVARIANT(p);
		p->run = run;
		TAILQ_INSERT_TAIL(&run->pairs, p, of_run);
		run->started++;
		joint_start(&p->joint, &run->plan);
	}
}

/* The inner sessions are not used again. */
static void pass_by_inner(struct pair *p)
{
	struct leg *below[2];

	for (int i = 0; i < 2; i++) {
		below[i] = leg_lower(p->joint.end[i].leg);
		leg_handle(below[i], on_end, p);
	}
	for (int i = 0; i < 2; i++) {
		p->lane[i].from = below[i];
		p->lane[i].to = below[!i];
	}
}

static void carry_all(struct run *run)
{
	struct pair *first = TAILQ_FIRST(&run->pairs);
	uint64_t began;

	printf("{\"ready\": %ld}\n", run->warm);
	(void)fflush(stdout);
	load_wait_stdin(run->load);
	if (!first || !run->config->bytes || run->fault->code)
		return;
	if (run->config->prepared)
		pass_by_inner(first);
	began = tally_now();
	pair_carry(first, (uint64_t)run->config->bytes, 0);
	loop_run(run->load->loop);
	printf("{\"bytes\": %ld, \"seconds\": %.6f}\n", run->config->bytes,
	    (double)(tally_now() - began) / 1e9);
}

static int run_stream(
    struct load *load, const void *config, struct fault *fault)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	INVARIANT(run);
	run->load = load;
	run->config = config;
	run->fault = fault;
	run->plan.ready = on_ready;
	run->plan.failed = on_failed;
	TAILQ_INIT(&run->pairs);
	/* a beacon joins whom it will of many ends under one hash */
	if (run->config->bytes && run->config->pairs > 1)
		r = fault_set(fault, -EINVAL, NULL, "--bytes is for one pair");
	else
		r = joint_plan_open(
		    &run->plan, load, &run->config->joint, fault);
	if (!r) {
		start_some(run);
		loop_run(load->loop);
	}
	if (!fault->code)
		carry_all(run);
	while (!TAILQ_EMPTY(&run->pairs)) {
		struct pair *p = TAILQ_FIRST(&run->pairs);

		TAILQ_REMOVE(&run->pairs, p, of_run);
		joint_deinit(&p->joint);
		free(p);
	}
	joint_plan_close(&run->plan);
	free(run);
	return fault->code;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };

	(void)argc;
	return load_main(&table, &config, &config.joint.load, run_stream, argv);
}
