#include "wire/httphead.h"
#include <strings.h>

/* The fields of a head that speak of the message's end and of the connection.
 * HTTP/2 has fewer of them, and the same rules for those. */

HTTP_REFUSAL(two_hosts, 400, "more than one Host field");
HTTP_REFUSAL(two_lengths, 400, "more than one Content-Length field");
HTTP_REFUSAL(bad_length, 400, "a bad Content-Length field");
HTTP_REFUSAL(two_codings, 400, "more than one Transfer-Encoding field");
HTTP_REFUSAL(bad_coding, 501, "a transfer coding other than chunked");
HTTP_REFUSAL(old_coding, 400, "Transfer-Encoding in HTTP/1.0");
HTTP_REFUSAL(both, 400, "both Content-Length and Transfer-Encoding");
HTTP_REFUSAL(bad_expect, 417, "an expectation other than 100-continue");

/* The fields that say how the message is framed; NULL where one did not come.
 */
struct seen {
	const char *host, *length, *coding, *expect;
	bool upgrade;
};

static const struct http_refusal *note_once(const char **slot,
    const struct http_field *f, const struct http_refusal *twice)
{
	if (*slot)
		return twice;
	*slot = f->value;
	return NULL;
}

static const struct http_refusal *note_field(
    struct seen *seen, const struct http_field *f)
{
	if (!strcmp(f->name, "host"))
		return note_once(&seen->host, f, &two_hosts);
	if (!strcmp(f->name, "content-length"))
		return note_once(&seen->length, f, &two_lengths);
	if (!strcmp(f->name, "transfer-encoding"))
		return note_once(&seen->coding, f, &two_codings);
	if (!strcmp(f->name, "upgrade"))
		seen->upgrade = true;
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

static const struct http_refusal *framing_judge(
    struct http_framing *out, const struct seen *seen, int minor)
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

const struct http_refusal *http_framing_read(struct http_framing *out,
    struct http_head *head, struct http_field *fields, int minor)
{
	struct seen seen = { .host = NULL };
	const struct http_refusal *wrong = NULL;

	*out = (struct http_framing){ .length = -1 };
	for (size_t i = 0; i < head->n_fields && !wrong; i++)
		wrong = note_field(&seen, &fields[i]);
	if (!wrong)
		wrong = framing_judge(out, &seen, minor);
	if (wrong)
		return wrong;
	out->old = minor == 0;
	/* Who asks for another protocol may speak it at once: what follows is
	 * not read as HTTP. */
	out->close =
	    out->old || connection_has(fields, head->n_fields, "close") ||
	    (seen.upgrade && connection_has(fields, head->n_fields, "upgrade"));
	drop_connection_fields(head, fields);
	return NULL;
}
