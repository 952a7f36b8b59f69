#include "wire/http1head.h"
#include "base/secret.h"
#include "base/wr.h"
#include <stdio.h>
#include <strings.h>

HTTP_REFUSAL(no_host, 400, "no Host field");
HTTP_REFUSAL(bad_host, 400, "a bad Host field");
HTTP_REFUSAL(other_host, 400, "Host and target name different hosts");
HTTP_REFUSAL(bad_target, 400, "a bad request target");
HTTP_REFUSAL(other_scheme, 400, "a target of another scheme");

/* "host:port" as the target, "host:port" or "host" as Host. */
static bool same_host(const char *host, const char *authority)
{
	size_t n = strlen(host);

	return !strncasecmp(host, authority, n) &&
	       (!authority[n] || (authority[n] == ':' && !strchr(host, ']') &&
				     !strchr(host, ':')));
}

static const struct http_refusal *authority_form(
    struct http_head *head, const struct http_framing *framing, const char *raw)
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
static const struct http_refusal *absolute_form(struct http_head *head,
    const struct http_framing *framing, char *raw, const char *scheme)
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

const struct http_refusal *http1_target_read(struct http_head *head,
    const struct http_framing *framing, char *raw, const char *scheme)
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
