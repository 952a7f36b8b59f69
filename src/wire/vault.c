/* wire/vault.c: building requests to the store and reading its answers.
 *
 * Two users with one need: the wrapper asks for itself, the bridge asks for
 * others. The bridge never forwards a client's bytes: a path comes through
 * wire/vaultpath.h and a body through vault_copy_*(), which read the few fields
 * that the operation has, refuse the rest, and write JSON of our own. So
 * nothing that the two JSON readers might see differently (a key twice, a
 * nested surprise) reaches the store.
 *
 * Values and tokens leave here as struct secret. In between they are jansson's,
 * on the heap; vault_wipe_json() makes it wipe what it frees. A value that is
 * not a string is given as its JSON text, as `vault kv get -field` does.
 *
 * The readers ask for exactly the shape that they need and refuse everything
 * else with one code: the caller's fault names the hop, since what answered is
 * then likely not the store at all.
 */
#include "wire/vault.h"
#include "base/number.h"
#include "wire/json.h"
#include <malloc.h>
#include <stdio.h>

/* ---- memory ------------------------------------------------------------- */

/* jansson 2.14 does not look whether the buffer of its lexer could grow, and
 * then reads and writes past its end. So a process that has no memory for JSON
 * ends here, before its heap is harmed. */
static void *json_take(size_t n)
{
	void *memory = malloc(n);

	INVARIANT(memory);
	return memory;
}

static void json_give(void *p)
{
	if (p)
		secret_wipe(p, malloc_usable_size(p));
	free(p);
}

void vault_wipe_json(void)
{
	json_set_alloc_funcs(json_take, json_give);
}

static json_t *read_object(const void *body, size_t n)
{
	return n > VAULT_ANSWER_MOST
		   ? NULL
		   : json_read_object(body, n, JSON_ALLOW_NUL);
}

static int secret_sink(const char *bytes, size_t n, void *s)
{
	return secret_append(s, bytes, n) ? -1 : 0;
}

int vault_secret_from_json(struct secret **out, const json_t *j, size_t flags)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	size_t n = json_dumpb(j, NULL, 0, flags | JSON_COMPACT);
	int r = secret_new(&s, n ? n : 1);

	if (r)
		return r;
	if (json_dump_callback(j, secret_sink, s, flags | JSON_COMPACT))
		return -ENOMEM;
	*out = STEAL(s);
	return 0;
}

/* ---- requests ----------------------------------------------------------- */

void vault_call_clear(struct vault_call *c)
{
	secret_free(c->body);
	c->body = NULL;
}

/* A call to @path, without a body. */
static int call_make(struct vault_call *c, const char *method, const char *path)
{
	struct vault_path p;

	*c = (struct vault_call){ .method = method, .needs_token = true };
	if (vault_path_plain(&p, path))
		return -EINVAL;
	return vault_path_print(&p, c->target, sizeof(c->target));
}

/* A POST of @body (counted down here; NULL means that memory ran out). */
static int call_post(struct vault_call *out, const char *path, json_t *body)
{
	JSON *j = body;
	struct vault_call c;
	int r;

	if (!j)
		return -ENOMEM;
	r = call_make(&c, "POST", path);
	if (!r)
		r = vault_secret_from_json(&c.body, j, 0);
	if (!r)
		*out = c;
	return r;
}

int vault_call_plain(struct vault_call *out, const char *method,
    const char *path, const json_t *body)
{
	struct vault_call c;
	int r = call_make(&c, method, path);

	if (!r && body)
		r = vault_secret_from_json(&c.body, body, 0);
	if (!r)
		*out = c;
	return r;
}

/* Three parts of base64url with dots between: RFC 7515, compact. */
static bool jwt_shaped(const char *text, size_t n)
{
	unsigned dots = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		dots += c == '.';
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
			return false;
	}
	return n && n <= VAULT_TOKEN_MOST && dots == 2;
}

