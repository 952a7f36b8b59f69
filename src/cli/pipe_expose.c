/* pharos pipe expose: the side that a service is on.
 *
 * A session is one connection of a peer's: offered by name, dialled when the
 * name is on the list, and joined. It has the peer's stream until it accepts or
 * refuses, and the dial until that is through. What a peer is told of a dial
 * that failed does not name the address.
 */
#include "base/log.h"
#include "cli/pipe.h"
#include "cli/pipe_targets.h"
#include "net/dial.h"
#include "net/loop.h"
#include <stdio.h>

/* Legs that wait at each beacon, tunnels to each peer that is dialled; and
 * tunnels in all. */
enum { LEGS_WAITING = 4, LEGS_DIALLED = 1, TUNNELS_MOST = 256 };

struct config {
	struct pipe_options pipe;
	struct option_list to;
};

struct session;
TAILQ_HEAD(sessions, session);

struct expose {
	struct loop *loop;
	const struct config *config;
	struct pipe_targets targets;
	struct trunk *trunk;
	struct sessions sessions;
	struct pipe_counts counts;
	struct pipe_meter meter;
};

struct session {
	TAILQ_ENTRY(session) of_expose;
	struct expose *expose;
	const struct pipe_target *target;
	struct http_stream *stream; /* not accepted yet */
	struct dial *dial;
	struct pump *pump;
	uint64_t since;
	char peer[ROLE_NAME_MOST + 1];
};

static void session_free(struct session *s)
{
	struct expose *e = s->expose;

	dial_cancel(s->dial);
	if (s->pump)
		pump_stop(s->pump);
	if (s->stream)
		http_stream_abandon(s->stream);
	TAILQ_REMOVE(&e->sessions, s, of_expose);
	e->counts.open--;
	free(s);
}

static void on_pumped(void *ctx, const struct pump_result *result)
{
	struct session *s = ctx;
	struct pipe_counts *counts = &s->expose->counts;

	s->pump = NULL;
	counts->from_peer += result->bytes[0];
	counts->to_peer += result->bytes[1];
	counts->reset += result->reset || result->timed_out;
	log_info("connection ended", LOG_STR("peer", s->peer),
	    LOG_PLACE("target", s->target->address),
	    LOG_UINT("from_peer", result->bytes[0]),
	    LOG_UINT("to_peer", result->bytes[1]),
	    LOG_UINT("ms", loop_now(s->expose->loop) - s->since),
	    LOG_BOOL("reset", result->reset || result->timed_out));
	session_free(s);
}

static void session_join(struct session *s, struct leg *target)
{
	struct leg *peer = trunk_accept(STEAL(s->stream));

	if (!peer) {
		leg_reset(target);
		session_free(s);
		return;
	}
	s->expose->counts.carried++;
	if (pump_start(
		&s->pump, peer, target, PIPE_HALF_CLOSED_MS, on_pumped, s))
		session_free(s);
}

static void session_fail(struct session *s, const struct fault *fault)
{
	char text[160];

	s->expose->counts.failed++;
	log_warn("target failed", LOG_STR("peer", s->peer),
	    LOG_PLACE("target", s->target->address),
	    LOG_STR("fault", fault->text), LOG_STR("hint", fault->hint));
	(void)snprintf(text, sizeof(text),
	    "the target %s%scannot be reached; the other side's log says why",
	    s->target->name, s->target->name[0] ? " " : "");
	trunk_refuse(STEAL(s->stream), 502, text);
	session_free(s);
}

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct session *s = ctx;

	s->dial = NULL;
	if (leg)
		session_join(s, leg);
	else
		session_fail(s, fault);
}

/* Before it is joined nothing but LEG_GONE is asked of the peer's stream. */
static void on_peer(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	(void)events;
	session_free(ctx);
}

static struct session *session_new(struct expose *e, struct http_stream *stream,
    const struct pipe_target *target, const char *peer)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->expose = e;
	s->target = target;
	s->stream = stream;
	s->since = loop_now(e->loop);
	(void)snprintf(s->peer, sizeof(s->peer), "%s", peer);
	TAILQ_INSERT_TAIL(&e->sessions, s, of_expose);
	e->counts.open++;
	leg_handle(http_stream_leg(stream), on_peer, s);
	leg_want(http_stream_leg(stream), 0);
	return s;
}

