#include "wire/http1head.h"
#include "base/secret.h"
#include "base/wr.h"
#include "wire/httphead.h"
#include <stdio.h>
#include <strings.h>

#define REFUSAL(name, status_, text_)                                          \
	static const struct http1_refusal name = { .status = (status_),        \
		.limit = HTTP_LIMIT_PROTOCOL,                                  \
		.text = (text_) }

REFUSAL(two_hosts, 400, "more than one Host field");
REFUSAL(no_host, 400, "no Host field");
REFUSAL(bad_host, 400, "a bad Host field");
REFUSAL(other_host, 400, "Host and target name different hosts");
REFUSAL(two_lengths, 400, "more than one Content-Length field");
REFUSAL(bad_length, 400, "a bad Content-Length field");
REFUSAL(two_codings, 400, "more than one Transfer-Encoding field");
REFUSAL(bad_coding, 501, "a transfer coding other than chunked");
REFUSAL(old_coding, 400, "Transfer-Encoding in HTTP/1.0");
REFUSAL(both, 400, "both Content-Length and Transfer-Encoding");
REFUSAL(bad_expect, 417, "an expectation other than 100-continue");
REFUSAL(bad_target, 400, "a bad request target");
REFUSAL(other_scheme, 400, "a target of another scheme");

/* The fields that say how the message is framed; NULL where one did not come.
 */
struct seen {
	const char *host, *length, *coding, *expect;
};

static const struct http1_refusal *note_once(const char **slot,
    const struct http_field *f, const struct http1_refusal *twice)
{
	if (*slot)
		return twice;
	*slot = f->value;
	return NULL;
}

static const struct http1_refusal *note_field(
    struct seen *seen, const struct http_field *f)
{
	if (!strcmp(f->name, "host"))
		return note_once(&seen->host, f, &two_hosts);
	if (!strcmp(f->name, "content-length"))
		return note_once(&seen->length, f, &two_lengths);
	if (!strcmp(f->name, "transfer-encoding"))
		return note_once(&seen->coding, f, &two_codings);
	if (!strcmp(f->name, "expect"))
		return note_once(&seen->expect, f, &bad_expect);
	return NULL;
}

/* Is @option among the comma-separated options of a Connection value? */
static bool list_has(const char *value, const char *option)
{
	size_t n = strlen(option);

	while (*value) {
		size_t word;

		value += strspn(value, ", \t");
		word = strcspn(value, ", \t");
		if (word == n && !strncasecmp(value, option, n))
			return true;
		value += word;
	}
	return false;
}

static bool connection_has(
    const struct http_field *fields, size_t n, const char *option)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(fields[i].name, "connection") &&
		    list_has(fields[i].value, option))
			return true;
	return false;
}

/* RFC 9110, 7.6.1: what Connection names goes no further, nor it itself. Two
 * passes, since the Connection field may come after what it names. */
static void drop_connection_fields(
    struct http_head *head, struct http_field *fields)
{
	bool dropped[HTTP_FIELDS_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < head->n_fields; i++)
		dropped[i] =
		    http_is_connection_field(fields[i].name) ||
		    connection_has(fields, head->n_fields, fields[i].name);
	for (size_t i = 0; i < head->n_fields; i++)
		if (!dropped[i])
			fields[kept++] = fields[i];
	head->n_fields = kept;
}

static const struct http1_refusal *framing_judge(
    struct http1_framing *out, const struct seen *seen, int minor)
{
	if (seen->length && seen->coding)
		return &both;
	if (seen->coding && minor == 0)
		return &old_coding;
	if (seen->coding && strcasecmp(seen->coding, "chunked") != 0)
		return &bad_coding;
	if (seen->length && http_read_length(seen->length, &out->length))
		return &bad_length;
	if (seen->expect && strcasecmp(seen->expect, "100-continue") != 0)
		return &bad_expect;
	out->chunked = seen->coding;
	out->expected = seen->expect && minor == 1;
	out->host = seen->host;
	return NULL;
}

const struct http1_refusal *http1_framing_read(struct http1_framing *out,
    struct http_head *head, struct http_field *fields, int minor)
{
	struct seen seen = { .host = NULL };
	const struct http1_refusal *wrong = NULL;

	*out = (struct http1_framing){ .length = -1 };
	for (size_t i = 0; i < head->n_fields && !wrong; i++)
		wrong = note_field(&seen, &fields[i]);
	if (!wrong)
		wrong = framing_judge(out, &seen, minor);
	if (wrong)
		return wrong;
	out->old = minor == 0;
	out->close =
	    out->old || connection_has(fields, head->n_fields, "close");
	drop_connection_fields(head, fields);
	return NULL;
}

