/* When the bridge waits at the meeting, and how many strangers it bears there,
 * on a fake clock. The verbs of net/route.h that it uses are here. */
#include "bridge/meeting.h"
#include "net/loop.h"
#include "net/memleg.h"
#include "net/route.h"
#include "net/test-support.h"
#include "pki/testpki.h"
#include "wire/boot.h"
#include <stdio.h>

#define F   "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q"
#define PIN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { WINDOW_S = 3600, STRANGERS = MEETING_SHAKES_MOST + 1 };

static struct loop *loop;
static struct testpki_ca ca;
static struct identity *id;
static struct tls_context *client;
static struct registration record;
static struct meeting *meeting;

/* ---- the route ----------------------------------------------------------- */

static struct {
	int opened, open, ended;
	bool fails;
	struct route_config config; /* the last one */
	const struct route_events *events;
	void *ctx;
} routes;

int route_open(struct route **out, struct loop *l,
    const struct route_config *config, const struct route_events *events,
    void *ctx, struct fault *fault)
{
	assert_ptr_equal(l, loop);
	if (routes.fails)
		return fault_set(fault, -EIO, NULL, "no route");
	routes.opened++;
	routes.open++;
	routes.config = *config;
	routes.events = events;
	routes.ctx = ctx;
	*out = (struct route *)&routes;
	return 0;
}

void route_close(struct route *r)
{
	assert_ptr_equal(r, &routes);
	routes.open--;
}

void route_ended(struct route *r, unsigned target)
{
	assert_ptr_equal(r, &routes);
	assert_int_equal(target, 1);
	routes.ended++;
}

void route_look(const struct route *r, unsigned target, struct route_state *out)
{
	assert_ptr_equal(r, &routes);
	*out = (struct route_state){ .target = routes.config.targets[target] };
}

/* ---- guests -------------------------------------------------------------- */

static struct {
	struct leg *leg; /* the last one */
	int came;
} guests;

static void on_guest(void *ctx, struct leg *leg, const char *target)
{
	assert_ptr_equal(ctx, &guests);
	assert_string_equal(tls_leg_alpn(leg), BOOT_ALPN);
	assert_string_equal(target, "two.example:443");
	leg_reset(guests.leg);
	guests.leg = leg;
	guests.came++;
}

/* ---- around each test ---------------------------------------------------- */

static int group_setup(void **state)
{
	static const char *const alpn[] = { BOOT_ALPN, NULL };

	(void)state;
	ca = testpki_ca_new("the bridge CA");
	id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	return tls_context_new(&client,
	    &(struct tls_config){ .end = TLS_CLIENT,
		.hop = "stranger",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca = ca.cert },
	    NULL);
}

static int group_teardown(void **state)
{
	(void)state;
	tls_context_free(client);
	identity_free(id);
	testpki_ca_free(&ca);
	return 0;
}

static int setup(void **state)
{
	static const char *const targets[] = { "one.example:443",
		"two.example:443" };
	const struct uplink_config uplink = {
		.beacon_pin = PIN,
		.route = { .kind = ROUTE_BEACON,
		    .count = 4,
		    .bare_spares = 2,
		    .targets = targets,
		    .n_targets = 2,
		    .beacon = { .require_proven = true, .identity = id } },
	};
	const struct meeting_config config = { .uplink = &uplink,
		.guests = { BOOT_ALPN, on_guest, &guests } };
	struct registration_order order = { .space = "n",
		.subject = "system:serviceaccount:pharos:broker",
		.ttl_s = WINDOW_S };

	(void)state;
	memset(&routes, 0, sizeof(routes));
	memset(&guests, 0, sizeof(guests));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	order.now = loop_wall(loop);
	assert_int_equal(fingerprint_parse(&order.fingerprint, F, NULL), 0);
	assert_int_equal(registration_open(&record, &order, NULL), 0);
	return meeting_open(&meeting, loop, &config);
}

static void turns(void)
{
	for (int i = 0; i < 100; i++)
		loop_turn(loop);
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static int teardown(void **state)
{
	(void)state;
	leg_reset(guests.leg);
	meeting_close(meeting);
	assert_int_equal(routes.open, 0);
	registration_deinit(&record);
	turns();
	pass(LEG_LINGER_MS);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static void begin(void)
{
	assert_int_equal(meeting_show(meeting, id, NULL), 0);
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 1);
}

/* ---- when ---------------------------------------------------------------- */

static void it_takes_a_certificate_and_a_registration(void **state)
{
	const struct beaconc_config *beacon = &routes.config.beacon;
	uint8_t hash[FINGERPRINT_SIZE];

	(void)state;
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 0);
	assert_int_equal(meeting_show(meeting, id, NULL), 0);
	assert_int_equal(routes.open, 1);
	assert_int_equal(meeting_counts(meeting)->open, 1);
	fingerprint_meeting(hash, &record.fingerprint);
	assert_memory_equal(beacon->hash, hash, sizeof(hash));
	assert_int_equal(beacon->role, FRAME_LISTEN);
	assert_false(beacon->require_proven);
	assert_null(beacon->identity);
	assert_non_null(beacon->outer);
	assert_int_equal(routes.config.count, MEETING_LEGS);
	assert_int_equal(routes.config.bare_spares, 0);
	assert_int_equal(routes.config.n_targets, 2);
	/* a newer certificate changes nothing of it */
	assert_int_equal(meeting_show(meeting, id, NULL), 0);
	meeting_follow(meeting, &record);
	assert_int_equal(routes.opened, 1);
}

