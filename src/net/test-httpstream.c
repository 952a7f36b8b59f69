/* net/test-httpstream.c: streams as legs under attack: cut at every byte, slow
 * readers, early answers, TLS inside a tunnel, deadlines. Between client and
 * server stands a wire that the test moves by hand and can cut. */
#include "net/http.h"
#include "net/httpc.h"
#include "net/pump.h"
#include "net/test-tls-support.h"

enum { CAPACITY = 256 * 1024 };

/* ---- the wire: two pairs in memory, and what carries bytes between them */

struct wire {
	struct leg *leg[2]; /* towards the client, towards the server */
	size_t moved;	    /* both ways together */
	size_t cut_at;	    /* SIZE_MAX: never */
	bool cut_ends;	    /* an end instead of a reset */
	bool ended[2];
	bool stuck; /* carries nothing for now */
};

static void wire_cut(struct wire *w)
{
	for (int i = 0; i < 2; i++) {
		struct leg *leg = STEAL(w->leg[i]);

		if (w->cut_ends)
			leg_close(leg);
		else
			leg_reset(leg);
	}
}

static void wire_carry(struct wire *w, int from)
{
	char bytes[4096];
	size_t most = sizeof(bytes);
	ssize_t n;

	if (!w->leg[0])
		return;
	if (w->moved + most > w->cut_at)
		most = w->cut_at - w->moved;
	if (!most) {
		wire_cut(w);
		return;
	}
	n = w->ended[from] ? -EAGAIN : leg_read(w->leg[from], bytes, most);
	if (n > 0) {
		w->moved += (size_t)n;
		if (leg_write(w->leg[!from], bytes, (size_t)n) != n)
			wire_cut(w); /* the other end has gone */
	} else if (n == 0) {
		w->ended[from] = true;
		leg_finish(w->leg[!from]);
	} else if (n != -EAGAIN) {
		wire_cut(w);
	}
}

/* ---- the bench: one client, one server, one wire */

struct bench {
	struct wire wire;
	struct http_conn *client, *server;
	int client_gone, server_gone, requests, responses, lost;
	int status;
	enum http_why why;
	struct fault fault; /* of the client's connection */
	struct http_stream *held[8];
	int n_held;
	char method[8][16];
};

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;

	b->requests++;
	assert_true(b->n_held < 8);
	snprintf(b->method[b->n_held], 16, "%s", head->method);
	b->held[b->n_held++] = s;
}

static void on_server_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->server = NULL;
	b->server_gone++;
}

static void on_client_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	b->fault = *fault;
	b->client = NULL;
	b->client_gone++;
}

static const struct http_conn_events server_events = {
	.request = on_request,
	.gone = on_server_gone,
};
static const struct http_conn_events client_events = { .gone = on_client_gone };

static void on_response(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct bench *b = ctx;

	(void)s;
	b->responses += head != NULL;
	b->lost += !head;
	b->why = why;
	b->status = head ? head->status : 0;
}

static void bench_open(
    struct bench *b, enum http_version version, struct http_conn_config extra)
{
	struct http_conn_config config = extra;
	struct leg *near, *far;

	*b = (struct bench){ .wire.cut_at = SIZE_MAX };
	config.version = version;
	config.ctx = b;
	assert_int_equal(
	    memleg_pair(&near, &b->wire.leg[0], loop, CAPACITY), 0);
	assert_int_equal(memleg_pair(&far, &b->wire.leg[1], loop, CAPACITY), 0);
	config.end = HTTP_CLIENT;
	config.events = &client_events;
	assert_int_equal(http_conn_open(&b->client, near, &config), 0);
	config.end = HTTP_SERVER;
	config.events = &server_events;
	assert_int_equal(http_conn_open(&b->server, far, &config), 0);
}

static void bench_turn(struct bench *b)
{
	loop_turn(loop);
	if (b->wire.stuck)
		return;
	wire_carry(&b->wire, 0);
	wire_carry(&b->wire, 1);
}

static void bench_turns(struct bench *b, int n)
{
	while (n--)
		bench_turn(b);
}

