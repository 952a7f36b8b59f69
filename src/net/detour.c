/* A detour asks and hears, once with HTTP, up to three times with SOCKS:
 *
 *   TLS        with the proxy itself, for https://       then CONNECT
 *   CONNECT    the request, the head of the reply        then done
 *   GREETING   which logins we have, which one it takes  then LOGIN or REQUEST
 *   LOGIN      user and password, its verdict            then REQUEST
 *   REQUEST    where to, its reply                       then done
 *
 * Each is written whole before anything is read, and never a byte is read that
 * is not the proxy's: what the target says at once stays where it is. What was
 * written is wiped as soon as it is out, since a password may be in it.
 */
#include "net/detour.h"
#include "net/loop.h"
#include "net/shake.h"
#include "wire/connect.h"
#include "wire/socks.h"

#include <stdio.h>

enum { SHAKE_MS = 30000, STEPS_A_TURN = 256 };

enum detour_state { TLS, CONNECT, GREETING, LOGIN, REQUEST, STATES };

struct detour {
	struct leg *leg;
	struct tls_shake *shake;
	const struct egress_proxy *proxy;
	struct address to;
	enum detour_state state;
	detour_fn fn;
	void *ctx;
	size_t n_out, sent, have;
	uint8_t out[CONNECT_HEAD_MOST], in[CONNECT_HEAD_MOST];
};

_Static_assert(
    (int)SOCKS_MOST <= (int)CONNECT_HEAD_MOST, "one buffer for both");

static void detour_move(struct detour *d, enum detour_state to)
{
	static const unsigned next[STATES] = {
		[TLS] = 1U << CONNECT,
		[CONNECT] = 0,
		[GREETING] = 1U << LOGIN | 1U << REQUEST,
		[LOGIN] = 1U << REQUEST,
		[REQUEST] = 0,
	};

	INVARIANT(next[d->state] & 1U << to);
	d->state = to;
}

/* Of the leg, the caller. */
static void detour_free(struct detour *d)
{
	tls_shake_cancel(d->shake);
	secret_wipe(d->out, sizeof(d->out));
	free(d);
}

void detour_cancel(struct detour *d)
{
	if (!d)
		return;
	leg_reset(d->leg);
	detour_free(d);
}

const char *detour_silence(const struct detour *d)
{
	static const char *const words[STATES] = {
		[TLS] = "TLS with it",
		[CONNECT] = "CONNECT",
		[GREETING] = "a SOCKS greeting",
		[LOGIN] = "a SOCKS login",
		[REQUEST] = "a SOCKS request",
	};

	return words[d->state];
}

/* ---- the end ------------------------------------------------------------- */

static void detour_end(
    struct detour *d, struct leg *leg, const struct fault *fault)
{
	detour_fn fn = d->fn;
	void *ctx = d->ctx;

	if (leg) {
		leg_want(leg, 0);
		leg_handle(leg, NULL, NULL);
	}
	detour_free(d);
	fn(ctx, leg, fault);
}

/* The fault does not name the proxy yet. */
static void fail_with(struct detour *d, struct fault *fault)
{
	fault_wrap(fault, "%s", d->proxy->target);
	leg_reset(STEAL(d->leg));
	detour_end(d, NULL, fault);
}

static void fail(struct detour *d, int code, const char *hint, const char *text)
{
	struct fault fault = FAULT_NONE;

	fault_set(&fault, code, hint, "%s", text);
	fail_with(d, &fault);
}

static const char not_it[] =
    "does the URL name the right port, and the kind of proxy that is there?";

/* What it says is not what such a proxy says. */
static void fail_protocol(struct detour *d)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "it answers %s with something else",
	    detour_silence(d));
	fail(d, -EPROTO, not_it, text);
}

/* ---- HTTP ---------------------------------------------------------------- */

static int write_connect(struct detour *d)
{
	const struct egress_proxy *p = d->proxy;
	struct connect_request q = { .port = d->to.port, .login = p->user };
	int r;

	(void)snprintf(q.host, sizeof(q.host), "%s", d->to.host);
	if (q.login) {
		(void)snprintf(
		    q.user, sizeof(q.user), "%s", secret_bytes(p->user));
		(void)snprintf(q.password, sizeof(q.password), "%s",
		    secret_bytes(p->password));
	}
	r = connect_write_request(&q, d->out, sizeof(d->out), &d->n_out);
	secret_wipe(&q, sizeof(q));
	return r;
}

static const char *connect_hint(const struct detour *d, int status)
{
	switch (status) {
	case 401:
	case 407:
		return d->proxy->user
			   ? "it does not take this user and password; they "
			     "are percent-encoded in the proxy's URL"
			   : "give a login in the proxy's URL, "
			     "http://USER:PASSWORD@HOST:PORT; of the ways to "
			     "log in only Basic is spoken";
	case 403:
	case 405:
		return "its rules forbid that; have CONNECT to this host and "
		       "port allowed there";
	case 502:
	case 503:
	case 504:
		return "the proxy cannot reach that address: check it, and "
		       "the proxy's own network and name servers";
	default:
		return "see the log of the proxy";
	}
}

