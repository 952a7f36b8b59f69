/* Requests to a fresh development store, a line each: who (r: the root token,
 * n: none), method, target and body, with one space between. */
#include "fuzz.h"
#include "devstore/engine.h"
#include "wire/json.h"
#include <stdio.h>

enum { REQUESTS_MOST = 32 };

static void random_bytes(void *to, size_t n)
{
	static uint8_t next;

	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = next++;
}

static void check_answer(const struct engine_answer *a)
{
	JSON *j = NULL;

	INVARIANT(a->status >= 200 && a->status < 600);
	INVARIANT((a->status == 204) == !a->body);
	if (!a->body)
		return;
	j = json_read_object(
	    secret_bytes(a->body), secret_size(a->body), JSON_ALLOW_NUL);
	INVARIANT(j);
	if (a->status >= 400 && a->status != 404 && a->status != 429 &&
	    a->status != 503)
		INVARIANT(json_object_get(j, "errors") ||
			  json_object_get(j, "initialized"));
}

static void play(struct engine *e, char *line)
{
	char *word[4] = { line };
	struct engine_request q = { .now_ms = 1795247475000 };
	struct engine_answer a;

	for (size_t i = 1; i < N_ELEMS(word); i++) {
		char *space = strchr(word[i - 1], ' ');

		if (!space && i < 3)
			return;
		word[i] = space ? space + 1 : word[i - 1] + strlen(word[i - 1]);
		if (space)
			*space = '\0';
	}
	q.token = *word[0] == 'r' ? "root" : NULL;
	q.method = word[1];
	q.target = word[2];
	q.body = word[3];
	q.n = strlen(word[3]);
	INVARIANT(!engine_handle(e, &q, &a));
	check_answer(&a);
	engine_answer_clear(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	CLEANUP(secret_freep) struct secret *root = NULL;
	struct engine_options o = { .random = random_bytes,
		.now_ms = 1795247475000 };
	struct engine *e;
	char *rest = NULL;
	int left = REQUESTS_MOST;

	INVARIANT(!secret_from(&root, "root", 4));
	o.root_token = root;
	INVARIANT(!engine_new(&e, &o, NULL));
	for (char *line = strtok_r(text, "\n", &rest); line && left--;
	     line = strtok_r(NULL, "\n", &rest))
		play(e, line);
	engine_free(e);
	return 0;
}
