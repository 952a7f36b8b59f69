/* net/trunk.c
 *
 * A listening trunk is an HTTP handler for CONNECT; a connecting one is a list
 * of calls that have no stream yet:
 *
 *   WAITING  for a tunnel that takes a stream. A new tunnel, and while one is
 *            up but full a look every TRUNK_LOOK_MS, wakes all of them, the
 *            oldest first. The call's own deadline is wait_ms.
 *   ASKING   CONNECT is sent (net/ask.h, with its deadlines). If the peer says
 *            that it did not handle it, as at the end of a tunnel, the call
 *            goes back to WAITING, TRUNK_TRIES_MOST times at most and within
 *            its deadline. Anything else is the answer.
 *
 * A call leaves the list before its owner is told, so it may call again from
 * there. Calls that wait are started from a posted task, never from inside a
 * call of the owner or of the uplink.
 */
#include "net/trunk.h"
#include "base/text.h"
#include "net/ask.h"
#include "net/loop.h"
#include <assert.h>
#include <stdio.h>
#include <sys/queue.h>

#define TRUNK_DOMAIN "pipe.pharos"
#define TRUNK_PORT   ":443"

enum {
	AUTHORITY_MOST = TRUNK_NAME_MOST + 1 + sizeof(TRUNK_DOMAIN TRUNK_PORT),
	WORDS_MOST = 300,
};

enum call_state { CALL_WAITING, CALL_ASKING };

struct trunk_call {
	TAILQ_ENTRY(trunk_call) of_trunk;
	struct trunk *trunk;
	enum call_state state;
	struct ask *ask; /* ASKING */
	struct wheel_timer timer;
	uint64_t due; /* for a tunnel to ask on */
	unsigned tries;
	char name[TRUNK_NAME_MOST + 1];
	trunk_call_fn fn;
	void *ctx;
};

TAILQ_HEAD(calls, trunk_call);

struct trunk {
	struct loop *loop;
	struct uplink *uplink;
	struct httpd *handlers; /* TRUNK_LISTEN */
	trunk_offered_fn offered;
	uplink_told_fn told;
	void *ctx;
	unsigned wait_ms;
	struct calls calls;
	size_t n_calls;
	struct loop_task task;	 /* starts calls that wait */
	struct wheel_timer look; /* armed while all tunnels are full */
};

bool trunk_name_ok(const char *name)
{
	static_assert((int)TRUNK_NAME_MOST == ROLE_NAME_MOST, "one rule");
	return role_name_ok(name);
}

/* ---- TRUNK_CONNECT */

static void on_task(struct loop_task *task);

static void serve_calls(struct trunk *t)
{
	loop_post(t->loop, &t->task, on_task);
}

static void call_free(struct trunk_call *call)
{
	struct trunk *t = call->trunk;

	loop_cancel(t->loop, &call->timer);
	ask_cancel(call->ask);
	TAILQ_REMOVE(&t->calls, call, of_trunk);
	t->n_calls--;
	free(call);
}

static void call_tell(
    struct trunk_call *call, struct leg *leg, const struct fault *fault)
{
	trunk_call_fn fn = call->fn;
	void *ctx = call->ctx;

	call_free(call);
	fn(ctx, leg, fault);
}

static void call_fail(
    struct trunk_call *call, int code, const char *hint, const char *text)
{
	struct fault fault;

	fault_set(&fault, code, hint, "%s", text);
	call_tell(call, NULL, &fault);
}

/* The peer's own words, when they can be shown. */
static void call_refused(
    struct trunk_call *call, const struct ask_answer *answer)
{
	const char *words = answer->n_body ? answer->body : "no reason given";
	char text[FAULT_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "the peer refused with %d: %.*s",
	    answer->status, WORDS_MOST, words);
	text_tame(text);
	call_fail(call, -ECONNREFUSED, NULL, text);
}

/* Safe only where the peer says that it did not handle it. */
static bool call_again(struct trunk_call *call, enum http_why why)
{
	struct trunk *t = call->trunk;

	if (why != HTTP_WHY_REFUSED || call->tries >= TRUNK_TRIES_MOST ||
	    loop_now(t->loop) >= call->due)
		return false;
	call->state = CALL_WAITING;
	serve_calls(t);
	return true;
}

