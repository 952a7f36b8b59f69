#include "wire/h2.h"
#include "wire/test-http.h"

static struct pool *pool;

static int set_up(void **state)
{
	(void)state;
	return pool_new(&pool, 4096, 16);
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(pool_lent(pool), 0);
	pool_free(pool);
	return 0;
}

/* Our client and our server. */

struct pair {
	struct recorder *c, *s;
};

static struct pair pair_make(void)
{
	return (struct pair){ recorder_new(pool, HTTP_CLIENT, h2_new),
		recorder_new(pool, HTTP_SERVER, h2_new) };
}

static void pair_free(struct pair p)
{
	recorder_free(p.c);
	recorder_free(p.s);
}

static const struct http_head get = {
	.method = "GET", .authority = "h", .target = "/x", .length = -1
};
static const struct http_head post = {
	.method = "POST", .authority = "h", .target = "/x", .length = -1
};
static const struct http_head connect_head = {
	.method = "CONNECT", .authority = "b.pharos:443", .length = -1
};
static const struct http_head ok = { .status = 200, .length = -1 };

static uint32_t requested(
    struct recorder *c, const struct http_head *head, bool ended)
{
	uint32_t id;

	assert_int_equal(http_request(c->machine, head, ended, &id), 0);
	return id;
}

static void test_exchange(void **state)
{
	struct pair p = pair_make();

	(void)state;
	p.s->answers = true;
	requested(p.c, &get, true);
	requested(p.c, &get, true);
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.c),
	    "head 1 200 length=2\nhead 3 200 length=2\n"
	    "body 1 ok\nend 1\nbody 3 ok\nend 3\n");
	assert_int_equal(http_streams(p.c->machine), 0);
	assert_int_equal(http_streams(p.s->machine), 0);
	pair_free(p);
}

static void test_write_before_the_request_goes(void **state)
{
	struct pair p = pair_make();
	uint32_t id;

	(void)state;
	p.s->answers = true;
	id = requested(p.c, &post, false);
	assert_int_equal(http_write(p.c->machine, id, "abc", 3), 3);
	http_finish(p.c->machine, id);
	join(p.c, p.s, 0, 1);
	assert_string_equal(
	    trace_of(p.s), "head 1 POST h /x\nbody 1 abc\nend 1\n");
	pair_free(p);
}

static void test_random_pair(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		struct pair p = pair_make();
		uint32_t random = seed, id;
		size_t sent = 0;

		p.s->answers = true;
		for (unsigned i = 0; i < 20; i++) {
			size_t size = test_random(&random) % 2000;
			struct http_head head = post;

			if (test_random(&random) % 2)
				head.length = (int64_t)size;
			id = requested(p.c, &head, false);
			for (size_t k = 0; k < size; k++)
				assert_int_equal(
				    http_write(p.c->machine, id, "x", 1), 1);
			http_finish(p.c->machine, id);
			sent += size;
			if (test_random(&random) % 3 == 0)
				join(p.c, p.s, 1 + test_random(&random) % 100,
				    random);
		}
		join(p.c, p.s, 50, random);
		assert_int_equal(p.c->ends, 20);
		assert_int_equal(p.s->n_bodies, sent);
		assert_int_equal(http_streams(p.s->machine), 0);
		pair_free(p);
	}
}

/* Fill a stream until nothing more is taken. */
static size_t filled(struct pair *p, uint32_t id)
{
	static char bytes[16 * 1024];
	size_t sent = 0;

	for (;;) {
		ssize_t n = http_write(p->c->machine, id, bytes, sizeof(bytes));

		assert_true(n >= 0);
		sent += (size_t)n;
		join(p->c, p->s, 0, 1);
		if (!n)
			return sent;
	}
}

