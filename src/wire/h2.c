#include "wire/h2.h"
#include "wire/h2conn.h"
#include <stdio.h>

/* Theory.
 *
 * nghttp2 keeps frames, HPACK, stream states and windows; this module keeps,
 * for each stream, the bytes that are to be sent and what its two ends have
 * been told. h2read.c has what nghttp2 calls; here are the verbs.
 *
 * A stream lives from its head (or http_request()) until nghttp2 closes it. It
 * is *dropped* when the listener has given it up, or was never told of it: then
 * it lives on only to be closed in order, and bytes that still come are given
 * back to the window at once. What had been finished before is sent first, and
 * only then RST_STREAM says that the rest is not wanted; a RST_STREAM sent at
 * once would overtake the bytes.
 *
 * Windows: nothing is given back before http_credit(). The connection's window
 * is streams_max times a stream's, so it cannot close before theirs do, and one
 * stream that nobody reads stalls itself only.
 *
 * Floods: resets, CONTINUATION, settings and outstanding answers are nghttp2's
 * limits; the frames queued for a peer that does not read are counted after
 * each feed. Any of them ends the connection with GOAWAY, and every stream is
 * told. nghttp2 decides some of this while it is being pulled, so the end of
 * the session is looked for after feeding and after pulling.
 *
 * Without memory the connection ends at once and nothing is said: a session of
 * nghttp2 does not survive a failed allocation (h2memory.h). Every verb and
 * every callback asks h2_lost() before it goes on.
 *
 * Events never come from inside nghttp2's search for bytes to send: `room` is
 * noted and told afterwards, since the listener answers with http_write(). */

enum { RESETS_BURST = 400, RESETS_A_SECOND = 40 };
enum { CONTINUATIONS_MAX = 8, SETTINGS_MAX = 32, ACKS_MAX = 1000 };

static struct h2 *of(struct http_machine *m)
{
	return CONTAINER_OF(m, struct h2, machine);
}

static const struct h2 *of_const(const struct http_machine *m)
{
	return (const struct h2 *)(const void *)m;
}
_Static_assert(offsetof(struct h2, machine) == 0, "of_const() relies on it");

/* The table needs no limit of its own: nghttp2 opens no more streams than were
 * allowed, on either end. */
struct h2_stream *h2_stream_new(struct h2 *h, uint32_t id)
{
	struct h2_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->id = id;
	buf_init(&s->output, h->machine.options.pool, HTTP_STREAM_BUFFER);
	if (!table_add(&h->streams, &s->node, &s->id, sizeof(s->id)))
		return s;
	free(s);
	return NULL;
}

void h2_stream_free(struct h2 *h, struct h2_stream *s)
{
	table_remove(&h->streams, &s->node);
	buf_deinit(&s->output);
	free(s);
}

struct h2_stream *h2_stream_get(struct h2 *h, uint32_t id)
{
	struct table_node *node = table_find(&h->streams, &id, sizeof(id));

	return node ? h2_stream_of(node) : NULL;
}

struct h2_stream *h2_stream_find(struct h2 *h, uint32_t id)
{
	struct h2_stream *s = h2_stream_get(h, id);

	return s && !s->dropped && !h->dead && !h2_lost(h) ? s : NULL;
}

void h2_stream_drop(struct h2 *h, struct h2_stream *s)
{
	(void)h;
	s->dropped = true;
	if (!s->finished)
		buf_deinit(&s->output);
}

static void fail_stream(struct table_node *node, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = h2_stream_of(node);
	bool known = s->head_told || h->machine.options.end == HTTP_CLIENT;
	bool whole = s->peer_ended && s->end_sent;
	bool tell = known && !whole && !s->dropped;

	s->dropped = true;
	if (tell)
		http_tell_reset(&h->machine, s->id, h->why);
}

void h2_fail(struct h2 *h, enum http_why why)
{
	h->dead = true;
	h->why = why;
	table_each(&h->streams, fail_stream, h);
}

void h2_refuse(struct h2 *h, enum http_limit limit, const char *reason)
{
	enum http_why why = http_refused(&h->machine, limit, reason);
	uint32_t code = limit == HTTP_LIMIT_PROTOCOL
			    ? NGHTTP2_PROTOCOL_ERROR
			    : NGHTTP2_ENHANCE_YOUR_CALM;

	if (!h2_lost(h))
		nghttp2_session_terminate_session(h->session, code);
	h2_fail(h, why);
}

/* Reading. */

