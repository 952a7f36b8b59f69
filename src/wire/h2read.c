#include "wire/h2conn.h"
#include "base/number.h"

/* What nghttp2 tells us. It has checked frames, HPACK and the rules for fields
 * (RFC 9113, 8); what it lets pass and HTTP/1.1 would refuse is refused here by
 * the same functions. A refused head does not stop the decoding, which HPACK's
 * shared state forbids; it is noted, and judged when the head is whole.
 *
 * The listener answers from within; so a callback that told it something ends
 * with go_on(). */

/* What a callback returns. */
static int go_on(const struct h2 *h)
{
	return h2_lost(h) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static struct h2_stream *stream_of(struct h2 *h, int32_t id)
{
	return h2_stream_get(h, (uint32_t)id);
}

static int begin_headers(
    nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = stream_of(h, frame->hd.stream_id);

	(void)session;
	http_gather_deinit(&h->gather);
	h->gathering = true;
	h->refusal = NULL;
	h->status[0] = '\0';
	if (s || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	return h2_stream_new(h, (uint32_t)frame->hd.stream_id)
		   ? 0
		   : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static bool is_text(const uint8_t *bytes, size_t n, const char *text)
{
	return n == strlen(text) && !memcmp(bytes, text, n);
}

static uint32_t *pseudo_part(struct h2 *h, const uint8_t *name, size_t n)
{
	const struct {
		const char *name;
		uint32_t *part;
	} parts[] = {
		{ ":method", &h->gather.method },
		{ ":scheme", &h->gather.scheme },
		{ ":authority", &h->gather.authority },
		{ ":path", &h->gather.target },
	};

	for (size_t i = 0; i < N_ELEMS(parts); i++)
		if (is_text(name, n, parts[i].name))
			return parts[i].part;
	return NULL;
}

static int gather_one(struct h2 *h, const uint8_t *name, size_t n_name,
    const uint8_t *value, size_t n_value)
{
	uint32_t *part = pseudo_part(h, name, n_name);
	int r;

	if (part)
		return http_gather_part(&h->gather, part, value, n_value);
	if (is_text(name, n_name, ":status")) {
		memcpy(h->status, value, n_value < 3 ? n_value : 3);
		h->status[n_value < 3 ? n_value : 3] = '\0';
		return 0;
	}
	r = http_gather_field(&h->gather);
	if (!r)
		r = http_gather_name(&h->gather, name, n_name);
	return r ? r : http_gather_value(&h->gather, value, n_value);
}

/* Seven parameters are nghttp2's. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
    nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = stream_of(h, frame->hd.stream_id);
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name);
	nghttp2_vec v = nghttp2_rcbuf_get_buf(value);
	int r;

	(void)session, (void)flags;
	if (!s || s->head_told || h->refusal) /* trailers are not used */
		return 0;
	r = gather_one(h, n.base, n.len, v.base, v.len);
	if (r > 0)
		h->refusal = http_gather_refusal(r);
	return r < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_bad_header(nghttp2_session *session, const nghttp2_frame *frame,
    nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *ctx)
{
	HTTP_REFUSAL(bad_field, 400, "a bad field");
	struct h2 *h = ctx;

	(void)session, (void)frame, (void)name, (void)value, (void)flags;
	if (!h->refusal)
		h->refusal = &bad_field;
	return 0;
}

/* Heads. */

static int refuse_head(
    struct h2 *h, struct h2_stream *s, const struct http_refusal *refusal)
{
	enum http_why why =
	    http_refused(&h->machine, refusal->limit, refusal->text);

	if (h->machine.options.end == HTTP_SERVER)
		return h2_answer_refused(h, s, refusal);
	if (!s->dropped)
		http_tell_reset(&h->machine, s->id, why);
	h2_stream_drop(h, s);
	nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, (int32_t)s->id,
	    NGHTTP2_PROTOCOL_ERROR);
	return 0;
}

/* :authority and Host say the same, or one of them is enough. */
static const struct http_refusal *authority_read(
    struct http_head *head, const char *host)
{
	HTTP_REFUSAL(no_authority, 400, "no :authority");
	HTTP_REFUSAL(bad_authority, 400, "a bad :authority");
	HTTP_REFUSAL(two_hosts, 400, ":authority and Host differ");
	bool connect = !strcmp(head->method, "CONNECT");

	if (*head->authority && host && strcmp(head->authority, host) != 0)
		return &two_hosts;
	if (!*head->authority && host && !connect)
		head->authority = host;
	if (!*head->authority)
		return &no_authority;
	return http_is_authority(head->authority, connect) ? NULL
							   : &bad_authority;
}

static const struct http_refusal *target_read(
    struct http_head *head, const struct h2 *h)
{
	HTTP_REFUSAL(bad_target, 400, "a bad request target");
	HTTP_REFUSAL(bad_method, 400, "a bad method");

	if (!http_is_token(head->method))
		return &bad_method;
	if (!strcmp(head->method, "CONNECT")) {
		head->target = NULL;
		return NULL;
	}
	head->target = http_gather_text(&h->gather, h->gather.target);
	if (!http_is_target(head->target))
		return &bad_target;
	if (*head->target == '*' && strcmp(head->method, "OPTIONS") != 0)
		return &bad_target;
	return NULL;
}

static int request_whole(struct h2 *h, struct h2_stream *s, bool ended)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_gather *g = &h->gather;
	struct http_head head = { .method = http_gather_text(g, g->method),
		.scheme = h->machine.options.scheme,
		.authority = http_gather_text(g, g->authority),
		.fields = fields,
		.n_fields = g->n_fields };
	struct http_framing framing = { .length = -1 };
	const struct http_refusal *refusal = h->refusal;

	http_gather_fields(g, fields);
	if (!refusal)
		refusal = http_framing_read(&framing, &head, fields, 1);
	if (!refusal)
		refusal = target_read(&head, h);
	if (!refusal)
		refusal = authority_read(&head, framing.host);
	if (refusal)
		return refuse_head(h, s, refusal);
	head.length = framing.length;
	s->connect = !strcmp(head.method, "CONNECT");
	s->head_only = !strcmp(head.method, "HEAD");
	s->head_told = true;
	s->peer_ended = ended;
	http_tell_head(&h->machine, s->id, &head, ended);
	if (framing.expected && !ended && !s->answered && !s->dropped)
		return h2_say_continue(h, s);
	return 0;
}

static int interim_whole(struct h2 *h, struct h2_stream *s)
{
	static const struct http_refusal endless = { 0, HTTP_LIMIT_INTERIM,
		"too many interim responses" };

	return ++s->interim > HTTP_INTERIM_MAX ? refuse_head(h, s, &endless)
					       : 0;
}

static int response_whole(struct h2 *h, struct h2_stream *s, bool ended)
{
	HTTP_REFUSAL(bad_status, 0, "a bad status");
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = fields,
		.n_fields = h->gather.n_fields };
	struct http_framing framing;
	uint64_t status = 0;
	const struct http_refusal *refusal = h->refusal;

	http_gather_fields(&h->gather, fields);
	if (!refusal)
		refusal = http_framing_read(&framing, &head, fields, 1);
	if (!refusal && (number_parse(h->status, 599, &status) || status < 100))
		refusal = &bad_status;
	if (refusal)
		return refuse_head(h, s, refusal);
	head.status = (int)status;
	if (head.status < 200)
		return interim_whole(h, s);
	head.length = framing.length;
	s->head_told = true;
	s->peer_ended = ended;
	s->tunnelled = s->connect && head.status < 300;
	h->rooms_due |= s->wants_room && s->tunnelled;
	http_tell_head(&h->machine, s->id, &head, ended);
	return 0;
}