static void test_unread_stream_stalls_itself_only(void **state)
{
	struct pair p = pair_make();
	uint32_t slow, quick;

	(void)state;
	slow = requested(p.c, &post, false);
	p.s->hoards = true;
	assert_int_equal(
	    filled(&p, slow), HTTP_STREAM_WINDOW + HTTP_STREAM_BUFFER);
	assert_int_equal(p.s->n_bodies, HTTP_STREAM_WINDOW);
	p.s->hoards = false;
	quick = requested(p.c, &post, false);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(
		    http_write(p.c->machine, quick, "abcde", 5), 5);
		join(p.c, p.s, 0, 1);
	}
	assert_int_equal(p.s->n_bodies, HTTP_STREAM_WINDOW + 50);
	assert_int_equal(p.c->rooms, 0);
	http_credit(p.s->machine, slow, HTTP_STREAM_WINDOW);
	join(p.c, p.s, 0, 1);
	assert_int_equal(
	    p.s->n_bodies, HTTP_STREAM_WINDOW + 50 + HTTP_STREAM_BUFFER);
	assert_true(p.c->rooms > 0);
	pair_free(p);
}

/* Streams that are reset while nobody has read them give their share of the
 * connection's window back, once the listener credits what it was handed. */
static void test_resets_do_not_leak_window(void **state)
{
	struct pair p = pair_make();
	const unsigned rounds = 4;

	(void)state;
	p.s->hoards = true;
	for (unsigned i = 0; i < rounds; i++) {
		uint32_t id = requested(p.c, &post, false);

		filled(&p, id);
		http_reset(p.c->machine, id);
		join(p.c, p.s, 0, 1);
		http_credit(p.s->machine, id, HTTP_STREAM_WINDOW);
		join(p.c, p.s, 0, 1);
	}
	assert_int_equal(p.s->n_bodies, rounds * HTTP_STREAM_WINDOW);
	assert_int_equal(p.s->resets, rounds);
	assert_int_equal(http_streams(p.s->machine), 0);
	pair_free(p);
}

static void test_tunnel(void **state)
{
	struct pair p = pair_make();
	uint32_t id = requested(p.c, &connect_head, false);

	(void)state;
	assert_int_equal(http_write(p.c->machine, id, "early", 5), 0);
	join(p.c, p.s, 0, 1);
	assert_int_equal(p.c->rooms, 0);
	assert_int_equal(http_respond(p.s->machine, id, &ok, false), 0);
	join(p.c, p.s, 0, 1);
	assert_int_equal(p.c->rooms, 1);
	assert_int_equal(http_write(p.c->machine, id, "ping", 4), 4);
	http_finish(p.c->machine, id);
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_write(p.s->machine, id, "pong", 4), 4);
	join(p.c, p.s, 0, 1);
	http_finish(p.s->machine, id);
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.s),
	    "head 1 CONNECT b.pharos:443 -\nbody 1 ping\nend 1\n");
	assert_string_equal(trace_of(p.c), "head 1 200\nbody 1 pong\nend 1\n");
	pair_free(p);
}

static const struct http_head early_head = { .method = "CONNECT",
	.authority = "b.pharos:443",
	.length = -1,
	.early = true };

/* Its bytes go with the head, and are the tunnel's. */
static void test_early_tunnel(void **state)
{
	struct pair p = pair_make();
	uint32_t id = requested(p.c, &early_head, false);

	(void)state;
	assert_int_equal(http_write(p.c->machine, id, "early", 5), 5);
	join(p.c, p.s, 0, 1);
	assert_string_equal(
	    trace_of(p.s), "head 1 CONNECT b.pharos:443 -\nbody 1 early\n");
	assert_int_equal(http_respond(p.s->machine, id, &ok, false), 0);
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_write(p.c->machine, id, "late", 4), 4);
	http_finish(p.c->machine, id);
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.s),
	    "head 1 CONNECT b.pharos:443 -\nbody 1 early\nbody 1 late\n"
	    "end 1\n");
	pair_free(p);
}

