/* Two threads take turns: the loop's decides, a worker's does what waits for
 * the kernel or the carrier (tether/bring.h). While a job runs, nothing of what
 * it uses is touched by the loop; what comes meanwhile is noted.
 *
 * All that is noted is decided upon in one place, advance(), which runs as a
 * task of the loop and never from inside a call: it removes the interface,
 * makes it, or starts one job, whichever is due first; so there is at most one
 * job and one state that waits: the newest.
 *
 * News of the interface come for our own deeds as well. So they are compared
 * with what is desired, once no job runs; only a difference makes a job.
 */
#include "tether/tunnel.h"
#include "base/backoff.h"
#include "base/log.h"
#include "link/linkwatch.h"
#include "net/loop.h"
#include "tether/bring.h"
#include "tether/lastrules.h"

static const struct backoff_rule resting = { TUNNEL_REST_LEAST_MS,
	TUNNEL_REST_MOST_MS };

enum state { OFF, ON, GOING, DOWN, STATES };

static const bool moves[STATES][STATES] = {
	[OFF] = { [ON] = true },
	[ON] = { [GOING] = true },
	[GOING] = { [DOWN] = true },
	[DOWN] = { [ON] = true, [OFF] = true },
};

struct tunnel {
	struct loop *loop;
	struct tunnel_config config;
	enum state state;
	bool up;      /* an interface is wanted */
	bool closing; /* and then nothing */

	struct bring work;
	struct loop_job job;
	bool runs;     /* the job */
	bool brings;   /* it does all of it; */
	bool looks;    /* it reads the interface, after that */
	bool has_seen; /* and has done so */
	struct wgstate seen;
	struct fault blind; /* or this is why not */

	struct loop_task task; /* advance() */
	struct desired *next;  /* what to bring next; or NULL */
	bool again;	       /* bring, what is next or the same */
	bool look_rules;       /* and do not believe in the rules */
	bool look_link;	       /* there are news of the interface */
	bool asked;	       /* for `seen` */
	bool told;	       /* something that `settled` has not told yet */

	struct nft_watch *rules_watch;
	struct linkwatch *link_watch;
	struct wheel_timer timer; /* to try again */
	unsigned failures;	  /* in a row */
	struct fault fault;	  /* of the last one */
	struct tunnel_counts counts;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void tunnel_move(struct tunnel *t, enum state to)
{
	INVARIANT(moves[t->state][to]);
	t->state = to;
}

static void free_desired(struct desired *d)
{
	if (d)
		desired_deinit(d);
	free(d);
}

static struct desired *take_desired(struct desired *d)
{
	struct desired *own = malloc(sizeof(*own));

