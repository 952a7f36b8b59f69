#include "wire/httphead.h"
#include "base/number.h"
#include "base/secret.h"
#include <ctype.h>

enum { GATHER_FIRST = 2048 };

/* Name and value bytes, the target, and a NUL after each part. */
enum {
	GATHER_MOST = HTTP_HEAD_MAX + HTTP_TARGET_MAX + 2 * HTTP_FIELDS_MAX + 16
};

void http_gather_deinit(struct http_gather *g)
{
	if (g->text)
		secret_wipe(g->text, g->room);
	free(g->text);
	*g = (struct http_gather){ .text = NULL };
}

/* Not realloc(): it would leave an unwiped copy behind. */
static int gather_grow(struct http_gather *g, size_t need)
{
	size_t room = g->room ? g->room : GATHER_FIRST;
	char *text;

	if (need <= g->room)
		return 0;
	INVARIANT(need <= GATHER_MOST);
	while (room < need)
		room *= 2;
	text = calloc(1, room);
	if (!text)
		return -ENOMEM;
	if (g->text) {
		memcpy(text, g->text, g->used);
		secret_wipe(g->text, g->room);
		free(g->text);
	}
	g->text = text;
	g->room = room;
	return 0;
}

static int gather_append(
    struct http_gather *g, uint32_t *part, const void *bytes, size_t n)
{
	int r = gather_grow(g, g->used + n + 2);

	if (r)
		return r;
	if (!*part) {
		g->used++; /* the NUL of the part before */
		*part = (uint32_t)g->used;
	}
	if (n)
		memcpy(g->text + g->used, bytes, n);
	g->used += n;
	g->text[g->used] = '\0';
	return 0;
}

int http_gather_part(
    struct http_gather *g, uint32_t *part, const void *bytes, size_t n)
{
	size_t had = *part ? g->used - *part : 0;

	if (n > HTTP_TARGET_MAX || had + n > HTTP_TARGET_MAX)
		return HTTP_GATHER_E_TARGET;
	if (part == &g->target)
		return gather_append(g, part, bytes, n);
	if (n > HTTP_HEAD_MAX - g->counted)
		return HTTP_GATHER_E_HEAD;
	g->counted += n;
	return gather_append(g, part, bytes, n);
}

static int gather_counted(
    struct http_gather *g, uint32_t *part, const void *bytes, size_t n)
{
	if (n > HTTP_HEAD_MAX - g->counted)
		return HTTP_GATHER_E_HEAD;
	g->counted += n;
	return gather_append(g, part, bytes, n);
}

int http_gather_field(struct http_gather *g)
{
	if (g->n_fields == HTTP_FIELDS_MAX)
		return HTTP_GATHER_E_FIELDS;
	g->names[g->n_fields] = g->values[g->n_fields] = 0;
	g->n_fields++;
	return 0;
}

int http_gather_name(struct http_gather *g, const void *bytes, size_t n)
{
	int r = gather_counted(g, &g->names[g->n_fields - 1], bytes, n);

	for (size_t i = 0; !r && i < n; i++) {
		char *c = &g->text[g->used - n + i];

		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	}
	return r;
}

int http_gather_value(struct http_gather *g, const void *bytes, size_t n)
{
	return gather_counted(g, &g->values[g->n_fields - 1], bytes, n);
}

const struct http_refusal *http_gather_refusal(int code)
{
	static const struct http_refusal refusals[] = {
		[HTTP_GATHER_E_FIELDS] = { 431, HTTP_LIMIT_FIELDS,
		    "too many fields" },
		[HTTP_GATHER_E_HEAD] = { 431, HTTP_LIMIT_HEAD,
		    "too large a head" },
		[HTTP_GATHER_E_TARGET] = { 414, HTTP_LIMIT_TARGET,
		    "too long a target" },
	};

	return &refusals[code];
}

const char *http_gather_text(const struct http_gather *g, uint32_t part)
{
	return g->text ? g->text + part : "";
}

static bool is_white(char c)
{
	return c == ' ' || c == '\t';
}

static char *trimmed(char *text)
{
	size_t n;

	while (is_white(*text))
		text++;
	n = strlen(text);
	while (n && is_white(text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

void http_gather_fields(struct http_gather *g, struct http_field *to)
{
	for (size_t i = 0; i < g->n_fields; i++) {
		to[i].name = g->text + g->names[i];
		to[i].value = trimmed(g->text + g->values[i]);
	}
}

static bool all_of(const char *text, const char *marks)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(marks, *text))
			return false;
	return true;
}

bool http_is_token(const char *text)
{
	return *text && all_of(text, "!#$%&'*+-.^_`|~");
}

bool http_is_value(const char *text)
{
	size_t n = strlen(text);

	if (n && (is_white(text[0]) || is_white(text[n - 1])))
		return false;
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') ||
		    *text == 0x7f)
			return false;
	return true;
}

static bool is_port(const char *text)
{
	uint64_t port;

	return strlen(text) <= 5 && !number_parse(text, 65535, &port);
}

/* RFC 3986, 3.2.2; what stands between the brackets is not looked at closely:
 * whoever dials it parses it (net/address.h). */
bool http_is_authority(const char *text, bool port)
{
	const char *end = text;

	if (*text == '[') {
		end += 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
		if (*end++ != ']' || end - text < 4)
			return false;
	} else {
		while (isalnum((unsigned char)*end) ||
		       (*end && strchr("-._~%!$&'()*+,;=", *end)))
			end++;
		if (end == text)
			return false;
	}
	return *end == ':' ? is_port(end + 1) : !*end && !port;
}

bool http_is_target(const char *text)
{
	if (!strcmp(text, "*"))
		return true;
	if (*text != '/')
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || *text == '#')
			return false;
	return true;
}

bool http_is_connection_field(const char *name)
{
	static const char *const names[] = { "connection", "content-length",
		"expect", "host", "keep-alive", "proxy-connection", "te",
		"trailer", "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

int http_read_length(const char *text, int64_t *length)
{
	uint64_t number;

	if (strlen(text) > 18 || number_parse(text, INT64_MAX, &number))
		return -EINVAL;
	*length = (int64_t)number;
	return 0;
}

bool http_is_bodiless(int status)
{
	return status == 204 || status == 304;
}

static bool fields_fit(const struct http_head *head)
{
	size_t size = 0;

	if (head->n_fields > HTTP_FIELDS_MAX)
		return false;
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		if (!http_is_token(f->name) || !http_is_value(f->value) ||
		    http_is_connection_field(f->name))
			return false;
		if (strpbrk(f->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			return false;
		size += strlen(f->name) + strlen(f->value);
	}
	return size <= HTTP_HEAD_MAX;
}

static bool request_fits(const struct http_head *head)
{
	bool connect;

	if (!head->method || !http_is_token(head->method) || !head->authority)
		return false;
	connect = !strcmp(head->method, "CONNECT");
	if (!http_is_authority(head->authority, connect))
		return false;
	if (connect)
		return !head->target;
	return head->target && http_is_target(head->target) &&
	       strlen(head->target) <= HTTP_TARGET_MAX;
}

int http_head_check(
    const struct http_head *head, enum http_end from, bool ended)
{
	if (!fields_fit(head) || head->length < -1)
		return -EINVAL;
	if (from == HTTP_CLIENT)
		return request_fits(head) && !(head->early && head->target)
			   ? 0
			   : -EINVAL;
	if (head->status < 200 || head->status > 599)
		return -EINVAL;
	return http_is_bodiless(head->status) && !ended ? -EINVAL : 0;
}
