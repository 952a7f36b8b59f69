/* devstore/engine.h: the development store without its network: a request in,
 * an answer out.
 *
 * Time and randomness are passed in. Everything is in memory and bounded;
 * values and tokens lie in struct secret. With a file (devstore/keep.h),
 * whatever a request has changed is in it before there is an answer. It answers
 * as OpenBao does, in shape, status and words, and takes nothing that OpenBao
 * would refuse. What it does not have is refused, not ignored.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "base/secret.h"

enum { ENGINE_BODY_MOST = 512 * 1024 };

struct engine;

struct engine_options {
	const struct secret *root_token; /* copied */
	void (*random)(void *to, size_t n);
	int64_t now_ms;	   /* since 1970, as everywhere here */
	struct keep *keep; /* borrowed; NULL: in memory alone */
};
/** engine_new() - unsealed, with KV version 2 at secret/; or as it was kept
 * Return: 0; -ENOMEM; what rooms_make() returns, with @fault. */
MUST_USE int engine_new(
    struct engine **out, const struct engine_options *o, struct fault *fault);
void engine_free(struct engine *e);

struct engine_request {
	const char *method;
	const char *target;	/* "/v1/secret/data/a?version=1" */
	const char *token;	/* of either header; NULL: none */
	const char *name_space; /* X-Vault-Namespace, or NULL */
	const char *wrap_ttl;	/* X-Vault-Wrap-TTL, or NULL */
	const void *body;
	size_t n;
	int64_t now_ms;
};

struct engine_answer {
	int status;
	const char *content_type; /* constant */
	struct secret *body;	  /* NULL: none */
};
void engine_answer_clear(struct engine_answer *a);
/** engine_handle() - what cannot be written is not done: the answer is 500, and
 * all is as it was
 * Return: 0; -ENOMEM: there is no answer. What was asked may have been done, as
 * with any answer that is lost on its way. */
MUST_USE int engine_handle(struct engine *e, const struct engine_request *q,
    struct engine_answer *out);
/** engine_metrics() - requests by class of status, and how full it is */
struct metric_table *engine_metrics(struct engine *e);
