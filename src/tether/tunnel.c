/* Two threads take turns: the loop's decides, a worker's does what waits for
 * the kernel or the carrier (bring()). While a job runs, nothing of what it
 * uses is touched by the loop; what comes meanwhile (a new desired state, news
 * of the rules, a carrier that began anew) is noted and makes another job at
 * its end. So there is at most one job and one state that waits: the newest.
 *
 * A job compares and does not believe: it reads the state of the interface, and
 * after news the print of the rules, so it may run once too often and never
 * once too seldom.
 */
#include "tether/tunnel.h"
#include "base/backoff.h"
#include "base/log.h"
#include "link/nft.h"
#include "link/rtnet.h"
#include "net/loop.h"
#include "wire/wgplan.h"

static const struct backoff_rule resting = { TUNNEL_REST_LEAST_MS,
	TUNNEL_REST_MOST_MS };

enum state { OFF, ON, CLOSING, STATES };

static const bool moves[STATES][STATES] = {
	[OFF] = { [ON] = true },
	[ON] = { [CLOSING] = true },
	[CLOSING] = { [OFF] = true },
};

/* What a job uses; the loop's thread leaves it alone while one runs. */
struct work {
	struct nft *nft;
	struct wg *wg;
	struct desired *to;	       /* where to go */
	struct desired *loaded;	       /* whose rules are loaded; NULL: none */
	uint8_t print[NFT_PRINT_SIZE]; /* of these, as the kernel has them */
	bool look;		       /* they may be others by now */
	bool restored;		       /* they were */
	bool rules_good;	       /* this job's rules are loaded */
	int result;
	struct fault fault;
};

struct tunnel {
	struct loop *loop;
	struct tunnel_config config;
	enum state state;
	struct nft_watch *watch;
	struct work work;
	struct loop_job job;
	struct wheel_timer timer; /* to try again */
	bool runs;		  /* the job */
	struct desired *next;	  /* comes after the job; or NULL */
	bool again;		  /* the same once more after it */
	bool look;		  /* and look at the rules then */
	unsigned failures;	  /* in a row */
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

/* ---- the rules ----------------------------------------------------------- */

static int load_whole(struct work *w)
{
	CLEANUP(free_p) char *text = NULL;
	int r = firewall_write(&w->to->firewall, &text);

	return r ? fault_set(&w->fault, r, NULL, "no memory")
		 : nft_run(w->nft, text, &w->fault);
}

static int load_change(struct work *w)
{
	CLEANUP(free_p) char *text = NULL;
	int r = firewall_write_change(
	    &w->loaded->firewall, &w->to->firewall, &text);

	return r ? r : nft_run(w->nft, text, NULL);
}

/* Are the rules that the kernel has still those that we loaded? */
static bool still_loaded(struct work *w)
{
	uint8_t now[NFT_PRINT_SIZE];

	return !nft_print(w->nft, FIREWALL_TABLE, now) &&
	       !memcmp(now, w->print, sizeof(now));
}

static int bring_rules(struct work *w)
{
	bool keep = w->loaded != NULL;
	int r;

	if (keep && w->look && !still_loaded(w)) {
		keep = false;
		w->restored = true;
	}
	if (keep && w->to == w->loaded)
		return 0;
	if (!keep || load_change(w)) {
		r = load_whole(w);
		if (r)
			return r;
	}
	r = nft_print(w->nft, FIREWALL_TABLE, w->print);
	return r ? fault_set(&w->fault, r, NULL,
		       "firewall: the table that was loaded is not there")
		 : 0;
}

/* ---- the interface ------------------------------------------------------- */

static int bring_peers(struct work *w)
{
	struct wgstate actual;
	struct wgplan plan;
	int r = wg_read(w->wg, &actual, &w->fault);

	if (r)
		return r;
	r = wgplan_make(&plan, &w->to->state, &actual);
	if (r) {
		wgstate_deinit(&actual);
		return fault_set(&w->fault, r, NULL, "no memory");
	}
	r = wg_apply(w->wg, &plan, &w->fault);
	wgplan_deinit(&plan);
	wgstate_deinit(&actual);
	return r;
}

static int bring_addresses(struct work *w)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	const char *name = w->to->firewall.interface;
	struct rtnet_link link = { .index = 0 };
	int r = rtnet_open(&net);

	if (!r)
		r = rtnet_find(net, name, &link);
	if (!r)
		r = rtnet_set_addresses(
		    net, link.index, w->to->addresses, DESIRED_ADDRESSES);
	if (!r)
		r = rtnet_set(
		    net, link.index, true, w->to->mtu ? w->to->mtu : link.mtu);
	return r ? fault_set(&w->fault, r, NULL, "interface %s: %s", name,
		       strerror(-r))
		 : 0;
}

static void bring(struct work *w)
{
	w->fault = (struct fault)FAULT_NONE;
	w->restored = false;
	w->result = bring_rules(w);
	w->rules_good = !w->result;
	if (!w->result)
		w->result = bring_peers(w);
	if (!w->result)
		w->result = bring_addresses(w);
}

/* ---- jobs ---------------------------------------------------------------- */

static void start_job(struct tunnel *t);