static int call_login(struct vault_call *out, const char *mount,
    const json_t *role, const json_t *jwt)
{
	char path[VAULT_PATH_MOST];
	int n = snprintf(path, sizeof(path), "auth/%s/login", mount);
	struct vault_call c = { .method = NULL };
	json_t *body;
	int r;

	if (n < 0 || (size_t)n >= sizeof(path) ||
	    !jwt_shaped(json_string_value(jwt), json_string_length(jwt)))
		return -EINVAL;
	body = role ? json_pack("{sO sO}", "role", role, "jwt", jwt)
		    : json_pack("{sO}", "jwt", jwt);
	r = call_post(&c, path, body);
	if (r)
		return r;
	c.needs_token = false;
	*out = c;
	return 0;
}

int vault_call_login(struct vault_call *out, const char *mount,
    const char *role, const struct secret *jwt)
{
	JSON *name = json_string(role);
	JSON *text = json_stringn(secret_bytes(jwt), secret_size(jwt));

	if (!name || strlen(role) > VAULT_NAME_MOST)
		return -EINVAL;
	if (!text) /* not UTF-8, so not a JWT */
		return -EINVAL;
	return call_login(out, mount, name, text);
}

int vault_call_get(
    struct vault_call *out, const char *path, unsigned long version)
{
	struct vault_call c;
	size_t used;
	int r = call_make(&c, "GET", path);

	if (r)
		return r;
	used = strlen(c.target);
	if (version &&
	    snprintf(c.target + used, sizeof(c.target) - used, "?version=%lu",
		version) >= (int)(sizeof(c.target) - used))
		return -EINVAL;
	*out = c;
	return 0;
}

int vault_call_mount_of(struct vault_call *out, const char *path)
{
	char long_path[VAULT_PATH_MOST];
	int n = snprintf(
	    long_path, sizeof(long_path), "sys/internal/ui/mounts/%s", path);

	if (n < 0 || (size_t)n >= sizeof(long_path))
		return -EINVAL;
	return vault_call_get(out, long_path, 0);
}

static json_t *increment_body(long increment_s)
{
	if (!increment_s)
		return json_object();
	return json_pack("{sI}", "increment", (json_int_t)increment_s);
}

int vault_call_renew_self(struct vault_call *out, long increment_s)
{
	return call_post(
	    out, "auth/token/renew-self", increment_body(increment_s));
}

int vault_call_revoke_self(struct vault_call *out)
{
	return call_post(out, "auth/token/revoke-self", json_object());
}

static bool lease_id_good(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n && n < VAULT_LEASE_ID_MOST;
}

int vault_call_lease_renew(
    struct vault_call *out, const char *lease_id, long increment_s)
{
	json_t *body;

	if (!lease_id_good(lease_id))
		return -EINVAL;
	body = increment_body(increment_s);
	if (body &&
	    json_object_set_new(body, "lease_id", json_string(lease_id))) {
		json_decref(body);
		body = NULL;
	}
	return call_post(out, "sys/leases/renew", body);
}

/* ---- a client's request, made anew -------------------------------------- */

/* Has @j no other members than the @n named ones? */
static bool only_members(json_t *j, const char *const *names, size_t n)
{
	const char *key;
	json_t *value;

	json_object_foreach(j, key, value)
	{
		size_t i = 0;

		while (i < n && strcmp(key, names[i]))
			i++;
		if (i == n)
			return false;
	}
	return true;
}

int vault_copy_login(
    struct vault_call *out, const char *mount, const void *body, size_t n)
{
	static const char *const names[] = { "role", "jwt" };
	JSON *j = read_object(body, n);
	char role[VAULT_NAME_MOST + 1];
	json_t *name;

	if (!j || !only_members(j, names, N_ELEMS(names)))
		return -EINVAL;
	name = json_object_get(j, "role");
	if (name && json_copy_text(role, sizeof(role), name))
		return -EINVAL;
	return call_login(out, mount, name, json_object_get(j, "jwt"));
}

enum { INCREMENT_MOST_S = 366 * 24 * 3600 };

