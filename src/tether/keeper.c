/* The clock of the wall says when a device's access ends, and it may be set. So
 * the timer for that moment is never longer than KEEPER_LOOK_MS, and each time
 * the clock is compared with the one that only goes forward: if they have
 * drifted apart, the files are asked again what is in force now. */
#include "tether/keeper.h"
#include "base/log.h"
#include "link/codexstore.h"
#include "tether/rotation.h"
#include <malloc.h>
#include <stdio.h>

enum { MS_A_SECOND = 1000 };

struct keeper {
	struct loop *loop;
	const struct config *config;
	struct tunnel *tunnel;
	struct rotation *rotation;
	struct keeper_facts facts;
	struct codexstore_mark read; /* the files that are in force */
	struct keeper_events events;
	struct wheel_timer clock;
	int64_t clock_ahead; /* of the wall's, before the monotonic one's, s */
	bool opened;	     /* there is a tunnel to close */
	bool closed;
};

/* ---- the files ----------------------------------------------------------- */

static void take_facts(
    struct keeper_facts *out, const struct codex *c, const struct desired *d)
{
	*out = (struct keeper_facts){
		.codex = out->codex,
		.generation = c->generation,
		.n_peers = c->n_peers,
		.n_desired = d->state.n_peers,
		.n_dead = d->n_dead,
		.until = d->until,
		.port = c->port,
		.clock_jumps = out->clock_jumps,
	};
	for (size_t i = 0; i < c->n_peers; i++)
		out->n_turning += c->peers[i].next.pending;
	(void)snprintf(
	    out->interface, sizeof(out->interface), "%s", c->interface);
	memcpy(out->addresses, d->addresses, sizeof(out->addresses));
}

static int check_same(
    const struct keeper *k, const struct codexstore *s, struct fault *fault)
{
	if (!k->opened || !strcmp(k->facts.interface, s->codex.interface))
		return 0;
	return fault_set(fault, -EINVAL,
	    "Restart pharos-tether for that, or set it back.",
	    "%s: the interface is %s, and was %s when the tether was brought "
	    "up",
	    s->codex_path, s->codex.interface, k->facts.interface);
}

static struct codexstore_place place_of(const struct keeper *k)
{
	return (struct codexstore_place){
		.codex = k->config->codex,
		.state = k->config->state,
		.use = CODEXSTORE_READ,
	};
}

int keeper_read(const struct keeper *k, struct codexstore *store,
    struct desired *out, struct fault *fault)
{
	const struct codexstore_place place = place_of(k);
	int r = codexstore_open(store, &place, fault);

	if (!r)
		r = check_same(k, store, fault);
	if (!r) {
		const struct desired_sources from = { &store->codex,
			store->keyring, &store->tombstones,
			loop_wall(k->loop) };

		r = desired_make(out, &from, fault);
	}
	return r;
}

/* What the files mean now, in @out, for it to be in force. */
static int read_files(
    struct keeper *k, struct desired *out, struct fault *fault)
{
	const struct codexstore_place place = place_of(k);
	struct codexstore_mark mark;
	struct codexstore s;
	int r;

	codexstore_mark(&mark, &place);
	r = keeper_read(k, &s, out, fault);
	if (!r && rotation_take(k->rotation, &s.codex, loop_wall(k->loop))) {
		desired_deinit(out);
		r = fault_set(fault, -ENOMEM, NULL, "no memory");
	}
	if (!r) {
		take_facts(&k->facts, &s.codex, out);
		k->read = mark;
	}
	codexstore_close(&s);
	(void)malloc_trim(0);
	return r;
}

/* ---- time ---------------------------------------------------------------- */

static void start_clock(struct keeper *k);

static int64_t clock_ahead(const struct keeper *k)
{
	return loop_wall(k->loop) - (int64_t)(loop_now(k->loop) / MS_A_SECOND);
}

static bool clock_has_jumped(struct keeper *k)
{
	int64_t step = clock_ahead(k) - k->clock_ahead;

	if (step >= -KEEPER_JUMP_S && step <= KEEPER_JUMP_S)
		return false;
	k->clock_ahead += step;
	k->facts.clock_jumps++;
	log_warn("clock was set", LOG_INT("seconds", step));
	return true;
}

static void reload_or_say(struct keeper *k)
{
	struct fault fault = FAULT_NONE;

	if (keeper_reload(k, &fault))
		log_err("files are not as they should be, all stays as it was",
		    LOG_STR("fault", fault.text), LOG_STR("hint", fault.hint));
}

static void on_clock(struct wheel_timer *timer, uint64_t now)
{
	struct keeper *k = CONTAINER_OF(timer, struct keeper, clock);
	int64_t until = k->facts.until;
	bool due = until && loop_wall(k->loop) >= until;

	(void)now;
	due |= clock_has_jumped(k);
	if (due)
		reload_or_say(k);
	start_clock(k);
}