static void on_answer(void *ctx, struct ask_answer *answer)
{
	struct trunk_call *call = ctx;
	char text[160];

	call->ask = NULL;
	if (answer->leg) {
		call_tell(call, answer->leg, NULL);
		return;
	}
	if (answer->status) {
		call_refused(call, answer);
		return;
	}
	if (answer->late) {
		call_fail(call, -ETIMEDOUT,
		    "is the peer overloaded, or its target slow?",
		    "tunnel: the peer gave no answer in time");
		return;
	}
	if (call_again(call, answer->why))
		return;
	(void)snprintf(text, sizeof(text),
	    "tunnel: no answer from the peer: %s", http_why_text(answer->why));
	call_fail(call, -ECONNRESET, "try again", text);
}

/* Return: false when the tunnel takes no more. */
static bool call_ask(struct trunk_call *call, struct http_conn *conn)
{
	char authority[AUTHORITY_MOST];
	int r;

	(void)snprintf(authority, sizeof(authority), "%s%s%s", call->name,
	    call->name[0] ? "." : "", TRUNK_DOMAIN TRUNK_PORT);
	r = ask_open(
	    &call->ask, conn, authority, TRUNK_ANSWER_MS, on_answer, call);
	if (r > 0)
		return false;
	if (r) {
		call_fail(call, r, NULL, "tunnel: out of memory");
		return true;
	}
	call->state = CALL_ASKING;
	call->tries++;
	return true;
}

static struct trunk_call *first_waiting(struct trunk *t)
{
	struct trunk_call *call;

	TAILQ_FOREACH (call, &t->calls, of_trunk)
		if (call->state == CALL_WAITING)
			return call;
	return NULL;
}

static void on_look(struct wheel_timer *timer, uint64_t now)
{
	(void)now;
	serve_calls(CONTAINER_OF(timer, struct trunk, look));
}

static void on_task(struct loop_task *task)
{
	struct trunk *t = CONTAINER_OF(task, struct trunk, task);
	struct trunk_call *call;

	while ((call = first_waiting(t))) {
		struct http_conn *conn = uplink_pick(t->uplink);

		if (!conn || !call_ask(call, conn))
			break;
	}
	if (call && uplink_up(t->uplink))
		loop_after(t->loop, &t->look, TRUNK_LOOK_MS, on_look);
}

static void on_due(struct wheel_timer *timer, uint64_t now)
{
	struct trunk_call *call = CONTAINER_OF(timer, struct trunk_call, timer);
	struct trunk *t = call->trunk;
	const char *last = uplink_last_fault(t->uplink);
	char text[FAULT_TEXT_MAX];

	(void)now;
	if (call->state == CALL_ASKING)
		return; /* net/ask.h has the deadline */
	if (uplink_up(t->uplink)) {
		call_fail(call, -EBUSY, "end some, and try again",
		    "every tunnel to the peer is full");
		return;
	}
	(void)snprintf(text, sizeof(text), "no tunnel to the peer in %u ms%s%s",
	    t->wait_ms, *last ? ": " : "", last);
	call_fail(call, -ETIMEDOUT,
	    "is the other side running, with the same beacons and a "
	    "certificate of the same CA?",
	    text);
}

int trunk_call(struct trunk_call **out, struct trunk *t, const char *name,
    trunk_call_fn fn, void *ctx)
{
	struct trunk_call *call;

	if (!name)
		name = "";
	if (*name && !trunk_name_ok(name))
		return -EINVAL;
	if (t->n_calls >= TRUNK_WAITING_MOST)
		return -EBUSY;
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->trunk = t;
	call->fn = fn;
	call->ctx = ctx;
	memcpy(call->name, name, strlen(name) + 1);
	TAILQ_INSERT_TAIL(&t->calls, call, of_trunk);
	t->n_calls++;
	call->due = loop_now(t->loop) + t->wait_ms;
	loop_after(t->loop, &call->timer, t->wait_ms, on_due);
	serve_calls(t);
	*out = call;
	return 0;
}

void trunk_call_cancel(struct trunk_call *call)
{
	if (call)
		call_free(call);
}

/* ---- TRUNK_LISTEN */

/* "NAME.pipe.pharos:443" or "pipe.pharos:443" into @name.
 * Return: false: it is something else. */
static bool name_of(char name[TRUNK_NAME_MOST + 1], const char *authority)
{
	const char *tail = TRUNK_DOMAIN TRUNK_PORT;
	size_t n = strlen(authority), n_tail = strlen(tail);

	name[0] = '\0';
	if (!strcmp(authority, tail))
		return true;
	if (n <= n_tail + 1 || n - n_tail - 1 > TRUNK_NAME_MOST ||
	    strcmp(authority + n - n_tail, tail) != 0 ||
	    authority[n - n_tail - 1] != '.')
		return false;
	n -= n_tail + 1;
	memcpy(name, authority, n);
	name[n] = '\0';
	return trunk_name_ok(name);
}

