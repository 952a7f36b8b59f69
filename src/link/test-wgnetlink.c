/* Against the kernel's own WireGuard, in a network namespace of the test's own;
 * make test-kernel has such a kernel where this machine's has it not. */
#include "link/wgnetlink.h"
#include "link/rtnet.h"
#include "link/test-wgstage.h"
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
	MANY = 10000,
	MANY_OF_ONE = 3000,
	LOOK_MS = 20,
	LOOKS_MOST = 1500,
	PORT_KERNEL = 41001,
	PORT_USER = 41002,
};

static int set_up(void **state)
{
	return set_up_driver(state, WG_KERNEL);
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

static void close_one(struct stage *s, struct wg *w)
{
	unsigned n = s->closed;

	wg_close(w, on_closed, s);
	wait_until(s, &s->closed, n + 1);
	s->closed = n;
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

struct end {
	struct wgkey key;
	struct secret *own;
	uint16_t port;
};

static void prepare(struct end *e, uint16_t port)
{
	assert_int_equal(wgkey_private_new(&e->own), 0);
	wgkey_public(&e->key, e->own);
	e->port = port;
}

/* @me, who knows @other and speaks first if @first. */
static void introduce(
    struct stage *s, const struct end *me, const struct end *other, bool first)
{
	struct wgstate desired;
	struct wgpeer *p;

	wgstate_init(&desired);
	memcpy(desired.private_key, secret_bytes(me->own), WGKEY_SIZE);
	desired.port = me->port;
	assert_int_equal(wgstate_add_peer(&desired, &other->key, &p), 0);
	p->preshared[5] = 5;
	if (first) {
		p->endpoint =
		    (struct wgendpoint){ 4, { 127, 0, 0, 1 }, other->port };
		p->keepalive = 1;
	}
	assert_int_equal(wgstate_seal(&desired, NULL), 0);
	(void)bring_to(s, &desired);
	wgstate_deinit(&desired);
}

static bool has_heard(struct stage *s, const struct wgkey *of)
{
	const struct wgpeer *p;
	struct wgstate actual;
	bool heard;

	read_state(s, &actual);
	p = wgstate_find(&actual, of);
	heard = p && p->seen.handshake_s && p->seen.received && p->seen.sent;
	wgstate_deinit(&actual);
	return heard;
}

static void expect_talk(struct stage *a, const struct wgkey *key_of_b,
    struct stage *b, const struct wgkey *key_of_a)
{
	for (unsigned i = 0; i < LOOKS_MOST; i++) {
		if (has_heard(a, key_of_b) && has_heard(b, key_of_a))
			return;
		(void)poll(NULL, 0, LOOK_MS);
	}
	fail_msg("no handshake");
}

static void it_shakes_hands_with_wireguard_go(void **state)
{
	struct stage *s = *state;
	struct wg_order order = order_of(s, WG_USER);
	struct stage user = { .loop = s->loop, .name = "user0" };
	struct fault fault = FAULT_NONE;
	struct end k, u;
	const char *why = plane_needs_tun();

	if (why) {
		(void)printf("# %s\n", why);
		skip();
	}
	order.name = user.name;
	if (wg_open(&user.wg, s->loop, &order, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(plane_up("lo"), 0);
	assert_int_equal(plane_up(s->name), 0);
	assert_int_equal(plane_up(user.name), 0);
	prepare(&k, PORT_KERNEL);
	prepare(&u, PORT_USER);
	introduce(s, &k, &u, false);
	introduce(&user, &u, &k, true);
	expect_talk(s, &u.key, &user, &k.key);
	close_one(s, user.wg);
	secret_free(k.own);
	secret_free(u.own);
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
