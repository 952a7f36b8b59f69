/* In a network namespace of the test's own. */
#include "link/rtnet.h"
#include "link/test-plane.h"
#include "link/tun.h"
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LISTED_MOST = 16 };

struct stage {
	struct rtnet *net;
	struct rtnet_link link;
	int device;
};

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct fault fault = FAULT_NONE;

	assert_non_null(s);
	assert_int_equal(rtnet_open(&s->net), 0);
	if (tun_open(&s->device, "t0", false, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(rtnet_find(s->net, "t0", &s->link), 0);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	close(s->device);
	rtnet_close(s->net);
	free(s);
	return 0;
}

static void an_interface_is_found_and_set(void **state)
{
	struct stage *s = *state;
	struct rtnet_link link;

	assert_string_equal(s->link.kind, "tun");
	assert_false(s->link.up);
	assert_int_equal(rtnet_set(s->net, s->link.index, true, 1420), 0);
	assert_int_equal(rtnet_find(s->net, "t0", &link), 0);
	assert_true(link.up);
	assert_int_equal(link.mtu, 1420);
	assert_int_equal(rtnet_set(s->net, s->link.index, false, 1280), 0);
	assert_int_equal(rtnet_find(s->net, "t0", &link), 0);
	assert_false(link.up);
	assert_int_equal(link.mtu, 1280);
	assert_int_equal(rtnet_find(s->net, "t1", &link), -ENODEV);
	assert_int_equal(rtnet_set(s->net, 4711, true, 1280), -ENODEV);
}

static void kinds_that_the_kernel_has_not_are_told_apart(void **state)
{
	struct stage *s = *state;
	struct rtnet_link link;

	assert_int_equal(rtnet_make(s->net, "b0", "nothing"), -EOPNOTSUPP);
	assert_int_equal(rtnet_make(s->net, "b0", "bridge"), 0);
	assert_int_equal(rtnet_make(s->net, "b0", "bridge"), -EEXIST);
	assert_int_equal(rtnet_find(s->net, "b0", &link), 0);
	assert_string_equal(link.kind, "bridge");
	assert_int_equal(rtnet_remove(s->net, link.index), 0);
	assert_int_equal(rtnet_find(s->net, "b0", &link), -ENODEV);
	assert_int_equal(rtnet_remove(s->net, link.index), -ENODEV);
}

/* ---- addresses ----------------------------------------------------------- */

static const char *const networks[][4] = {
	{ "10.88.0.0/16", "fd00::/64", NULL },
	{ "10.88.0.0/16", NULL },
	{ NULL },
	{ "10.99.0.0/24", "fd01::/64", "fd00::/64", NULL },
	{ "10.88.0.0/16", "fd00::/64", NULL },
};

static const char *const addresses[][4] = {
	{ "10.88.0.1/16", "fd00::1/64", NULL },
	{ "10.88.0.2/16", NULL },
	{ NULL },
	{ "10.99.0.1/24", "fd01::1/64", "fd00::7/64", NULL },
	{ "10.88.0.1/16", "fd00::1/64", NULL },
};

static size_t parse(struct prefix *out, const char *const *texts)
{
	size_t n = 0;

	for (; *texts; texts++)
		assert_int_equal(prefix_read_address(&out[n++], *texts), 0);
	return n;
}

struct listed {
	struct prefix items[LISTED_MOST];
	size_t n;
	unsigned index;
	uint8_t protocol; /* 0: any */
};

static int take(void *ctx, const struct rtnet_route *r)
{
	struct listed *l = ctx;

	/* the link's own, which the kernel makes */
	if (r->index != l->index || r->to.address[0] >= 0xfe ||
	    (l->protocol && r->protocol != l->protocol))
		return 0;
	assert_true(l->n < LISTED_MOST);
	l->items[l->n++] = r->to;
	return 0;
}

static void expect_routes(
    struct stage *s, uint8_t protocol, const char *const *texts, size_t row)
{
	struct listed l = { .index = s->link.index, .protocol = protocol };
	struct prefix wanted[LISTED_MOST];
	size_t n = parse(wanted, texts), found = 0;

	assert_int_equal(rtnet_routes(s->net, take, &l), 0);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < l.n; k++)
			found += !prefix_compare(&wanted[i], &l.items[k]);
	if (l.n != n || found != n)
		fail_msg("row %zu: %zu routes, %zu of %zu", row, l.n, found, n);
}

/* Each address shows itself by the route that the kernel makes for it. */
static void addresses_are_what_was_wanted_each_time(void **state)
{
	struct stage *s = *state;

	assert_int_equal(rtnet_set(s->net, s->link.index, true, 1420), 0);
	for (size_t i = 0; i < N_ELEMS(addresses); i++) {
		struct prefix wanted[LISTED_MOST];
		size_t n = parse(wanted, addresses[i]);

		for (unsigned twice = 0; twice < 2; twice++) {
			assert_int_equal(rtnet_set_addresses(
					     s->net, s->link.index, wanted, n),
			    0);
			expect_routes(s, 0, networks[i], i);
		}
	}
}

static const char *const routes[][4] = {
	{ "192.168.7.0/24", "fd07::/64", NULL },
	{ "192.168.7.0/24", "192.168.8.0/24", NULL },
	{ NULL },
	{ "0.0.0.0/1", NULL },
};

static void routes_are_what_was_wanted_each_time(void **state)
{
	struct stage *s = *state;

	assert_int_equal(rtnet_set(s->net, s->link.index, true, 1420), 0);
	for (size_t i = 0; i < N_ELEMS(routes); i++) {
		struct prefix wanted[LISTED_MOST];
		size_t n = parse(wanted, routes[i]);

		for (unsigned twice = 0; twice < 2; twice++) {
			assert_int_equal(
			    rtnet_set_routes(s->net, s->link.index, wanted, n),
			    0);
			expect_routes(s, RTNET_PROTOCOL, routes[i], i);
		}
	}
}

static void a_route_that_the_system_has_is_not_replaced(void **state)
{
	struct stage *s = *state;
	struct prefix p;
	struct fault fault = FAULT_NONE;
	struct rtnet_link other;
	int device;

	assert_int_equal(prefix_read(&p, "192.168.7.0/24"), 0);
	assert_int_equal(tun_open(&device, "t1", false, &fault), 0);
	assert_int_equal(rtnet_find(s->net, "t1", &other), 0);
	assert_int_equal(rtnet_set(s->net, other.index, true, 1420), 0);
	assert_int_equal(rtnet_set(s->net, s->link.index, true, 1420), 0);
	assert_int_equal(rtnet_set_routes(s->net, other.index, &p, 1), 0);
	assert_int_equal(
	    rtnet_set_routes(s->net, s->link.index, &p, 1), -EEXIST);
	expect_routes(s, RTNET_PROTOCOL, routes[2], 0);
	close(device);
}

static void a_device_is_made_once(void **state)
{
	struct fault fault = FAULT_NONE;
	int second = -1;

	(void)state;
	assert_int_equal(tun_open(&second, "t0", false, &fault), -EBUSY);
	assert_int_equal(second, -1);
	assert_non_null(strstr(fault.text, "t0"));
	assert_int_equal(tun_open(&second, "lo", false, &fault), -EBUSY);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(an_interface_is_found_and_set),
		each(kinds_that_the_kernel_has_not_are_told_apart),
		each(addresses_are_what_was_wanted_each_time),
		each(routes_are_what_was_wanted_each_time),
		each(a_route_that_the_system_has_is_not_replaced),
		each(a_device_is_made_once),
	};

	PLANE_OR_SKIP(plane_enter());
	PLANE_OR_SKIP(plane_needs_tun());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