static void begin(struct expose *e, struct http_stream *stream,
    const struct pipe_target *target, const char *peer)
{
	struct session *s = session_new(e, stream, target, peer);
	struct fault fault = FAULT_NONE;

	if (!s) {
		e->counts.failed++;
		trunk_refuse(stream, 503, "out of memory");
		return;
	}
	if (dial_open_near(&s->dial, e->loop, target->address, PIPE_DIAL_MS,
		on_dialled, s, &fault))
		session_fail(s, &fault);
}

static void on_offered(
    void *ctx, struct http_stream *stream, const char *name, const char *peer)
{
	struct expose *e = ctx;
	const struct pipe_target *target = pipe_targets_find(&e->targets, name);

	if (!target) {
		e->counts.refused++;
		log_warn("refused", LOG_STR("peer", peer),
		    LOG_STR("name", name),
		    LOG_STR("fault", "no target of that name"));
		trunk_refuse(stream, 404,
		    *name ? "no target of that name is offered"
			  : "the targets have names; ask for one");
		return;
	}
	if (e->counts.open >= PIPE_CONNECTIONS_MOST) {
		e->counts.full++;
		trunk_refuse(stream, 503, "too many connections at once");
		return;
	}
	begin(e, stream, target, peer);
}

/* ---- its life */

static void configure(struct expose *e, struct trunk_config *config)
{
	const struct pipe_options *options = &e->config->pipe;
	bool beacon = options->uplink.beacon_address.n_items > 0;

	pipe_trunk_config(config, TRUNK_LISTEN,
	    beacon ? LEGS_WAITING : LEGS_DIALLED, options);
	config->uplink.most = TUNNELS_MOST;
	config->offered = on_offered;
	config->ctx = e;
}

static int reload(void *ctx, struct fault *fault)
{
	struct expose *e = ctx;
	struct trunk_config config;

	configure(e, &config);
	return trunk_reload(e->trunk, &config, fault);
}

static int open_trunk(void *ctx, struct loop *loop, struct fault *fault)
{
	struct expose *e = ctx;
	struct trunk_config config;
	const char *address;
	int r;

	e->loop = loop;
	configure(e, &config);
	r = trunk_open(&e->trunk, loop, &config, fault);
	if (r)
		return r;
	address = route_address(uplink_route(trunk_uplink(e->trunk)));
	if (address)
		daemon_listening("tunnels", address);
	for (size_t i = 0; i < e->targets.n; i++)
		log_info("exposed", LOG_STR("name", e->targets.target[i].name),
		    LOG_PLACE("target", e->targets.target[i].address));
	return 0;
}

static void close_trunk(void *ctx)
{
	struct expose *e = ctx;

	while (!TAILQ_EMPTY(&e->sessions))
		session_free(TAILQ_FIRST(&e->sessions));
	trunk_close(e->trunk);
}

static const char *ready(void *ctx)
{
	return pipe_ready(((struct expose *)ctx)->trunk, TRUNK_LISTEN);
}

static void drain(void *ctx)
{
	const struct expose *e = ctx;

	pipe_drain(e->trunk, e->config->pipe.drain_ms);
}

static bool busy(void *ctx)
{
	return pipe_busy(((struct expose *)ctx)->trunk);
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct config *config = from;
	struct expose e = { .config = config };
	struct pipe_program program = {
		.options = &config->pipe,
		.open = open_trunk,
		.close = close_trunk,
		.ready = ready,
		.reload = reload,
		.drain = drain,
		.busy = busy,
		.drain_ms = config->pipe.drain_ms,
		.ctx = &e,
		.targets = &e.targets,
		.metrics = &e.meter.registry,
	};
	int r = pipe_options_check(&config->pipe, fault);

	(void)words;
	if (!r)
		r = pipe_targets_read(&e.targets, &config->to, fault);
	if (r)
		return r;
	TAILQ_INIT(&e.sessions);
	pipe_meter_init(&e.meter, &e.counts, &e.trunk);
	return pipe_run(&program, fault);
}

/* ---- options */

static const struct option_row rows[] = {
	PIPE_OPTION_ROWS(struct config, pipe),
	{ .name = "to",
	    .metavar = "[NAME=]HOST:PORT",
	    .help = "a service to expose; repeatable",
	    .detail = "Nothing else is ever dialled. With several, each but "
		      "one has a name, which the other side asks for.",
	    .type = OPTION_LIST,
	    .flags = OPTION_REQUIRED,
	    .offset = offsetof(struct config, to) },
};

static const struct option_table table = {
	.program = "pharos pipe expose",
	.about = "Let the holders of a pipe certificate reach a service here.",
	.manual = "pharos-pipe(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const struct verb pipe_expose_verb = {
	.name = "expose",
	.about = "let the other side reach a TCP service of this one",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