/* "15m", "900", 900: a wish for time, as seconds; 0 when there is none. */
static int read_increment(long *seconds, const json_t *j)
{
	char text[24];
	const char *end;
	uint64_t value, unit = 1;

	if (!j || json_is_null(j)) {
		*seconds = 0;
		return 0;
	}
	if (json_is_integer(j))
		snprintf(text, sizeof(text), "%lld",
		    (long long)json_integer_value(j));
	else if (json_copy_text(text, sizeof(text), j))
		return -EINVAL;
	if (number_start(text, INCREMENT_MOST_S, &value, &end))
		return -EINVAL;
	if (*end == 'm')
		unit = 60;
	else if (*end == 'h')
		unit = 3600;
	end += *end == 's' || unit > 1;
	if (*end || value > INCREMENT_MOST_S / unit)
		return -EINVAL;
	*seconds = (long)(value * unit);
	return 0;
}

/* A body with the members @names, the last of which is the increment. */
static int read_renewal(json_t **out, long *increment_s, const void *body,
    size_t n, const char *const names[2])
{
	JSON *j = n ? read_object(body, n) : json_object();

	if (!j || !only_members(j, names, 2) ||
	    read_increment(increment_s, json_object_get(j, "increment")))
		return -EINVAL;
	*out = STEAL(j);
	return 0;
}

int vault_copy_renew(struct vault_call *out, const void *body, size_t n)
{
	static const char *const names[] = { "increment", "increment" };
	JSON *j = NULL;
	long increment_s;
	int r = read_renewal(&j, &increment_s, body, n, names);

	return r ? r : vault_call_renew_self(out, increment_s);
}

int vault_copy_lease(struct vault_call *out, const void *body, size_t n)
{
	static const char *const names[] = { "lease_id", "increment" };
	char lease_id[VAULT_LEASE_ID_MOST];
	JSON *j = NULL;
	long increment_s;
	int r = read_renewal(&j, &increment_s, body, n, names);

	if (r)
		return r;
	if (json_copy_text(
		lease_id, sizeof(lease_id), json_object_get(j, "lease_id")))
		return -EINVAL;
	return vault_call_lease_renew(out, lease_id, increment_s);
}

/* ---- answers ------------------------------------------------------------ */

static int secret_from_string(struct secret **out, const json_t *string)
{
	return secret_from(
	    out, json_string_value(string), json_string_length(string));
}

/* The bare bytes of a token: what can stand in a header. */
static bool token_shaped(const json_t *string)
{
	const char *text = json_string_value(string);
	size_t n = json_string_length(string);

	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n && n <= VAULT_TOKEN_MOST;
}

int vault_read_auth(struct vault_auth *out, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	struct vault_auth a = { .token = NULL };
	json_int_t lease;
	json_t *token;
	int renewable, r;

	if (!j ||
	    json_unpack(j, "{s:{s:o, s:I, s:b}}", "auth", "client_token",
		&token, "lease_duration", &lease, "renewable", &renewable) ||
	    !token_shaped(token) || lease < 0 || lease > INT32_MAX)
		return -EBADMSG;
	a.lease_s = (long)lease;
	a.renewable = renewable;
	r = secret_from_string(&a.token, token);
	if (!r)
		*out = a;
	return r;
}

void vault_auth_clear(struct vault_auth *a)
{
	secret_free(a->token);
	a->token = NULL;
}

/* The fewest digits that read back as the same number. */
static int secret_from_real(struct secret **out, const json_t *j)
{
	char text[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(
		    text, sizeof(text), "%.*g", digits, json_real_value(j));
		if (!(strtod(text, NULL) < json_real_value(j)) &&
		    !(strtod(text, NULL) > json_real_value(j)))
			break;
	}
	return secret_from(out, text, strlen(text));
}

static int value_take(struct secret **out, const json_t *value)
{
	if (json_is_string(value))
		return secret_from_string(out, value);
	if (json_is_real(value))
		return secret_from_real(out, value);
	return vault_secret_from_json(out, value, JSON_ENCODE_ANY);
}

