/* Whoever asks for something that takes a while is kept in a list, until the
 * tunnel tells: that what was told last is in force, or how its peers are. Who
 * has waited for ADMIN_PATIENCE_MS is told that it goes on; the time is that of
 * the oldest, so nobody waits for longer. */
#include "tether/admin.h"
#include "base/log.h"
#include "base/number.h"
#include "net/control.h"
#include "net/daemon.h"
#include "tether/rehearsal.h"
#include "tether/report.h"

enum wish { WISH_SETTLED, WISH_PEERS, WISH_PLAN };

struct waiter {
	struct http_stream *stream;
	enum wish wish;
	size_t after;
	uint64_t until;
};

struct admin {
	struct loop *loop;
	struct keeper *keeper;
	struct control *control;
	struct waiter waiters[ADMIN_WAITING_MOST];
	size_t n_waiters;
	struct wheel_timer timer;
	uint64_t since;
};

/* @j is counted down. */
static void answer(struct http_stream *s, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	http_stream_answer_json(s, text);
	free(text);
}

static void refuse(struct http_stream *s, int status, const struct fault *f)
{
	char text[FAULT_TEXT_MAX + FAULT_HINT_MAX + 4];

	(void)snprintf(text, sizeof(text), "%s%s%s", f->text,
	    f->hint[0] ? ". " : "", f->hint);
	http_stream_refuse(s, status, text);
}

static json_t *status_of(const struct admin *a)
{
	return report_status(a->keeper, (loop_now(a->loop) - a->since) / 1000);
}

/* ---- who waits ----------------------------------------------------------- */

static void on_patience(struct wheel_timer *timer, uint64_t now);

static void set_timer(struct admin *a)
{
	uint64_t now = loop_now(a->loop), first = UINT64_MAX;

	for (size_t i = 0; i < a->n_waiters; i++)
		if (a->waiters[i].until < first)
			first = a->waiters[i].until;
	if (a->n_waiters)
		loop_after(a->loop, &a->timer, first > now ? first - now : 0,
		    on_patience);
	else
		loop_cancel(a->loop, &a->timer);
}

/* Those that @is says of leave the list, into @out. */
static size_t take_waiters(struct admin *a, struct waiter *out,
    bool (*is)(const struct waiter *w, uint64_t now))
{
	uint64_t now = loop_now(a->loop);
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < a->n_waiters; i++) {
		if (is(&a->waiters[i], now))
			out[n++] = a->waiters[i];
		else
			a->waiters[kept++] = a->waiters[i];
	}
	a->n_waiters = kept;
	set_timer(a);
	return n;
}

static bool has_waited(const struct waiter *w, uint64_t now)
{
	return w->until <= now;
}

static bool wants_settled(const struct waiter *w, uint64_t now)
{
	(void)now;
	return w->wish == WISH_SETTLED;
}

static bool wants_a_look(const struct waiter *w, uint64_t now)
{
	(void)now;
	return w->wish != WISH_SETTLED;
}

static void on_patience(struct wheel_timer *timer, uint64_t now)
{
	struct admin *a = CONTAINER_OF(timer, struct admin, timer);
	struct waiter out[ADMIN_WAITING_MOST];
	size_t n = take_waiters(a, out, has_waited);

	(void)now;
	for (size_t i = 0; i < n; i++)
		http_stream_refuse(out[i].stream, 503,
		    "it takes longer than usual, and goes on");
}

static void wait_for(
    struct admin *a, struct http_stream *s, enum wish wish, size_t after)
{
	if (a->n_waiters == ADMIN_WAITING_MOST) {
		http_stream_refuse(s, 503, "too many ask at once");
		return;
	}
	a->waiters[a->n_waiters++] = (struct waiter){
		.stream = s,
		.wish = wish,
		.after = after,
		.until = loop_now(a->loop) + ADMIN_PATIENCE_MS,
	};
	set_timer(a);
}

static void on_settled(void *ctx, const struct fault *fault)
{
	struct admin *a = ctx;
	struct waiter out[ADMIN_WAITING_MOST];
	size_t n = take_waiters(a, out, wants_settled);

	for (size_t i = 0; i < n; i++) {
		if (fault)
			refuse(out[i].stream, 503, fault);
		else
			answer(out[i].stream, status_of(a));
	}
}

/* Without an interface nothing could be seen of it, and nothing needs to be. */
static void answer_plan(struct admin *a, const struct waiter *w,
    const struct wgstate *state, const struct fault *unseen)
{
	const struct tunnel *t = keeper_tunnel(a->keeper);
	struct codexstore store = { .lock = -1 };
	struct desired to;
	struct rehearsal from = {
		.to = &to,
		.loaded = tunnel_loaded(t),
		.actual = state,
		.up = tunnel_is_up(t),
		.names = &store,
		.after = w->after,
	};
	struct fault fault = FAULT_NONE;
	json_t *j = NULL;
	int r;

	if (!state && tunnel_wg(t)) {
		refuse(w->stream, 503, unseen);
		return;
	}
	r = keeper_read(a->keeper, &store, &to, &fault);
	if (!r) {
		r = rehearsal_make(&j, &from, &fault);
		desired_deinit(&to);
	}
	codexstore_close(&store);
	if (r)
		refuse(w->stream, 409, &fault);
	else
		answer(w->stream, j);
}

