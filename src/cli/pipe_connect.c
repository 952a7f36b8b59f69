/* pharos pipe connect: the side that wants to reach a service.
 *
 * A session is one local connection: accepted on --listen, or standard input
 * and output. It calls a stream (net/trunk.h), is not read until it has one,
 * and is joined to it. One that gets none is reset, so that its client sees a
 * failure and not an empty answer.
 */
#include "base/log.h"
#include "cli/pipe.h"
#include "net/fdleg.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tcp.h"
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { TUNNELS = 2 };

struct config {
	struct pipe_options pipe;
	char *listen, *to;
	bool stdio;
	long wait_ms;
};

struct session;
TAILQ_HEAD(sessions, session);

struct connect {
	struct loop *loop;
	const struct config *config;
	struct trunk *trunk;
	struct listener *listener;
	struct sessions sessions;
	struct pipe_counts counts;
	struct pipe_meter meter;
	struct pipe_program program;
	struct fault fault; /* --stdio: why it ended, if not in order */
};

struct session {
	TAILQ_ENTRY(session) of_connect;
	struct connect *connect;
	struct leg *local; /* until it is joined */
	struct trunk_call *call;
	struct pump *pump;
	uint64_t since;
};

static void session_free(struct session *s)
{
	struct connect *c = s->connect;

	trunk_call_cancel(s->call);
	if (s->pump)
		pump_stop(s->pump);
	leg_reset(s->local);
	TAILQ_REMOVE(&c->sessions, s, of_connect);
	c->counts.open--;
	free(s);
	/* the tunnel ends in order, so that the other side has our last bytes
	 */
	if (c->config->stdio && c->program.daemon)
		daemon_drain(c->program.daemon);
}

static const char *failed_side(const struct pump_result *result)
{
	if (result->failed == 0)
		return "the local connection was reset";
	return result->timed_out
		   ? "one direction had ended, and nothing moved"
		   : "the tunnel, or the other side's connection, "
		     "was cut";
}

static void on_pumped(void *ctx, const struct pump_result *result)
{
	struct session *s = ctx;
	struct connect *c = s->connect;
	bool reset = result->reset || result->timed_out;

	s->pump = NULL;
	c->counts.to_peer += result->bytes[0];
	c->counts.from_peer += result->bytes[1];
	c->counts.reset += reset;
	if (reset)
		fault_set(
		    &c->fault, -ECONNRESET, NULL, "%s", failed_side(result));
	log_info("connection ended", LOG_UINT("to_peer", result->bytes[0]),
	    LOG_UINT("from_peer", result->bytes[1]),
	    LOG_UINT("ms", loop_now(c->loop) - s->since),
	    LOG_BOOL("reset", reset));
	session_free(s);
}

static void on_called(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct session *s = ctx;
	struct connect *c = s->connect;

	s->call = NULL;
	if (!leg) {
		c->fault = *fault;
		c->counts.failed++;
		if (!c->config->stdio) /* there it is the last word anyway */
			log_warn("no stream", LOG_STR("fault", fault->text),
			    LOG_STR("hint", fault->hint));
		session_free(s);
		return;
	}
	c->counts.carried++;
	if (pump_start(&s->pump, STEAL(s->local), leg, PIPE_HALF_CLOSED_MS,
		on_pumped, s))
		session_free(s);
}

/* Before it is joined nothing but LEG_GONE is asked of the local leg. */
static void on_local(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	(void)events;
	session_free(ctx);
}

/* @local is taken. Return: 0; -errno. */
static int session_begin(struct connect *c, struct leg *local)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		leg_reset(local);
		return -ENOMEM;
	}
	s->connect = c;
	s->local = local;
	s->since = loop_now(c->loop);
	TAILQ_INSERT_TAIL(&c->sessions, s, of_connect);
	c->counts.open++;
	leg_handle(local, on_local, s);
	leg_want(local, 0);
	r = trunk_call(&s->call, c->trunk, c->config->to, on_called, s);
	if (r) {
		c->counts.failed++;
		session_free(s);
	}
	return r;
}

static void on_accepted(void *ctx, int fd, const char *source)
{
	struct connect *c = ctx;
	struct leg *local;

	(void)source;
	if (c->counts.open >= PIPE_CONNECTIONS_MOST) {
		c->counts.full++;
		close_p(&fd);
		return;
	}
	if (tcp_leg_open(&local, c->loop, fd, false)) {
		c->counts.failed++;
		close_p(&fd);
		return;
	}
	(void)session_begin(c, local);
}

/* ---- --stdio */

/* @fd moved away from the first three, where the null device takes its place:
 * nothing that is opened later comes to stand there. */
static int move_away(int fd, int access)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	int null = open("/dev/null", access | O_CLOEXEC);

	if (moved >= 0 && null >= 0)
		(void)dup2(null, fd);
	if (null >= 0)
		close(null);
	return moved;
}

static int open_stdio(struct connect *c, struct fault *fault)
{
	CLEANUP(close_p) int in = move_away(STDIN_FILENO, O_RDONLY);
	CLEANUP(close_p) int out = move_away(STDOUT_FILENO, O_WRONLY);
	struct leg *local;
	int r = in < 0 || out < 0 ? -EBADF : 0;

	if (!r)
		r = fd_leg_open(&local, c->loop, in, out);
	if (r)
		return fault_set(fault, r, NULL,
		    "standard input and output cannot be used: %s",
		    strerror(-r));
	(void)steal_fd(&in);
	(void)steal_fd(&out);
	return session_begin(c, local);
}