#define BENCH_UNTIL(b, condition)                                              \
	do {                                                                   \
		int turns_ = 0;                                                \
                                                                               \
		while (!(condition) && turns_++ < 20000)                       \
			bench_turn(b);                                         \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

static void bench_close(struct bench *b)
{
	for (int i = 0; i < b->n_held; i++)
		if (b->held[i])
			http_stream_abandon(b->held[i]);
	if (b->client)
		http_conn_cut(b->client);
	if (b->server)
		http_conn_cut(b->server);
	leg_close(b->wire.leg[0]);
	leg_close(b->wire.leg[1]);
	for (int i = 0; i < 10; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
}

static const struct http_conn_config plain = { .ctx = NULL };

static struct http_stream *ask(struct bench *b, const char *method, bool ended)
{
	bool connect = !strcmp(method, "CONNECT");
	struct http_head head = { .method = method,
		.authority = "bridge.pharos:443",
		.target = connect ? NULL : "/",
		.length = -1 };
	struct http_stream *s = NULL;

	assert_int_equal(
	    http_conn_request(b->client, &head, ended, on_response, b, &s), 0);
	return s;
}

static struct leg *answer(struct bench *b, int which)
{
	const struct http_head ok = { .status = 200, .length = -1 };
	struct http_stream *s = STEAL(b->held[which]);

	int r = http_stream_respond(s, &ok, false);

	assert_true(!r || r == HTTP_E_STREAM); /* it has been cut already */
	return http_stream_leg(s);
}

/* ---- cut at every byte */

/* A request with a body and its answer, both with a pattern; the wire is cut
 * after @cut_at bytes. Whatever happens, everybody hears of it. */
static size_t exchange_cut(
    enum http_version version, const char *method, size_t cut_at, bool ends)
{
	struct bench b;
	struct end c = { .to_send = 300 }, s = { .to_send = 300 };
	size_t moved;
	bool whole;

	bench_open(&b, version, plain);
	b.wire.cut_at = cut_at;
	b.wire.cut_ends = ends;
	end_start(&c, http_stream_leg(ask(&b, method, false)));
	for (int i = 0; i < 300 && !(c.ended && s.ended); i++) {
		bench_turn(&b);
		if (b.n_held && b.held[0])
			end_start(&s, answer(&b, 0));
	}
	whole = c.ended && s.ended;
	if (b.wire.leg[0])
		assert_true(whole);
	/* where the tunnel's end is the connection's, it cannot be told from a
	 * cut that looks like one; TLS inside tells */
	if (ends && version == HTTP_1 && !strcmp(method, "CONNECT"))
		whole = whole && c.got == 300 && s.got == 300;
	/* the client: an answer or its loss, once */
	if (b.responses + b.lost != 1)
		fail_msg("HTTP/%d %s cut at %zu: %d answers, %d losses",
		    version + 1, method, cut_at, b.responses, b.lost);
	if (!whole) {
		assert_true(c.gone || c.error || c.ended);
		assert_true(!s.leg || s.gone || s.error || s.ended);
		assert_int_equal(b.client_gone, 1);
		assert_int_equal(b.server_gone, 1);
	} else {
		assert_int_equal(c.got, 300);
		assert_int_equal(s.got, 300);
	}
	leg_close(c.leg);
	leg_close(s.leg);
	moved = b.wire.moved;
	bench_close(&b);
	return moved;
}

static void sweep(enum http_version version, const char *method)
{
	size_t all = exchange_cut(version, method, SIZE_MAX, false);

	assert_true(all > 600);
	for (size_t at = 0; at <= all; at++) {
		exchange_cut(version, method, at, false);
		exchange_cut(version, method, at, true);
	}
}

static void test_cut_at_every_byte(void **state)
{
	(void)state;
	sweep(HTTP_1, "POST");
	sweep(HTTP_1, "CONNECT");
	sweep(HTTP_2, "POST");
	sweep(HTTP_2, "CONNECT");
}

/* ---- back-pressure */

/* Two answers without end on one connection, of which one is read: that one
 * goes on, the other holds a window and no more. */
static void test_slow_stream_stalls_itself_only(void **state)
{
	struct bench b;
	struct end slow = { .to_send = 1 << 30 },
		   quick = { .to_send = 1 << 30 }, reader = { .to_send = 0 };
	struct leg *unread;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	unread = http_stream_leg(ask(&b, "GET", true));
	end_start(&reader, http_stream_leg(ask(&b, "GET", true)));
	BENCH_UNTIL(&b, b.requests == 2);
	end_start(&slow, answer(&b, 0));
	end_start(&quick, answer(&b, 1));
	BENCH_UNTIL(&b, reader.got > 4 * 1024 * 1024);
	assert_true(slow.sent <= HTTP_STREAM_WINDOW + HTTP_STREAM_BUFFER);
	leg_reset(unread);
	leg_reset(reader.leg);
	BENCH_UNTIL(&b, slow.gone && quick.gone);
	leg_close(slow.leg);
	leg_close(quick.leg);
	bench_close(&b);
}

/* HTTP/1.1: a body that nobody reads stops the wire itself. */
static void test_unread_body_stops_the_sender(void **state)
{
	struct bench b;
	struct end sender = { .to_send = 1 << 30 };

	(void)state;
	bench_open(&b, HTTP_1, plain);
	end_start(&sender, http_stream_leg(ask(&b, "POST", false)));
	bench_turns(&b, 500);
	assert_int_equal(b.requests, 1);
	assert_true(sender.sent < HTTP_STREAM_WINDOW + HTTP_FEED_MAX +
				      HTTP_STREAM_BUFFER + 3 * CAPACITY);
	leg_reset(sender.leg);
	bench_close(&b);
}

/* ---- answers that come early */

/* The server answers in full and refuses the rest of the request: the client
 * reads the whole answer, and is told only when it writes. */
static void test_early_answer_is_read_whole(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct bench b;
		struct end c = { .to_send = 1, .keeps_open = true };

		bench_open(&b, versions[i], plain);
		end_start(&c, http_stream_leg(ask(&b, "POST", false)));
		BENCH_UNTIL(&b, b.requests == 1);
		http_stream_answer(STEAL(b.held[0]),
		    &(struct http_answer){ .status = 403, .body = "", .n = 0 });
		BENCH_UNTIL(&b, c.ended);
		bench_turns(&b, 50);
		assert_int_equal(b.status, 403);
		assert_false(c.gone);
		assert_int_equal(leg_write(c.leg, "x", 1), -EPIPE);
		leg_close(c.leg);
		bench_close(&b);
	}
}

/* ---- who is told, and from where */

static void test_loss_is_told_from_the_loop(void **state)
{
	struct bench b;
	struct http_stream *s;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	s = ask(&b, "GET", true);
	http_conn_cut(STEAL(b.client));
	assert_int_equal(b.lost, 0); /* not from inside the cut */
	loop_turn(loop);
	assert_int_equal(b.lost, 1);
	assert_int_equal(b.why, HTTP_WHY_LOCAL);
	assert_null(http_stream_conn(s));
	http_stream_abandon(s);
	bench_close(&b);
}

static void test_no_call_after_the_stream_is_ended(void **state)
{
	struct bench b;
	struct http_stream *s;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	s = ask(&b, "GET", true);
	http_conn_cut(STEAL(b.client));
	http_stream_abandon(s);
	loop_turn(loop);
	assert_int_equal(b.lost, 0);
	assert_int_equal(b.client_gone, 0); /* cut does not say so */
	bench_close(&b);
}

static void test_tunnel_owner_hears_of_the_answer(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct bench b;
		struct end c = { .to_send = 3, .keeps_open = true }, s = { 0 };

		bench_open(&b, versions[i], plain);
		end_start(&c, http_stream_leg(ask(&b, "CONNECT", false)));
		BENCH_UNTIL(&b, b.requests == 1);
		bench_turns(&b, 20);
		assert_int_equal(c.calls, 0);
		s.keeps_open = true;
		end_start(&s, answer(&b, 0));
		BENCH_UNTIL(&b, s.got == 3);
		leg_close(c.leg);
		BENCH_UNTIL(&b, s.ended || s.gone);
		leg_close(s.leg);
		bench_close(&b);
	}
}

