/* broker/way.h: how a pod's stream gets onto a tunnel, or what the pod is told
 * when it does not.
 */
#pragma once
#include "broker/refusal.h"

/* which way bytes go, for counting them */
enum way_direction { WAY_TO_BRIDGE, WAY_TO_POD, WAY_DIRECTIONS };

struct way {
	/* a tunnel to send on, or NULL */
	struct http_conn *(*pick)(void *ctx);
	/* without one: are there tunnels at all? */
	bool (*any)(void *ctx);
	/* why not, "" if unknown; borrowed */
	const char *(*fault)(void *ctx);
	void *ctx;
	struct refusals *refusals;
};

struct way_request {
	const struct http_head *head;
	bool ended;
	http_response_fn fn;
	void *ctx;
};

/** way_conn() - a tunnel to send on
 * Return: NULL: there is none, and @pod was told so and is ended */
struct http_conn *way_conn(const struct way *way, struct http_stream *pod);
/** way_failed() - end @pod with what the code of http_conn_request() means */
void way_failed(const struct way *way, struct http_stream *pod, int code);
/** way_open() - begin @request on a tunnel
 * Return: the stream; NULL: there is none, and @pod was told so and is ended */
struct http_stream *way_open(const struct way *way, struct http_stream *pod,
    const struct way_request *request);
/** way_refuse() - end @pod with a refusal of that kind, in the kind's words */
void way_refuse(
    const struct way *way, struct http_stream *pod, enum refusal_kind kind);