	if (own)
		*own = *d;
	else
		desired_deinit(d);
	return own;
}

static void advance(struct loop_task *task);

static void nudge(struct tunnel *t)
{
	loop_post(t->loop, &t->task, advance);
}

static void bring_again(struct tunnel *t)
{
	t->again = true;
	nudge(t);
}

/* ---- how it went --------------------------------------------------------- */

static void on_timer(struct wheel_timer *timer, uint64_t now)
{
	struct tunnel *t = CONTAINER_OF(timer, struct tunnel, timer);

	(void)now;
	bring_again(t);
}

static void note_failure(struct tunnel *t, const struct fault *why)
{
	t->counts.failures++;
	t->failures++;
	t->look_rules = true;
	t->fault = *why;
	loop_after(t->loop, &t->timer,
	    backoff_ms(&resting, t->failures, loop_random(t->loop, UINT32_MAX)),
	    on_timer);
}

static void tell_kept(const struct bring *w)
{
	if (w->keep.code)
		log_warn("rules are loaded, but not kept on disk",
		    LOG_STR("fault", w->keep.text),
		    LOG_STR("hint", w->keep.hint));
}

static void note_result(struct tunnel *t)
{
	const struct bring *w = &t->work;

	tell_kept(w);
	if (w->restored) {
		t->counts.restored++;
		log_warn("firewall was changed by others, restored",
		    LOG_STR("table", FIREWALL_TABLE));
	}
	if (w->result) {
		note_failure(t, &w->fault);
		return;
	}
	t->counts.applied++;
	t->failures = 0;
	t->fault = (struct fault)FAULT_NONE;
}

/* Once nothing is left to do, or it has failed. */
static void tell_settled(struct tunnel *t)
{
	bool there = t->up ? t->state == ON : t->state == DOWN;

	if (!t->told || t->next || t->again || t->runs ||
	    (!t->failures && !there))
		return;
	t->told = false;
	t->config.settled(t->config.ctx, tunnel_fault(t));
}

static void tell_seen(struct tunnel *t)
{
	bool good = t->has_seen;

	t->has_seen = t->asked = false;
	if (t->config.seen)
		t->config.seen(t->config.ctx, good ? &t->seen : NULL,
		    good ? NULL : &t->blind);
	if (good)
		wgstate_deinit(&t->seen);
}

/* ---- the job ------------------------------------------------------------- */

static void work(struct tunnel *t)
{
	if (t->brings)
		bring_all(&t->work);
	t->blind = (struct fault)FAULT_NONE;
	if (t->looks)
		t->has_seen = !wg_read(t->work.wg, &t->seen, &t->blind);
}

static void job_work(struct loop_job *job)
{
	work(CONTAINER_OF(job, struct tunnel, job));
}

static void job_done(struct loop_job *job)
{
	struct tunnel *t = CONTAINER_OF(job, struct tunnel, job);

	t->runs = false;
	if (t->brings) {
		bring_note(&t->work);
		note_result(t);
		t->told = true;
	}
	if (t->looks)
		tell_seen(t);
	tell_settled(t);
	nudge(t);
}

static void start_job(struct tunnel *t)
{
	t->brings = t->again;
	t->looks = t->asked && t->work.wg;
	if (t->brings) {
		loop_cancel(t->loop, &t->timer);
		if (t->next)
			bring_aim(&t->work, STEAL(t->next));
		t->work.look = t->look_rules;
		t->look_rules = t->again = false;
	}
	t->runs = true;
	if (!loop_work(t->loop, &t->job, job_work, job_done))
		return;
	/* no thread to be had: do it here */
	work(t);
	job_done(&t->job);
}

/* ---- the interface ------------------------------------------------------- */

static void on_again(void *ctx)
{
	struct tunnel *t = ctx;

	log_info("carrier started again",
	    LOG_UINT("times", wg_restarts(t->work.wg)));
	bring_again(t);
}

static void on_failed(void *ctx, const struct fault *why)
{
	(void)ctx;
	log_warn("carrier ended", LOG_STR("reason", why->text),
	    LOG_STR("hint", why->hint));
}

static int make_interface(struct tunnel *t, struct fault *fault)
{
	const struct wg_order order = {
		.driver = t->config.driver,
		.name = t->work.to->firewall.interface,
		.program = t->config.program,
		.again = on_again,
		.failed = on_failed,
		.ctx = t,
	};

	t->work.index = 0;
	return wg_open(&t->work.wg, t->loop, &order, fault);
}

static void make_again(struct tunnel *t)
{
	struct fault fault = FAULT_NONE;

	loop_cancel(t->loop, &t->timer);
	if (make_interface(t, &fault)) {
		log_err("interface is not there", LOG_STR("reason", fault.text),
		    LOG_STR("hint", fault.hint));
		note_failure(t, &fault);
		t->again = false; /* the timer brings it */
		t->told = true;
		tell_settled(t);
		return;
	}
	tunnel_move(t, ON);
	bring_again(t);
}

static void on_gone(void *ctx)
{
	struct tunnel *t = ctx;

	tunnel_move(t, DOWN);
	t->told = true;
	nudge(t);
}

static void remove_interface(struct tunnel *t)
{
	/* one that was lost is made again at once */
	loop_cancel(t->loop, &t->timer);
	t->work.lost = false;
	tunnel_move(t, GOING);
	wg_close(STEAL(t->work.wg), on_gone, t);
}

static void finish_close(struct tunnel *t)
{
	loop_cancel(t->loop, &t->timer);
	tunnel_move(t, OFF);
	t->closed(t->closed_ctx);
}

/* ---- what comes next ----------------------------------------------------- */

/* Of news of the interface that are not of our own making. */
static void heed_link_news(struct tunnel *t)
{
	if (!t->look_link || t->state != ON)
		return;
	t->look_link = false;
	if (t->again || t->failures || bring_link_right(&t->work))
		return;
	t->counts.relinked++;
	log_warn("interface was changed by others, restored",
	    LOG_STR("interface", t->work.to->firewall.interface));
	t->again = true;
}

static void advance_on(struct tunnel *t)
{
	if (!t->up || t->closing || t->work.lost) {
		remove_interface(t);
		return;
	}
	heed_link_news(t);
	if (t->again || t->asked)
		start_job(t);
}

static void advance_down(struct tunnel *t)
{
	bool waits = wheel_armed(&t->timer);

	if (t->closing) {
		finish_close(t);
	} else if (t->up && (t->again || !waits)) {
		make_again(t);
	} else if (t->again) {
		start_job(t);
	} else if (t->asked) {
		fault_set(&t->blind, -ENODEV, NULL, "there is no interface");
		tell_seen(t);
		nudge(t);
	} else {
		tell_settled(t);
	}
}

static void advance(struct loop_task *task)
{
	struct tunnel *t = CONTAINER_OF(task, struct tunnel, task);

	if (t->runs)
		return;
	if (t->state == ON)
		advance_on(t);
	else if (t->state == DOWN)
		advance_down(t);
}

/* ---- news ---------------------------------------------------------------- */

static void on_rules(void *ctx)
{
	struct tunnel *t = ctx;

	t->look_rules = true;
	if (t->state != OFF)
		bring_again(t);
}

static void on_link(void *ctx)
{
	struct tunnel *t = ctx;

	t->look_link = true;
	nudge(t);
}

/* ---- the object ---------------------------------------------------------- */

int tunnel_new(struct tunnel **out, struct loop *l,
    const struct tunnel_config *config, struct fault *fault)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	*t = (struct tunnel){ .loop = l, .config = *config, .up = true };
	t->work.folder = config->folder;
	r = nft_open(&t->work.nft);
	if (!r)
		r = nft_watch_new(&t->rules_watch, l, on_rules, t);
	if (r) {
		tunnel_free(t);
		return fault_set(fault, r,
		    r == -EPERM ? "run it as root, or with the capability "
				  "CAP_NET_ADMIN"
				: NULL,
		    "firewall: %s", strerror(-r));
	}
	*out = t;
	return 0;
}

