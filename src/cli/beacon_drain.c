/* pharos beacon drain: no new work, pairs may end, then the beacon ends. With
 * --wait its status is asked for until nobody answers any more, here or where
 * another beacon that has begun meanwhile has moved its socket. */
#include "cli/beacon.h"
#include "net/control.h"
#include "wire/json.h"
#include <stdio.h>
#include <time.h>

struct config {
	struct beacon_config common;
	bool wait;
};

static const struct option_row rows[] = {
	BEACON_ROWS_COMMON(struct config, common),
	{ .name = "wait",
	    .help = "say what is left until the beacon has ended",
	    .initial = "false",
	    .offset = offsetof(struct config, wait),
	    .type = OPTION_BOOL },
};

static const struct option_table table = {
	.program = "pharos beacon drain",
	.about = "Send waiting legs away, let pairs end, then end the beacon.",
	.manual = "pharos-beacon-ctl(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

enum { LOOK_MS = 250 };

/* What was seen last. */
struct view {
	uint64_t process, pairs, seconds_left;
};

static void view_read(struct view *v, const json_t *status)
{
	v->process = beacon_number(status, "process");
	v->pairs = beacon_number(status, "pairs");
	v->seconds_left = beacon_number(status, "drain_seconds_left");
}

static void show(const struct view *v, int output)
{
	unsigned long long pairs = v->pairs, left = v->seconds_left;

	printf(output == VERB_JSON
		   ? "{\"pairs\":%llu,\"drain_seconds_left\":%llu}\n"
		   : "draining: %llu pairs, cut in %llu s\n",
	    pairs, left);
	(void)fflush(stdout);
}

static void pause_for_a_look(void)
{
	const struct timespec t = { .tv_nsec = LOOK_MS * 1000000L };

	(void)nanosleep(&t, NULL);
}

/* Return: true, with @now; false: the beacon is gone, or another one is there.
 */
static bool look_at(char *path, const struct view *before, struct view *now)
{
	const struct beacon_config config = { .control = path };
	JSON *status = NULL;
	struct fault fault = FAULT_NONE;
	int r = beacon_call(&status, &config, "GET", "/v1/status", &fault);

	*now = *before;
	/* it ended while it answered, or is busy: the next look tells */
	if (r == -EIO || r == -ETIMEDOUT)
		return true;
	if (r)
		return false;
	view_read(now, status);
	return now->process == before->process;
}

static bool look(
    const struct config *config, const struct view *before, struct view *now)
{
	char *path = config->common.control, aside[CONTROL_PATH_MOST];
	int n = snprintf(
	    aside, sizeof(aside), CONTROL_ASIDE, path, (int)before->process);

	return look_at(path, before, now) ||
	       (n < (int)sizeof(aside) && look_at(aside, before, now));
}

/* It has ended. Pairs that were there a moment before the deadline were cut;
 * long before it they have ended by themselves. */
static int ended(const struct view *last, struct fault *fault)
{
	if (!last->pairs || last->seconds_left > 1)
		return 0;
	return fault_set(fault, VERB_E_CUT, NULL,
	    "the beacon has ended; pairs that were left at its deadline, %llu "
	    "of them, were cut",
	    (unsigned long long)last->pairs);
}

static int follow(
    const struct config *config, struct view *last, struct fault *fault)
{
	struct view now = *last;

	show(last, config->common.output);
	do {
		if (now.pairs != last->pairs)
			show(&now, config->common.output);
		*last = now;
		pause_for_a_look();
	} while (look(config, last, &now));
	return ended(last, fault);
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct config *config = from;
	JSON *status = NULL;
	struct view view;
	int r =
	    beacon_call(&status, &config->common, "POST", "/v1/drain", fault);

	(void)words;
	if (r)
		return r;
	view_read(&view, status);
	if (config->wait)
		return follow(config, &view, fault);
	show(&view, config->common.output);
	return 0;
}

const struct verb beacon_drain_verb = {
	.name = "drain",
	.about = "send waiting legs away, let pairs end, then end",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