static int settle_feed(struct h2 *h, ssize_t fed)
{
	switch (fed) {
	case NGHTTP2_ERR_NOMEM:
	case NGHTTP2_ERR_CALLBACK_FAILURE:
		return -ENOMEM;
	case NGHTTP2_ERR_FLOODED:
		h2_refuse(h, HTTP_LIMIT_QUEUE, "too many answers outstanding");
		return 0;
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		h2_refuse(h, HTTP_LIMIT_CONTINUATION, "too many CONTINUATION");
		return 0;
	default:
		break;
	}
	if (fed < 0)
		h2_refuse(h, HTTP_LIMIT_PROTOCOL, nghttp2_strerror((int)fed));
	else if (nghttp2_session_get_outbound_queue_size(h->session) >
		 HTTP_QUEUE_MAX)
		h2_refuse(h, HTTP_LIMIT_QUEUE, "too many frames queued");
	return 0;
}

static int h2_feed(struct http_machine *m, const void *bytes, size_t n)
{
	struct h2 *h = of(m);
	int r;

	if (h2_lost(h))
		return -ENOMEM;
	if (!n) {
		h->ended = true;
		h2_fail(h, HTTP_WHY_PEER);
		return 0;
	}
	h->fed = true;
	r = settle_feed(h, nghttp2_session_mem_recv(h->session, bytes, n));
	return h2_lost(h) ? -ENOMEM : r;
}

static bool h2_hungry(const struct http_machine *m)
{
	const struct h2 *h = of_const(m);

	return !h->dead && !h2_lost(h) && nghttp2_session_want_read(h->session);
}

static bool h2_over(const struct http_machine *m)
{
	const struct h2 *h = of_const(m);

	if (h->ended || h2_lost(h))
		return true;
	return !h->n_rest && !nghttp2_session_want_write(h->session) &&
	       (h->dead || !nghttp2_session_want_read(h->session));
}

static bool h2_midhead(const struct http_machine *m)
{
	const struct h2 *h = of_const(m);

	return h->gathering || (h->fed && !h->greeted);
}

/* Writing. */

/* A server after its head, whatever it was; a client at once, but into a tunnel
 * only when there is one, or when its bytes may be lost. */
static bool may_write(const struct h2 *h, const struct h2_stream *s)
{
	if (h->machine.options.end == HTTP_SERVER)
		return s->answered;
	return !s->connect || s->tunnelled || (s->early && !s->head_told);
}

static void tell_room(struct table_node *node, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = h2_stream_of(node);

	if (!s->wants_room || s->dropped || !may_write(h, s) ||
	    buf_used(&s->output) > HTTP_STREAM_BUFFER / 2)
		return;
	s->wants_room = false;
	http_tell_room(&h->machine, s->id);
}

static void tell_rooms(struct h2 *h)
{
	if (!h->rooms_due)
		return;
	h->rooms_due = false;
	table_each(&h->streams, tell_room, h);
}

static size_t pull_rest(struct h2 *h, uint8_t *to, size_t room)
{
	size_t n = h->n_rest < room ? h->n_rest : room;

	if (!n)
		return 0;
	memcpy(to, h->rest, n);
	h->rest += n;
	h->n_rest -= n;
	return n;
}

static int pull_some(struct h2 *h, uint8_t *to, size_t room, size_t *used)
{
	ssize_t n = 1;

	while (*used < room && n > 0 && !h2_lost(h)) {
		if (h->n_rest) {
			*used += pull_rest(h, to + *used, room - *used);
			continue;
		}
		n = nghttp2_session_mem_send(h->session, &h->rest);
		h->n_rest = n > 0 ? (size_t)n : 0;
	}
	return n < 0 || h2_lost(h) ? -ENOMEM : 0;
}

/* nghttp2 has ended the session with streams still open. */
static bool stranded(const struct h2 *h)
{
	return table_count(&h->streams) &&
	       !nghttp2_session_want_read(h->session);
}

static ssize_t h2_pull(struct http_machine *m, void *to, size_t room)
{
	struct h2 *h = of(m);
	size_t used = 0;
	int r;

	if (h->ended)
		return 0;
	r = pull_some(h, to, room, &used);
	if (r)
		return r;
	if (!h->dead && (h->judged || stranded(h)))
		h2_fail(h, h->why ? h->why : HTTP_WHY_PEER);
	tell_rooms(h);
	if (!used)
		r = pull_some(h, to, room, &used);
	return r ? r : (ssize_t)used;
}