/* "host:port" as the target, "host:port" or "host" as Host. */
static bool same_host(const char *host, const char *authority)
{
	size_t n = strlen(host);

	return !strncasecmp(host, authority, n) &&
	       (!authority[n] || (authority[n] == ':' && !strchr(host, ']') &&
				     !strchr(host, ':')));
}

static const struct http1_refusal *authority_form(struct http_head *head,
    const struct http1_framing *framing, const char *raw)
{
	if (!http_is_authority(raw, true))
		return &bad_target;
	if (framing->host && !same_host(framing->host, raw))
		return &other_host;
	head->authority = raw;
	head->target = NULL;
	return NULL;
}

/* RFC 9112, 3.2.2 lets the target win over Host; where they differ somebody
 * before us may have gone by the other, so they must not. */
static const struct http1_refusal *absolute_form(struct http_head *head,
    const struct http1_framing *framing, char *raw, const char *scheme)
{
	char *authority = strstr(raw, "://"), *path;

	if (!authority || authority == raw || !framing->host)
		return &bad_target;
	*authority = '\0';
	if (strcasecmp(raw, scheme) != 0)
		return &other_scheme;
	authority += 3;
	path = authority + strcspn(authority, "/?#");
	if (*path != '/')
		return &bad_target;
	if (strncasecmp(authority, framing->host, (size_t)(path - authority)) ||
	    framing->host[path - authority])
		return &other_host;
	if (!http_is_target(path))
		return &bad_target;
	head->authority = framing->host;
	head->target = path;
	return NULL;
}

const struct http1_refusal *http1_target_read(struct http_head *head,
    const struct http1_framing *framing, char *raw, const char *scheme)
{
	bool connect = !strcmp(head->method, "CONNECT");

	if (!framing->host && !framing->old)
		return &no_host;
	if (framing->host && !http_is_authority(framing->host, false))
		return &bad_host;
	if (connect)
		return authority_form(head, framing, raw);
	if (*raw != '/' && *raw != '*')
		return absolute_form(head, framing, raw, scheme);
	if (!http_is_target(raw))
		return &bad_target;
	if (*raw == '*' && strcmp(head->method, "OPTIONS") != 0)
		return &bad_target;
	head->authority = framing->host ? framing->host : "";
	head->target = raw;
	return NULL;
}

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "";
}

static size_t head_room(const struct http_head *head)
{
	size_t room = 256;

	if (head->method)
		room += strlen(head->method) + 2 * strlen(head->authority);
	if (head->target)
		room += strlen(head->target);
	for (size_t i = 0; i < head->n_fields; i++)
		room += strlen(head->fields[i].name) +
			strlen(head->fields[i].value) + 4;
	return room;
}

static void write_field(struct wr *w, const char *name, const char *value)
{
	wr_text(w, name);
	wr_text(w, ": ");
	wr_text(w, value);
	wr_text(w, "\r\n");
}

static void write_rest(struct wr *w, const struct http_head *head,
    const struct http1_writing *writing)
{
	char length[24];

	for (size_t i = 0; i < head->n_fields; i++)
		write_field(w, head->fields[i].name, head->fields[i].value);
	snprintf(length, sizeof(length), "%lld", (long long)writing->length);
	if (writing->length >= 0)
		write_field(w, "content-length", length);
	if (writing->chunked)
		write_field(w, "transfer-encoding", "chunked");
	if (writing->close)
		write_field(w, "connection", "close");
	wr_text(w, "\r\n");
}

static int write_head(struct buf *out, const struct http_head *head,
    const struct http1_writing *writing,
    void (*start)(struct wr *w, const struct http_head *head))
{
	size_t room = head_room(head);
	uint8_t *text = malloc(room);
	struct wr w;
	int r;

	if (!text)
		return -ENOMEM;
	w = wr_over(text, room);
	start(&w, head);
	write_rest(&w, head, writing);
	INVARIANT(wr_ok(&w));
	r = buf_append(out, text, w.used);
	secret_wipe(text, room);
	free(text);
	return r;
}

static void start_request(struct wr *w, const struct http_head *head)
{
	wr_text(w, head->method);
	wr_text(w, " ");
	wr_text(w, head->target ? head->target : head->authority);
	wr_text(w, " HTTP/1.1\r\n");
	write_field(w, "host", head->authority);
}

static void start_response(struct wr *w, const struct http_head *head)
{
	char line[80];

	snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", head->status,
	    status_text(head->status));
	wr_text(w, line);
}

int http1_write_request(struct buf *out, const struct http_head *head,
    const struct http1_writing *writing)
{
	return write_head(out, head, writing, start_request);
}

int http1_write_response(struct buf *out, const struct http_head *head,
    const struct http1_writing *writing)
{
	return write_head(out, head, writing, start_response);
}