static void peer_end(struct h2 *h, struct h2_stream *s)
{
	if (s->peer_ended || !s->head_told)
		return;
	s->peer_ended = true;
	if (!s->dropped)
		http_tell_end(&h->machine, s->id);
}

static int headers_whole(
    struct h2 *h, struct h2_stream *s, const nghttp2_frame *frame)
{
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	int r = 0;

	h->gathering = false;
	if (s && s->head_told && ended)
		peer_end(h, s);
	else if (s && !s->head_told && !s->dropped)
		r = h->machine.options.end == HTTP_SERVER
			? request_whole(h, s, ended)
			: response_whole(h, s, ended);
	http_gather_deinit(&h->gather);
	return r ? NGHTTP2_ERR_CALLBACK_FAILURE : go_on(h);
}

/* Frames. */

static void ping_whole(struct h2 *h, const nghttp2_ping *ping)
{
	if (!(ping->hd.flags & NGHTTP2_FLAG_ACK))
		return;
	if (!h->last_call ||
	    memcmp(ping->opaque_data, h2_last_call, sizeof(h2_last_call)) != 0)
		h->machine.pongs++;
	else
		h2_go(h);
}

static int on_frame(
    nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = stream_of(h, frame->hd.stream_id);

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		return headers_whole(h, s, frame);
	case NGHTTP2_DATA:
		if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			peer_end(h, s);
		break;
	case NGHTTP2_RST_STREAM:
		if (s)
			s->peer_reset = true;
		break;
	case NGHTTP2_SETTINGS:
		h->greeted = true;
		break;
	case NGHTTP2_PING:
		ping_whole(h, &frame->ping);
		break;
	case NGHTTP2_GOAWAY:
		h->going = true;
		break;
	default:
		break;
	}
	return go_on(h);
}