static void test_refused_tunnel(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct bench b;
		struct http_stream *s;
		char text[64] = "";

		bench_open(&b, versions[i], plain);
		s = ask(&b, "CONNECT", false);
		BENCH_UNTIL(&b, b.requests == 1);
		http_stream_answer(STEAL(b.held[0]),
		    &(struct http_answer){
			.status = 407, .body = "who?", .n = 4 });
		BENCH_UNTIL(&b, b.responses == 1);
		assert_int_equal(b.status, 407);
		bench_turns(&b, 20);
		assert_int_equal(
		    leg_read(http_stream_leg(s), text, sizeof(text)), 4);
		assert_string_equal(text, "who?");
		assert_true(leg_write(http_stream_leg(s), "x", 1) < 0);
		leg_close(http_stream_leg(s));
		bench_close(&b);
	}
}

/* What had been received when the connection was reset is still read. */
static void test_bytes_before_a_reset_are_read(void **state)
{
	struct bench b;
	struct end s = { .to_send = 50000 };
	struct leg *leg;
	static char bytes[65536];
	ssize_t n;

	(void)state;
	bench_open(&b, HTTP_2, plain);
	leg = http_stream_leg(ask(&b, "GET", true));
	BENCH_UNTIL(&b, b.requests == 1);
	end_start(&s, answer(&b, 0));
	bench_turns(&b, 200);
	wire_cut(&b.wire);
	bench_turns(&b, 20);
	assert_int_equal(b.client_gone, 1);
	n = leg_read(leg, bytes, sizeof(bytes));
	assert_int_equal(n, 50000);
	assert_int_equal(leg_read(leg, bytes, sizeof(bytes)), 0);
	leg_close(leg);
	leg_close(s.leg);
	bench_close(&b);
}