/* ---- its life */

static int open_local(struct connect *c, struct fault *fault)
{
	int r;

	if (c->config->stdio)
		return open_stdio(c, fault);
	r = listen_open(
	    &c->listener, c->loop, c->config->listen, on_accepted, c, fault);
	if (r)
		fault_wrap(fault, "--listen");
	else
		daemon_listening("local", listen_address(c->listener));
	return r;
}

static void configure(struct connect *c, struct trunk_config *config)
{
	pipe_trunk_config(config, TRUNK_CONNECT, c->config->stdio ? 1 : TUNNELS,
	    &c->config->pipe);
	config->wait_ms = (unsigned)c->config->wait_ms;
}

static int reload(void *ctx, struct fault *fault)
{
	struct connect *c = ctx;
	struct trunk_config config;

	configure(c, &config);
	return trunk_reload(c->trunk, &config, fault);
}

static int open_trunk(void *ctx, struct loop *loop, struct fault *fault)
{
	struct connect *c = ctx;
	struct trunk_config config;
	const char *address;
	int r;

	c->loop = loop;
	configure(c, &config);
	r = trunk_open(&c->trunk, loop, &config, fault);
	if (r)
		return r;
	address = route_address(uplink_route(trunk_uplink(c->trunk)));
	if (address)
		daemon_listening("tunnels", address);
	return open_local(c, fault);
}

static void close_trunk(void *ctx)
{
	struct connect *c = ctx;

	while (!TAILQ_EMPTY(&c->sessions))
		session_free(TAILQ_FIRST(&c->sessions));
	listen_close(c->listener);
	trunk_close(c->trunk);
}

static const char *ready(void *ctx)
{
	return pipe_ready(((struct connect *)ctx)->trunk, TRUNK_CONNECT);
}

static void drain(void *ctx)
{
	struct connect *c = ctx;

	listen_close(STEAL(c->listener));
	pipe_drain(c->trunk, c->program.drain_ms);
}

static bool busy(void *ctx)
{
	return pipe_busy(((struct connect *)ctx)->trunk);
}

static int check(const struct config *config, struct fault *fault)
{
	int r = pipe_options_check(&config->pipe, fault);

	if (r)
		return r;
	if (!config->stdio == !config->listen)
		return fault_set(fault, OPTION_E_BAD,
		    "--listen 127.0.0.1:2222 for any client, --stdio as "
		    "ProxyCommand of ssh",
		    config->stdio ? "--stdio and --listen exclude each other"
				  : "nothing says where connections come from");
	if (config->stdio && config->pipe.health_addr)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--health-addr does not go with --stdio");
	if (config->to && !trunk_name_ok(config->to))
		return fault_set(fault, OPTION_E_BAD,
		    "It is a name that the other side has given with its own "
		    "--to NAME=HOST:PORT.",
		    "--to %.80s: not a name", config->to);
	return 0;
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct config *config = from;
	struct connect c = { .config = config, .fault = FAULT_NONE };
	int r = check(config, fault);

	(void)words;
	if (r)
		return r;
	TAILQ_INIT(&c.sessions);
	pipe_meter_init(&c.meter, &c.counts, &c.trunk);
	c.program = (struct pipe_program){
		.options = &config->pipe,
		.open = open_trunk,
		.close = close_trunk,
		.ready = ready,
		.reload = reload,
		.drain = drain,
		.busy = busy,
		.drain_ms =
		    config->stdio ? LEG_LINGER_MS : config->pipe.drain_ms,
		.ctx = &c,
		.metrics = &c.meter.registry,
		.quiet = config->stdio,
	};
	r = pipe_run(&c.program, fault);
	if (r || !config->stdio || !c.fault.code)
		return r;
	*fault = c.fault;
	return fault->code;
}

/* ---- options */

static const struct option_row rows[] = {
	PIPE_OPTION_ROWS(struct config, pipe),
	{ .name = "listen",
	    .metavar = "ADDRESS",
	    .help = "take connections there, and carry each",
	    .detail = "127.0.0.1:2222 is for this machine only; :2222 for "
		      "everybody who reaches it.",
	    .type = OPTION_TEXT,
	    .offset = offsetof(struct config, listen) },
	{ .name = "stdio",
	    .help = "carry standard input and output",
	    .detail = "For ssh's ProxyCommand. Ends when both directions have "
		      "ended; logs warnings only, unless --log-level is "
		      "debug.",
	    .initial = "false",
	    .type = OPTION_BOOL,
	    .offset = offsetof(struct config, stdio) },
	{ .name = "to",
	    .metavar = "NAME",
	    .help = "which service, where several are exposed",
	    .type = OPTION_TEXT,
	    .offset = offsetof(struct config, to) },
	{ .name = "wait",
	    .metavar = "DURATION",
	    .help = "how long a connection waits for a tunnel",
	    .initial = "30s",
	    .type = OPTION_DURATION,
	    .least = 1,
	    .most = 24L * 60 * 60 * 1000,
	    .offset = offsetof(struct config, wait_ms) },
};

static const struct option_table table = {
	.program = "pharos pipe connect",
	.about = "Reach a service that the other side exposes.",
	.manual = "pharos-pipe(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const struct verb pipe_connect_verb = {
	.name = "connect",
	.about = "reach a TCP service of the other side",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