static void note_loaded(struct work *w)
{
	if (w->loaded != w->to)
		free_desired(w->loaded);
	w->loaded = w->to;
}

static void aim_at(struct work *w, struct desired *to)
{
	if (w->to != w->loaded)
		free_desired(w->to);
	w->to = to;
}

static void on_timer(struct wheel_timer *timer, uint64_t now)
{
	struct tunnel *t = CONTAINER_OF(timer, struct tunnel, timer);

	(void)now;
	start_job(t);
}

static void note_result(struct tunnel *t)
{
	const struct work *w = &t->work;

	if (w->restored) {
		t->counts.restored++;
		log_warn("firewall was changed by others, restored",
		    LOG_STR("table", FIREWALL_TABLE));
	}
	if (!w->result) {
		t->counts.applied++;
		t->failures = 0;
		return;
	}
	t->counts.failures++;
	t->failures++;
	t->look = true;
	loop_after(t->loop, &t->timer,
	    backoff_ms(&resting, t->failures, loop_random(t->loop, UINT32_MAX)),
	    on_timer);
}

static void on_closed(void *ctx)
{
	struct tunnel *t = ctx;

	tunnel_move(t, OFF);
	t->closed(t->closed_ctx);
}

static void finish_close(struct tunnel *t)
{
	if (!t->runs && t->state == CLOSING)
		wg_close(STEAL(t->work.wg), on_closed, t);
}

static void job_done(struct loop_job *job)
{
	struct tunnel *t = CONTAINER_OF(job, struct tunnel, job);

	t->runs = false;
	if (t->work.rules_good)
		note_loaded(&t->work);
	if (t->state == CLOSING) {
		finish_close(t);
		return;
	}
	note_result(t);
	if (!t->next && !t->again)
		t->config.settled(
		    t->config.ctx, t->work.result ? &t->work.fault : NULL);
	if (t->next || t->again)
		start_job(t);
}

static void job_work(struct loop_job *job)
{
	struct tunnel *t = CONTAINER_OF(job, struct tunnel, job);

	bring(&t->work);
}

static void start_job(struct tunnel *t)
{
	if (t->state != ON)
		return;
	t->again = true;
	if (t->runs)
		return;
	loop_cancel(t->loop, &t->timer);
	if (t->next)
		aim_at(&t->work, STEAL(t->next));
	t->work.look = t->look;
	t->look = t->again = false;
	t->runs = true;
	if (!loop_work(t->loop, &t->job, job_work, job_done))
		return;
	/* no thread to be had: do it here */
	bring(&t->work);
	job_done(&t->job);
}

/* ---- news ---------------------------------------------------------------- */

static void on_rules(void *ctx)
{
	struct tunnel *t = ctx;

	t->look = true;
	start_job(t);
}

static void on_again(void *ctx)
{
	struct tunnel *t = ctx;

	log_info("carrier started again",
	    LOG_UINT("times", wg_restarts(t->work.wg)));
	start_job(t);
}

static void on_failed(void *ctx, const struct fault *why)
{
	(void)ctx;
	log_warn("carrier ended", LOG_STR("reason", why->text));
}

/* ---- the object ---------------------------------------------------------- */

int tunnel_new(struct tunnel **out, struct loop *l,
    const struct tunnel_config *config, struct fault *fault)
{
	struct tunnel *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	*t = (struct tunnel){ .loop = l, .config = *config };
	r = nft_open(&t->work.nft);
	if (!r)
		r = nft_watch_new(&t->watch, l, on_rules, t);
	if (r) {
		tunnel_free(t);
		return fault_set(fault, r, NULL, "firewall: %s", strerror(-r));
	}
	*out = t;
	return 0;
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

	return wg_open(&t->work.wg, t->loop, &order, fault);
}

int tunnel_open(struct tunnel *t, struct desired *d, struct fault *fault)
{
	struct work *w = &t->work;

	INVARIANT(t->state == OFF && !w->to);
	w->to = take_desired(d);
	if (!w->to)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	w->result = bring_rules(w);
	if (!w->result) {
		note_loaded(w);
		w->result = make_interface(t, &w->fault);
	}
	if (!w->result) {
		tunnel_move(t, ON);
		bring(w);
	}
	if (w->result && fault)
		*fault = w->fault;
	return w->result;
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
	start_job(t);
}

void tunnel_close(struct tunnel *t, void (*closed)(void *ctx), void *ctx)
{
	t->closed = closed;
	t->closed_ctx = ctx;
	loop_cancel(t->loop, &t->timer);
	tunnel_move(t, CLOSING);
	finish_close(t);
}

void tunnel_free(struct tunnel *t)
{
	if (!t)
		return;
	INVARIANT(t->state == OFF);
	if (t->work.to != t->work.loaded)
		free_desired(t->work.to);
	free_desired(t->work.loaded);
	free_desired(t->next);
	nft_watch_free(t->watch);
	nft_close(t->work.nft);
	free(t);
}

const struct wg *tunnel_wg(const struct tunnel *t)
{
	return t->work.wg;
}

const struct tunnel_counts *tunnel_counts(const struct tunnel *t)
{
	return &t->counts;
}