/* The leg dies while the machine takes no more: nobody would ever read the
 * error, so it must be noticed. */
static void test_reset_while_nothing_is_read(void **state)
{
	struct bench b;
	struct end c = { .to_send = 1 << 30 };

	(void)state;
	bench_open(&b, HTTP_1, plain);
	end_start(&c, http_stream_leg(ask(&b, "POST", false)));
	bench_turns(&b, 300); /* the server's window is full */
	wire_cut(&b.wire);
	BENCH_UNTIL(&b, b.server_gone && b.client_gone && c.gone);
	leg_close(c.leg);
	bench_close(&b);
}

/* ---- half-close */

static void test_tunnel_half_closes_on_both_sides(void **state)
{
	static const struct {
		enum http_version version;
		bool client_first;
	} rows[] = { { HTTP_1, true }, { HTTP_1, false }, { HTTP_2, true },
		{ HTTP_2, false } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		struct end c = { .to_send = 10 }, s = { .to_send = 10 };
		struct end *first = rows[i].client_first ? &c : &s;
		struct end *last = rows[i].client_first ? &s : &c;

		last->keeps_open = true;
		bench_open(&b, rows[i].version, plain);
		end_start(&c, http_stream_leg(ask(&b, "CONNECT", false)));
		BENCH_UNTIL(&b, b.requests == 1);
		end_start(&s, answer(&b, 0));
		BENCH_UNTIL(&b, last->ended && first->got == 10);
		assert_int_equal(leg_write(last->leg, "\0", 1), 1);
		leg_finish(last->leg);
		first->got = 0; /* the pattern begins with that byte */
		BENCH_UNTIL(&b, first->ended);
		assert_false(c.gone || s.gone);
		assert_false(c.error || s.error);
		leg_close(c.leg);
		leg_close(s.leg);
		bench_close(&b);
	}
}

/* ---- TLS inside a tunnel, as the sealed session runs it */

static void test_tls_inside_a_tunnel(void **state)
{
	static const enum http_version versions[] = { HTTP_1, HTTP_2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		struct tls_context *near = context_of(client_config());
		struct tls_context *far = context_of(server_config());
		struct end c = { .to_send = 200000 }, s = { .to_send = 100000 };
		struct leg *leg;
		struct bench b;

		bench_open(&b, versions[i], plain);
		/* before the answer: the handshake waits for it */
		leg = http_stream_leg(ask(&b, "CONNECT", false));
		assert_int_equal(tls_leg_open(&leg, leg, near, SERVER_NAME), 0);
		end_start(&c, leg);
		BENCH_UNTIL(&b, b.requests == 1);
		assert_int_equal(
		    tls_leg_open(&leg, answer(&b, 0), far, NULL), 0);
		end_start(&s, leg);
		BENCH_UNTIL(&b, c.ended && s.ended);
		assert_int_equal(s.got, 200000);
		assert_int_equal(c.got, 100000);
		leg_close(c.leg);
		leg_close(s.leg);
		bench_turns(&b, 50);
		tls_context_free(near);
		tls_context_free(far);
		bench_close(&b);
	}
}

/* ---- a stream under a pump, as the broker carries it */

static void on_pumped(void *ctx, const struct pump_result *result)
{
	*(struct pump_result *)ctx = *result;
}

