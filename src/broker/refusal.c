#include "broker/refusal.h"
#include "base/log.h"
#include "wire/vault.h"
#include <assert.h>
#include <stdio.h>

enum { BODY_MOST = 2048, RETRY_MOST = 12 };

struct kind {
	const char *name;
	int status;
	unsigned retry_s; /* 0: another try is of no use */
	const char *text;
};

static const struct kind kinds[] = {
	[REFUSAL_RATE] = { "rate", 429, 1, "too many requests: slow down" },
	[REFUSAL_STREAMS] = { "streams", 429, 5,
	    "too many requests at once from here: end one first" },
	[REFUSAL_SOURCES] = { "sources", 503, 10,
	    "the broker serves as many pods and addresses as it can" },
	[REFUSAL_PROXY_TOKEN] = { "proxyToken", 407, 0,
	    "the broker asks for a client token: Proxy-Authorization: "
	    "Bearer, with what is in --client-token-file" },
	[REFUSAL_TOKEN] = { "token", 401, 0,
	    "the broker asks for a client token: X-Pharos-Token, with what "
	    "is in --client-token-file" },
	[REFUSAL_REVIEW] = { "review", 407, 0,
	    "the cluster does not take this token" },
	[REFUSAL_NO_POD] = { "noPod", 403, 0,
	    "this token is bound to no pod: show one that the kubelet has "
	    "projected into the pod" },
	[REFUSAL_REVIEWS] = { "reviews", 503, 1,
	    "the broker asks the cluster about as many tokens as it can" },
	[REFUSAL_CLUSTER] = { "cluster", 503, 5,
	    "the broker cannot ask the cluster about tokens" },
	[REFUSAL_TARGET] = { "target", 403, 0,
	    "this broker connects to bridge.pharos:443 and to nothing else" },
	[REFUSAL_PASS_THROUGH] = { "passThrough", 403, 0,
	    "pass-through is off: use the wrapper, or start the broker with "
	    "--pass-through, which lets it see what is read" },
	[REFUSAL_NO_TUNNEL] = { "noTunnel", 503, 5,
	    "no tunnel to the bridge: it has not come yet; does it run?" },
	[REFUSAL_BUSY] = { "busy", 503, 5,
	    "every tunnel to the bridge is full" },
	[REFUSAL_BRIDGE] = { "bridge", 502, 0, "the bridge refused" },
	[REFUSAL_CUT] = { "cut", 503, 1,
	    "the tunnel went before the bridge answered" },
	[REFUSAL_LATE] = { "late", 504, 1,
	    "the bridge did not answer in time" },
	[REFUSAL_MEMORY] = { "memory", 503, 10, "the broker is out of memory" },
};
static_assert(N_ELEMS(kinds) == REFUSAL_COUNT, "a row a kind");

const char *refusal_name(enum refusal_kind kind)
{
	return kinds[kind].name;
}

static size_t make_fields(
    struct http_field fields[2], int status, const char *retry)
{
	static const char challenge[] = "Bearer realm=\"pharos-broker\"";
	size_t n = 0;

	if (*retry)
		fields[n++] = (struct http_field){ "retry-after", retry };
	if (status == 407)
		fields[n++] =
		    (struct http_field){ "proxy-authenticate", challenge };
	if (status == 401)
		fields[n++] =
		    (struct http_field){ "www-authenticate", challenge };
	return n;
}

void refusal_send(
    struct refusals *counts, struct http_stream *s, const struct refusal *r)
{
	const struct kind *kind = &kinds[r->kind];
	const char *text = r->text ? r->text : kind->text;
	unsigned retry_s = r->retry_s ? r->retry_s : kind->retry_s;
	char body[BODY_MOST], retry[RETRY_MOST] = "";
	struct http_field fields[2];
	struct http_answer answer = {
		.status = r->status ? r->status : kind->status,
		.content_type = "application/json",
		.fields = fields,
		.body = body,
	};

	counts->counts[r->kind]++;
	log_debug("refused", LOG_STR("source", leg_source(http_stream_leg(s))),
	    LOG_STR("reason", kind->name), LOG_STR("text", text));
	if (retry_s)
		(void)snprintf(retry, sizeof(retry), "%u", retry_s);
	answer.n_fields = make_fields(fields, answer.status, retry);
	answer.n = vault_errors_body(body, sizeof(body), text);
	http_stream_answer(s, &answer);
}
