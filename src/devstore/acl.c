/* devstore/acl.c: reading policies, and deciding by them.
 *
 * The grammar is the part of HCL that policies are written in:
 *
 *   policy     = { block }
 *   block      = "path" string "{" { "capabilities" "=" list } "}"
 *   list       = "[" [ string { "," string } [ "," ] ] "]"
 *
 * with comments (# // and C's). A text that starts with "{" is JSON of the same
 * shape. A rule is compared segment by segment only when it has `+`; otherwise
 * it is a text or the beginning of one.
 *
 * Which rule counts when several match is OpenBao's order: an exact path before
 * all; then the rule whose first wildcard stands later; then the one that does
 * not end in `*`; then the one with fewer `+`; then the longer; then the
 * lexically greater. All rules are looked at for each request: policies are
 * small here, and the order is then plain to see.
 */
#include "devstore/acl.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *name;
	unsigned bit;
} capabilities[] = {
	{ "create", ACL_CREATE },
	{ "read", ACL_READ },
	{ "update", ACL_UPDATE },
	{ "delete", ACL_DELETE },
	{ "list", ACL_LIST },
	{ "patch", ACL_PATCH },
	{ "scan", ACL_SCAN },
	{ "sudo", ACL_SUDO },
	{ "deny", ACL_DENY },
};

static unsigned capability_of(const char *name)
{
	for (size_t i = 0; i < N_ELEMS(capabilities); i++)
		if (!strcmp(name, capabilities[i].name))
			return capabilities[i].bit;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

size_t acl_names(unsigned set, const char *to[ACL_NAMES_MOST])
{
	size_t n = 0;

	_Static_assert(N_ELEMS(capabilities) == ACL_NAMES_MOST, "room for all");
	for (size_t i = 0; i < N_ELEMS(capabilities); i++)
		if (set & capabilities[i].bit)
			to[n++] = capabilities[i].name;
	qsort(to, n, sizeof(to[0]), compare_names);
	return n;
}

void acl_clear(struct acl *a)
{
	free(a->rules);
	*a = (struct acl){ .rules = NULL };
}

/* What is being read, and where a complaint goes. */
struct reading {
	struct acl acl;
	const char *at, *start;
	char *why;
};

static int complain(struct reading *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int complain(struct reading *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->why, ACL_WHY_MOST, fmt, args);
	va_end(args);
	return -EINVAL;
}

/* A new rule for @path; its capabilities come one by one. */
static int rule_add(struct reading *r, const char *path)
{
	size_t n = strlen(path);
	struct acl_rule *rule;

	if (r->acl.n_rules == ACL_RULES_MOST)
		return complain(r, "more than %d paths", ACL_RULES_MOST);
	if (n >= ACL_PATH_MOST)
		return complain(r, "path longer than %d", ACL_PATH_MOST - 1);
	if (strstr(path, "{{"))
		return complain(
		    r, "path \"%s\": templates are not known here", path);
	rule = &r->acl.rules[r->acl.n_rules++];
	rule->prefix = n && path[n - 1] == '*';
	if (*path == '/') /* as OpenBao: a leading slash does not count */
		path++, n--;
	memcpy(rule->path, path, n - rule->prefix);
	rule->path[n - rule->prefix] = '\0';
	rule->capabilities = 0;
	return 0;
}

static int rule_allow(struct reading *r, const char *capability)
{
	struct acl_rule *rule = &r->acl.rules[r->acl.n_rules - 1];
	unsigned bit = capability_of(capability);

	if (!bit)
		return complain(r, "path \"%s%s\": invalid capability \"%s\"",
		    rule->path, rule->prefix ? "*" : "", capability);
	rule->capabilities |= bit;
	return 0;
}

/* ---- HCL ---------------------------------------------------------------- */

static void skip_line(struct reading *r)
{
	while (*r->at && *r->at != '\n')
		r->at++;
}

/* Over white space and comments. */
static void skip(struct reading *r)
{
	for (;;) {
		r->at += strspn(r->at, " \t\r\n");
		if (*r->at == '#' || !strncmp(r->at, "//", 2)) {
			skip_line(r);
		} else if (!strncmp(r->at, "/*", 2)) {
			const char *end = strstr(r->at + 2, "*/");

			r->at = end ? end + 2 : r->at + strlen(r->at);
		} else {
			return;
		}
	}
}

static int line_of(const struct reading *r)
{
	int line = 1;

	for (const char *s = r->start; s < r->at; s++)
		line += *s == '\n';
	return line;
}

static bool take(struct reading *r, char c)
{
	skip(r);
	if (*r->at != c)
		return false;
	r->at++;
	return true;
}

static int expect(struct reading *r, char c)
{
	return take(r, c)
		   ? 0
		   : complain(r, "line %d: expected '%c'", line_of(r), c);
}

/* A bare word; "" when none stands here. */
static void take_word(struct reading *r, char *to, size_t room)
{
	size_t n = 0;

	skip(r);
	while (
	    n + 1 < room && ((*r->at >= 'a' && *r->at <= 'z') || *r->at == '_'))
		to[n++] = *r->at++;
	to[n] = '\0';
}

static int take_string(struct reading *r, char *to, size_t room)
{
	size_t n = 0;

	if (expect(r, '"'))
		return -EINVAL;
	for (; *r->at && *r->at != '"' && *r->at != '\n'; r->at++) {
		if (*r->at == '\\' && (r->at[1] == '"' || r->at[1] == '\\'))
			r->at++;
		if (n + 1 >= room)
			return complain(
			    r, "line %d: text too long", line_of(r));
		to[n++] = *r->at;
	}
	to[n] = '\0';
	return expect(r, '"');
}

static int take_capabilities(struct reading *r)
{
	char name[32];
	int e = expect(r, '=');

	if (!e)
		e = expect(r, '[');
	while (!e && !take(r, ']')) {
		e = take_string(r, name, sizeof(name));
		if (!e)
			e = rule_allow(r, name);
		if (!e && !take(r, ',')) {
			e = expect(r, ']');
			break;
		}
	}
	return e;
}

static int take_block(struct reading *r)
{
	char word[32], path[ACL_PATH_MOST + 1];
	int e;

	take_word(r, word, sizeof(word));
	if (strcmp(word, "path"))
		return complain(
		    r, "line %d: invalid key \"%s\"", line_of(r), word);
	e = take_string(r, path, sizeof(path));
	if (!e)
		e = rule_add(r, path);
	if (!e)
		e = expect(r, '{');
	while (!e && !take(r, '}')) {
		take_word(r, word, sizeof(word));
		if (strcmp(word, "capabilities"))
			return complain(r,
			    "line %d: path \"%s\": invalid key "
			    "\"%s\" (only capabilities are known "
			    "here)",
			    line_of(r), path, word);
		e = take_capabilities(r);
	}
	return e;
}

static int read_hcl(struct reading *r)
{
	int e = 0;

	for (skip(r); !e && *r->at; skip(r))
		e = take_block(r);
	return e;
}

/* ---- JSON --------------------------------------------------------------- */

static int json_capabilities(struct reading *r, const json_t *list)
{
	const json_t *one;
	size_t i;
	int e = 0;

	if (!json_is_array(list))
		return complain(r, "capabilities must be a list");
	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(one);

		e = rule_allow(r, name ? name : "?");
		if (e)
			break;
	}
	return e;
}

