/* cli/pipe.c: see the header. */
#include "cli/pipe.h"
#include "base/log.h"
#include "net/egress.h"
#include "net/loop.h"

/* ---- options */

static int one_way(struct fault *fault, const char *text)
{
	return fault_set(fault, OPTION_E_BAD,
	    "Give --beacon-address, or --dial on one side and --accept on the "
	    "other.",
	    "%s", text);
}

int pipe_options_check(const struct pipe_options *options, struct fault *fault)
{
	const struct uplink_options *uplink = &options->uplink;
	size_t beacons = uplink->beacon_address.n_items;
	size_t targets =
	    beacons > options->dial.n_items ? beacons : options->dial.n_items;
	const char *const *peers = (const char *const *)options->peer.items;
	int ways =
	    (beacons > 0) + (options->dial.n_items > 0) + !!options->accept;

	if (!ways)
		return one_way(
		    fault, "nothing says how to meet the other side");
	if (ways > 1)
		return one_way(fault,
		    "--beacon-address, --dial and --accept are three ways to "
		    "meet; one can be used");
	if (!beacons && (uplink->beacon_ca || uplink->beacon_pin))
		return one_way(
		    fault, "--beacon-ca and --beacon-pin are for beacons");
	if (targets > ROUTE_TARGETS_MAX)
		return fault_set(fault, OPTION_E_BAD,
		    "Leave out those that are farthest away.",
		    "%zu addresses to dial, at most %d are used", targets,
		    ROUTE_TARGETS_MAX);
	for (size_t i = 0; i < options->peer.n_items; i++)
		if (!role_name_ok(peers[i]))
			return fault_set(fault, OPTION_E_BAD, NULL,
			    "--peer %.80s: not a certificate's name", peers[i]);
	return 0;
}

static void use_dial(
    struct route_config *route, const struct pipe_options *options)
{
	route->kind = ROUTE_DIAL;
	route->option = "--dial";
	route->targets = (const char *const *)options->dial.items;
	route->n_targets = options->dial.n_items;
}

static void use_accept(
    struct route_config *route, const struct pipe_options *options)
{
	route->kind = ROUTE_ACCEPT;
	route->option = "--accept";
	route->targets = (const char *const *)&options->accept;
	route->n_targets = 1;
}

struct uplink_options pipe_uplink_options(const struct pipe_options *options)
{
	struct uplink_options uplink = options->uplink;

	uplink.mode =
	    uplink.beacon_address.n_items ? UPLINK_BEACON : UPLINK_REVERSE;
	return uplink;
}

void pipe_trunk_config(struct trunk_config *out, enum trunk_side side,
    unsigned count, const struct pipe_options *options)
{
	const struct uplink_options uplink = pipe_uplink_options(options);
	struct route_config *route = &out->uplink.route;

	*out = (struct trunk_config){ .side = side };
	out->uplink.role = out->uplink.peer_role = ROLE_PIPE;
	out->uplink.peer_names = (const char *const *)options->peer.items;
	out->uplink.n_peer_names = options->peer.n_items;
	uplink_options_use(&uplink, &out->uplink);
	if (options->dial.n_items)
		use_dial(route, options);
	else if (options->accept)
		use_accept(route, options);
	route->keep = side == TRUNK_LISTEN ? ROUTE_EVERY : ROUTE_SOME;
	route->count = count;
	if (side == TRUNK_CONNECT && route->n_targets < count)
		route->count = (unsigned)route->n_targets;
}

/* ---- counting */

static uint64_t read_tunnels(void *ctx)
{
	const struct pipe_program *p = ctx;

	return uplink_up(trunk_uplink(p->trunk));
}

static uint64_t read_waiting(void *ctx)
{
	const struct pipe_program *p = ctx;

	return uplink_waiting(trunk_uplink(p->trunk));
}

#define NAME(x) "pharos_pipe_" x

static void meter_init(struct pipe_program *p)
{
	const struct pipe_counts *counts = &p->sessions.counts;
	struct pipe_meter *m = &p->meter;
	const struct metric_row rows[] = {
		{ NAME("tunnels"), NULL, "tunnels that are up", METRIC_GAUGE,
		    NULL, read_tunnels, p },
		{ NAME("waiting"), NULL, "legs waiting or on their way",
		    METRIC_GAUGE, NULL, read_waiting, p },
		{ NAME("connections"), NULL, "connections that are open",
		    METRIC_GAUGE, &counts->open },
		{ NAME("connections_total"), "result=\"carried\"",
		    "connections, by what came of them", METRIC_COUNTER,
		    &counts->carried },
		{ NAME("connections_total"), "result=\"failed\"", NULL,
		    METRIC_COUNTER, &counts->failed },
		{ NAME("connections_total"), "result=\"refused\"", NULL,
		    METRIC_COUNTER, &counts->refused },
		{ NAME("connections_total"), "result=\"full\"", NULL,
		    METRIC_COUNTER, &counts->full },
		{ NAME("resets_total"), NULL,
		    "connections that did not end in order", METRIC_COUNTER,
		    &counts->reset },
		{ NAME("bytes_total"), "direction=\"to_peer\"",
		    "bytes of connections that have ended", METRIC_COUNTER,
		    &counts->to_peer },
		{ NAME("bytes_total"), "direction=\"from_peer\"", NULL,
		    METRIC_COUNTER, &counts->from_peer },
	};

	_Static_assert(N_ELEMS(rows) <= N_ELEMS(m->rows), "room for all");
	*m = (struct pipe_meter){ .table = { .n_rows = N_ELEMS(rows) } };
	memcpy(m->rows, rows, sizeof(rows));
	m->table.rows = m->rows;
	metric_add(&m->registry, &m->table);
	metric_add(&m->registry, http_metrics());
}

