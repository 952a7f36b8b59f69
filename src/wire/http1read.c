#include "wire/http1conn.h"
#include <stdio.h>

/* Heads, bodies and tunnels as they come; the theory is in http1.c. */

static int gathered(struct http1 *h, int r)
{
	if (r > 0)
		h->refusal = http_gather_refusal(r);
	else if (r)
		h->no_memory = true;
	return r ? -1 : 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
	struct http1 *h = parser->data;

	return gathered(
	    h, http_gather_part(&h->gather, &h->gather.target, at, n));
}

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
	struct http1 *h = parser->data;
	int r = 0;

	if (h->value_begun || !h->gather.n_fields)
		r = http_gather_field(&h->gather);
	h->value_begun = false;
	return gathered(h, r ? r : http_gather_name(&h->gather, at, n));
}

static int on_field_end(llhttp_t *parser)
{
	struct http1 *h = parser->data;

	h->value_begun = true;
	return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
	struct http1 *h = parser->data;

	return gathered(h, http_gather_value(&h->gather, at, n));
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
	struct http1 *h = parser->data;

	h->unread += n;
	http_tell_body(&h->machine, h->stream, at, n);
	return h->in == IN_BODY ? 0 : -1; /* the listener gave it up */
}

static int on_whole(llhttp_t *parser)
{
	(void)parser;
	return HPE_PAUSED;
}

static const llhttp_settings_t parser_settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_field_complete = on_field_end,
	.on_header_value = on_value,
	.on_headers_complete = on_whole,
	.on_body = on_body,
	.on_message_complete = on_whole,
};

void http1_read_begin(struct http1 *h)
{
	llhttp_init(&h->parser,
	    http1_is_server(h) ? HTTP_REQUEST : HTTP_RESPONSE,
	    &parser_settings);
	h->parser.data = h;
	http1_scan_head(&h->scan);
	http_gather_deinit(&h->gather);
	h->until_close = false;
	h->list = 0;
}

static void refuse_text(struct http1 *h, int status, const char *text)
{
	const struct http_refusal refusal = {
		.status = status, .limit = HTTP_LIMIT_PROTOCOL, .text = text
	};

	http1_refuse(h, &refusal);
}

/* llhttp over @n bytes; @whole: where the line scanner ends there.
 * Return: 0; -ENOMEM. A refusal shows in h->in. */
static int parse(struct http1 *h, const char *bytes, size_t n, bool whole)
{
	llhttp_errno_t error = llhttp_execute(&h->parser, bytes, n);
	enum in_state in = h->in;

	if (h->no_memory)
		return -ENOMEM;
	if (in == IN_DONE)
		return 0;
	if (h->refusal)
		http1_refuse(h, h->refusal);
	else if (error != HPE_OK && error != HPE_PAUSED)
		refuse_text(h, 400, llhttp_get_error_reason(&h->parser));
	else if (whole != (error == HPE_PAUSED) ||
		 (whole && llhttp_get_error_pos(&h->parser) != bytes + n))
		refuse_text(h, 400, "an unclear end");
	return 0;
}

static void refuse_scanned(struct http1 *h, const char *wrong)
{
	if (!strcmp(wrong, HTTP1_SCAN_TOO_LARGE))
		http1_refuse(h, http_gather_refusal(HTTP_GATHER_E_HEAD));
	else
		refuse_text(h, 400, wrong);
}

/* The stores' API has the method LIST (RFC 9110 9.1: a method is any token),
 * which llhttp does not know. It is shown LINK, a method as long that differs
 * in the last two letters; request_method() says what it was. A method that
 * begins "LIS" and goes on otherwise is none that either knows. */
static const char list_method[] = "LIST", list_shown[] = "LINK";
enum { LIST_SIZE = sizeof(list_method) - 1, LIST_NOT = LIST_SIZE + 1 };

/* Look at bytes of a request's beginning, and change them in @bytes.
 * Return: how many were looked at; what follows them is no matter of ours. */