static int fields_take(struct vault_secret *s, json_t *data)
{
	size_t n = json_object_size(data);
	const char *key;
	json_t *value;

	if (n > VAULT_FIELDS_MOST)
		return -EBADMSG;
	s->fields = calloc(n ? n : 1, sizeof(*s->fields));
	if (!s->fields)
		return -ENOMEM;
	json_object_foreach(data, key, value)
	{
		struct vault_field *f = &s->fields[s->n_fields];
		size_t used = strlen(key);
		int r = used > VAULT_NAME_MOST ? -EBADMSG
					       : value_take(&f->value, value);

		if (r)
			return r;
		memcpy(f->name, key, used + 1);
		s->n_fields++;
	}
	return 0;
}

void vault_secret_clear(struct vault_secret *s)
{
	for (size_t i = 0; i < s->n_fields; i++)
		secret_free(s->fields[i].value);
	free(s->fields);
	*s = (struct vault_secret){ .fields = NULL };
}

/* KV v2 wraps: data.data and data.metadata, and nothing beside them. */
static bool is_versioned(json_t *data)
{
	static const char *const names[] = { "data", "metadata" };

	return json_object_size(data) == 2 && only_members(data, names, 2) &&
	       json_object_get(json_object_get(data, "metadata"), "version");
}

static int versioned_take(struct vault_secret *s, json_t *data)
{
	json_t *values = json_object_get(data, "data"), *created;
	json_int_t version;

	if (json_unpack(json_object_get(data, "metadata"), "{s:I, s:o}",
		"version", &version, "created_time", &created) ||
	    json_copy_text(s->created, sizeof(s->created), created) ||
	    version < 1)
		return -EBADMSG;
	s->version = (unsigned long)version;
	if (json_is_null(values))
		return VAULT_E_DELETED;
	return json_is_object(values) ? fields_take(s, values) : -EBADMSG;
}

static int lease_take(struct vault_secret *s, json_t *answer)
{
	json_t *id = json_object_get(answer, "lease_id");
	json_int_t lease =
	    json_integer_value(json_object_get(answer, "lease_duration"));

	s->lease_s = lease > 0 && lease < INT32_MAX ? (long)lease : 0;
	s->renewable = json_is_true(json_object_get(answer, "renewable"));
	return id ? json_copy_text(s->lease_id, sizeof(s->lease_id), id) : 0;
}

int vault_read_secret(struct vault_secret *out, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	json_t *data = json_object_get(j, "data");
	CLEANUP(vault_secret_clear) struct vault_secret s = { .fields = NULL };
	int r;

	if (!json_is_object(data))
		return -EBADMSG;
	r = lease_take(&s, j);
	if (!r)
		r = is_versioned(data) ? versioned_take(&s, data)
				       : fields_take(&s, data);
	if (r)
		return r;
	*out = s;
	s = (struct vault_secret){ .fields = NULL };
	return 0;
}

int vault_read_lease(struct vault_lease *out, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	struct vault_secret s = { .fields = NULL };

	if (!j || lease_take(&s, j) || !*s.lease_id)
		return -EBADMSG;
	*out = (struct vault_lease){ .seconds = s.lease_s,
		.renewable = s.renewable };
	return 0;
}

const struct secret *vault_secret_field(
    const struct vault_secret *s, const char *name)
{
	for (size_t i = 0; i < s->n_fields; i++)
		if (!strcmp(s->fields[i].name, name))
			return s->fields[i].value;
	return NULL;
}

/* A version whose time is not there, or is no text, has none. */
static void created_take(struct vault_version *v, const json_t *data)
{
	char number[24];
	json_t *one;

	(void)snprintf(number, sizeof(number), "%lu", v->number);
	one = json_object_get(json_object_get(data, "versions"), number);
	if (json_copy_text(v->created, sizeof(v->created),
		json_object_get(one, "created_time")))
		v->created[0] = '\0';
}