/* Seven parameters are nghttp2's. */
static ssize_t give_data(nghttp2_session *session, int32_t id, uint8_t *to,
    size_t room, uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct h2 *h = ctx;
	struct h2_stream *s = h2_stream_get(h, (uint32_t)id);
	size_t n;

	(void)session, (void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	n = buf_take(&s->output, to, room);
	h->rooms_due |= s->wants_room;
	if (s->finished && !buf_used(&s->output)) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		return (ssize_t)n;
	}
	s->deferred = !n;
	return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

static void resume(struct h2 *h, struct h2_stream *s)
{
	if (!s->deferred)
		return;
	s->deferred = false;
	nghttp2_session_resume_data(h->session, (int32_t)s->id);
}

struct pairs {
	nghttp2_nv nv[HTTP_FIELDS_MAX + 6];
	size_t n;
	char status[8], length[24];
};

static void pairs_add(struct pairs *p, const char *name, const char *value)
{
	union {
		const char *text;
		uint8_t *bytes; /* nghttp2 does not write to them */
	} n = { .text = name }, v = { .text = value };

	p->nv[p->n++] = (nghttp2_nv){ .name = n.bytes,
		.namelen = strlen(name),
		.value = v.bytes,
		.valuelen = strlen(value),
		.flags = strstr(name, "auth") || strstr(name, "token")
			     ? NGHTTP2_NV_FLAG_NO_INDEX
			     : NGHTTP2_NV_FLAG_NONE };
}

static void pairs_add_rest(
    struct pairs *p, const struct http_head *head, int64_t length)
{
	if (length >= 0) {
		snprintf(
		    p->length, sizeof(p->length), "%lld", (long long)length);
		pairs_add(p, "content-length", p->length);
	}
	for (size_t i = 0; i < head->n_fields; i++)
		pairs_add(p, head->fields[i].name, head->fields[i].value);
}

static void pairs_of_request(struct pairs *p, const struct http_head *head,
    const char *scheme, bool ended)
{
	p->n = 0;
	pairs_add(p, ":method", head->method);
	if (head->target) {
		pairs_add(p, ":scheme", scheme);
		pairs_add(p, ":path", head->target);
	}
	pairs_add(p, ":authority", head->authority);
	pairs_add_rest(p, head, ended || !head->target ? -1 : head->length);
}

static void pairs_of_response(
    struct pairs *p, const struct http_head *head, int64_t length)
{
	p->n = 0;
	snprintf(p->status, sizeof(p->status), "%d", head->status);
	pairs_add(p, ":status", p->status);
	pairs_add_rest(p, head, length);
}

static int http_code(int nghttp2_code)
{
	return nghttp2_code == NGHTTP2_ERR_NOMEM ? -ENOMEM : HTTP_E_OVER;
}

static bool takes_streams(const struct h2 *h)
{
	return !h->dead && !h->going && !h2_lost(h) &&
	       nghttp2_session_check_request_allowed(h->session);
}

static size_t streams_allowed(const struct h2 *h)
{
	uint32_t theirs = nghttp2_session_get_remote_settings(
	    h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	uint32_t ours = h->machine.options.streams_max;

	return theirs < ours ? theirs : ours;
}

static int h2_takes(const struct http_machine *m)
{
	const struct h2 *h = of_const(m);

	if (!takes_streams(h))
		return HTTP_E_OVER;
	return table_count(&h->streams) >= streams_allowed(h) ? HTTP_E_BUSY : 0;
}

static int h2_request(struct http_machine *m, const struct http_head *head,
    bool ended, uint32_t *stream)
{
	struct h2 *h = of(m);
	struct pairs pairs;
	struct h2_stream *s;
	nghttp2_data_provider body = { .read_callback = give_data };
	int id, r = http_head_check(head, HTTP_CLIENT, ended);

	if (r)
		return r;
	if (h2_lost(h))
		return -ENOMEM;
	r = h2_takes(m);
	if (r)
		return r;
	pairs_of_request(&pairs, head, m->options.scheme, ended);
	id = nghttp2_submit_request(
	    h->session, NULL, pairs.nv, pairs.n, ended ? NULL : &body, NULL);
	if (id < 0)
		return http_code(id);
	s = h2_stream_new(h, (uint32_t)id);
	if (!s) {
		nghttp2_submit_rst_stream(
		    h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
		return -ENOMEM;
	}
	s->connect = !head->target;
	s->early = head->early;
	s->head_only = !strcmp(head->method, "HEAD");
	s->answered = true;
	s->finished = ended;
	http_outgoing_begin(&s->outgoing, head, false);
	*stream = s->id;
	return 0;
}

static int submit_response(
    struct h2 *h, struct h2_stream *s, const struct pairs *pairs, bool ended)
{
	nghttp2_data_provider body = { .read_callback = give_data };

	return nghttp2_submit_response(h->session, (int32_t)s->id, pairs->nv,
		   pairs->n, ended ? NULL : &body)
		   ? -ENOMEM
		   : 0;
}

static int64_t response_length(
    const struct h2_stream *s, const struct http_head *head, bool ended)
{
	if (http_is_bodiless(head->status) ||
	    (s->connect && head->status < 300))
		return -1;
	return ended && !s->head_only ? 0 : head->length;
}

static int h2_respond(struct http_machine *m, uint32_t stream,
    const struct http_head *head, bool ended)
{
	struct h2 *h = of(m);
	struct h2_stream *s = h2_stream_find(h, stream);
	struct pairs pairs;
	int r = http_head_check(head, HTTP_SERVER, ended);

	if (r)
		return r;
	if (!s)
		return HTTP_E_STREAM;
	INVARIANT(!s->answered);
	if (ended && head->length > 0 && !s->head_only)
		return -EINVAL;
	s->tunnelled = s->connect && head->status < 300;
	if (s->tunnelled && ended)
		return -EINVAL;
	pairs_of_response(&pairs, head, response_length(s, head, ended));
	r = submit_response(h, s, &pairs, ended || s->head_only);
	if (r)
		return r;
	s->answered = true;
	s->finished = ended;
	http_outgoing_begin(&s->outgoing, head, s->head_only);
	if (s->tunnelled)
		s->outgoing.left = -1;
	return 0;
}

int h2_answer_refused(
    struct h2 *h, struct h2_stream *s, const struct http_refusal *refusal)
{
	const struct http_head head = { .status = refusal->status };
	struct pairs pairs;

	s->dropped = s->finished = s->answered = true;
	pairs_of_response(&pairs, &head, 0);
	return submit_response(h, s, &pairs, true);
}

int h2_say_continue(struct h2 *h, struct h2_stream *s)
{
	const struct http_head head = { .status = 100 };
	struct pairs pairs;

	pairs_of_response(&pairs, &head, -1);
	return nghttp2_submit_headers(h->session, NGHTTP2_FLAG_NONE,
		   (int32_t)s->id, NULL, pairs.nv, pairs.n, NULL) < 0
		   ? -ENOMEM
		   : 0;
}

static ssize_t h2_write(
    struct http_machine *m, uint32_t stream, const void *bytes, size_t n)
{
	struct h2 *h = of(m);
	struct h2_stream *s = h2_stream_find(h, stream);
	size_t room;
	int r;

	if (!s || s->finished)
		return -EPIPE;
	if (!may_write(h, s)) {
		s->wants_room = true;
		return s->head_told && s->answered ? -EPIPE : 0;
	}
	r = http_outgoing_take(&s->outgoing, n);
	if (r || s->outgoing.swallow)
		return r ? r : (ssize_t)n;
	room = buf_room(&s->output);
	s->wants_room = n > room;
	n = n > room ? room : n;
	if (n && buf_append(&s->output, bytes, n))
		return -ENOMEM;
	http_outgoing_took(&s->outgoing, n);
	if (n)
		resume(h, s);
	return (ssize_t)n;
}

static void h2_reset(struct http_machine *m, uint32_t stream)
{
	struct h2 *h = of(m);
	struct h2_stream *s = h2_stream_find(h, stream);

	if (!s)
		return;
	h2_stream_drop(h, s);
	if (s->finished && !s->end_sent && s->head_told)
		return; /* it is sent first; on_sent() does the rest */
	nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE,
	    (int32_t)stream,
	    s->end_sent && m->options.end == HTTP_SERVER ? NGHTTP2_NO_ERROR
							 : NGHTTP2_CANCEL);
}

static void h2_finish(struct http_machine *m, uint32_t stream)
{
	struct h2 *h = of(m);
	struct h2_stream *s = h2_stream_find(h, stream);

	if (!s || s->finished || !s->answered)
		return;
	if (!http_outgoing_whole(&s->outgoing)) {
		h2_reset(m, stream);
		return;
	}
	s->finished = true;
	resume(h, s);
}

static void h2_credit(struct http_machine *m, uint32_t stream, size_t n)
{
	struct h2 *h = of(m);

	if (!h->dead && !h2_lost(h) &&
	    nghttp2_session_consume(h->session, (int32_t)stream, n))
		h2_refuse(h, HTTP_LIMIT_QUEUE, "no memory for a window");
}

const uint8_t h2_last_call[8] = "no more";

void h2_go(struct h2 *h)
{
	h->last_call = false;
	nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(h->session),
	    NGHTTP2_NO_ERROR, NULL, 0);
}

/* A server says it twice (RFC 9113, 6.8): a request that is on its way already
 * is taken; the client need not guess whether it was. */
static void h2_goaway(struct http_machine *m)
{
	struct h2 *h = of(m);

	if (h->dead || h->going || h2_lost(h))
		return;
	h->going = true;
	if (h->machine.options.end == HTTP_CLIENT) {
		h2_go(h);
		return;
	}
	h->last_call = true;
	nghttp2_submit_shutdown_notice(h->session);
	nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, h2_last_call);
}