static size_t disguise(struct http1 *h, char *bytes, size_t n)
{
	size_t i = 0;

	for (; i < n && h->list < LIST_SIZE; i++) {
		if (!h->list && (bytes[i] == '\r' || bytes[i] == '\n'))
			continue; /* an empty line may come before */
		if (bytes[i] == list_method[h->list]) {
			bytes[i] = list_shown[h->list++];
			continue;
		}
		if (h->list > 2) /* what was shown must lead nowhere */
			bytes[i] = '?';
		h->list = LIST_NOT;
	}
	return i;
}

static const char *request_method(const struct http1 *h)
{
	return h->list == LIST_SIZE
		   ? list_method
		   : llhttp_method_name((llhttp_method_t)h->parser.method);
}

/* parse(), with the beginning of a request disguised. */
static int parse_lines(struct http1 *h, const char *bytes, size_t n, bool whole)
{
	char first[LIST_SIZE + 2]; /* an empty line may stand before */
	size_t shown = n < sizeof(first) ? n : sizeof(first);
	enum in_state in = h->in;
	int r;

	if (!http1_is_server(h) || h->list >= LIST_SIZE)
		return parse(h, bytes, n, whole);
	memcpy(first, bytes, shown);
	shown = disguise(h, first, shown);
	r = parse(h, first, shown, false);
	if (r || h->in != in || shown == n)
		return r;
	return parse_lines(h, bytes + shown, n - shown, whole);
}

/* The lines up to the end of the head or of the chunked body.
 * Return: as parse(); @used: how many bytes were read. */
static int read_lines(
    struct http1 *h, const char *bytes, size_t n, size_t *used)
{
	enum in_state in = h->in;
	size_t scanned = n;
	const char *wrong = http1_scan_bytes(&h->scan, bytes, &scanned);
	int r =
	    parse_lines(h, bytes, scanned, h->scan.state == HTTP1_SCAN_DONE);

	*used = scanned;
	if (!r && wrong && h->in == in)
		refuse_scanned(h, wrong);
	return r;
}

/* Trailers are read and counted but not used; one that speaks of the framing,
 * which is over, is meant for somebody who reads differently. */
static bool trailers_refused(struct http1 *h)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	bool bad = false;

	http_gather_fields(&h->gather, fields);
	for (size_t i = 0; i < h->gather.n_fields; i++)
		bad |= http_is_connection_field(fields[i].name);
	http_gather_deinit(&h->gather);
	h->value_begun = false;
	if (bad)
		refuse_text(h, 400, "a trailer that speaks of the connection");
	return bad;
}

static void message_whole(struct http1 *h)
{
	if (trailers_refused(h))
		return;
	http1_in_move(h, IN_WAIT);
	http_tell_end(&h->machine, h->stream);
	http1_settle(h);
}

static int read_sized(
    struct http1 *h, const char *bytes, size_t n, size_t *used)
{
	size_t left = (size_t)h->parser.content_length;
	bool whole = left <= n;
	int r;

	*used = whole ? left : n;
	r = parse(h, bytes, *used, whole);
	if (!r && whole && h->in == IN_BODY)
		message_whole(h);
	return r;
}

static int read_body(struct http1 *h, const char *bytes, size_t n, size_t *used)
{
	int r;

	*used = n;
	if (h->until_close) {
		h->unread += n;
		http_tell_body(&h->machine, h->stream, bytes, n);
		return 0;
	}
	if (!(h->parser.flags & F_CHUNKED))
		return read_sized(h, bytes, n, used);
	r = read_lines(h, bytes, n, used);
	if (!r && h->in == IN_BODY && h->scan.state == HTTP1_SCAN_DONE)
		message_whole(h);
	return r;
}

/* The start line must be these parts with one space between and nothing else:
 * llhttp lets more pass. */
static const char *request_line_wrong(
    const struct http1 *h, const char *method, const char *target)
{
	char tail[16];

	if (h->parser.method > HTTP_SOURCE)
		return "a method of another protocol";
	snprintf(tail, sizeof(tail), " HTTP/1.%d", h->parser.http_minor);
	if (strcmp(tail, h->scan.last) != 0)
		return "a bad request line";
	if (h->scan.start_size !=
	    strlen(method) + 1 + strlen(target) + HTTP1_SCAN_LAST)
		return "more than one space in the request line";
	return NULL;
}

