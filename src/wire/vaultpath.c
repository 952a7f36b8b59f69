/* wire/vaultpath.c: reading the path of a request to the store.
 *
 * A proxy that allows by path is as good as its reading of paths. The classic
 * holes are two readers that disagree: one sees "secret/../sys", one sees
 * "sys"; one decodes twice, one once; one joins "//", one does not. So there is
 * one reader, it decodes exactly once, and whatever has more than one reading
 * is refused rather than repaired. What passes is kept as decoded segments; a
 * new target is printed from those, and reading that gives the same segments
 * again (the fuzz target holds us to it).
 *
 * The pieces lie NUL-terminated, one after the other, in one text of fixed
 * size; nothing is allocated. A decoded NUL is a control character and refused,
 * so a piece is all of what was sent.
 *
 * Segments of a path are not split into mount and rest: only the store knows
 * its mounts. Rules are therefore about prefixes of whole segments, as the
 * store's own policies are.
 */
#include "wire/vaultpath.h"
#include "base/hex.h"
#include <assert.h>

static const char *const problem[] = {
	[VAULT_PATH_E_PREFIX] = "the path does not start with /v1/",
	[VAULT_PATH_E_SIZE] = "the path is too long or too deep",
	[VAULT_PATH_E_ESCAPE] = "the path has a bad escape or an encoded slash",
	[VAULT_PATH_E_CHARACTER] =
	    "the path has a character that is not allowed",
	[VAULT_PATH_E_SEGMENT] =
	    "the path has an empty, '.' or '..' segment or "
	    "ends in a dot",
	[VAULT_PATH_E_QUERY] =
	    "the query has a parameter without name or twice",
};

const char *vault_path_problem(int code)
{
	if (code <= 0 || (size_t)code >= N_ELEMS(problem))
		return "the path cannot be read";
	return problem[code];
}

/* One piece of the target being decoded: a segment, a name or a value. */
struct piece {
	const char *at, *end;
	bool plain; /* no escapes: '%' stands for itself */
	bool query; /* '+' is a space, a slash is a character like others */
};

/* The length of the UTF-8 sequence that starts with @lead; 0: none does. */
static size_t utf8_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/* The second byte rules out overlong forms, surrogates and > U+10FFFF. */
static bool utf8_second_good(unsigned char lead, unsigned char second)
{
	switch (lead) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second <= 0x9f;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second <= 0x8f;
	default:
		return true;
	}
}

/* U+0080 to U+009F are control characters too. */
static bool utf8_control(const unsigned char *s, size_t n)
{
	return n == 2 && s[0] == 0xc2 && s[1] < 0xa0;
}

static bool utf8_good(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		size_t n = utf8_length(*s);

		if (!n || (n > 1 && !utf8_second_good(s[0], s[1])))
			return false;
		for (size_t i = 1; i < n; i++)
			if ((s[i] & 0xc0) != 0x80)
				return false;
		if (utf8_control(s, n))
			return false;
		s += n;
	}
	return true;
}

/* Decode one character of @p into *@c and step over it. */
static int piece_next(struct piece *p, char *c)
{
	char digits[3];

	*c = *p->at++;
	if (p->plain)
		return 0;
	if ((unsigned char)*c >= 0x80)
		return VAULT_PATH_E_CHARACTER; /* belongs in an escape */
	if (p->query && *c == '+')
		*c = ' ';
	if (*c != '%')
		return 0;
	if (p->end - p->at < 2)
		return VAULT_PATH_E_ESCAPE;
	memcpy(digits, p->at, 2);
	digits[2] = '\0';
	if (hex_decode(c, 1, digits))
		return VAULT_PATH_E_ESCAPE;
	p->at += 2;
	return !p->query && *c == '/' ? VAULT_PATH_E_ESCAPE : 0;
}

/* Add the decoded piece to the text of @out; *@where is its offset. */
static int piece_add(struct vault_path *out, struct piece p, uint16_t *where)
{
	uint16_t start = out->used;

	while (p.at < p.end) {
		char c;
		int r = piece_next(&p, &c);

		if (r)
			return r;
		if ((unsigned char)c < 0x20 || c == 0x7f || c == '\\')
			return VAULT_PATH_E_CHARACTER;
		if (out->used + 2 > VAULT_PATH_MOST)
			return VAULT_PATH_E_SIZE;
		out->text[out->used++] = c;
	}
	if (out->used + 1 > VAULT_PATH_MOST)
		return VAULT_PATH_E_SIZE;
	out->text[out->used++] = '\0';
	if (!utf8_good(out->text + start))
		return VAULT_PATH_E_CHARACTER;
	*where = start;
	return 0;
}

static int segment_add(struct vault_path *out, struct piece p)
{
	const char *s;
	int r;

	if (p.at == p.end)
		return VAULT_PATH_E_SEGMENT;
	if (out->n_segments == VAULT_SEGMENTS_MOST)
		return VAULT_PATH_E_SIZE;
	r = piece_add(out, p, &out->segment[out->n_segments]);
	if (r)
		return r;
	s = out->text + out->segment[out->n_segments++];
	return !strcmp(s, ".") || !strcmp(s, "..") ? VAULT_PATH_E_SEGMENT : 0;
}

