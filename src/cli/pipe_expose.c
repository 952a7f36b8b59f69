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
#include <stdio.h>

/* Legs that wait at each beacon, tunnels to each peer that is dialled; and
 * tunnels in all. */
enum { LEGS_WAITING = 4, LEGS_DIALLED = 1, TUNNELS_MOST = 256 };

struct config {
	struct pipe_options pipe;
	struct option_list to;
};

struct expose {
	struct pipe_program program;
	struct pipe_targets targets;
};

struct session {
	struct pipe_session pipe;
	const struct pipe_target *target;
	struct http_stream *stream; /* not accepted yet */
	struct dial *dial;
	char peer[ROLE_NAME_MOST + 1];
};

static void on_gone(struct pipe_session *pipe)
{
	struct session *s = CONTAINER_OF(pipe, struct session, pipe);

	dial_cancel(s->dial);
	if (s->stream)
		http_stream_abandon(s->stream);
	free(s);
}

static void on_ended(
    struct pipe_session *pipe, const struct pump_result *result)
{
	const struct session *s = CONTAINER_OF(pipe, struct session, pipe);

	log_info("connection ended", LOG_STR("peer", s->peer),
	    LOG_PLACE("target", s->target->address),
	    LOG_UINT("from_peer", result->bytes[1]),
	    LOG_UINT("to_peer", result->bytes[0]),
	    LOG_UINT("ms", pipe_session_ms(pipe)),
	    LOG_BOOL("reset", pipe_session_cut(result)));
}

static void session_join(struct session *s, struct leg *target)
{
	struct leg *peer = trunk_accept(STEAL(s->stream));

	if (peer) {
		pipe_session_join(&s->pipe, target, peer);
		return;
	}
	leg_reset(target);
	pipe_session_end(&s->pipe);
}

static void session_fail(struct session *s, const struct fault *fault)
{
	char text[160];

	s->pipe.sessions->counts.failed++;
	log_warn("target failed", LOG_STR("peer", s->peer),
	    LOG_PLACE("target", s->target->address),
	    LOG_STR("fault", fault->text), LOG_STR("hint", fault->hint));
	(void)snprintf(text, sizeof(text),
	    "the target %s%scannot be reached; the other side's log says why",
	    s->target->name, s->target->name[0] ? " " : "");
	trunk_refuse(STEAL(s->stream), 502, text);
	pipe_session_end(&s->pipe);
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

static struct session *session_new(struct expose *e, struct http_stream *stream,
    const struct pipe_target *target, const char *peer)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->target = target;
	s->stream = stream;
	(void)snprintf(s->peer, sizeof(s->peer), "%s", peer);
	pipe_session_begin(
	    &s->pipe, &e->program.sessions, http_stream_leg(stream));
	return s;
}

static void begin(struct expose *e, struct http_stream *stream,
    const struct pipe_target *target, const char *peer)
{
	struct session *s = session_new(e, stream, target, peer);
	struct fault fault = FAULT_NONE;

	if (!s) {
		e->program.sessions.counts.failed++;
		trunk_refuse(stream, 503, "out of memory");
		return;
	}
	if (dial_open_near(&s->dial, e->program.sessions.loop, target->address,
		PIPE_DIAL_MS, on_dialled, s, &fault))
		session_fail(s, &fault);
}

static void on_offered(
    void *ctx, struct http_stream *stream, const char *name, const char *peer)
{
	struct expose *e = ctx;
	const struct pipe_target *target = pipe_targets_find(&e->targets, name);

	if (!target) {
		e->program.sessions.counts.refused++;
		log_warn("refused", LOG_STR("peer", peer),
		    LOG_STR("name", name),
		    LOG_STR("fault", "no target of that name"));
		trunk_refuse(stream, 404,
		    *name ? "no target of that name is offered"
			  : "the targets have names; ask for one");
		return;
	}
	if (pipe_sessions_full(&e->program.sessions)) {
		trunk_refuse(stream, 503, "too many connections at once");
		return;
	}
	begin(e, stream, target, peer);
}

/* ---- its life */

static void configure(struct pipe_program *p, struct trunk_config *out)
{
	bool beacon = p->options->uplink.beacon_address.n_items > 0;

	pipe_trunk_config(
	    out, p->side, beacon ? LEGS_WAITING : LEGS_DIALLED, p->options);
	out->uplink.most = TUNNELS_MOST;
	out->offered = on_offered;
	out->ctx = CONTAINER_OF(p, struct expose, program);
}

static int tell_targets(struct pipe_program *p, struct fault *fault)
{
	const struct pipe_targets *targets = p->targets;

	(void)fault;
	for (size_t i = 0; i < targets->n; i++)
		log_info("exposed", LOG_STR("name", targets->target[i].name),
		    LOG_PLACE("target", targets->target[i].address));
	return 0;
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct config *config = from;
	struct expose e = { .program = {
				.options = &config->pipe,
				.side = TRUNK_LISTEN,
				.configure = configure,
				.opened = tell_targets,
				.drain_ms = config->pipe.drain_ms,
				.sessions = { .ended = on_ended,
				    .gone = on_gone },
			    } };
	int r = pipe_options_check(&config->pipe, fault);

	(void)words;
	if (!r)
		r = pipe_targets_read(&e.targets, &config->to, fault);
	if (r)
		return r;
	e.program.targets = &e.targets;
	return pipe_run(&e.program, fault);
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
