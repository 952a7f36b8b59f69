/* A set of asking tunnels over dialled legs in memory, with a fake clock; the
 * test answers at the far ends. */
#include "net/tunnelset.h"
#include "base/buf.h"
#include "net/httpc.h"
#include "net/test-network.h"
#include "net/test-support.h"
#include "pki/testpki.h"

enum { FAR_MOST = 16 };

static const char *const targets[] = { "one.example:1", "two.example:1",
	"three.example:1" };

static struct loop *loop;
static struct testpki_ca ca;
static struct identity *bridge_id, *broker_id, *pipe_id;
static struct tunnel_trust near_trust, far_trust, pipe_trust;
static struct tls_context *near_context, *far_context, *pipe_context;
static struct tunnel_trust host_trust; /* of a set that answers, with guests */
static struct tls_context *host_context, *guest_context;
static struct test_network network;
static struct httpd *handlers;

static struct {
	bool down[N_ELEMS(targets)];
	bool pipe;  /* answer with a certificate of the wrong role */
	bool guest; /* answer as a guest */
} place;

static struct far {
	struct tunnel *tunnel;
	struct leg *guest;   /* instead of a tunnel */
	struct leg *wire[2]; /* the test carries bytes between these */
	bool dead;	     /* or it does not */
	int place;
} far[FAR_MOST];
static int n_far;

static struct {
	int ups, gones, failures, calls, status, guests;
	struct leg *guest;
	struct fault gone, fault;
	char target[64], oldest[64]; /* of the last event, of the first `up` */
	enum {
		NEVER,
		AT_UP,
		AT_GONE,
		AT_FAILURE,
		AT_GUEST,
		AT_WORKS
	} close; /* set */
} got;

static struct tunnel_set *set;

static int place_of(const char *target)
{
	for (int i = 0; i < (int)N_ELEMS(targets); i++)
		if (!strcmp(targets[i], target))
			return i;
	fail_msg("no such place: %s", target);
	return -1;
}

static enum test_network_answer answer(void *ctx, const char *target)
{
	(void)ctx;
	return place.down[place_of(target)] ? TEST_REFUSE : TEST_CONNECT;
}

static void on_far_up(void *ctx, struct tunnel *t)
{
	(void)ctx;
	(void)t;
}

static void on_far_gone(
    void *ctx, struct tunnel *t, const struct fault *fault, bool was_up)
{
	struct far *f = ctx;

	(void)t;
	(void)fault;
	(void)was_up;
	f->tunnel = NULL;
}

/* Return: false when the connection has ended. */
static bool carry_one(struct leg *from, struct leg *to)
{
	uint8_t bytes[4096];
	ssize_t n = leg_read(from, bytes, sizeof(bytes));

	if (n > 0)
		n = leg_write(to, bytes, (size_t)n) == n ? 1 : -1;
	return n > 0 || n == -EAGAIN;
}

static void carry(struct far *f)
{
	if (f->dead || !f->wire[0])
		return;
	if (carry_one(f->wire[0], f->wire[1]) &&
	    carry_one(f->wire[1], f->wire[0]))
		return;
	leg_reset(STEAL(f->wire[0]));
	leg_reset(STEAL(f->wire[1]));
}

static void turns(void)
{
	for (int i = 0; i < 200; i++) {
		loop_turn(loop);
		for (int k = 0; k < n_far; k++)
			carry(&far[k]);
	}
}

static void arrive(void *ctx, const char *target, struct leg *leg)
{
	static const struct tunnel_events events = { on_far_up, on_far_gone };
	struct far *f = &far[n_far++];

	(void)ctx;
	assert_true(n_far < FAR_MOST);
	f->place = place_of(target);
	f->wire[0] = leg;
	assert_int_equal(memleg_pair(&f->wire[1], &leg, loop, 65536), 0);
	if (place.guest) {
		assert_int_equal(
		    tls_leg_open(&f->guest, leg, guest_context, NULL), 0);
		return;
	}
	assert_int_equal(
	    tunnel_open(&f->tunnel, leg,
		&(struct tunnel_config){
		    .context = place.pipe ? pipe_context : far_context,
		    .handlers = handlers,
		    .events = &events,
		    .ctx = f }),
	    0);
}

static void close_if_asked(unsigned at)
{
	if (got.close == at)
		tunnel_set_close(STEAL(set));
}