static void test_tunnel_under_a_pump(void **state)
{
	struct bench b;
	struct pump_result result = { .failed = 7 };
	struct pump *pump;
	struct leg *outer, *inner;
	struct end c = { .to_send = 150000 }, s = { .to_send = 150000 };

	(void)state;
	bench_open(&b, HTTP_2, plain);
	assert_int_equal(memleg_pair(&outer, &inner, loop, 5000), 0);
	memleg_chop(outer, 1000, 3);
	assert_int_equal(
	    pump_start(&pump, inner, http_stream_leg(ask(&b, "CONNECT", false)),
		0, on_pumped, &result),
	    0);
	end_start(&c, outer);
	BENCH_UNTIL(&b, b.requests == 1);
	end_start(&s, answer(&b, 0));
	BENCH_UNTIL(&b, result.failed != 7);
	assert_int_equal(result.failed, -1);
	assert_false(result.reset);
	BENCH_UNTIL(&b, c.ended && s.ended);
	assert_int_equal(c.got, 150000);
	assert_int_equal(s.got, 150000);
	leg_close(c.leg);
	leg_close(s.leg);
	bench_close(&b);
}

/* ---- deadlines, by a fake clock */

static uint64_t clock_ms;

static void pass(struct bench *b, unsigned ms)
{
	bench_turns(b, 20);
	clock_ms += ms;
	loop_set_now(loop, clock_ms);
	bench_turns(b, 20);
}

static int clock_setup(void **state)
{
	int r = tls_setup(state);

	clock_ms = 1000;
	if (!r)
		loop_fake_clock(loop, clock_ms);
	return r;
}

static void feed_wire(struct bench *b, const char *text)
{
	assert_int_equal(leg_write(b->wire.leg[1], text, strlen(text)),
	    (ssize_t)strlen(text));
	bench_turns(b, 10);
}

static void test_head_deadline(void **state)
{
	static const struct {
		const char *label, *sent;
		enum http_version version;
		bool cut;
	} rows[] = {
		{ "nothing yet", "", HTTP_1, false },
		{ "half a head", "GET / HT", HTTP_1, true },
		{ "half a preface", "PRI * H", HTTP_2, true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;

		print_message("# %s\n", rows[i].label);
		bench_open(&b, rows[i].version, plain);
		b.wire.stuck = true; /* the real client says nothing */
		feed_wire(&b, rows[i].sent);
		pass(&b, HTTP_HEAD_MS - 1);
		assert_int_equal(b.server_gone, 0);
		pass(&b, 2);
		assert_int_equal(b.server_gone, rows[i].cut);
		bench_close(&b);
	}
}

static void test_head_deadline_is_not_moved_by_bytes(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, HTTP_1, plain);
	b.wire.stuck = true;
	feed_wire(&b, "GET / HTTP/1.1\r\n");
	for (unsigned i = 0; i < 9; i++) {
		pass(&b, 1000);
		feed_wire(&b, "A: b\r\n");
	}
	assert_int_equal(b.server_gone, 0);
	pass(&b, 1001);
	assert_int_equal(b.server_gone, 1);
	bench_close(&b);
}

static void test_pings(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, HTTP_2, (struct http_conn_config){ .ping_ms = 15000 });
	for (unsigned i = 0; i < 20; i++)
		pass(&b, 15001);
	assert_int_equal(b.client_gone + b.server_gone, 0);
	b.wire.stuck = true;
	pass(&b, 15001);
	pass(&b, 15001);
	assert_int_equal(b.client_gone, 0);
	pass(&b, 15001);
	assert_int_equal(b.client_gone, 1);
	assert_true(*b.fault.text && *b.fault.hint);
	bench_close(&b);
}

static void test_stall(void **state)
{
	struct bench b;
	struct end c = { .to_send = 1 << 30 };

	(void)state;
	bench_open(&b, HTTP_1, plain);
	b.wire.stuck = true;
	end_start(&c, http_stream_leg(ask(&b, "POST", false)));
	pass(&b, HTTP_STALL_MS - 1);
	assert_int_equal(b.client_gone, 0);
	pass(&b, 2);
	assert_int_equal(b.client_gone, 1);
	assert_true(c.gone);
	leg_close(c.leg);
	bench_close(&b);
}