int vault_read_version(struct vault_version *out, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	struct vault_version v = { .created = "" };
	json_int_t current;

	if (!j ||
	    json_unpack(j, "{s:{s:I}}", "data", "current_version", &current) ||
	    current < 0)
		return -EBADMSG;
	v.number = (unsigned long)current;
	created_take(&v, json_object_get(j, "data"));
	*out = v;
	return 0;
}

int vault_read_mount(struct vault_mount *out, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	json_t *data = json_object_get(j, "data");
	json_t *version =
	    json_object_get(json_object_get(data, "options"), "version");
	struct vault_mount m = { .version = 0 };

	if (json_copy_text(
		m.path, sizeof(m.path), json_object_get(data, "path")) ||
	    json_copy_text(
		m.type, sizeof(m.type), json_object_get(data, "type")) ||
	    !m.path[0])
		return -EBADMSG;
	if (!strcmp(m.type, "kv"))
		m.version = 1;
	if (m.version && json_is_string(version) &&
	    !strcmp(json_string_value(version), "2"))
		m.version = 2;
	*out = m;
	return 0;
}

int vault_kv_path(char to[VAULT_PATH_MOST], const struct vault_mount *mount,
    const char *kind, const char *path)
{
	size_t n = strlen(mount->path);
	struct vault_path checked;
	char whole[VAULT_PATH_MOST];
	const char *rest;
	int used;

	if (mount->version != 2 || !n || mount->path[n - 1] != '/' ||
	    strncmp(path, mount->path, n) || !path[n])
		return -EINVAL;
	rest = path + n;
	if (!strncmp(rest, "data/", 5))
		rest += 5;
	used =
	    snprintf(whole, sizeof(whole), "%s%s/%s", mount->path, kind, rest);
	if (used < 0 || (size_t)used >= sizeof(whole) ||
	    vault_path_plain(&checked, whole))
		return -EINVAL;
	memcpy(to, whole, (size_t)used + 1);
	return 0;
}

/* ---- errors ------------------------------------------------------------- */

/* The store writes "1 error occurred:\n\t* permission denied\n\n". One line of
 * that is enough: white space folded, the preamble gone. */
static void fold_words(char *text)
{
	static const char preamble[] = "1 error occurred: * ";
	char *to = text;

	for (const char *at = text; *at; at++) {
		bool space = (unsigned char)*at <= ' ';

		if (!space)
			*to++ = *at;
		else if (to > text && to[-1] != ' ')
			*to++ = ' ';
	}
	to -= to > text && to[-1] == ' ';
	*to = '\0';
	if (!strncmp(text, preamble, sizeof(preamble) - 1))
		memmove(text, text + sizeof(preamble) - 1,
		    strlen(text) - sizeof(preamble) + 2);
}

size_t vault_errors(char *to, size_t room, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	json_t *errors = json_object_get(j, "errors"), *one;
	size_t i, used = 0, count = 0;

	to[0] = '\0';
	json_array_foreach(errors, i, one)
	{
		if (!json_is_string(one))
			continue;
		snprintf(to + used, room - used, "%s%s", count++ ? "; " : "",
		    json_string_value(one));
		fold_words(to + used);
		used += strlen(to + used);
	}
	return count;
}

size_t vault_errors_body(char *to, size_t room, const char *text)
{
	JSON *j = json_pack("{s[s]}", "errors", text);
	size_t n = j ? json_dumpb(j, to, room, JSON_COMPACT) : 0;

	if (!n || n > room) { /* not UTF-8, or longer than there is room for */
		static const char plain[] = "{\"errors\":[\"internal error\"]}";

		n = sizeof(plain) - 1 < room ? sizeof(plain) - 1 : room;
		memcpy(to, plain, n);
	}
	return n;
}

/* A 404 of the store may be `{"errors":[]}`, or an envelope without data whose
 * warnings say what is wrong with the path. */