static void refused(struct detour *d, const struct connect_reply *reply)
{
	struct fault fault = FAULT_NONE;

	fault_set(&fault, -ECONNREFUSED, connect_hint(d, reply->status),
	    "it answers CONNECT %s:%u with %d%s%s", d->to.host, d->to.port,
	    reply->status, *reply->reason ? " " : "", reply->reason);
	fail_with(d, &fault);
}

static bool hear_connect(struct detour *d)
{
	struct connect_reply reply;

	if (connect_read_reply(&reply, d->in, d->have))
		fail_protocol(d);
	else if (reply.status / 100 != 2)
		refused(d, &reply);
	else
		detour_end(d, STEAL(d->leg), NULL);
	return false;
}

static int need_connect(const struct detour *d, size_t *need)
{
	return connect_need(true, d->in, d->have, need);
}

/* ---- SOCKS --------------------------------------------------------------- */

static int put(struct detour *d, const struct socks *m)
{
	return socks_write(m, d->out, sizeof(d->out), &d->n_out);
}

static int write_greeting(struct detour *d)
{
	return put(d, &(struct socks){ .kind = SOCKS_GREETING,
			  .u.password = d->proxy->user });
}

static int write_login(struct detour *d)
{
	struct socks m = { .kind = SOCKS_LOGIN };
	int r;

	(void)snprintf(m.u.login.user, sizeof(m.u.login.user), "%s",
	    secret_bytes(d->proxy->user));
	(void)snprintf(m.u.login.password, sizeof(m.u.login.password), "%s",
	    secret_bytes(d->proxy->password));
	r = put(d, &m);
	secret_wipe(&m, sizeof(m));
	return r;
}

static int write_request(struct detour *d)
{
	struct socks m = { .kind = SOCKS_REQUEST };

	(void)snprintf(
	    m.u.request.host, sizeof(m.u.request.host), "%s", d->to.host);
	m.u.request.port = d->to.port;
	return put(d, &m);
}

static const enum socks_message answers[STATES] = {
	[GREETING] = SOCKS_CHOICE,
	[LOGIN] = SOCKS_VERDICT,
	[REQUEST] = SOCKS_REPLY,
};

static int need_socks(const struct detour *d, size_t *need)
{
	return socks_need(answers[d->state], d->in, d->have, need);
}

static bool hear_choice(struct detour *d, const struct socks *m)
{
	if (m->u.choice == SOCKS_OPEN) {
		detour_move(d, REQUEST);
		return true;
	}
	if (m->u.choice == SOCKS_PASSWORD && d->proxy->user) {
		detour_move(d, LOGIN);
		return true;
	}
	fail(d, -EACCES,
	    "give a login in the proxy's URL, socks5://USER:PASSWORD@"
	    "HOST:PORT; of the ways to log in only that is spoken",
	    d->proxy->user ? "it takes no user and password"
			   : "it asks for a login");
	return false;
}

static bool hear_verdict(struct detour *d, const struct socks *m)
{
	if (!m->u.verdict) {
		detour_move(d, REQUEST);
		return true;
	}
	fail(d, -EACCES, "they are percent-encoded in the proxy's URL",
	    "it does not take this user and password");
	return false;
}

static bool hear_reply(struct detour *d, const struct socks *m)
{
	struct fault fault = FAULT_NONE;

	if (!m->u.reply) {
		detour_end(d, STEAL(d->leg), NULL);
		return false;
	}
	fault_set(&fault, -ECONNREFUSED,
	    m->u.reply == 2
		? "have this host and port allowed there"
		: "the proxy cannot reach that address: check it, and the "
		  "proxy's own network and name servers",
	    "it cannot connect to %s:%u: %s", d->to.host, d->to.port,
	    socks_reply_text(m->u.reply));
	fail_with(d, &fault);
	return false;
}

static bool hear_socks(struct detour *d)
{
	struct socks m;

	if (socks_read(&m, answers[d->state], d->in, d->have)) {
		fail_protocol(d);
		return false;
	}
	switch (m.kind) {
	case SOCKS_CHOICE:
		return hear_choice(d, &m);
	case SOCKS_VERDICT:
		return hear_verdict(d, &m);
	default:
		return hear_reply(d, &m);
	}
}

/* ---- asking and hearing -------------------------------------------------- */

/* hear: return whether there is another question, in d->state; if not, the
 * detour is gone. */
