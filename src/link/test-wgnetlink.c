/* Against the kernel's own WireGuard, in a network namespace of the test's own;
 * make test-kernel has such a kernel where this machine's has it not. */
#include "link/wgnetlink.h"
#include "link/rtnet.h"
#include "link/test-wgstage.h"
#include <stdlib.h>
#include <sys/wait.h>

enum {
	MANY = 10000,
	MANY_OF_ONE = 3000,
};

static int set_up(void **state)
{
	return set_up_driver(state, WG_KERNEL, NULL);
}

static const char *needs_kernel(void)
{
	return wgnetlink_probe() ? "no WireGuard in this kernel" : NULL;
}

static void a_new_interface_has_nothing(void **state)
{
	struct stage *s = *state;
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link link;
	struct wgstate actual;

	read_state(s, &actual);
	assert_int_equal(actual.n_peers, 0);
	assert_int_equal(actual.private_key[31], 0);
	wgstate_deinit(&actual);
	assert_int_equal(wg_driver(s->wg), WG_KERNEL);
	assert_int_equal(wg_pid(s->wg), 0);
	assert_int_equal(wg_restarts(s->wg), 0);
	assert_string_equal(wg_carrier(s->wg), "kernel");
	assert_int_equal(rtnet_open(&net), 0);
	assert_int_equal(rtnet_find(net, s->name, &link), 0);
	assert_string_equal(link.kind, "wireguard");
	assert_false(link.up);
}

static void it_is_chosen_where_there_is_one(void **state)
{
	struct stage *s = *state;
	struct wg_order order = order_of(s, WG_ANY);
	struct fault fault = FAULT_NONE;
	struct wg *other = NULL;

	order.name = "any0";
	assert_int_equal(wg_open(&other, s->loop, &order, &fault), 0);
	assert_int_equal(wg_driver(other), WG_KERNEL);
	close_one(s, other);
}

static void a_name_is_taken_once(void **state)
{
	static const struct {
		enum wg_driver driver;
		const char *name; /* NULL: the one that is there */
		int code;
	} rows[] = {
		{ WG_KERNEL, NULL, -EEXIST },
		{ WG_ANY, NULL, -EEXIST },
		{ WG_KERNEL, "lo", -EEXIST },
		{ WG_USER, NULL, -EBUSY },
	};
	struct stage *s = *state;

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct wg_order order = order_of(s, rows[i].driver);
		struct fault fault = FAULT_NONE;
		struct wg *second = NULL;
		int r;

		if (rows[i].name)
			order.name = rows[i].name;
		if (rows[i].driver == WG_USER && plane_needs_tun())
			continue;
		r = wg_open(&second, s->loop, &order, &fault);
		if (r != rows[i].code)
			fail_msg("row %zu: %d", i, r);
		assert_null(second);
		assert_non_null(strstr(fault.text, order.name));
	}
	/* and what is there was not touched */
	a_new_interface_has_nothing(state);
}

static void what_is_no_such_interface_is_refused(void **state)
{
	static const struct {
		const char *name;
		int code;
	} rows[] = {
		{ "nothing", -ENODEV },
		{ "lo", -EOPNOTSUPP },
	};
	struct wgstate desired, empty;
	struct wgplan p;

	(void)state;
	wgstate_init(&empty);
	wgstate_init(&desired);
	desired.mark = 7;
	assert_int_equal(wgstate_seal(&empty, NULL), 0);
	assert_int_equal(wgstate_seal(&desired, NULL), 0);
	assert_int_equal(wgplan_make(&p, &desired, &empty), 0);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		struct wgstate out;

		assert_int_equal(
		    wgnetlink_read(rows[i].name, &out, &fault), rows[i].code);
		assert_non_null(strstr(fault.text, rows[i].name));
		assert_int_equal(
		    wgnetlink_apply(rows[i].name, &p, &fault), rows[i].code);
		assert_non_null(strstr(fault.text, rows[i].name));
	}
	wgplan_deinit(&p);
	wgstate_deinit(&desired);
	wgstate_deinit(&empty);
}

static void one_that_somebody_removed_is_missed(void **state)
{
	struct stage *s = *state;
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct fault fault = FAULT_NONE;
	struct rtnet_link link;
	struct wgstate out;

	assert_int_equal(rtnet_open(&net), 0);
	assert_int_equal(rtnet_find(net, s->name, &link), 0);
	assert_int_equal(rtnet_remove(net, link.index), 0);
	assert_int_equal(wg_read(s->wg, &out, &fault), -ENODEV);
	/* closing it, as each test does, is no error */
}