static int on_bad_frame(
    nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
	struct h2 *h = ctx;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS)
		h->gathering = false;
	if (error == NGHTTP2_ERR_REFUSED_STREAM)
		http_refused(
		    &h->machine, HTTP_LIMIT_STREAMS, "too many streams");
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *bytes, size_t n, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = stream_of(h, id);

	(void)flags;
	if (s && !s->dropped && s->head_told)
		http_tell_body(&h->machine, s->id, bytes, n);
	else if (nghttp2_session_consume(session, id, n))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return go_on(h);
}

static enum http_why close_why(
    struct h2 *h, const struct h2_stream *s, uint32_t code)
{
	if (code == NGHTTP2_REFUSED_STREAM)
		return HTTP_WHY_REFUSED;
	if (code == NGHTTP2_NO_ERROR && s->peer_ended)
		return HTTP_WHY_DONE;
	if (s->peer_reset || code == NGHTTP2_NO_ERROR)
		return HTTP_WHY_PEER;
	return http_refused(
	    &h->machine, HTTP_LIMIT_PROTOCOL, nghttp2_http2_strerror(code));
}

static void stream_gone(struct h2 *h, struct h2_stream *s, uint32_t code)
{
	bool whole = s->peer_ended && s->end_sent;
	bool known = s->head_told || h->machine.options.end == HTTP_CLIENT;
	uint32_t id = s->id;
	bool tell = known && !whole && !s->dropped;
	enum http_why why = tell ? close_why(h, s, code) : HTTP_WHY_NONE;

	h2_stream_free(h, s);
	if (tell)
		http_tell_reset(&h->machine, id, why);
}

static int on_close(
    nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = stream_of(h, id);

	(void)session;
	if (s)
		stream_gone(h, s, code);
	return go_on(h);
}

/* A request that was queued and never went: GOAWAY came first, or we took it
 * back. nghttp2 has no stream for it, so on_close does not come. */
static int on_not_sent(
    nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = stream_of(h, frame->hd.stream_id);

	(void)session, (void)error;
	if (s && frame->hd.type == NGHTTP2_HEADERS &&
	    frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		stream_gone(h, s, NGHTTP2_REFUSED_STREAM);
	return go_on(h);
}

/* Our own GOAWAY with an error is nghttp2's verdict on the peer. It carries a
 * text for all but two: the limits of resets and of outstanding answers. */
static void note_verdict(struct h2 *h, const nghttp2_goaway *goaway)
{
	char text[80];
	size_t n = goaway->opaque_data_len;
	enum http_limit limit = HTTP_LIMIT_PROTOCOL;

	if (goaway->error_code == NGHTTP2_NO_ERROR)
		return;
	h->judged = true;
	if (h->machine.reason[0])
		return;
	n = n < sizeof(text) - 1 ? n : sizeof(text) - 1;
	if (n)
		memcpy(text, goaway->opaque_data, n);
	text[n] = '\0';
	if (!n && goaway->error_code == NGHTTP2_INTERNAL_ERROR) {
		limit = HTTP_LIMIT_RESETS;
		memcpy(text, "too many resets", sizeof("too many resets"));
	} else if (strstr(text, "max concurrent streams")) {
		limit = HTTP_LIMIT_STREAMS;
	} else if (strstr(text, "too many setting")) {
		limit = HTTP_LIMIT_SETTINGS;
	}
	h->why = http_refused(&h->machine, limit, text);
}

static int on_sent(
    nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s;

	if (frame->hd.type == NGHTTP2_GOAWAY)
		note_verdict(h, &frame->goaway);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	s = stream_of(h, frame->hd.stream_id);
	if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s->end_sent = true;
	if (s->dropped && !s->peer_ended) /* we do not want the rest */
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE,
		    frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return go_on(h);
}

int h2_callbacks(nghttp2_session_callbacks **out)
{
	nghttp2_session_callbacks *c;

	if (nghttp2_session_callbacks_new(&c))
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(
	    c, begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(
	    c, on_bad_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(
	    c, on_bad_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(
	    c, on_not_sent);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	*out = c;
	return 0;
}
