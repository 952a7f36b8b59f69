/* devstore/test-stage.h: the store as its clients see it, for tests: a request,
 * a status, and what the answer says. Rows of a table run in order on one fresh
 * store. "$1" to "$9" in a token, target or body stand for tokens that rows
 * before have been given. Each table is played twice: in memory, and on a file
 * with the store ended and started again before every row.
 */
#pragma once
#include "devstore/engine.h"
#include "devstore/keep.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define START_MS 1795247475000LL /* 2026-11-21T07:51:15Z */

static uint64_t seed;

/* Reproducible, and different each time. */
static void random_bytes(void *to, size_t n)
{
	uint8_t *bytes = to;

	for (size_t i = 0; i < n; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		bytes[i] = (uint8_t)(seed >> 56);
	}
}

struct stage {
	struct engine *engine;
	struct keep *keep;
	char folder[32]; /* of the file; "": in memory */
	int64_t now_ms;
	char *slot[10]; /* tokens that were given */
};

static void stage_start(struct stage *s)
{
	struct engine_options o = { .random = random_bytes,
		.now_ms = s->now_ms };
	struct fault fault = FAULT_NONE;
	struct secret *root;
	char path[64];

	if (*s->folder) {
		snprintf(path, sizeof(path), "%s/store", s->folder);
		if (keep_open(&s->keep, path, &fault))
			fail_msg("%s", fault.text);
	}
	assert_int_equal(secret_from(&root, "root", 4), 0);
	o.root_token = root;
	o.keep = s->keep;
	if (engine_new(&s->engine, &o, &fault))
		fail_msg("%s", fault.text);
	secret_free(root);
}

static void stage_stop(struct stage *s)
{
	engine_free(s->engine);
	keep_close(s->keep);
	s->keep = NULL;
}

static void stage_open(struct stage *s, bool on_file)
{
	*s = (struct stage){ .now_ms = START_MS };
	if (on_file) {
		strcpy(s->folder, "/tmp/pharos-stage-XXXXXX");
		assert_non_null(mkdtemp(s->folder));
	}
	stage_start(s);
}

static void stage_close(struct stage *s)
{
	static const char *const files[] = { "store", "store-wal" };
	char path[64];

	stage_stop(s);
	for (size_t i = 0; i < N_ELEMS(files) && *s->folder; i++) {
		snprintf(path, sizeof(path), "%s/%s", s->folder, files[i]);
		unlink(path);
	}
	if (*s->folder)
		assert_int_equal(rmdir(s->folder), 0);
	for (size_t i = 0; i < N_ELEMS(s->slot); i++)
		free(s->slot[i]);
}

/* @text with $N put in; on the heap. */
static char *fill(const struct stage *s, const char *text)
{
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	for (; *text; text++) {
		if (*text == '$' && text[1] >= '1' && text[1] <= '9')
			fputs(s->slot[*++text - '0'], f);
		else
			fputc(*text, f);
	}
	fclose(f);
	return out;
}

struct step {
	const char *token;		    /* NULL: none */
	const char *method, *target, *body; /* body NULL: none */
	int status;
	const char *want;  /* stands in the body; NULL: there is no body */
	int slot;	   /* keep the token that is given */
	int later_s;	   /* let so much time pass first */
	const char *space; /* X-Vault-Namespace */
	const char *wrap;  /* X-Vault-Wrap-TTL */
};

/* The token that is given, or what else may be asked with later. */
static void keep_token(
    struct stage *s, const struct step *step, const struct engine_answer *a)
{
	static const char *const names[] = { "secret_id", "role_id",
		"serial_number" };
	json_t *j =
	    json_loadb(secret_bytes(a->body), secret_size(a->body), 0, NULL);
	json_t *data = json_object_get(j, "data");
	const char *token = json_string_value(
	    json_object_get(json_object_get(j, "auth"), "client_token"));

	if (!token)
		token = json_string_value(
		    json_object_get(json_object_get(j, "wrap_info"), "token"));
	for (size_t i = 0; i < N_ELEMS(names) && !token; i++)
		token = json_string_value(json_object_get(data, names[i]));
	if (!token)
		fail_msg("%s %s: no token", step->method, step->target);
	free(s->slot[step->slot]);
	s->slot[step->slot] = strdup(token);
	json_decref(j);
}

static void step_check(
    const struct step *step, const struct engine_answer *a, const char *want)
{
	const char *body = a->body ? secret_bytes(a->body) : NULL;

	if (a->status != step->status)
		fail_msg("%s %s: %d %s", step->method, step->target, a->status,
		    body ? body : "");
	if (!step->want != !body)
		fail_msg("%s %s: body %s", step->method, step->target,
		    body ? body : "is missing");
	if (body && !strstr(body, want))
		fail_msg("%s %s: %s\nlacks %s", step->method, step->target,
		    body, want);
}

static void step_run(struct stage *s, const struct step *step)
{
	char *token = fill(s, step->token ? step->token : "");
	char *target = fill(s, step->target);
	char *body = fill(s, step->body ? step->body : "");
	char *want = fill(s, step->want ? step->want : "");
	struct engine_request q = { .method = step->method,
		.target = target,
		.token = step->token ? token : NULL,
		.name_space = step->space,
		.wrap_ttl = step->wrap,
		.body = body,
		.n = strlen(body) };
	struct engine_answer a;

	s->now_ms += step->later_s * 1000LL;
	q.now_ms = s->now_ms;
	assert_int_equal(engine_handle(s->engine, &q, &a), 0);
	step_check(step, &a, want);
	if (step->slot)
		keep_token(s, step, &a);
	engine_answer_clear(&a);
	free(token);
	free(target);
	free(body);
	free(want);
}

static void play(struct stage *s, const struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (*s->folder) {
			stage_stop(s);
			stage_start(s);
		}
		step_run(s, &steps[i]);
	}
}

#define PLAY(steps)                                                            \
	do {                                                                   \
		struct stage s;                                                \
                                                                               \
		(void)state;                                                   \
		for (int on_file = 0; on_file < 2; on_file++) {                \
			stage_open(&s, on_file);                               \
			play(&s, steps, N_ELEMS(steps));                       \
			stage_close(&s);                                       \
		}                                                              \
	} while (0)

#define DENIED                                                                 \
	"{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"
#define NO_TOKEN "{\"errors\":[\"permission denied\"]}"
#define NOTHING	 "{\"errors\":[]}"

#define POLICY(name, path, list)                                               \
	{                                                                      \
		"root", "PUT", "/v1/sys/policies/acl/" name,                   \
		    "{\"policy\":\"path \\\"" path                             \
		    "\\\" { capabilities = [" list "] }\"}",                   \
		    204, NULL                                                  \
	}