static const struct {
	int (*ask)(struct detour *d);
	int (*need)(const struct detour *d, size_t *need);
	bool (*hear)(struct detour *d);
} steps[STATES] = {
	[CONNECT] = { write_connect, need_connect, hear_connect },
	[GREETING] = { write_greeting, need_socks, hear_socks },
	[LOGIN] = { write_login, need_socks, hear_socks },
	[REQUEST] = { write_request, need_socks, hear_socks },
};

static int ask(struct detour *d)
{
	d->have = d->sent = d->n_out = 0;
	return steps[d->state].ask(d);
}

enum progress { AGAIN, LATER, OVER };

static enum progress broken_off(struct detour *d, ssize_t n)
{
	struct fault fault = FAULT_NONE;

	if (n < 0 && leg_fault(d->leg)->text[0])
		fault = *leg_fault(d->leg);
	else
		fault_set(&fault, n ? (int)n : -ECONNRESET, NULL,
		    "it closed the connection");
	if (!fault.hint[0])
		fault_set(&fault, fault.code, not_it, "%s",
		    n ? "the connection broke" : "it closed the connection");
	fault_wrap(&fault, "asked for %s:%u", d->to.host, d->to.port);
	fail_with(d, &fault);
	return OVER;
}

static enum progress write_some(struct detour *d)
{
	ssize_t n = leg_write(d->leg, d->out + d->sent, d->n_out - d->sent);

	if (n == -EAGAIN || !n)
		return LATER;
	if (n < 0)
		return broken_off(d, n);
	d->sent += (size_t)n;
	if (d->sent == d->n_out)
		secret_wipe(d->out, d->n_out);
	return AGAIN;
}

static enum progress hear(struct detour *d)
{
	if (!steps[d->state].hear(d))
		return OVER;
	if (!ask(d))
		return AGAIN;
	fail(d, -EINVAL, NULL, "the address cannot be said to such a proxy");
	return OVER;
}

static enum progress read_some(struct detour *d)
{
	size_t need = 0;
	ssize_t n;

	if (steps[d->state].need(d, &need)) {
		fail_protocol(d);
		return OVER;
	}
	if (!need)
		return hear(d);
	n = leg_read(d->leg, d->in + d->have, need);
	if (n == -EAGAIN)
		return LATER;
	if (n <= 0)
		return broken_off(d, n);
	d->have += (size_t)n;
	return AGAIN;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct detour *d = ctx;
	enum progress progress = AGAIN;

	if (events & LEG_GONE)
		d->sent = d->n_out; /* what it said last is still to be read */
	for (int i = 0; i < STEPS_A_TURN && progress == AGAIN; i++)
		progress = d->sent < d->n_out ? write_some(d) : read_some(d);
	if (progress != OVER)
		leg_want(leg, d->sent < d->n_out ? LEG_WRITE : LEG_READ);
}

static void begin(struct detour *d)
{
	leg_handle(d->leg, on_leg, d);
	leg_want(d->leg, LEG_WRITE);
}

/* ---- TLS with the proxy -------------------------------------------------- */

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct detour *d = ctx;
	struct fault own;

	(void)why;
	d->shake = NULL;
	d->leg = leg;
	if (!leg) {
		own = *fault;
		fail_with(d, &own);
		return;
	}
	detour_move(d, CONNECT);
	if (ask(d))
		fail(d, -EINVAL, NULL, "the address cannot be said to it");
	else
		begin(d);
}

static int shake(struct detour *d)
{
	struct leg *leg = STEAL(d->leg);
	const struct tls_shake_order order = {
		.lower = leg,
		.context = d->proxy->tls,
		.name = d->proxy->where.host,
		.ms = SHAKE_MS,
		.fn = on_shaken,
		.ctx = d,
	};

	return tls_shake(&d->shake, &order);
}

int detour_open(struct detour **out, struct leg *leg,
    const struct egress_proxy *proxy, const struct address *to, detour_fn fn,
    void *ctx, struct fault *fault)
{
	static const enum detour_state first[EGRESS_KINDS] = {
		[EGRESS_HTTP] = CONNECT,
		[EGRESS_HTTPS] = TLS,
		[EGRESS_SOCKS5] = GREETING,
	};
	struct detour *d = calloc(1, sizeof(*d));
	int r;

	if (!d) {
		leg_reset(leg);
		return -ENOMEM;
	}
	d->leg = leg;
	d->proxy = proxy;
	d->to = *to;
	d->state = first[proxy->kind];
	d->fn = fn;
	d->ctx = ctx;
	r = d->state == TLS ? shake(d) : ask(d);
	if (r) {
		detour_cancel(d);
		return r == -ENOMEM ? r
				    : fault_set(fault, r, NULL,
					  "%s: the address %s:%u cannot be "
					  "said to it",
					  proxy->target, to->host, to->port);
	}
	if (d->state != TLS)
		begin(d);
	*out = d;
	return 0;
}
