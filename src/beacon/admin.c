#include "beacon/admin.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/number.h"
#include "beacon/limits.h"
#include "beacon/pair.h"
#include "beacon/report.h"
#include "beacon/session.h"
#include "net/control.h"
#include "net/daemon.h"
#include <stdio.h>

/* @j is counted down. */
static void answer(struct http_stream *s, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

	json_decref(j);
	http_stream_answer_json(s, text);
	free(text);
}

static void on_status(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)head;
	answer(s, report_status(ctx));
}

static void on_legs(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	static const char name[] = "after=";
	const char *query = strchr(head->target, '?');
	uint64_t after = 0;

	if (query &&
	    (strncmp(query + 1, name, strlen(name)) != 0 ||
		number_parse(query + 1 + strlen(name), INT64_MAX, &after))) {
		http_stream_refuse(
		    s, 400, "the query may be after=N, with N from \"next\"");
		return;
	}
	answer(s, report_list(ctx, after));
}

static void on_drain(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct beacon *b = ctx;

	(void)head;
	if (!b->daemon) {
		http_stream_refuse(s, 503, "the beacon has not yet started");
		return;
	}
	daemon_drain(b->daemon);
	answer(s, report_status(b));
}

/* ---- kill ---- */

static void end_leg(struct session *s)
{
	struct beacon *b = s->beacon;

	if (s->pair)
		pair_fail(s->pair);
	else if (s->state < SESSION_HELLO)
		session_end(s);
	else
		session_refuse(s, &(struct session_refusal){
				      FRAME_ERROR_DRAINING, LIMIT_RETRY_BUSY_MS,
				      "ended by the beacon's operator" });
	beacon_run(b);
}

static struct session *find_leg(const struct beacon *b, const char *id)
{
	static const char prefix[] = "leg-";
	struct session *s;
	uint64_t serial;

	if (strncmp(id, prefix, strlen(prefix)) != 0 ||
	    number_parse(id + strlen(prefix), INT64_MAX, &serial))
		return NULL;
	TAILQ_FOREACH (s, &b->sessions, of_beacon)
		if (s->serial == serial)
			return s;
	return NULL;
}

/* Its connector. */
static struct session *find_pair(const struct beacon *b, const char *id)
{
	uint8_t bytes[PAIR_SHORT_ID];
	const struct pair *p;

	if (hex_decode(bytes, sizeof(bytes), id))
		return NULL;
	TAILQ_FOREACH (p, &b->pairs, of_beacon)
		if (!memcmp(p->id, bytes, sizeof(bytes)))
			return p->connector;
	return NULL;
}

static void on_kill(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	const char *id = strrchr(head->target, '/') + 1;
	struct session *found = find_leg(ctx, id);
	const char *what;

	if (!found)
		found = find_pair(ctx, id);
	if (!found) {
		http_stream_refuse(s, 404, "no leg or pair has this id now");
		return;
	}
	what = found->pair ? "pair" : "leg";
	log_info("killed", LOG_STR("what", what), LOG_STR("id", id));
	end_leg(found);
	answer(s, json_pack("{s:s}", "ended", what));
}

int admin_open(struct beacon *b, const char *path, struct fault *fault)
{
	static const struct httpd_route routes[] = {
		{ "GET", "/v1/status", on_status },
		{ "GET", "/v1/legs", on_legs },
		{ "POST", "/v1/drain", on_drain },
		{ "POST", "/v1/kill/*", on_kill },
	};
	const struct control_config config = {
		.path = path,
		.routes = routes,
		.n_routes = N_ELEMS(routes),
		.ctx = b,
	};
	int r = control_open(&b->control, b->loop, &config, fault);

	if (!r)
		log_info("listening", LOG_STR("what", "control"),
		    LOG_PLACE("address", path));
	return r;
}