static int json_rule(struct reading *r, const char *path, const json_t *block)
{
	json_t *list = json_object_get(block, "capabilities");
	int e = rule_add(r, path);

	if (e)
		return e;
	if (json_object_size(block) != 1 || !list)
		return complain(
		    r, "path \"%s\": only capabilities are known here", path);
	return json_capabilities(r, list);
}

static int read_json(struct reading *r)
{
	json_t *j = json_loads(r->at, JSON_REJECT_DUPLICATES, NULL);
	json_t *paths = json_object_get(j, "path"), *block;
	const char *path;
	int e = 0;

	if (json_object_size(j) != 1 || !json_is_object(paths))
		e = complain(r, "expected is {\"path\":{…}}");
	json_object_foreach(paths, path, block)
	{
		e = e ? e : json_rule(r, path, block);
	}
	json_decref(j);
	return e;
}

int acl_parse(struct acl *out, const char *text, char why[ACL_WHY_MOST])
{
	struct reading r = { .at = text, .start = text, .why = why };
	int e;

	if (strlen(text) > ACL_TEXT_MOST)
		return complain(&r, "longer than %d characters", ACL_TEXT_MOST);
	r.acl.rules = calloc(ACL_RULES_MOST, sizeof(*r.acl.rules));
	if (!r.acl.rules)
		return -ENOMEM;
	skip(&r);
	e = *r.at == '{' ? read_json(&r) : read_hcl(&r);
	if (e)
		acl_clear(&r.acl);
	else
		*out = r.acl;
	return e;
}

/* ---- deciding ----------------------------------------------------------- */