/* ---- running */

static int reload(void *ctx, struct fault *fault)
{
	struct pipe_program *p = ctx;
	struct trunk_config config;

	p->configure(p, &config);
	return trunk_reload(p->trunk, &config, fault);
}

/* Who listens is ready while a leg waits, too. */
static const char *ready(void *ctx)
{
	const struct pipe_program *p = ctx;
	const struct uplink *uplink = trunk_uplink(p->trunk);

	if (uplink_up(uplink))
		return NULL;
	if (p->side == TRUNK_LISTEN && uplink_waiting(uplink))
		return NULL;
	return "no tunnel to the other side is up";
}

/* Tunnels take no more streams, and end with those that run; what is left at
 * the drain's deadline is not theirs to cut. */
static void drain(void *ctx)
{
	enum { LATER_MS = 1000 };
	struct pipe_program *p = ctx;

	if (p->shut)
		p->shut(p);
	trunk_drain(p->trunk, (unsigned)p->drain_ms + LATER_MS);
}

static bool busy(void *ctx)
{
	const struct pipe_program *p = ctx;

	return uplink_busy(trunk_uplink(p->trunk));
}

static int open_all(
    struct pipe_program *p, struct loop *loop, struct fault *fault)
{
	struct trunk_config config;
	const char *address;
	int r;

	p->sessions.loop = loop;
	p->configure(p, &config);
	r = trunk_open(&p->trunk, loop, &config, fault);
	if (r)
		return r;
	address = route_address(uplink_route(trunk_uplink(p->trunk)));
	if (address)
		daemon_listening("tunnels", address);
	return p->opened(p, fault);
}

static void close_all(struct pipe_program *p)
{
	pipe_sessions_end(&p->sessions);
	if (p->shut)
		p->shut(p);
	trunk_close(p->trunk);
}

static int serve(struct pipe_program *p, struct loop *loop,
    const struct profile *profile, struct fault *fault)
{
	const char *const files[] = { UPLINK_OPTION_FILES(p->options->uplink) };
	const struct daemon_config config = {
		.common = &p->options->common,
		.health_address = p->options->health_addr,
		.metrics = &p->meter.registry,
		.ready = ready,
		.reload = reload,
		.files = files,
		.n_files = N_ELEMS(files),
		.drain = drain,
		.busy = busy,
		.drain_ms = p->drain_ms,
		.ctx = p,
		.profile = &profile->isolate,
		.descriptors = PIPE_DESCRIPTORS,
	};
	int r = daemon_open(&p->daemon, loop, &config, fault);

	if (!r)
		r = daemon_run(p->daemon);
	daemon_close(STEAL(p->daemon));
	return r == DAEMON_E_CUT ? VERB_E_CUT : r;
}

int pipe_run(struct pipe_program *p, struct fault *fault)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(profile_deinit) struct profile profile;
	struct option_common common = p->options->common;
	struct egress *egress = NULL;
	/* before egress_open() wipes the option with the proxy's login */
	int r = pipe_profile(&profile, p, fault);

	if (!r)
		r = loop_new(&loop);
	TAILQ_INIT(&p->sessions.all);
	meter_init(p);
	if (p->quiet && common.log_level == LOG_LEVEL_INFO)
		common.log_level = LOG_LEVEL_WARN;
	option_log("pipe", &common);
	if (!r)
		r = egress_open(
		    &egress, loop, p->options->uplink.egress_proxy, fault);
	if (!r)
		r = open_all(p, loop, fault);
	if (!r)
		r = serve(p, loop, &profile, fault);
	close_all(p);
	egress_close(egress, loop);
	if (r < 0 && !fault->code)
		fault_set(fault, r, NULL, "%s", strerror(-r));
	return r;
}

/* ---- the group */

static const struct verb *const members[] = {
	&pipe_expose_verb,
	&pipe_connect_verb,
};

const struct verb pipe_verbs = {
	.name = "pipe",
	.about = "TCP services over a tunnel, without an open port",
	.verbs = members,
	.n_verbs = N_ELEMS(members),
};