static size_t h2_count(const struct http_machine *m)
{
	return table_count(&of_const(m)->streams);
}

static void h2_ping(struct http_machine *m)
{
	if (!h2_lost(of(m)))
		nghttp2_submit_ping(of(m)->session, NGHTTP2_FLAG_NONE, NULL);
}

static void free_stream(struct table_node *node, void *ctx)
{
	h2_stream_free(ctx, h2_stream_of(node));
}

static void h2_free(struct http_machine *m)
{
	struct h2 *h = of(m);

	table_each(&h->streams, free_stream, h);
	h2_memory_drop(&h->memory);
	http_gather_deinit(&h->gather);
	free(h);
}

static const struct http_verbs h2_verbs = {
	.free = h2_free,
	.feed = h2_feed,
	.hungry = h2_hungry,
	.pull = h2_pull,
	.spent = h2_over,
	.over = h2_over,
	.midhead = h2_midhead,
	.takes = h2_takes,
	.request = h2_request,
	.respond = h2_respond,
	.write = h2_write,
	.finish = h2_finish,
	.reset = h2_reset,
	.credit = h2_credit,
	.goaway = h2_goaway,
	.streams = h2_count,
	.ping = h2_ping,
};

/* Beginning. */

/* The limit of resets is against a stranger who lets us begin work and drops
 * it. A peer that brings the streams of many would be cut off, and everybody
 * with it, for what a few of them do, or for many that end together. */
