/* A request as text: the method, the target, then headers a line each, an empty
 * line and the body. */
#include "fuzz.h"
#include "bridge/policy.h"

enum { FIELDS_MOST = 8 };

struct request {
	struct http_head head;
	struct http_field fields[FIELDS_MOST];
	const char *body;
};

/* The next line of @text, cut off there; NULL after the last. */
static char *line_of(char **text)
{
	char *line = *text, *end = line ? strchr(line, '\n') : NULL;

	*text = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return line;
}

static bool read_request(struct request *r, char *text)
{
	char *line;

	*r = (struct request){ .body = "" };
	r->head.fields = r->fields;
	r->head.method = line_of(&text);
	r->head.target = line_of(&text);
	while ((line = line_of(&text)) && *line) {
		char *colon = strchr(line, ':');

		if (!colon || r->head.n_fields == FIELDS_MOST)
			return false;
		*colon = '\0';
		r->fields[r->head.n_fields++] =
		    (struct http_field){ line, colon + 1 };
	}
	if (text)
		r->body = text;
	return r->head.method && r->head.target;
}

/* Whatever was asked, what is sent is on the list. */
static void check_call(const struct policy *p, const struct policy_verdict *v)
{
	enum vault_operation op;
	struct vault_path path;

	INVARIANT(!vault_path_parse(&path, v->call.target));
	op = vault_operation_of(&path, v->call.method);
	INVARIANT(op == v->op && op != VAULT_OTHER && op <= VAULT_LIST);
	if (op == VAULT_READ || op == VAULT_LIST)
		INVARIANT(vault_path_below(&path, &p->allow[0]));
	if (op == VAULT_LOGIN)
		INVARIANT(!strcmp(v->call.target, "/v1/auth/jwt/login"));
	INVARIANT(v->token || !v->call.needs_token);
	for (const char *c = v->call.target; *c; c++)
		INVARIANT(*c > ' ' && *c <= '~' && *c != '#');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const allowed[] = { "secret/data/team" };
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	struct request r;
	struct policy p;
	struct policy_verdict v;
	struct fault f;

	INVARIANT(!policy_init(&p, allowed, 1, "jwt", &f));
	if (!read_request(&r, text))
		return 0;
	INVARIANT(!policy_judge(&p, &r.head, &v));
	if (!v.reason && v.wants_body)
		INVARIANT(!policy_judge_body(&p, &v, r.body, strlen(r.body)));
	if (!v.reason)
		check_call(&p, &v);
	else
		INVARIANT(policy_reason_status(v.reason) >= 400);
	policy_verdict_clear(&v);
	return 0;
}