/* Without rights; 0, or what is wrong. */
static int ask_as_nobody(const char *name)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct fault fault = FAULT_NONE;
	struct wgstate out;

	if (setresuid(65534, 65534, 65534) || rtnet_open(&net))
		return 1;
	if (wgnetlink_read(name, &out, &fault) != -EPERM)
		return 2;
	return rtnet_make(net, "mine", "wireguard") == -EPERM ? 0 : 3;
}

static void it_is_for_those_who_may(void **state)
{
	struct stage *s = *state;
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (!pid)
		_exit(ask_as_nobody(s->name));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void add_host(struct wgstate *s, uint8_t net, unsigned i)
{
	struct prefix p = { .family = 4,
		.bits = 32,
		.address = {
		    net, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };

	assert_int_equal(wgstate_add_prefix(s, &p), 0);
}

/* Peers 0 to @n, but for @without; the first one has MANY_OF_ONE prefixes. */
static void fill(struct wgstate *s, unsigned n, unsigned without)
{
	wgstate_init(s);
	s->private_key[0] = 8;
	s->private_key[31] = 0x40;
	for (unsigned i = 0; i < n; i++) {
		struct wgkey key = { { 9, (uint8_t)i, (uint8_t)(i >> 8) } };

		if (i == without)
			continue;
		assert_int_equal(wgstate_add_peer(s, &key, NULL), 0);
		add_host(s, 10, i);
		for (unsigned k = 1; !i && k < MANY_OF_ONE; k++)
			add_host(s, 11, k);
	}
	assert_int_equal(wgstate_seal(s, NULL), 0);
}

/* More than a message holds, of peers and of one peer's prefixes. */
static void many_peers_are_told_and_read(void **state)
{
	static const struct {
		unsigned n, without;
	} rows[] = { { MANY, MANY }, { MANY, 4321 }, { MANY, MANY },
		{ MANY, 0 }, { 0, 0 } };
	struct stage *s = *state;

	for (unsigned i = 0; i < N_ELEMS(rows); i++) {
		struct wgstate desired;
		size_t ops;

		fill(&desired, rows[i].n, rows[i].without);
		ops = bring_to(s, &desired);
		expect(s, &desired, i);
		/* one peer less, and one more: one operation each */
		if (i == 1 || i == 2)
			assert_int_equal(ops, 1);
		wgstate_deinit(&desired);
	}
}

static void a_port_that_is_taken_is_told(void **state)
{
	struct stage *s = *state;
	struct fault fault = FAULT_NONE;
	struct wgstate desired, actual;
	struct wgplan p;
	int taken = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 place = { .sin6_family = AF_INET6 };
	socklen_t n = sizeof(place);

	assert_int_equal(bind(taken, (struct sockaddr *)&place, n), 0);
	assert_int_equal(getsockname(taken, (struct sockaddr *)&place, &n), 0);
	assert_int_equal(plane_up(s->name), 0);
	wgstate_init(&desired);
	desired.port = ntohs(place.sin6_port);
	assert_int_equal(wgstate_seal(&desired, NULL), 0);
	read_state(s, &actual);
	assert_int_equal(wgplan_make(&p, &desired, &actual), 0);
	assert_int_equal(wg_apply(s->wg, &p, &fault), -EADDRINUSE);
	assert_non_null(strstr(fault.text, s->name));
	wgplan_deinit(&p);
	wgstate_deinit(&desired);
	wgstate_deinit(&actual);
	close(taken);
}

/* ---- with another implementation ----------------------------------------- */

static void it_shakes_hands_with_wireguard_go(void **state)
{
	const char *why = plane_needs_tun();

	if (why) {
		(void)printf("# %s\n", why);
		skip();
	}
	shake_hands_with_wireguard_go(*state);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(a_new_interface_has_nothing),
		each(it_is_chosen_where_there_is_one),
		each(every_state_is_reached_from_every_other),
		each(a_name_is_taken_once),
		each(what_is_no_such_interface_is_refused),
		each(one_that_somebody_removed_is_missed),
		each(it_is_for_those_who_may),
		each(many_peers_are_told_and_read),
		each(a_port_that_is_taken_is_told),
		each(it_shakes_hands_with_wireguard_go),
	};

	PLANE_OR_SKIP(plane_enter());
	PLANE_OR_SKIP(needs_kernel());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