static int watch_link(struct tunnel *t)
{
	const char *name = t->work.to->firewall.interface;
	int r = linkwatch_new(&t->link_watch, t->loop, name, on_link, t);

	return r ? fault_set(&t->work.fault, r, NULL, "interface %s: %s", name,
		       strerror(-r))
		 : 0;
}

int tunnel_open(struct tunnel *t, struct desired *d, struct fault *fault)
{
	struct bring *w = &t->work;

	INVARIANT(t->state == OFF && !w->to);
	w->to = take_desired(d);
	if (!w->to)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	w->result = bring_rules(w);
	if (!w->result) {
		w->rules_good = true;
		bring_note(w);
		w->result = watch_link(t);
	}
	if (!w->result)
		w->result = make_interface(t, &w->fault);
	if (!w->result) {
		tunnel_move(t, ON);
		bring_all(w);
	} else {
		bring_keep(w);
	}
	tell_kept(w);
	if (w->result && fault)
		*fault = w->fault;
	return w->result;
}

int tunnel_fall_back(struct tunnel *t, bool *loaded, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	int r;

	*loaded = false;
	if (t->work.loaded)
		return 0;
	r = lastrules_read(&text, t->config.folder, fault);
	if (!r)
		r = nft_replace(t->work.nft, FIREWALL_TABLE, text, fault);
	*loaded = !r;
	return r;
}

void tunnel_set(struct tunnel *t, struct desired *d)
{
	struct desired *own = take_desired(d);

	if (!own) {
		log_err("no memory for the new state, the old one stays");
		return;
	}
	free_desired(t->next);
	t->next = own;
	bring_again(t);
}

void tunnel_raise(struct tunnel *t, bool up)
{
	t->up = up;
	bring_again(t);
}

void tunnel_look(struct tunnel *t)
{
	t->asked = true;
	nudge(t);
}

void tunnel_close(struct tunnel *t, void (*closed)(void *ctx), void *ctx)
{
	INVARIANT(t->state != OFF);
	t->closed = closed;
	t->closed_ctx = ctx;
	t->closing = true;
	nudge(t);
}

void tunnel_free(struct tunnel *t)
{
	if (!t)
		return;
	INVARIANT(t->state == OFF);
	loop_unpost(t->loop, &t->task);
	bring_deinit(&t->work);
	free_desired(t->next);
	linkwatch_free(t->link_watch);
	nft_watch_free(t->rules_watch);
	nft_close(t->work.nft);
	free(t);
}

const struct wg *tunnel_wg(const struct tunnel *t)
{
	return t->work.wg;
}

bool tunnel_is_up(const struct tunnel *t)
{
	return t->up;
}

const struct desired *tunnel_loaded(const struct tunnel *t)
{
	return t->work.loaded;
}

const struct fault *tunnel_fault(const struct tunnel *t)
{
	return t->failures ? &t->fault : NULL;
}

const struct tunnel_counts *tunnel_counts(const struct tunnel *t)
{
	return &t->counts;
}