/* The path between @at and @end, without what comes before its first segment.
 */
static int path_split(
    struct vault_path *out, const char *at, const char *end, bool plain)
{
	while (at < end) {
		size_t left = (size_t)(end - at);
		const char *slash = memchr(at, '/', left);
		const char *stop = slash ? slash : end;
		int r =
		    segment_add(out, (struct piece){ at, stop, plain, false });

		if (r)
			return r;
		at = slash ? slash + 1 : end;
		out->folder = slash && at == end;
	}
	if (!out->n_segments)
		return VAULT_PATH_E_PREFIX;
	at = vault_path_segment(out, out->n_segments - 1u);
	INVARIANT(*at); /* segment_add() takes no empty one */
	return at[strlen(at) - 1] == '.' ? VAULT_PATH_E_SEGMENT : 0;
}

static int parameter_add(
    struct vault_path *out, const char *at, const char *end)
{
	const char *equals = memchr(at, '=', (size_t)(end - at));
	const char *stop = equals ? equals : end;
	const char *value = equals ? equals + 1 : end;
	const char *name;
	int r;

	if (at == stop)
		return VAULT_PATH_E_QUERY;
	if (out->n_query == VAULT_QUERY_MOST)
		return VAULT_PATH_E_SIZE;
	r = piece_add(out, (struct piece){ at, stop, false, true },
	    &out->name[out->n_query]);
	if (!r)
		r = piece_add(out, (struct piece){ value, end, false, true },
		    &out->value[out->n_query]);
	if (r)
		return r;
	name = out->text + out->name[out->n_query];
	if (vault_path_query(out, name))
		return VAULT_PATH_E_QUERY;
	out->n_query++;
	return 0;
}

static int query_split(struct vault_path *out, const char *at)
{
	const char *end = at + strlen(at);

	while (at < end) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		int r = parameter_add(out, at, next ? next : end);

		if (r)
			return r;
		at = next ? next + 1 : end;
	}
	return 0;
}

int vault_path_parse(struct vault_path *out, const char *target)
{
	static const char prefix[] = "/v1/";
	struct vault_path p = { .n_segments = 0 };
	const char *path = target + sizeof(prefix) - 1;
	const char *query;
	int r;

	if (strncmp(target, prefix, sizeof(prefix) - 1) || strchr(target, '#'))
		return VAULT_PATH_E_PREFIX;
	query = strchr(path, '?');
	r = path_split(&p, path, query ? query : path + strlen(path), false);
	if (!r && query)
		r = query_split(&p, query + 1);
	if (!r)
		*out = p;
	return r;
}

int vault_path_plain(struct vault_path *out, const char *text)
{
	struct vault_path p = { .n_segments = 0 };
	int r = path_split(&p, text, text + strlen(text), true);

	if (!r)
		*out = p;
	return r;
}

const char *vault_path_segment(const struct vault_path *p, size_t i)
{
	return i < p->n_segments ? p->text + p->segment[i] : "";
}

const char *vault_path_query(const struct vault_path *p, const char *name)
{
	for (size_t i = 0; i < p->n_query; i++)
		if (!strcmp(p->text + p->name[i], name))
			return p->text + p->value[i];
	return NULL;
}

bool vault_path_below(
    const struct vault_path *p, const struct vault_path *prefix)
{
	if (p->n_segments < prefix->n_segments)
		return false;
	for (size_t i = 0; i < prefix->n_segments; i++)
		if (strcmp(vault_path_segment(p, i),
			vault_path_segment(prefix, i)))
			return false;
	return true;
}

void vault_path_drop(struct vault_path *p, size_t n)
{
	INVARIANT(n <= p->n_segments);
	p->n_segments = (uint8_t)(p->n_segments - n);
	memmove(
	    p->segment, p->segment + n, p->n_segments * sizeof(p->segment[0]));
}

