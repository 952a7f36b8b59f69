/* Nothing is kept of what was seen: whether a key is due is asked of the
 * interface at each look, and of the clock at each reading of the files. So
 * what fails is found again, after a restart too. */
#include "tether/rotation.h"
#include "base/log.h"
#include "link/codexstore.h"
#include "net/loop.h"

enum { US_A_MS = 1000 };

struct rotation {
	struct loop *loop;
	struct rotation_config config;
	struct wgkey *waiting; /* owned */
	size_t n_waiting;
	bool overdue; /* the time of one is up */
	struct wheel_timer timer;
	uint64_t asked_us; /* 0: no look is under way */

	struct loop_job job;
	bool runs;
	bool closing;
	/* what the job uses */
	struct wgkey *due;
	size_t n_due;
	int64_t now;
	size_t n_turned;
	int result;
	struct fault fault;

	uint64_t turned;
};

/* ---- changing the files -------------------------------------------------- */

static bool is_due(const struct rotation *r, const struct codex_peer *p)
{
	if (!p->next.pending)
		return false;
	for (size_t i = 0; i < r->n_due; i++)
		if (wgkey_equal(&r->due[i], &p->next.key))
			return true;
	return p->next.until <= r->now;
}

static int turn(struct rotation *r, struct codexstore *s)
{
	int e = 0;

	for (size_t i = 0; !e && i < s->codex.n_peers; i++) {
		struct codex_peer *p = &s->codex.peers[i];

		if (!is_due(r, p))
			continue;
		e = codexstore_bury(s, p, &p->key, false, r->now, &r->fault);
		if (!e)
			codex_turn_take(p);
		r->n_turned++;
	}
	return e || !r->n_turned ? e : codexstore_commit(s, &r->fault);
}

static void work(struct rotation *r)
{
	const struct codexstore_place place = { .codex = r->config.codex,
		.state = r->config.state,
		.use = CODEXSTORE_CHANGE };
	struct codexstore s;

	r->n_turned = 0;
	r->fault = (struct fault)FAULT_NONE;
	r->result = codexstore_open(&s, &place, &r->fault);
	if (!r->result)
		r->result = turn(r, &s);
	codexstore_close(&s);
}

static void job_work(struct loop_job *job)
{
	work(CONTAINER_OF(job, struct rotation, job));
}

static void on_timer(struct wheel_timer *timer, uint64_t now);

static void job_done(struct loop_job *job)
{
	struct rotation *r = CONTAINER_OF(job, struct rotation, job);

	r->runs = false;
	free(STEAL(r->due));
	r->n_due = 0;
	if (r->closing)
		return;
	if (r->result) {
		log_err("a key could not take its turn, tried again",
		    LOG_STR("fault", r->fault.text),
		    LOG_STR("hint", r->fault.hint));
		loop_after(r->loop, &r->timer, ROTATION_AGAIN_MS, on_timer);
		return;
	}
	r->overdue = false;
	r->turned += r->n_turned;
	if (r->n_turned)
		log_info("keys have taken their turn",
		    LOG_UINT("keys", r->n_turned));
	r->config.turned(r->config.ctx);
}

static void start_job(struct rotation *r)
{
	r->runs = true;
	r->now = loop_wall(r->loop);
	loop_cancel(r->loop, &r->timer);
	if (!loop_work(r->loop, &r->job, job_work, job_done))
		return;
	work(r);
	job_done(&r->job);
}

/* ---- looking ------------------------------------------------------------- */

static void on_timer(struct wheel_timer *timer, uint64_t now)
{
	struct rotation *r = CONTAINER_OF(timer, struct rotation, timer);

	(void)now;
	if (r->overdue && !r->runs)
		start_job(r);
	if (r->runs || !r->n_waiting)
		return;
	r->asked_us = loop_us(r->loop);
	r->config.look(r->config.ctx);
}

static void rest(struct rotation *r)
{
	uint64_t ms = ROTATION_LOOK_LEAST_MS;

	if (r->asked_us)
		ms =
		    (loop_us(r->loop) - r->asked_us) / US_A_MS * ROTATION_SHARE;
	r->asked_us = 0;
	if (ms < ROTATION_LOOK_LEAST_MS)
		ms = ROTATION_LOOK_LEAST_MS;
	if (ms > ROTATION_LOOK_MOST_MS)
		ms = ROTATION_LOOK_MOST_MS;
	loop_after(r->loop, &r->timer, ms, on_timer);
}

static void note_due(struct rotation *r, const struct wgstate *state)
{
	for (size_t i = 0; i < r->n_waiting; i++) {
		const struct wgpeer *p = wgstate_find(state, &r->waiting[i]);

		if (p && p->seen.handshake_s)
			r->due[r->n_due++] = p->key;
	}
}

void rotation_seen(struct rotation *r, const struct wgstate *state)
{
	if (r->runs || !r->n_waiting)
		return;
	if (state && !r->due)
		r->due = calloc(r->n_waiting, sizeof(*r->due));
	if (state && r->due)
		note_due(r, state);
	if (r->n_due) {
		r->asked_us = 0;
		start_job(r);
		return;
	}
	free(STEAL(r->due));
	rest(r);
}

/* ---- the object ---------------------------------------------------------- */

int rotation_new(
    struct rotation **out, struct loop *l, const struct rotation_config *config)
{
	struct rotation *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	*r = (struct rotation){ .loop = l, .config = *config };
	*out = r;
	return 0;
}

void rotation_free(struct rotation *r)
{
	if (!r)
		return;
	r->closing = true;
	while (r->runs)
		loop_wait(r->loop);
	loop_cancel(r->loop, &r->timer);
	free(r->waiting);
	free(r->due);
	free(r);
}

int rotation_take(struct rotation *r, const struct codex *c, int64_t now)
{
	struct wgkey *waiting = NULL;
	bool overdue = false;
	size_t n = 0;

	for (size_t i = 0; i < c->n_peers; i++)
		n += c->peers[i].next.pending;
	if (n) {
		waiting = calloc(n, sizeof(*waiting));
		if (!waiting)
			return -ENOMEM;
	}
	for (size_t i = 0, at = 0; i < c->n_peers; i++) {
		const struct codex_turn *next = &c->peers[i].next;

		if (!next->pending || !waiting)
			continue;
		waiting[at++] = next->key;
		overdue |= next->until <= now;
	}
	free(r->waiting);
	r->waiting = waiting;
	r->n_waiting = n;
	r->overdue = overdue;
	if (!n)
		loop_cancel(r->loop, &r->timer);
	else if (!wheel_armed(&r->timer))
		loop_after(r->loop, &r->timer, 0, on_timer);
	return 0;
}

const uint64_t *rotation_turned(const struct rotation *r)
{
	return &r->turned;
}