static void on_up(void *ctx, struct tunnel *t, const char *target)
{
	(void)ctx;
	assert_string_equal(tunnel_peer(t), "b1");
	if (!got.ups++)
		(void)snprintf(got.oldest, sizeof(got.oldest), "%s", target);
	(void)snprintf(got.target, sizeof(got.target), "%s", target);
	close_if_asked(AT_UP);
}

static void on_gone(
    void *ctx, struct tunnel *t, const char *target, const struct fault *fault)
{
	(void)ctx;
	assert_string_equal(tunnel_peer(t), "b1");
	got.gones++;
	got.gone = *fault;
	(void)snprintf(got.target, sizeof(got.target), "%s", target);
	close_if_asked(AT_GONE);
}

static void on_told(void *ctx, const char *target, const struct fault *fault)
{
	(void)ctx;
	(void)target;
	if (fault) {
		got.failures++;
		got.fault = *fault;
	}
	close_if_asked(fault ? AT_FAILURE : AT_WORKS);
}

static void on_guest(void *ctx, struct leg *leg, const char *target)
{
	(void)ctx;
	got.guests++;
	leg_reset(got.guest);
	got.guest = leg;
	(void)snprintf(got.target, sizeof(got.target), "%s", target);
	close_if_asked(AT_GUEST);
}

static const struct tunnel_set_events events = { on_up, on_gone, on_told,
	on_guest };

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	http_stream_answer(s, &(struct http_answer){ .status = 204 });
}

