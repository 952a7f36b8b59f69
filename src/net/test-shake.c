#include "net/shake.h"
#include "net/test-tls-support.h"

struct outcome {
	int calls;
	struct leg *leg;
	enum tls_failure why;
	struct fault fault;
};

static void on_outcome(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct outcome *o = ctx;

	o->calls++;
	o->leg = leg;
	o->why = why;
	assert_true((leg == NULL) == (fault != NULL));
	if (fault)
		o->fault = *fault;
}

static struct tls_shake *shake_over(
    struct leg *lower, struct tls_config config, struct outcome *o, unsigned ms)
{
	struct tls_context *c = context_of(config);
	struct tls_shake *s = NULL;
	struct tls_shake_order order = {
		.lower = lower,
		.context = c,
		.name = config.end == TLS_CLIENT ? SERVER_NAME : NULL,
		.ms = ms,
		.fn = on_outcome,
		.ctx = o,
	};

	assert_int_equal(tls_shake(&s, &order), 0);
	tls_context_free(c);
	return s;
}

static void both_get_an_open_leg(void **state)
{
	struct outcome server = { 0 }, client = { 0 };
	struct end e = { .keeps_open = true };
	struct leg *a, *b;

	(void)state;
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	shake_over(a, server_config(), &server, 5000);
	shake_over(b, client_config(), &client, 5000);
	assert_int_equal(server.calls + client.calls, 0);
	TEST_UNTIL(loop, server.calls && client.calls);
	assert_int_equal(leg_state(server.leg), LEG_OPEN);
	assert_int_equal(leg_state(client.leg), LEG_OPEN);
	assert_string_equal(tls_leg_alpn(client.leg), "test/1");

	/* the leg is its new owner's, wholly */
	end_start(&e, client.leg);
	assert_int_equal(leg_write(server.leg, "\0", 1), 1);
	TURN_UNTIL(e.got == 1, (void)0);
	assert_int_equal(server.calls + client.calls, 2);
	leg_close(server.leg);
	leg_close(client.leg);
}

static void a_failure_says_why(void **state)
{
	struct tls_config config = client_config();
	struct outcome server = { 0 }, client = { 0 };
	struct leg *a, *b;

	(void)state;
	config.ca = stranger_ca.cert;
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	shake_over(a, server_config(), &server, 5000);
	shake_over(b, config, &client, 5000);
	TEST_UNTIL(loop, server.calls && client.calls);
	assert_null(client.leg);
	assert_int_equal(client.why, TLS_FAILURE_TRUST);
	assert_non_null(
	    strstr(client.fault.text, "TLS with the server: wrong CA"));
	/* it was closed in order: the peer has read our alert */
	assert_null(server.leg);
	assert_int_equal(server.why, TLS_FAILURE_TRUST);
	assert_non_null(
	    strstr(server.fault.text, "the peer refused our certificate"));
}

static void silence_ends_at_the_deadline(void **state)
{
	struct outcome o = { 0 };
	struct leg *a, *b;
	uint64_t before = loop_now(loop);

	(void)state;
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	shake_over(a, server_config(), &o, 50);
	assert_int_equal(leg_write(b, "\x16", 1), 1);
	TEST_UNTIL(loop, o.calls);
	assert_in_range(loop_now(loop) - before, 50, 5000);
	assert_null(o.leg);
	assert_int_equal(o.why, TLS_FAILURE_TIMEOUT);
	assert_int_equal(o.fault.code, -ETIMEDOUT);
	assert_non_null(strstr(o.fault.text, "TLS with the client: "));
	assert_non_null(strstr(o.fault.text, "50 ms"));
	assert_int_equal(leg_state(b), LEG_FAILED);
	leg_close(b);
}

static void its_time_can_begin_anew(void **state)
{
	struct outcome o = { 0 };
	struct tls_shake *s;
	struct leg *a, *b;
	uint64_t before = loop_now(loop);

	(void)state;
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	s = shake_over(a, client_config(), &o, 60000);
	tls_shake_again(s, 40);
	TEST_UNTIL(loop, o.calls);
	assert_in_range(loop_now(loop) - before, 40, 5000);
	assert_int_equal(o.why, TLS_FAILURE_TIMEOUT);
	assert_non_null(strstr(o.fault.text, "40 ms"));
	leg_close(b);
}

/* What comes then is the leg's, byte for byte, and what it had written stays
 * written. */
static void a_leg_is_released_unread(void **state)
{
	struct outcome o = { 0 };
	struct tls_shake *s;
	struct leg *a, *b, *lower;
	char got[512];
	ssize_t n;

	(void)state;
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	s = shake_over(a, client_config(), &o, 5000);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	lower = tls_shake_release(s);
	assert_ptr_equal(lower, a);
	assert_true(leg_read(b, got, sizeof(got)) > 5);
	assert_int_equal(got[0], 0x16); /* the ClientHello */
	assert_int_equal(leg_write(b, "no tunnel", 9), 9);
	n = leg_read(lower, got, sizeof(got));
	for (int i = 0; i < 100 && n == -EAGAIN; i++) {
		loop_turn(loop);
		n = leg_read(lower, got, sizeof(got));
	}
	assert_int_equal(n, 9);
	assert_memory_equal(got, "no tunnel", 9);
	assert_int_equal(o.calls, 0);
	leg_close(lower);
	leg_close(b);
}

static void no_call_comes_after_cancel(void **state)
{
	struct outcome o = { 0 };
	struct tls_shake *s;
	struct leg *a, *b;

	(void)state;
	tls_shake_cancel(NULL);
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	s = shake_over(a, server_config(), &o, 20);
	assert_int_equal(leg_write(b, "GET /", 5), 5);
	tls_shake_cancel(s);
	for (int i = 0; i < 8; i++)
		loop_turn(loop);
	assert_int_equal(o.calls, 0);
	assert_int_equal(leg_state(b), LEG_FAILED);
	leg_close(b);
}

static void a_bad_name_is_refused_at_once(void **state)
{
	struct tls_context *c = context_of(client_config());
	struct tls_shake *s = NULL;
	struct tls_shake_order order = {
		.context = c,
		.name = "a:443",
		.ms = 20,
		.fn = on_outcome,
	};
	struct leg *b;

	(void)state;
	assert_int_equal(memleg_pair(&order.lower, &b, loop, WIDE), 0);
	assert_int_equal(tls_shake(&s, &order), -EINVAL);
	assert_null(s);
	leg_close(b);
	tls_context_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_get_an_open_leg),
		cmocka_unit_test(a_failure_says_why),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(its_time_can_begin_anew),
		cmocka_unit_test(a_leg_is_released_unread),
		cmocka_unit_test(no_call_comes_after_cancel),
		cmocka_unit_test(a_bad_name_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, tls_setup, tls_teardown);
}