static const char *status_line_wrong(const struct http1 *h)
{
	char first[24];

	snprintf(first, sizeof(first), "HTTP/1.%d %03d ", h->parser.http_minor,
	    h->parser.status_code);
	if (strncmp(first, h->scan.first, HTTP1_SCAN_FIRST - 1) != 0)
		return "a bad status line";
	if (h->scan.start_size >= HTTP1_SCAN_FIRST &&
	    h->scan.first[HTTP1_SCAN_FIRST - 1] != ' ')
		return "a bad status line";
	return h->parser.status_code < 100 || h->parser.status_code > 599
		   ? "a bad status"
		   : NULL;
}

static bool version_known(struct http1 *h)
{
	if (h->parser.http_major == 1 && h->parser.http_minor <= 1)
		return true;
	refuse_text(h, 505, "a version other than HTTP/1.1");
	return false;
}

/* Its body comes next, or is whole already. */
static void begin_body(struct http1 *h, const struct http_framing *framing)
{
	http1_in_move(h, IN_BODY);
	h->parser.upgrade = 0;
	if (framing->chunked)
		http1_scan_chunks(&h->scan);
	llhttp_resume(&h->parser);
}

static void say_continue(struct http1 *h)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (buf_append(&h->output, text, sizeof(text) - 1))
		http1_cut_and_tell(h, HTTP_WHY_LIMIT);
}

void http1_exchange_begin(struct http1 *h, const char *method)
{
	h->stream++;
	h->running = true;
	h->connect = !strcmp(method, "CONNECT");
	h->head_only = !strcmp(method, "HEAD");
	h->chunked = h->wants_room = false;
	h->interim = 0;
}

static void tell_request(struct http1 *h, const struct http_head *head,
    const struct http_framing *framing)
{
	bool ended = !framing->chunked && framing->length <= 0;
	uint32_t stream;

	http1_exchange_begin(h, head->method);
	stream = h->stream;
	h->old = framing->old;
	h->close = framing->close;
	http1_out_move(h, OUT_HEAD);
	if (ended)
		http1_in_move(h, IN_WAIT);
	else
		begin_body(h, framing);
	http_tell_head(&h->machine, stream, head, ended && !h->connect);
	if (framing->expected && h->stream == stream && h->in == IN_BODY &&
	    h->out == OUT_HEAD)
		say_continue(h);
}

static void request_whole(struct http1 *h, struct http_gather *gather)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = fields,
		.n_fields = gather->n_fields };
	struct http_framing framing;
	const struct http_refusal *refusal;
	const char *wrong;

	head.method = request_method(h);
	head.scheme = h->machine.options.scheme;
	if (!version_known(h))
		return;
	wrong = request_line_wrong(
	    h, head.method, http_gather_text(gather, gather->target));
	if (wrong) {
		refuse_text(h, 400, wrong);
		return;
	}
	http_gather_fields(gather, fields);
	refusal =
	    http_framing_read(&framing, &head, fields, h->parser.http_minor);
	if (!refusal)
		refusal = http1_target_read(&head, &framing,
		    gather->text + gather->target, head.scheme);
	if (refusal) {
		http1_refuse(h, refusal);
		return;
	}
	head.length = framing.chunked ? -1 : framing.length;
	if (!strcmp(head.method, "CONNECT") &&
	    (framing.chunked || framing.length >= 0))
		refuse_text(h, 400, "a CONNECT with a body");
	else
		tell_request(h, &head, &framing);
}

static void interim_whole(struct http1 *h, const struct http_framing *framing)
{
	static const struct http_refusal endless = { 0, HTTP_LIMIT_INTERIM,
		"too many interim responses" };

	if (h->parser.status_code == 101)
		refuse_text(
		    h, 0, "a switch of protocols that nobody asked for");
	else if (framing->chunked || framing->length >= 0)
		refuse_text(h, 0, "an interim response with a body");
	else if (++h->interim > HTTP_INTERIM_MAX)
		http1_refuse(h, &endless);
	else
		http1_read_begin(h);
}