static void on_seen(
    void *ctx, const struct wgstate *state, const struct fault *fault)
{
	struct admin *a = ctx;
	struct waiter out[ADMIN_WAITING_MOST];
	size_t n = take_waiters(a, out, wants_a_look);

	for (size_t i = 0; i < n; i++) {
		if (out[i].wish == WISH_PLAN)
			answer_plan(a, &out[i], state, fault);
		else if (state)
			answer(
			    out[i].stream, report_peers(state, out[i].after));
		else
			refuse(out[i].stream, 503, fault);
	}
}

/* ---- the routes ---------------------------------------------------------- */

static void do_status(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)head;
	answer(s, status_of(ctx));
}

/* Return: was it told, or was there nothing? Else it is refused. */
static bool read_after(
    uint64_t *out, struct http_stream *s, const struct http_head *head)
{
	static const char name[] = "after=";
	const char *query = strchr(head->target, '?');

	*out = 0;
	if (!query ||
	    (!strncmp(query + 1, name, strlen(name)) &&
		!number_parse(query + 1 + strlen(name), INT32_MAX, out)))
		return true;
	http_stream_refuse(
	    s, 400, "the query may be after=N, with N from \"next\"");
	return false;
}

static void do_plan(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct admin *a = ctx;
	uint64_t after;

	if (!read_after(&after, s, head))
		return;
	wait_for(a, s, WISH_PLAN, after);
	tunnel_look(keeper_tunnel(a->keeper));
}

static void do_peers(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct admin *a = ctx;
	uint64_t after;

	if (!read_after(&after, s, head))
		return;
	if (!tunnel_wg(keeper_tunnel(a->keeper))) {
		answer(s, json_pack("{s:[], s:n}", "peers", "next"));
		return;
	}
	wait_for(a, s, WISH_PEERS, after);
	tunnel_look(keeper_tunnel(a->keeper));
}

static void do_apply(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct admin *a = ctx;
	struct fault fault = FAULT_NONE;

	(void)head;
	if (keeper_reload(a->keeper, &fault)) {
		log_err("files were refused", LOG_STR("fault", fault.text),
		    LOG_STR("hint", fault.hint));
		refuse(s, 409, &fault);
		return;
	}
	wait_for(a, s, WISH_SETTLED, 0);
}

static void raise_tunnel(struct admin *a, struct http_stream *s, bool up)
{
	log_info(up ? "told to be up" : "told to be down");
	wait_for(a, s, WISH_SETTLED, 0);
	tunnel_raise(keeper_tunnel(a->keeper), up);
}

static void do_up(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)head;
	raise_tunnel(ctx, s, true);
}

static void do_down(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)head;
	raise_tunnel(ctx, s, false);
}

/* ---- the object ---------------------------------------------------------- */

int admin_open(struct admin **out, struct loop *loop, struct keeper *k,
    const char *path, struct fault *fault)
{
	static const struct httpd_route routes[] = {
		{ "GET", "/v1/status", do_status },
		{ "GET", "/v1/peers", do_peers },
		{ "GET", "/v1/plan", do_plan },
		{ "POST", "/v1/apply", do_apply },
		{ "POST", "/v1/up", do_up },
		{ "POST", "/v1/down", do_down },
	};
	struct admin *a = calloc(1, sizeof(*a));
	const struct control_config config = {
		.path = path,
		.routes = routes,
		.n_routes = N_ELEMS(routes),
		.ctx = a,
	};
	const struct keeper_events events = { on_settled, on_seen, a };
	int r;

	if (!a)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	*a = (struct admin){
		.loop = loop, .keeper = k, .since = loop_now(loop)
	};
	r = control_open(&a->control, loop, &config, fault);
	if (r) {
		free(a);
		return r;
	}
	keeper_listen(k, &events);
	daemon_listening("control", path);
	*out = a;
	return 0;
}

void admin_close(struct admin *a)
{
	if (!a)
		return;
	keeper_listen(a->keeper, &(struct keeper_events){ .ctx = NULL });
	for (size_t i = 0; i < a->n_waiters; i++)
		http_stream_refuse(
		    a->waiters[i].stream, 503, "pharos-tether ends");
	a->n_waiters = 0;
	set_timer(a);
	control_close(a->control);
	free(a);
}

uint64_t admin_refused(const struct admin *a)
{
	return a ? control_refused(a->control) : 0;
}