static int group_setup(void **state)
{
	static const char *const guest_alpn[] = { "guest/1", NULL };

	(void)state;
	ca = testpki_ca_new("the bridge CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "k1", NULL);
	pipe_id = testpki_identity(&ca, ROLE_PIPE, "p1", NULL);
	near_trust =
	    (struct tunnel_trust){ broker_id, TLS_CLIENT, ROLE_BRIDGE };
	far_trust = (struct tunnel_trust){ bridge_id, TLS_SERVER, ROLE_BROKER };
	pipe_trust = (struct tunnel_trust){ pipe_id, TLS_SERVER, ROLE_BROKER };
	host_trust = far_trust;
	host_trust.guest = "guest/1";
	assert_int_equal(tunnel_context(&host_context, &host_trust, NULL), 0);
	assert_int_equal(tls_context_new(&guest_context,
			     &(struct tls_config){ .end = TLS_CLIENT,
				 .hop = "a guest",
				 .alpn = guest_alpn,
				 .trust = TLS_TRUST_CA,
				 .ca = ca.cert },
			     NULL),
	    0);
	assert_int_equal(tunnel_context(&near_context, &near_trust, NULL), 0);
	assert_int_equal(tunnel_context(&far_context, &far_trust, NULL), 0);
	assert_int_equal(tunnel_context(&pipe_context, &pipe_trust, NULL), 0);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	tls_context_free(near_context);
	tls_context_free(far_context);
	tls_context_free(pipe_context);
	tls_context_free(host_context);
	tls_context_free(guest_context);
	identity_free(bridge_id);
	identity_free(broker_id);
	identity_free(pipe_id);
	testpki_ca_free(&ca);
	return 0;
}

static int setup(void **state)
{
	static const struct httpd_route routes[] = { { "GET", "/hello",
	    on_hello } };

	(void)state;
	memset(&place, 0, sizeof(place));
	memset(far, 0, sizeof(far));
	memset(&got, 0, sizeof(got));
	n_far = 0;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	network = (struct test_network){ .answer = answer, .arrive = arrive };
	test_network_join(&network, loop);
	assert_int_equal(
	    httpd_new(&handlers, loop,
		&(struct httpd_config){ .routes = routes, .n_routes = 1 }),
	    0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tunnel_set_close(STEAL(set));
	for (int i = 0; i < n_far; i++) {
		if (far[i].tunnel)
			tunnel_cut(far[i].tunnel);
		leg_reset(STEAL(far[i].guest));
		leg_reset(STEAL(far[i].wire[0]));
		leg_reset(STEAL(far[i].wire[1]));
	}
	leg_reset(got.guest);
	httpd_free(handlers);
	turns();
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static void open_set(enum route_keep keep, unsigned count, unsigned most)
{
	bool host = place.guest;
	struct tunnel_set_config config = {
		.route = { .kind = ROUTE_DIAL,
		    .keep = keep,
		    .count = count,
		    .targets = targets,
		    .n_targets = N_ELEMS(targets) },
		.context = host ? host_context : near_context,
		.handlers = host ? handlers : NULL,
		.most = most,
	};

	assert_int_equal(
	    tunnel_set_open(&set, loop, &config, &events, NULL, NULL), 0);
	turns();
}

static void on_answer(
    void *ctx, struct httpc_answer *a, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	got.calls++;
	got.status = a ? a->status : 0;
	if (a)
		free(a->body);
}

static bool ask(void)
{
	struct http_conn *c = tunnel_set_pick(set);
	struct httpc_call *call;

	if (!c)
		return false;
	got.status = 0;
	assert_int_equal(httpc_send(&call, c,
			     &(struct httpc_request){ .method = "GET",
				 .authority = TUNNEL_BRIDGE_NAME,
				 .target = "/hello",
				 .most = 10,
				 .ms = 1000 },
			     on_answer, NULL),
	    0);
	turns();
	return got.status == 204;
}

static void as_many_as_asked_for_come_up(void **state)
{
	(void)state;
	open_set(ROUTE_SOME, 2, 0);
	assert_int_equal(got.ups, 2);
	assert_int_equal(tunnel_set_up(set), 2);
	assert_int_equal(n_far, 2);
	assert_int_not_equal(far[0].place, far[1].place);
	assert_true(ask());
	assert_string_equal(tunnel_set_last_fault(set), "");
}

static void requests_go_to_the_oldest_that_takes_them(void **state)
{
	struct http_conn *first;

	(void)state;
	open_set(ROUTE_SOME, 2, 0);
	first = tunnel_set_pick(set);
	assert_ptr_equal(tunnel_set_pick(set), first);
	tunnel_close(far[0].tunnel, 1000); /* takes no more */
	pass(1);
	assert_ptr_not_equal(tunnel_set_pick(set), first);
	assert_true(ask());
}

static void a_tunnel_that_owes_an_answer_is_the_last_choice(void **state)
{
	struct http_conn *first;
	int old;

	(void)state;
	open_set(ROUTE_SOME, 2, 0);
	first = tunnel_set_pick(set);
	old = far[1].place == place_of(got.oldest);
	far[old].dead = true;
	pass(14999);
	assert_ptr_equal(tunnel_set_pick(set), first);
	pass(1); /* its ping stays unanswered */
	assert_true(http_conn_silent(first));
	assert_non_null(tunnel_set_pick(set));
	assert_ptr_not_equal(tunnel_set_pick(set), first);
	tunnel_close(far[1 - old].tunnel, 1000);
	for (size_t i = 0; i < N_ELEMS(targets); i++)
		place.down[i] = true;
	turns();
	assert_ptr_equal(tunnel_set_pick(set), first); /* rather than none */
	pass(15000);
	pass(15000);
	assert_null(tunnel_set_pick(set));
}

static void a_tunnel_that_is_probed_is_doubted_until_it_speaks(void **state)
{
	struct http_conn *first;
	int old;

	(void)state;
	open_set(ROUTE_SOME, 2, 0);
	first = tunnel_set_pick(set);
	http_conn_probe(first);
	assert_ptr_not_equal(tunnel_set_pick(set), first);
	turns();
	assert_ptr_equal(tunnel_set_pick(set), first);
	old = far[1].place == place_of(got.oldest);
	far[old].dead = true;
	for (int i = 0; i < 5; i++)
		http_conn_probe(first); /* one ping */
	turns();
	assert_ptr_not_equal(tunnel_set_pick(set), first);
	pass(15000);
	assert_int_equal(got.gones, 0);
	pass(15000);
	assert_int_equal(got.gones, 1);
}

static void a_tunnel_that_dies_is_replaced_and_others_serve(void **state)
{
	(void)state;
	open_set(ROUTE_SOME, 2, 0);
	tunnel_cut(STEAL(far[0].tunnel));
	turns();
	assert_int_equal(got.gones, 1);
	assert_string_equal(got.target, targets[far[2].place]);
	assert_true(strstr(got.gone.text, targets[far[0].place]) != NULL);
	assert_true(ask());
	assert_int_equal(tunnel_set_up(set), 2); /* on the third target */
	assert_int_equal(n_far, 3);
}

static void without_any_target_there_is_no_tunnel_and_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(targets); i++)
		place.down[i] = true;
	open_set(ROUTE_SOME, 1, 0);
	assert_null(tunnel_set_pick(set));
	assert_false(ask());
	assert_int_equal(got.failures, 3);
	assert_non_null(strstr(tunnel_set_last_fault(set), "refused"));
	place.down[1] = false;
	pass(30000);
	pass(30000);
	assert_int_equal(got.ups, 1);
	assert_string_equal(got.target, targets[1]);
	assert_string_equal(tunnel_set_last_fault(set), "");
}

static void a_peer_of_the_wrong_role_is_told_and_backed_off_from(void **state)
{
	(void)state;
	place.pipe = true;
	open_set(ROUTE_SOME, 1, 0);
	assert_int_equal(got.ups + got.gones, 0);
	assert_int_equal(got.failures, 3);
	assert_non_null(strstr(got.fault.text, "over "));
	assert_non_null(strstr(got.fault.text, "tunnel: "));
	assert_int_equal(n_far, 3);
	turns();
	assert_int_equal(n_far, 3); /* rests */
}

static void more_than_most_are_refused(void **state)
{
	(void)state;
	open_set(ROUTE_EVERY, 2, 3);
	assert_int_equal(tunnel_set_up(set), 3);
	assert_int_equal(tunnel_set_refused(set), 3);
	assert_int_equal(route_targets(tunnel_set_route(set)), 3);
}

/* It is the owner's from its handshake on; the target gets another leg. */
static void a_guest_is_handed_over_and_counts_no_more(void **state)
{
	(void)state;
	place.guest = true;
	for (size_t i = 1; i < N_ELEMS(targets); i++)
		place.down[i] = true;
	open_set(ROUTE_EVERY, 1, 1);
	assert_int_equal(got.guests, 1);
	assert_string_equal(got.target, targets[0]);
	assert_string_equal(tls_leg_alpn(got.guest), "guest/1");
	assert_false(tunnel_set_busy(set));
	assert_int_equal(got.ups + got.gones, 0);
	pass(30000);
	assert_int_equal(got.guests, 2);
	assert_int_equal(tunnel_set_refused(set), 0);
	tunnel_set_close(STEAL(set)); /* which is not its end */
	turns();
	assert_int_equal(leg_state(got.guest), LEG_OPEN);
}

static void the_set_may_be_closed_from_any_of_its_calls(void **state)
{
	(void)state;
	for (unsigned at = AT_UP; at <= AT_WORKS; at++) {
		if (at > AT_UP)
			setup(state);
		got.close = at;
		for (size_t i = 0; i < N_ELEMS(targets); i++)
			place.down[i] = at == AT_FAILURE;
		place.guest = at == AT_GUEST;
		open_set(ROUTE_SOME, 1, 0);
		if (at == AT_GONE) {
			assert_int_equal(tunnel_set_up(set), 1);
			tunnel_cut(STEAL(far[0].tunnel));
			turns();
		}
		assert_null(set);
		if (at < AT_WORKS)
			teardown(state);
	}
}

static void a_bad_route_is_refused(void **state)
{
	struct fault fault = FAULT_NONE;
	struct tunnel_set_config config = {
		.route = { .kind = ROUTE_DIAL, .count = 1 },
		.context = near_context,
	};

	(void)state;
	assert_int_equal(
	    tunnel_set_open(&set, loop, &config, &events, NULL, &fault),
	    -EINVAL);
	assert_int_not_equal(fault.text[0], '\0');
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(as_many_as_asked_for_come_up),
		TEST(requests_go_to_the_oldest_that_takes_them),
		TEST(a_tunnel_that_owes_an_answer_is_the_last_choice),
		TEST(a_tunnel_that_is_probed_is_doubted_until_it_speaks),
		TEST(a_tunnel_that_dies_is_replaced_and_others_serve),
		TEST(without_any_target_there_is_no_tunnel_and_a_reason),
		TEST(a_peer_of_the_wrong_role_is_told_and_backed_off_from),
		TEST(more_than_most_are_refused),
		TEST(a_guest_is_handed_over_and_counts_no_more),
		TEST(the_set_may_be_closed_from_any_of_its_calls),
		TEST(a_bad_route_is_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