static void limit_resets(nghttp2_option *o, bool for_many)
{
	nghttp2_option_set_stream_reset_rate_limit(o,
	    for_many ? UINT64_MAX : RESETS_BURST,
	    for_many ? UINT64_MAX : RESETS_A_SECOND);
}

static int options_make(nghttp2_option **out, bool for_many)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o))
		return -ENOMEM;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_max_settings(o, SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, CONTINUATIONS_MAX);
	limit_resets(o, for_many);
	*out = o;
	return 0;
}

static int session_make(struct h2 *h)
{
	nghttp2_mem memory = h2_memory_hooks(&h->memory);
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	int r = h2_callbacks(&callbacks);

	if (r)
		return r;
	r = options_make(&option, h->machine.options.for_many);
	if (!r) {
		r = h->machine.options.end == HTTP_SERVER
			? nghttp2_session_server_new3(
			      &h->session, callbacks, h, option, &memory)
			: nghttp2_session_client_new3(
			      &h->session, callbacks, h, option, &memory);
		nghttp2_option_del(option);
	}
	nghttp2_session_callbacks_del(callbacks);
	return r ? -ENOMEM : 0;
}

static int session_greet(struct h2 *h)
{
	const struct http_options *o = &h->machine.options;
	uint64_t all = (uint64_t)o->streams_max * o->window;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, o->window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
		    HTTP_HEAD_MAX + HTTP_TARGET_MAX + 32 * HTTP_FIELDS_MAX },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, o->streams_max },
	};
	bool server = o->end == HTTP_SERVER;
	nghttp2_settings_entry chosen[4];

	memcpy(chosen, settings, 3 * sizeof(*settings));
	chosen[3] = settings[server ? 4 : 3];
	if (all > INT32_MAX)
		all = INT32_MAX;
	if (nghttp2_submit_settings(
		h->session, NGHTTP2_FLAG_NONE, chosen, N_ELEMS(chosen)))
		return -ENOMEM;
	if (all < 65535) /* the protocol's own, which cannot shrink */
		return 0;
	return nghttp2_session_set_local_window_size(
		   h->session, NGHTTP2_FLAG_NONE, 0, (int32_t)all)
		   ? -ENOMEM
		   : 0;
}

int h2_new(struct http_machine **out, const struct http_options *options)
{
	struct h2 *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	http_init(&h->machine, &h2_verbs, options);
	table_init(&h->streams, SIZE_MAX);
	r = session_make(h);
	if (!r)
		r = session_greet(h);
	if (r) {
		h2_free(&h->machine);
		return r;
	}
	*out = &h->machine;
	return 0;
}
