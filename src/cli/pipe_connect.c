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

struct connect {
	struct pipe_program program;
	const struct config *config;
	struct listener *listener;
	struct fault fault; /* --stdio: why it ended, if not in order */
};

struct session {
	struct pipe_session pipe;
	struct leg *local; /* until it is joined */
	struct trunk_call *call;
};

static struct connect *connect_of(const struct pipe_session *s)
{
	return CONTAINER_OF(s->sessions, struct connect, program.sessions);
}

static void on_gone(struct pipe_session *pipe)
{
	struct session *s = CONTAINER_OF(pipe, struct session, pipe);
	struct connect *c = connect_of(pipe);

	trunk_call_cancel(s->call);
	leg_reset(s->local);
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

static void on_ended(struct pipe_session *s, const struct pump_result *result)
{
	bool cut = pipe_session_cut(result);

	if (cut)
		fault_set(&connect_of(s)->fault, -ECONNRESET, NULL, "%s",
		    failed_side(result));
	log_info("connection ended", LOG_UINT("to_peer", result->bytes[0]),
	    LOG_UINT("from_peer", result->bytes[1]),
	    LOG_UINT("ms", pipe_session_ms(s)), LOG_BOOL("reset", cut));
}

static void on_called(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct session *s = ctx;
	struct connect *c = connect_of(&s->pipe);

	s->call = NULL;
	if (leg) {
		pipe_session_join(&s->pipe, STEAL(s->local), leg);
		return;
	}
	c->fault = *fault;
	c->program.sessions.counts.failed++;
	if (!c->config->stdio) /* there it is the last word anyway */
		log_warn("no stream", LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	pipe_session_end(&s->pipe);
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
	s->local = local;
	pipe_session_begin(&s->pipe, &c->program.sessions, local);
	r = trunk_call(&s->call, c->program.trunk, c->config->to, on_called, s);
	if (r) {
		c->program.sessions.counts.failed++;
		pipe_session_end(&s->pipe);
	}
	return r;
}

static void on_accepted(void *ctx, int fd, const char *source)
{
	struct connect *c = ctx;
	struct pipe_sessions *sessions = &c->program.sessions;
	struct leg *local;

	(void)source;
	if (pipe_sessions_full(sessions)) {
		close_p(&fd);
		return;
	}
	if (tcp_leg_open(&local, sessions->loop, fd, false)) {
		sessions->counts.failed++;
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
		r = fd_leg_open(&local, c->program.sessions.loop, in, out);
	if (r)
		return fault_set(fault, r, NULL,
		    "standard input and output cannot be used: %s",
		    strerror(-r));
	(void)steal_fd(&in);
	(void)steal_fd(&out);
	return session_begin(c, local);
}

/* ---- its life */

static struct connect *connect_in(struct pipe_program *p)
{
	return CONTAINER_OF(p, struct connect, program);
}

static void configure(struct pipe_program *p, struct trunk_config *out)
{
	const struct config *config = connect_in(p)->config;

	pipe_trunk_config(
	    out, p->side, config->stdio ? 1 : TUNNELS, &config->pipe);
	out->wait_ms = (unsigned)config->wait_ms;
}

static int open_local(struct pipe_program *p, struct fault *fault)
{
	struct connect *c = connect_in(p);
	int r;

	if (c->config->stdio)
		return open_stdio(c, fault);
	r = listen_open(&c->listener, p->sessions.loop, c->config->listen,
	    on_accepted, c, fault);
	if (r)
		fault_wrap(fault, "--listen");
	else
		daemon_listening("local", listen_address(c->listener));
	return r;
}

static void shut(struct pipe_program *p)
{
	listen_close(STEAL(connect_in(p)->listener));
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
	c.program = (struct pipe_program){
		.options = &config->pipe,
		.side = TRUNK_CONNECT,
		.configure = configure,
		.opened = open_local,
		.shut = shut,
		.drain_ms =
		    config->stdio ? LEG_LINGER_MS : config->pipe.drain_ms,
		.quiet = config->stdio,
		.sessions = { .ended = on_ended, .gone = on_gone },
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