static bool is_store_nothing(
    char *words, size_t room, const struct vault_failure *x)
{
	JSON *j = read_object(x->body, x->n);
	json_t *errors = json_object_get(j, "errors");
	json_t *warnings = json_object_get(j, "warnings");
	const char *first = json_string_value(json_array_get(warnings, 0));

	words[0] = '\0';
	if (first)
		snprintf(words, room, "%s", first);
	return x->status == 404 &&
	       (json_is_array(errors) || json_object_get(j, "request_id"));
}

bool vault_is_nothing(const struct vault_failure *failure)
{
	char words[FAULT_TEXT_MAX];

	return is_store_nothing(words, sizeof(words), failure);
}

static const struct meaning {
	int status;
	const char *name, *hint;
} meaning[] = {
	{ 200, "empty answer",
	    "is there another server or a proxy at this address?" },
	{ 400, "bad request",
	    "the store's own words say which part it did not take; at a login: "
	    "audience, issuer, role, algorithm and expiry of the JWT" },
	{ 403, "permission denied",
	    "check that the token is valid and that its policies allow this "
	    "path; at a login: that role and auth mount exist; if the bridge "
	    "refused, its --allow-path and --auth-mount" },
	{ 404, "not found",
	    "check mount and path (a KV v2 read has data/ after the mount) and "
	    "that the secret was written" },
	{ 405, "operation not supported", "check the path" },
	{ 429, "too many requests",
	    "the store limits its clients or is a standby; try again later" },
	{ 500, "internal error", "look into the store's log" },
	{ 502, "bad gateway",
	    "whoever answered cannot reach the store: check from there that it "
	    "runs, and the address (--vault-addr of a bridge)" },
	{ 503, "sealed or not ready",
	    "unseal the store, or wait for its start" },
	{ 504, "gateway timeout",
	    "whoever answered cannot reach the store: check from there that it "
	    "runs, and the address (--vault-addr of a bridge)" },
};

static const struct meaning *meaning_of(int status)
{
	static const struct meaning redirect = { 0, "redirect",
		"give the address of the active store itself; a redirect is "
		"not followed with a token" };
	static const struct meaning other = { 0, "unexpected status",
		"is there another server or a proxy at this address?" };

	for (size_t i = 0; i < N_ELEMS(meaning); i++)
		if (meaning[i].status == status)
			return &meaning[i];
	return status / 100 == 3 ? &redirect : &other;
}

static int failure_code(int status)
{
	if (status == 401 || status == 403)
		return -EACCES;
	if (status == 404)
		return -ENOENT;
	if (status == 429 || status / 100 == 5)
		return -EAGAIN;
	return status / 100 == 4 ? -EINVAL : -EBADMSG;
}

/* An answer that has not the store's shape: whose is it then? */
static int fault_foreign(
    struct fault *f, int code, const struct vault_failure *x)
{
	const char *hint =
	    "is there another server or a proxy at this address?";

	if (!x->n)
		return fault_set(f, code, meaning_of(x->status)->hint,
		    "store %s: %d %s, without a word on why", x->store,
		    x->status, meaning_of(x->status)->name);
	return fault_set(f, code == -EAGAIN ? code : -EBADMSG, hint,
	    "store %s: %d with %zu bytes of %s, which is not how the store "
	    "answers",
	    x->store, x->status, x->n,
	    x->content_type && *x->content_type ? x->content_type
						: "an unnamed kind");
}

int vault_fault(struct fault *f, const struct vault_failure *x)
{
	const struct meaning *m = meaning_of(x->status);
	char words[FAULT_TEXT_MAX];
	int code = failure_code(x->status);

	if (!vault_errors(words, sizeof(words), x->body, x->n) &&
	    !is_store_nothing(words, sizeof(words), x))
		return fault_foreign(f, code, x);
	if (!strcmp(words, m->name))
		words[0] = '\0';
	return fault_set(f, code, m->hint, "store %s: %d %s%s%s", x->store,
	    x->status, m->name, *words ? ": " : "", words);
}