/* Its reasons come through, its bytes are dropped, and no more are taken. */
static void test_early_tunnel_refused(void **state)
{
	struct pair p = pair_make();
	const struct http_head no = { .status = 403, .length = 4 };
	uint32_t id = requested(p.c, &early_head, false);

	(void)state;
	assert_int_equal(http_write(p.c->machine, id, "early", 5), 5);
	join(p.c, p.s, 0, 1);
	http_credit(p.s->machine, id, 5);
	assert_int_equal(http_respond(p.s->machine, id, &no, false), 0);
	assert_int_equal(http_write(p.s->machine, id, "not!", 4), 4);
	http_finish(p.s->machine, id);
	http_reset(p.s->machine, id);
	assert_int_equal(http_write(p.c->machine, id, "more", 4), 4);
	join(p.c, p.s, 0, 1); /* they cross */
	assert_string_equal(trace_of(p.c),
	    "head 1 403 length=4\nbody 1 not!\nend 1\n"
	    "reset 1 done\n");
	assert_int_equal(http_write(p.c->machine, id, "x", 1), -EPIPE);
	assert_int_equal(http_streams(p.s->machine), 0);
	assert_int_equal(http_streams(p.c->machine), 0);
	/* and the connection goes on */
	requested(p.c, &connect_head, false);
	pair_free(p);
}

static void test_only_tunnels_are_early(void **state)
{
	struct pair p = pair_make();
	struct http_head plain = { .method = "GET",
		.authority = "a",
		.target = "/",
		.length = -1,
		.early = true };
	uint32_t id;

	(void)state;
	assert_int_equal(
	    http_request(p.c->machine, &plain, false, &id), -EINVAL);
	pair_free(p);
}

static void test_refused_tunnel(void **state)
{
	struct pair p = pair_make();
	const struct http_head no = { .status = 407, .length = 4 };
	uint32_t id = requested(p.c, &connect_head, false);

	(void)state;
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_respond(p.s->machine, id, &no, false), 0);
	assert_int_equal(http_write(p.s->machine, id, "who?", 4), 4);
	http_finish(p.s->machine, id);
	join(p.c, p.s, 0, 1);
	assert_string_equal(
	    trace_of(p.c), "head 1 407 length=4\nbody 1 who?\nend 1\n");
	assert_int_equal(http_write(p.c->machine, id, "x", 1), -EPIPE);
	http_reset(p.c->machine, id);
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_streams(p.s->machine), 0);
	pair_free(p);
}

static void test_early_answer_then_reset(void **state)
{
	struct pair p = pair_make();
	uint32_t id = requested(p.c, &post, false);

	(void)state;
	assert_int_equal(http_write(p.c->machine, id, "abc", 3), 3);
	join(p.c, p.s, 0, 1);
	trace_answer(p.s, id);
	http_reset(p.s->machine, id); /* the answer goes out all the same */
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.c),
	    "head 1 200 length=2\nbody 1 ok\nend 1\nreset 1 done\n");
	assert_int_equal(http_write(p.c->machine, id, "d", 1), -EPIPE);
	assert_int_equal(http_streams(p.s->machine), 0);
	pair_free(p);
}

static void test_resets(void **state)
{
	struct pair p = pair_make();
	uint32_t id = requested(p.c, &get, true);

	(void)state;
	http_reset(p.c->machine, id); /* before it went */
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.s), "");
	id = requested(p.c, &get, true);
	join(p.c, p.s, 0, 1);
	http_reset(p.s->machine, id);
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.s), "head 3 GET h /x ended\n");
	assert_string_equal(trace_of(p.c), "reset 3 peer\n");
	assert_int_equal(
	    http_respond(p.s->machine, id, &ok, true), HTTP_E_STREAM);
	assert_int_equal(http_streams(p.c->machine), 0);
	assert_int_equal(http_streams(p.s->machine), 0);
	pair_free(p);
}

static void test_length_is_kept(void **state)
{
	struct pair p = pair_make();
	const struct http_head head = { .status = 200, .length = 3 };
	uint32_t id = requested(p.c, &get, true);

	(void)state;
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_respond(p.s->machine, id, &head, false), 0);
	assert_int_equal(http_write(p.s->machine, id, "abcd", 4), -EMSGSIZE);
	assert_int_equal(http_write(p.s->machine, id, "ab", 2), 2);
	http_finish(p.s->machine, id); /* one short: a reset */
	join(p.c, p.s, 0, 1);
	assert_non_null(strstr(trace_of(p.c), "reset 1 peer\n"));
	pair_free(p);
}

/* What was on its way when the server said that it goes is still served; what
 * comes later is not even sent. */