static void on_connect(
    void *ctx, struct http_stream *stream, const struct http_head *head)
{
	struct trunk *t = ctx;
	struct http_conn *conn = http_stream_conn(stream);
	X509 *leaf = conn ? tls_leg_peer(http_conn_leg(conn)) : NULL;
	char name[TRUNK_NAME_MOST + 1];
	struct subject peer;

	if (!name_of(name, head->authority)) {
		trunk_refuse(stream, 403,
		    "CONNECT is for NAME." TRUNK_DOMAIN TRUNK_PORT " only");
		return;
	}
	/* the tunnel has checked it when it came up */
	if (!leaf || subject_of(&peer, leaf, NULL)) {
		http_stream_abandon(stream);
		return;
	}
	t->offered(t->ctx, stream, name, peer.name);
}

static int open_handlers(struct trunk *t)
{
	static const struct httpd_route routes[] = {
		{ "CONNECT", NULL, on_connect },
	};
	const struct httpd_config config = {
		.routes = routes,
		.n_routes = N_ELEMS(routes),
		.ctx = t,
	};

	return httpd_new(&t->handlers, t->loop, &config);
}

struct leg *trunk_accept(struct http_stream *stream)
{
	static const struct http_head good = { .status = 200, .length = -1 };

	if (!http_stream_respond(stream, &good, false))
		return http_stream_leg(stream);
	http_stream_abandon(stream);
	return NULL;
}

void trunk_refuse(struct http_stream *stream, int status, const char *text)
{
	const struct http_answer answer = {
		.status = status,
		.content_type = "text/plain; charset=utf-8",
		.body = text,
		.n = strlen(text),
	};

	http_stream_answer(stream, &answer);
}

/* ---- its life */

static void on_told(void *ctx, const struct uplink_news *news)
{
	struct trunk *t = ctx;

	if (news->what == UPLINK_UP)
		serve_calls(t);
	if (t->told)
		t->told(t->ctx, news);
	else
		uplink_log(NULL, news);
}

static struct uplink_config uplink_of(
    struct trunk *t, const struct trunk_config *config)
{
	bool listens = config->side == TRUNK_LISTEN;
	struct uplink_config uplink = config->uplink;

	uplink.end = listens ? TLS_SERVER : TLS_CLIENT;
	uplink.handlers = t->handlers;
	uplink.told = on_told;
	uplink.ctx = t;
	uplink.route.beacon.role = listens ? FRAME_LISTEN : FRAME_CONNECT;
	return uplink;
}

static int open_uplink(
    struct trunk *t, const struct trunk_config *config, struct fault *fault)
{
	struct uplink_config uplink;
	int r = config->side == TRUNK_LISTEN ? open_handlers(t) : 0;

	if (r)
		return r;
	uplink = uplink_of(t, config);
	return uplink_open(&t->uplink, t->loop, &uplink, fault);
}

int trunk_reload(
    struct trunk *t, const struct trunk_config *config, struct fault *fault)
{
	const struct uplink_config uplink = uplink_of(t, config);
	struct papers *fresh;
	int r = uplink_prepare(&fresh, t->uplink, &uplink, fault);

	if (!r)
		uplink_renew(t->uplink, fresh);
	return r;
}

int trunk_open(struct trunk **out, struct loop *loop,
    const struct trunk_config *config, struct fault *fault)
{
	struct trunk *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->loop = loop;
	t->offered = config->offered;
	t->told = config->told;
	t->ctx = config->ctx;
	t->wait_ms = config->wait_ms;
	TAILQ_INIT(&t->calls);
	r = open_uplink(t, config, fault);
	if (r)
		trunk_close(t);
	else
		*out = t;
	return r;
}

void trunk_close(struct trunk *t)
{
	if (!t)
		return;
	while (!TAILQ_EMPTY(&t->calls))
		call_free(TAILQ_FIRST(&t->calls));
	uplink_close(t->uplink);
	httpd_free(t->handlers);
	loop_unpost(t->loop, &t->task);
	loop_cancel(t->loop, &t->look);
	free(t);
}

void trunk_drain(struct trunk *t, unsigned ms)
{
	uplink_drain(t->uplink, ms);
}

struct uplink *trunk_uplink(const struct trunk *t)
{
	return t->uplink;
}