static void test_orderly_close(void **state)
{
	static const struct {
		const char *label;
		enum http_version version;
		bool answered;
	} rows[] = {
		{ "1, a stream that ends", HTTP_1, true },
		{ "1, a stream that does not", HTTP_1, false },
		{ "2, a stream that ends", HTTP_2, true },
		{ "2, a stream that does not", HTTP_2, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		struct http_stream *s;

		print_message("# %s\n", rows[i].label);
		bench_open(&b, rows[i].version, plain);
		s = ask(&b, "GET", true);
		BENCH_UNTIL(&b, b.requests == 1);
		http_conn_close(b.server, 3000);
		pass(&b, 2999);
		assert_int_equal(b.server_gone, 0);
		if (rows[i].answered)
			http_stream_answer(STEAL(b.held[0]),
			    &(struct http_answer){
				.status = 200, .body = "x", .n = 1 });
		pass(&b, rows[i].answered ? 0 : 2);
		BENCH_UNTIL(&b, b.server_gone && b.client_gone);
		assert_int_equal(b.responses, rows[i].answered);
		assert_int_equal(b.lost, !rows[i].answered);
		http_stream_abandon(s);
		bench_close(&b);
	}
}

/* ---- limits */

static void test_streams_of_a_connection(void **state)
{
	struct bench b;
	struct http_stream *s[2], *none;
	const struct http_head get = {
		.method = "GET", .authority = "h", .target = "/", .length = -1
	};

	(void)state;
	bench_open(&b, HTTP_2, (struct http_conn_config){ .streams_max = 2 });
	bench_turns(&b, 10);
	s[0] = ask(&b, "GET", true);
	s[1] = ask(&b, "GET", true);
	assert_int_equal(
	    http_conn_request(b.client, &get, true, on_response, &b, &none),
	    HTTP_E_BUSY);
	BENCH_UNTIL(&b, b.requests == 2);
	http_stream_answer(
	    STEAL(b.held[0]), &(struct http_answer){ .status = 200 });
	BENCH_UNTIL(&b, b.responses == 1);
	bench_turns(&b, 10);
	http_stream_abandon(s[0]);
	s[0] = ask(&b, "GET", true);
	BENCH_UNTIL(&b, b.requests == 3);
	http_stream_abandon(s[0]);
	http_stream_abandon(s[1]);
	bench_close(&b);
}

static void test_nonsense_from_the_peer(void **state)
{
	static const struct {
		const char *label, *sent;
		enum http_version version;
		const char *answered; /* begins with */
	} rows[] = {
		{ "not HTTP", "\x16\x03\x01\x02", HTTP_1, "HTTP/1.1 400 " },
		{ "HTTP/2 where HTTP/1.1 was agreed",
		    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_1,
		    "HTTP/1.1 400 " },
		{ "HTTP/1.1 where HTTP/2 was agreed",
		    "GET / HTTP/1.1\r\nHost: h\r\n\r\n", HTTP_2, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct bench b;
		char said[1024] = "";
		ssize_t n;

		print_message("# %s\n", rows[i].label);
		bench_open(&b, rows[i].version, plain);
		b.wire.stuck = true;
		feed_wire(&b, rows[i].sent);
		assert_int_equal(b.server_gone, 1);
		n = leg_read(b.wire.leg[1], said, sizeof(said) - 1);
		assert_true(n > 0);
		assert_memory_equal(
		    said, rows[i].answered, strlen(rows[i].answered));
		assert_int_equal(b.requests, 0);
		bench_close(&b);
	}
}

int main(void)
{
#define WITH_CLOCK(test)                                                       \
	cmocka_unit_test_setup_teardown(test, clock_setup, tls_teardown)
#define WITHOUT(test)                                                          \
	cmocka_unit_test_setup_teardown(test, tls_setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		WITHOUT(test_cut_at_every_byte),
		WITHOUT(test_slow_stream_stalls_itself_only),
		WITHOUT(test_unread_body_stops_the_sender),
		WITHOUT(test_early_answer_is_read_whole),
		WITHOUT(test_loss_is_told_from_the_loop),
		WITHOUT(test_no_call_after_the_stream_is_ended),
		WITHOUT(test_tunnel_owner_hears_of_the_answer),
		WITHOUT(test_refused_tunnel),
		WITHOUT(test_bytes_before_a_reset_are_read),
		WITHOUT(test_reset_while_nothing_is_read),
		WITHOUT(test_tunnel_half_closes_on_both_sides),
		WITHOUT(test_tls_inside_a_tunnel),
		WITHOUT(test_tunnel_under_a_pump),
		WITH_CLOCK(test_head_deadline),
		WITH_CLOCK(test_head_deadline_is_not_moved_by_bytes),
		WITH_CLOCK(test_pings),
		WITH_CLOCK(test_stall),
		WITH_CLOCK(test_orderly_close),
		WITHOUT(test_streams_of_a_connection),
		WITHOUT(test_nonsense_from_the_peer),
	};

	return cmocka_run_group_tests_name("net/httpstream", tests, NULL, NULL);
}