static void test_goaway(void **state)
{
	struct pair p = pair_make();
	uint32_t id = requested(p.c, &get, true), late;

	(void)state;
	join(p.c, p.s, 0, 1);
	http_goaway(p.s->machine);
	http_goaway(p.s->machine);
	late = requested(p.c, &get, true); /* crosses it */
	join(p.c, p.s, 0, 1);
	assert_int_equal(
	    http_request(p.c->machine, &get, true, &late), HTTP_E_OVER);
	assert_string_equal(trace_of(p.c), "");
	assert_false(http_over(p.s->machine));
	trace_answer(p.s, id);
	join(p.c, p.s, 0, 1);
	assert_non_null(strstr(trace_of(p.c), "body 1 ok\nend 1\n"));
	trace_answer(p.s, late);
	join(p.c, p.s, 0, 1);
	assert_non_null(strstr(trace_of(p.c), "body 3 ok\nend 3\n"));
	assert_true(http_over(p.c->machine) && http_over(p.s->machine));
	assert_string_equal(http_reason(p.c->machine), "");
	pair_free(p);
}

static void test_busy(void **state)
{
	struct http_options options = { .end = HTTP_SERVER,
		.listener = &trace_listener,
		.pool = pool,
		.scheme = "https",
		.streams_max = 2 };
	struct pair p = pair_make();
	uint32_t id;

	(void)state;
	http_free(p.s->machine);
	options.ctx = p.s;
	assert_int_equal(h2_new(&p.s->machine, &options), 0);
	join(p.c, p.s, 0, 1);
	id = requested(p.c, &post, false);
	requested(p.c, &post, false);
	assert_int_equal(
	    http_request(p.c->machine, &post, false, &id), HTTP_E_BUSY);
	pair_free(p);
}

static void test_head_and_continue(void **state)
{
	static const struct http_field expect = { "expect", "100-continue" };
	struct pair p = pair_make();
	struct http_head head = get;
	uint32_t id;

	(void)state;
	p.s->answers = true;
	head.method = "HEAD";
	requested(p.c, &head, true);
	join(p.c, p.s, 0, 1);
	assert_string_equal(trace_of(p.c), "head 1 200 length=2 ended\n");
	head = post;
	head.fields = &expect;
	head.n_fields = 1;
	assert_int_equal(
	    http_request(p.c->machine, &head, false, &id), -EINVAL);
	pair_free(p);
}

static void test_peer_goes(void **state)
{
	struct pair p = pair_make();

	(void)state;
	requested(p.c, &get, true);
	requested(p.c, &post, false);
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_feed(p.c->machine, NULL, 0), 0);
	assert_int_equal(http_feed(p.s->machine, NULL, 0), 0);
	assert_string_equal(trace_of(p.c), "reset 1 peer\nreset 3 peer\n");
	assert_non_null(strstr(trace_of(p.s), "reset 1 peer\nreset 3 peer\n"));
	assert_true(http_over(p.c->machine) && http_over(p.s->machine));
	pair_free(p);
}

static void test_ping(void **state)
{
	struct pair p = pair_make();

	(void)state;
	http_ping(p.c->machine);
	http_ping(p.c->machine);
	join(p.c, p.s, 0, 1);
	assert_int_equal(http_pongs(p.c->machine), 2);
	assert_int_equal(http_pongs(p.s->machine), 0);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange),
		cmocka_unit_test(test_write_before_the_request_goes),
		cmocka_unit_test(test_random_pair),
		cmocka_unit_test(test_unread_stream_stalls_itself_only),
		cmocka_unit_test(test_resets_do_not_leak_window),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_early_tunnel),
		cmocka_unit_test(test_early_tunnel_refused),
		cmocka_unit_test(test_only_tunnels_are_early),
		cmocka_unit_test(test_refused_tunnel),
		cmocka_unit_test(test_early_answer_then_reset),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_length_is_kept),
		cmocka_unit_test(test_goaway),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_head_and_continue),
		cmocka_unit_test(test_peer_goes),
		cmocka_unit_test(test_ping),
	};

	return cmocka_run_group_tests_name("h2", tests, set_up, tear_down);
}