static void it_is_over_with_the_window(void **state)
{
	(void)state;
	begin();
	record.closes = loop_wall(loop);
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 0);
	assert_int_equal(meeting_counts(meeting)->open, 0);
	record.closes += WINDOW_S; /* a person opens it again */
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 1);
	assert_int_equal(meeting_counts(meeting)->open, 1);
}

static void it_is_over_when_the_registration_is_not_pending(void **state)
{
	(void)state;
	begin();
	meeting_follow(meeting, NULL);
	assert_int_equal(routes.open, 0);
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 1);
	assert_int_equal(registration_revoke(&record), 0);
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 0);
	pass(UINT64_C(2) * MEETING_LOOK_MS);
	assert_int_equal(routes.open, 0);
}

static void another_fingerprint_is_another_place(void **state)
{
	uint8_t hash[FINGERPRINT_SIZE];

	(void)state;
	begin();
	memcpy(hash, routes.config.beacon.hash, sizeof(hash));
	record.fingerprint.bytes[0] ^= 1;
	meeting_follow(meeting, &record);
	assert_int_equal(routes.opened, 2);
	assert_int_equal(routes.open, 1);
	assert_memory_not_equal(hash, routes.config.beacon.hash, sizeof(hash));
}

static void what_fails_is_tried_again(void **state)
{
	(void)state;
	routes.fails = true;
	assert_int_equal(meeting_show(meeting, id, NULL), 0);
	meeting_follow(meeting, &record);
	assert_int_equal(routes.open, 0);
	routes.fails = false;
	pass(MEETING_REST_MS - 1);
	assert_int_equal(routes.open, 0);
	pass(1);
	assert_int_equal(routes.open, 1);
}

static void who_goes_down_meets_nobody_more(void **state)
{
	(void)state;
	begin();
	meeting_stop(meeting);
	assert_int_equal(routes.open, 0);
	meeting_follow(meeting, &record);
	assert_int_equal(meeting_show(meeting, id, NULL), 0);
	assert_int_equal(routes.open, 0);
}

/* ---- strangers ----------------------------------------------------------- */

/* Somebody takes a leg. Return: his end. */
static struct leg *takes(void)
{
	struct leg *wire[2];

	assert_int_equal(memleg_pair(&wire[0], &wire[1], loop, 1 << 20), 0);
	routes.events->leg(routes.ctx, wire[0], 1);
	return wire[1];
}

static void who_makes_tls_is_a_guest(void **state)
{
	struct leg *leg;

	(void)state;
	begin();
	assert_int_equal(tls_leg_open(&leg, takes(), client, NULL), 0);
	turns();
	assert_int_equal(guests.came, 1);
	assert_int_equal(routes.ended, 1); /* the route counts it no more */
	assert_int_equal(meeting_counts(meeting)->legs, 1);
	assert_int_equal(meeting_counts(meeting)->failed, 0);
	leg_reset(leg);
}

static void who_says_nothing_is_cut(void **state)
{
	struct leg *leg;
	char byte;

	(void)state;
	begin();
	leg = takes();
	pass(MEETING_SHAKE_MS - 1);
	assert_int_equal(meeting_counts(meeting)->failed, 0);
	pass(1);
	assert_int_equal(meeting_counts(meeting)->failed, 1);
	assert_int_not_equal(leg_read(leg, &byte, 1), -EAGAIN);
	assert_int_equal(guests.came, 0);
	leg_reset(leg);
}

static void of_too_many_the_oldest_makes_room(void **state)
{
	struct leg *leg[STRANGERS];
	char byte;

	(void)state;
	begin();
	for (int i = 0; i < STRANGERS; i++)
		leg[i] = takes();
	turns();
	assert_int_equal(meeting_counts(meeting)->displaced, 1);
	assert_int_not_equal(leg_read(leg[0], &byte, 1), -EAGAIN);
	assert_int_equal(leg_read(leg[1], &byte, 1), -EAGAIN);
	for (int i = 0; i < STRANGERS; i++)
		leg_reset(leg[i]);
}

/* Its strangers go with it: teardown() finds nothing lent. */
static void whoever_is_there_goes_with_it(void **state)
{
	struct leg *leg;

	(void)state;
	begin();
	leg = takes();
	meeting_close(STEAL(meeting));
	leg_reset(leg);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_takes_a_certificate_and_a_registration),
		TEST(it_is_over_with_the_window),
		TEST(it_is_over_when_the_registration_is_not_pending),
		TEST(another_fingerprint_is_another_place),
		TEST(what_fails_is_tried_again),
		TEST(who_goes_down_meets_nobody_more),
		TEST(who_makes_tls_is_a_guest),
		TEST(who_says_nothing_is_cut),
		TEST(of_too_many_the_oldest_makes_room),
		TEST(whoever_is_there_goes_with_it),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