/* Where the first `+` segment stands in @path; its length when there is none.
 */
static size_t first_plus(const char *path)
{
	for (const char *at = path; (at = strchr(at, '+')); at++)
		if ((at == path || at[-1] == '/') && (at[1] == '/' || !at[1]))
			return (size_t)(at - path);
	return strlen(path);
}

static size_t count_plus(const char *path)
{
	size_t n = 0;

	for (;;) {
		path += first_plus(path);
		if (!*path)
			return n;
		n++;
		path++;
	}
}

static bool has_plus(const struct acl_rule *rule)
{
	return rule->path[first_plus(rule->path)];
}

static bool is_exact(const struct acl_rule *rule)
{
	return !rule->prefix && !has_plus(rule);
}

/* Segment by segment: `+` is any one, the last of a prefix rule a beginning. */
static bool segments_match(const struct acl_rule *rule, const char *path)
{
	const char *want = rule->path;

	for (;;) {
		size_t n = strcspn(want, "/"), m = strcspn(path, "/");
		bool last = !want[n];
		bool any = n == 1 && *want == '+';

		if (last && rule->prefix && !any)
			return m >= n && !strncmp(want, path, n);
		if (!any && (n != m || strncmp(want, path, n)))
			return false;
		if (last)
			return !path[m] || rule->prefix;
		if (!path[m])
			return false;
		want += n + 1;
		path += m + 1;
	}
}

static bool rule_matches(const struct acl_rule *rule, const char *path)
{
	if (has_plus(rule))
		return segments_match(rule, path);
	if (rule->prefix)
		return !strncmp(path, rule->path, strlen(rule->path));
	return !strcmp(path, rule->path);
}

/* Does @a count before @b? Both match; zero: they are the same path. */
static int rule_compare(const struct acl_rule *a, const struct acl_rule *b)
{
	size_t first_a = first_plus(a->path), first_b = first_plus(b->path);
	size_t plus_a = count_plus(a->path), plus_b = count_plus(b->path);
	size_t n = strlen(a->path), m = strlen(b->path);

	if (is_exact(a) != is_exact(b))
		return is_exact(a) ? 1 : -1;
	if (first_a != first_b)
		return first_a > first_b ? 1 : -1;
	if (a->prefix != b->prefix)
		return b->prefix ? 1 : -1;
	if (plus_a != plus_b)
		return plus_a < plus_b ? 1 : -1;
	if (n != m)
		return n > m ? 1 : -1;
	return strcmp(a->path, b->path);
}

struct choice {
	const struct acl_rule *best;
	unsigned capabilities;
};

static void consider(struct choice *c, const struct acl_rule *rule)
{
	int order = c->best ? rule_compare(rule, c->best) : 1;

	if (order > 0) {
		c->best = rule;
		c->capabilities = 0;
	}
	if (order >= 0)
		c->capabilities |= rule->capabilities;
}

/* @path without its final slash, for listings; NULL when it is not one. */
static const char *trimmed(char to[ACL_PATH_MOST], const char *path)
{
	size_t n = strlen(path);

	if (!n || n >= ACL_PATH_MOST || path[n - 1] != '/')
		return NULL;
	memcpy(to, path, n - 1);
	to[n - 1] = '\0';
	return to;
}

unsigned acl_allows(
    const struct acl *const *policies, size_t n, const char *path, bool listing)
{
	struct choice c = { .best = NULL };
	char buffer[ACL_PATH_MOST];
	const char *bare = listing ? trimmed(buffer, path) : NULL;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < policies[i]->n_rules; j++) {
			const struct acl_rule *rule = &policies[i]->rules[j];

			if (rule_matches(rule, path) ||
			    (bare && is_exact(rule) &&
				rule_matches(rule, bare)))
				consider(&c, rule);
		}
	}
	return c.capabilities & ACL_DENY ? 0 : c.capabilities;
}

/* Could a path below @mount match @rule? */
static bool rule_reaches(const struct acl_rule *rule, const char *mount)
{
	size_t n = strlen(mount), m = first_plus(rule->path);

	if (!rule->capabilities || (rule->capabilities & ACL_DENY))
		return false;
	if (m < n && (has_plus(rule) || rule->prefix))
		return !strncmp(rule->path, mount, m);
	return !strncmp(rule->path, mount, n);
}

bool acl_reaches(const struct acl *const *policies, size_t n, const char *mount)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < policies[i]->n_rules; j++)
			if (rule_reaches(&policies[i]->rules[j], mount))
				return true;
	return false;
}