static void start_clock(struct keeper *k)
{
	int64_t left = k->facts.until - loop_wall(k->loop);
	uint64_t ms = KEEPER_LOOK_MS;

	if (k->facts.until && left < KEEPER_LOOK_MS / MS_A_SECOND)
		ms = left > 1 ? (uint64_t)left * MS_A_SECOND : MS_A_SECOND;
	loop_after(k->loop, &k->clock, ms, on_clock);
}

/* ---- the tunnel's news --------------------------------------------------- */

static void on_settled(void *ctx, const struct fault *fault)
{
	struct keeper *k = ctx;

	if (fault)
		log_err("not in force, tried again",
		    LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	(void)malloc_trim(0);
	if (k->events.settled)
		k->events.settled(k->events.ctx, fault);
}

static void on_seen(
    void *ctx, const struct wgstate *state, const struct fault *fault)
{
	struct keeper *k = ctx;

	if (k->rotation)
		rotation_seen(k->rotation, state);
	if (k->events.seen)
		k->events.seen(k->events.ctx, state, fault);
}

static void on_look(void *ctx)
{
	tunnel_look(((struct keeper *)ctx)->tunnel);
}

static void on_turned(void *ctx)
{
	reload_or_say(ctx);
}

/* ---- the object ---------------------------------------------------------- */

static int make_parts(struct keeper *k, struct fault *fault)
{
	const struct rotation_config rotation = {
		.codex = k->config->codex,
		.state = k->config->state,
		.look = on_look,
		.turned = on_turned,
		.ctx = k,
	};
	const struct tunnel_config tunnel = {
		.driver = (enum wg_driver)k->config->driver,
		.program = k->config->program,
		.folder = k->config->state,
		.settled = on_settled,
		.seen = on_seen,
		.ctx = k,
	};

	if (rotation_new(&k->rotation, k->loop, &rotation))
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	return tunnel_new(&k->tunnel, k->loop, &tunnel, fault);
}

int keeper_new(struct keeper **out, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	struct keeper *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	*k = (struct keeper){ .loop = loop, .config = config };
	k->facts.codex = config->codex;
	r = make_parts(k, fault);
	if (r)
		keeper_freep(&k);
	else
		*out = k;
	return r;
}

int keeper_open(struct keeper *k, struct fault *fault)
{
	struct desired d;
	int r = read_files(k, &d, fault);

	if (r)
		return r;
	r = tunnel_open(k->tunnel, &d, fault);
	k->opened = tunnel_wg(k->tunnel) != NULL;
	(void)malloc_trim(0);
	if (r)
		return r;
	k->clock_ahead = clock_ahead(k);
	start_clock(k);
	return 0;
}

void keeper_fall_back(struct keeper *k)
{
	struct fault fault = FAULT_NONE;
	bool loaded;

	if (tunnel_fall_back(k->tunnel, &loaded, &fault))
		log_err("rules of before cannot be loaded: at boot, what zones "
			"name is open until the tether starts",
		    LOG_STR("fault", fault.text), LOG_STR("hint", fault.hint));
	else if (loaded)
		log_warn("rules of before are in force, what zones name stays "
			 "closed",
		    LOG_STR("folder", k->config->state));
}

void keeper_listen(struct keeper *k, const struct keeper_events *events)
{
	k->events = *events;
}

int keeper_reload(struct keeper *k, struct fault *fault)
{
	struct desired d;
	int r = read_files(k, &d, fault);

	if (r)
		return r;
	tunnel_set(k->tunnel, &d);
	start_clock(k);
	return 0;
}

int keeper_heed(struct keeper *k, struct fault *fault)
{
	const struct codexstore_place place = place_of(k);
	struct codexstore_mark mark;

	codexstore_mark(&mark, &place);
	return codexstore_mark_same(&mark, &k->read) ? 0
						     : keeper_reload(k, fault);
}

static void on_closed(void *ctx)
{
	((struct keeper *)ctx)->closed = true;
}

void keeper_close(struct keeper *k)
{
	k->events = (struct keeper_events){ .ctx = NULL };
	loop_cancel(k->loop, &k->clock);
	rotation_free(STEAL(k->rotation));
	if (!k->opened)
		return;
	tunnel_close(k->tunnel, on_closed, k);
	while (!k->closed)
		loop_wait(k->loop);
	k->opened = false;
}

void keeper_freep(struct keeper **k)
{
	if (!*k)
		return;
	keeper_close(*k);
	rotation_free((*k)->rotation);
	tunnel_free((*k)->tunnel);
	free(*k);
}

struct tunnel *keeper_tunnel(const struct keeper *k)
{
	return k->tunnel;
}

const struct keeper_facts *keeper_facts(const struct keeper *k)
{
	return &k->facts;
}

const uint64_t *keeper_turned(const struct keeper *k)
{
	return rotation_turned(k->rotation);
}