/* RFC 3986 unreserved characters stand for themselves; all else is escaped. */
static bool stands_for_itself(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

/* Text being written, bounded and always terminated. */
struct line {
	char *to;
	size_t used, room;
	bool full;
};

static void line_add(struct line *l, const char *text, size_t n)
{
	if (l->full || n >= l->room - l->used) {
		l->full = true;
		return;
	}
	memcpy(l->to + l->used, text, n);
	l->used += n;
	l->to[l->used] = '\0';
}

static void line_escape(struct line *l, const char *text)
{
	for (; *text; text++) {
		char escape[4] = "%";

		if (stands_for_itself(*text)) {
			line_add(l, text, 1);
			continue;
		}
		hex_encode(escape + 1, text, 1);
		line_add(l, escape, 3);
	}
}

int vault_path_print(const struct vault_path *p, char *to, size_t room)
{
	struct line l = { .to = to, .room = room };

	line_add(&l, "/v1", 3);
	for (size_t i = 0; i < p->n_segments; i++) {
		line_add(&l, "/", 1);
		line_escape(&l, vault_path_segment(p, i));
	}
	if (p->folder)
		line_add(&l, "/", 1);
	return l.full ? -ENOBUFS : 0;
}

int vault_path_join(
    const struct vault_path *p, size_t from, size_t to, char *text, size_t room)
{
	struct line l = { .to = text, .room = room };

	line_add(&l, "", 0);
	for (size_t i = from; i < to; i++) {
		const char *s = vault_path_segment(p, i);

		line_add(&l, "/", i > from);
		line_add(&l, s, strlen(s));
	}
	return l.full ? -ENOBUFS : 0;
}

/* Methods as bits, so that a row can allow several. */
enum { GET = 1, HEAD = 2, PUT = 4, LIST = 8, PATCH = 16, DELETE = 32 };

static unsigned method_bit(const struct vault_path *p, const char *method)
{
	static const struct {
		const char *name;
		unsigned bit;
	} row[] = {
		{ "GET", GET },
		{ "HEAD", HEAD },
		{ "POST", PUT },
		{ "PUT", PUT },
		{ "LIST", LIST },
		{ "PATCH", PATCH },
		{ "DELETE", DELETE },
	};
	const char *list = vault_path_query(p, "list");

	if (!strcmp(method, "GET") && list && !strcmp(list, "true"))
		return LIST;
	for (size_t i = 0; i < N_ELEMS(row); i++)
		if (!strcmp(method, row[i].name))
			return row[i].bit;
	return 0;
}

static const struct known {
	const char *path; /* ends in '/': anything below it, but not itself */
	unsigned methods;
	enum vault_operation op;
} known[] = {
	{ "auth/token/lookup-self", GET, VAULT_TOKEN_LOOKUP_SELF },
	{ "auth/token/renew-self", PUT, VAULT_TOKEN_RENEW_SELF },
	{ "auth/token/revoke-self", PUT, VAULT_TOKEN_REVOKE_SELF },
	{ "sys/leases/renew", PUT, VAULT_LEASE_RENEW },
	{ "sys/health", GET | HEAD, VAULT_HEALTH },
	{ "sys/seal-status", GET, VAULT_SEAL_STATUS },
	{ "sys/internal/ui/mounts", GET, VAULT_MOUNTS },
	{ "sys/internal/ui/mounts/", GET, VAULT_MOUNT },
};

static bool known_fits(const struct known *k, const char *path)
{
	size_t n = strlen(k->path);

	if (k->path[n - 1] == '/')
		return !strncmp(path, k->path, n);
	return !strcmp(path, k->path);
}

static enum vault_operation below_system(
    const struct vault_path *p, unsigned method)
{
	char path[VAULT_PATH_MOST];
	const char *last = vault_path_segment(p, p->n_segments - 1u);
	bool folder_good;

	INVARIANT(!vault_path_join(p, 0, p->n_segments, path, sizeof(path)));
	folder_good = !strncmp(path, "sys/internal/", 13);
	if (p->folder && !folder_good)
		return VAULT_OTHER;
	for (size_t i = 0; i < N_ELEMS(known); i++)
		if ((method & known[i].methods) && known_fits(&known[i], path))
			return known[i].op;
	if (method == PUT && p->n_segments >= 3 && !strcmp(last, "login") &&
	    !strncmp(path, "auth/", 5) && strncmp(path, "auth/token/", 11))
		return VAULT_LOGIN;
	return VAULT_OTHER;
}

enum vault_operation vault_operation_of(
    const struct vault_path *p, const char *method)
{
	unsigned bit = method_bit(p, method);
	const char *first = vault_path_segment(p, 0);

	if (!strcmp(first, "sys") || !strcmp(first, "auth"))
		return below_system(p, bit);
	switch (bit) {
	case GET:
		return VAULT_READ;
	case LIST:
		return VAULT_LIST;
	case PUT:
		return VAULT_WRITE;
	case PATCH:
		return VAULT_PATCH;
	case DELETE:
		return VAULT_DELETE;
	default:
		return VAULT_OTHER;
	}
}

const char *vault_operation_name(enum vault_operation op)
{
	static const char *const name[] = {
		[VAULT_OTHER] = "other",
		[VAULT_LOGIN] = "login",
		[VAULT_TOKEN_LOOKUP_SELF] = "lookup-self",
		[VAULT_TOKEN_RENEW_SELF] = "renew-self",
		[VAULT_TOKEN_REVOKE_SELF] = "revoke-self",
		[VAULT_LEASE_RENEW] = "lease-renew",
		[VAULT_HEALTH] = "health",
		[VAULT_SEAL_STATUS] = "seal-status",
		[VAULT_MOUNTS] = "mounts",
		[VAULT_MOUNT] = "mount",
		[VAULT_READ] = "read",
		[VAULT_LIST] = "list",
		[VAULT_WRITE] = "write",
		[VAULT_PATCH] = "patch",
		[VAULT_DELETE] = "delete",
	};

	static_assert(N_ELEMS(name) == VAULT_OPERATION_COUNT, "a name each");
	return name[op];
}
