#include "broker/way.h"
#include <stdio.h>

enum {
	TEXT_MOST = 512,
	COMING_S = 1, /* the broker has just started, and nothing failed yet */
};

void way_refuse(
    const struct way *way, struct http_stream *pod, enum refusal_kind kind)
{
	refusal_send(way->refusals, pod, &(struct refusal){ .kind = kind });
}

static void refuse_without_tunnel(
    const struct way *way, struct http_stream *pod)
{
	struct refusal r = { .kind = REFUSAL_NO_TUNNEL };
	const char *fault = way->fault(way->ctx);
	char text[TEXT_MOST];

	if (*fault) {
		(void)snprintf(
		    text, sizeof(text), "no tunnel to the bridge: %s", fault);
		r.text = text;
	} else {
		r.retry_s = COMING_S;
	}
	refusal_send(way->refusals, pod, &r);
}

static enum refusal_kind kind_of(int code)
{
	switch (code) {
	case HTTP_E_BUSY:
		return REFUSAL_BUSY;
	case HTTP_E_OVER:
		return REFUSAL_CUT;
	default:
		return REFUSAL_MEMORY;
	}
}

struct http_conn *way_conn(const struct way *way, struct http_stream *pod)
{
	struct http_conn *conn = way->pick(way->ctx);

	if (conn)
		return conn;
	if (way->any(way->ctx))
		way_refuse(way, pod, REFUSAL_BUSY);
	else
		refuse_without_tunnel(way, pod);
	return NULL;
}

void way_failed(const struct way *way, struct http_stream *pod, int code)
{
	way_refuse(way, pod, kind_of(code));
}

struct http_stream *way_open(const struct way *way, struct http_stream *pod,
    const struct way_request *request)
{
	struct http_conn *conn = way_conn(way, pod);
	struct http_stream *bridge;
	int r;

	if (!conn)
		return NULL;
	r = http_conn_request(conn, request->head, request->ended, request->fn,
	    request->ctx, &bridge);
	if (r) {
		way_failed(way, pod, r);
		return NULL;
	}
	return bridge;
}