static void tell_tunnel(struct http1 *h, const struct http_head *head)
{
	http1_in_move(h, IN_TUNNEL);
	http1_out_move(h, OUT_TUNNEL);
	http_tell_head(&h->machine, h->stream, head, false);
}

static void tell_response(struct http1 *h, const struct http_head *head,
    const struct http_framing *framing)
{
	bool bodiless = h->head_only || http_is_bodiless(head->status);
	bool ended = bodiless || (!framing->chunked && framing->length == 0);

	if (h->connect) {
		http1_out_move(h, OUT_DONE);
		h->close = true;
	}
	h->close |= framing->close;
	if (ended) {
		http1_in_move(h, IN_WAIT);
	} else {
		h->until_close = !framing->chunked && framing->length < 0;
		h->close |= h->until_close;
		begin_body(h, framing);
	}
	http_tell_head(&h->machine, h->stream, head, ended);
	http1_settle(h);
}

static void response_whole(struct http1 *h, struct http_gather *gather)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head = { .status = h->parser.status_code,
		.fields = fields,
		.n_fields = gather->n_fields };
	struct http_framing framing;
	const struct http_refusal *refusal;
	const char *wrong;

	if (!version_known(h))
		return;
	wrong = status_line_wrong(h);
	if (wrong) {
		refuse_text(h, 0, wrong);
		return;
	}
	http_gather_fields(gather, fields);
	refusal =
	    http_framing_read(&framing, &head, fields, h->parser.http_minor);
	head.length = framing.chunked ? -1 : framing.length;
	if (refusal)
		http1_refuse(h, refusal);
	else if (head.status < 200)
		interim_whole(h, &framing);
	else if (h->connect && head.status < 300)
		tell_tunnel(h, &head);
	else if (head.status == 204 && (framing.chunked || framing.length > 0))
		refuse_text(h, 0, "a body where none can be");
	else
		tell_response(h, &head, &framing);
}

static int read_head(struct http1 *h, const char *bytes, size_t n, size_t *used)
{
	struct http_gather gather;
	int r = read_lines(h, bytes, n, used);

	if (r || h->in != IN_HEAD || h->scan.state != HTTP1_SCAN_DONE)
		return r;
	gather = h->gather; /* the event may begin the next exchange */
	h->gather = (struct http_gather){ .text = NULL };
	h->value_begun = false;
	if (http1_is_server(h))
		request_whole(h, &gather);
	else
		response_whole(h, &gather);
	http_gather_deinit(&gather);
	return 0;
}

bool http1_can_read(const struct http1 *h)
{
	if (!http1_is_server(h))
		return true;
	if (h->in == IN_WAIT)
		return false;
	return h->in != IN_HEAD || buf_used(&h->output) < HTTP_STREAM_BUFFER;
}

int http1_read(struct http1 *h, const char *bytes, size_t n, size_t *used)
{
	*used = n;
	switch (h->in) {
	case IN_HEAD:
		return read_head(h, bytes, n, used);
	case IN_BODY:
		return read_body(h, bytes, n, used);
	case IN_WAIT:
		refuse_text(h, 0, "bytes that nobody asked for");
		return 0;
	case IN_TUNNEL:
		h->unread += n;
		http_tell_body(&h->machine, h->stream, bytes, n);
		return 0;
	case IN_DONE:
		return 0;
	}
	return 0;
}

void http1_read_end(struct http1 *h)
{
	if (h->in == IN_BODY && h->until_close) {
		message_whole(h);
	} else if (h->in == IN_TUNNEL) {
		http1_in_move(h, IN_DONE);
		h->running = h->out == OUT_TUNNEL;
		http_tell_end(&h->machine, h->stream);
	} else if (h->in == IN_WAIT && http1_is_server(h) && h->running) {
		h->close = true; /* it still reads our answer */
	} else if (h->in != IN_DONE) {
		http1_cut_and_tell(h, HTTP_WHY_PEER);
	}
}
