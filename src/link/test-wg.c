/* Against the real wireguard-go, or another program that is named, in a network
 * namespace of the test's own. */
#include "link/rtnet.h"
#include "link/test-wgstage.h"
#include "link/wgchild.h"
#include <signal.h>
#include <sys/stat.h>

static const char *program = "/usr/bin/wireguard-go";

static int set_up(void **state)
{
	return set_up_driver(state, WG_USER, program);
}

static void a_new_interface_has_nothing(void **state)
{
	struct stage *s = *state;
	struct wgstate actual;

	read_state(s, &actual);
	assert_int_equal(actual.n_peers, 0);
	assert_int_equal(actual.private_key[31], 0);
	wgstate_deinit(&actual);
	assert_int_equal(wg_driver(s->wg), WG_USER);
	assert_true(wg_pid(s->wg) > 0);
	assert_string_equal(wg_carrier(s->wg), program);
}

static void a_dead_process_comes_back_and_is_told_again(void **state)
{
	struct stage *s = *state;
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link before, after;
	uint64_t seed = 3;
	struct wgstate desired, actual;
	pid_t first = wg_pid(s->wg);

	world_state(&desired, &seed);
	(void)bring_to(s, &desired);
	assert_int_equal(rtnet_open(&net), 0);
	assert_int_equal(rtnet_find(net, s->name, &before), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(kill(wg_pid(s->wg), SIGKILL), 0);
		wait_until(s, &s->again, i);
		assert_int_equal(s->failed, i);
		read_state(s, &actual);
		assert_int_equal(actual.n_peers, 0);
		wgstate_deinit(&actual);
		(void)bring_to(s, &desired);
		expect(s, &desired, i);
	}
	assert_int_equal(wg_restarts(s->wg), 3);
	assert_true(wg_pid(s->wg) != first);
	assert_non_null(strstr(s->why.text, "signal 9"));
	/* the interface is the one that it was */
	assert_int_equal(rtnet_find(net, s->name, &after), 0);
	assert_int_equal(before.index, after.index);
	wgstate_deinit(&desired);
}

static void its_socket_is_for_its_owner_alone(void **state)
{
	struct stage *s = *state;
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/var/run/%s/%s.sock",
	    strstr(program, "amneziawg-go") ? "amneziawg" : "wireguard",
	    s->name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_name_is_taken_once(void **state)
{
	struct stage *s = *state;
	struct wg_order order = order_of(s, WG_USER);
	struct fault fault = FAULT_NONE;
	struct wg *second = NULL;

	assert_int_equal(wg_open(&second, s->loop, &order, &fault), -EBUSY);
	assert_null(second);
	assert_non_null(strstr(fault.text, s->name));
}

static void a_process_that_cannot_be_run_is_named(void **state)
{
	static const struct {
		const char *program;
		int code;
	} rows[] = {
		{ "wireguard-go-that-is-not-there", -ENOENT },
		{ "/nowhere/wireguard-go", -ENOENT },
		{ "/etc/passwd", -EACCES },
		{ "/bin/true", -EINVAL },
	};
	struct stage *s = *state;

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct wg_order order = order_of(s, WG_USER);
		struct fault fault = FAULT_NONE;
		struct wg *w = NULL;
		int r;

		order.program = rows[i].program;
		r = wg_open(&w, s->loop, &order, &fault);
		if (r != rows[i].code)
			fail_msg("%s: %d", rows[i].program, r);
		assert_non_null(strstr(fault.text, rows[i].program));
	}
}

/* The process learns that its device is up a moment later, and then has a port
 * of its own. */
static void read_listening(struct stage *s, struct wgstate *out)
{
	for (unsigned i = 0; i < LOOKS_MOST; i++) {
		read_state(s, out);
		if (out->port)
			return;
		wgstate_deinit(out);
		(void)poll(NULL, 0, LOOK_MS);
	}
	fail_msg("the device is not up");
}

static void a_refused_change_says_so(void **state)
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
	(void)plane_up(s->name);
	wgstate_init(&desired);
	desired.private_key[0] = 8;
	desired.private_key[31] = 0x40;
	desired.port = ntohs(place.sin6_port);
	assert_int_equal(wgstate_seal(&desired, NULL), 0);
	read_listening(s, &actual);
	assert_int_equal(wgplan_make(&p, &desired, &actual), 0);
	assert_int_equal(wg_apply(s->wg, &p, &fault), -EADDRINUSE);
	assert_non_null(strstr(fault.text, "refused"));
	wgplan_deinit(&p);
	wgstate_deinit(&desired);
	wgstate_deinit(&actual);
	close(taken);
}

static void it_shakes_hands_with_wireguard_go(void **state)
{
	shake_hands_with_wireguard_go(*state);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		each(a_new_interface_has_nothing),
		each(every_state_is_reached_from_every_other),
		each(a_dead_process_comes_back_and_is_told_again),
		each(its_socket_is_for_its_owner_alone),
		each(a_name_is_taken_once),
		each(a_process_that_cannot_be_run_is_named),
		each(a_refused_change_says_so),
		each(it_shakes_hands_with_wireguard_go),
	};

	if (argc > 1)
		program = argv[1];
	PLANE_OR_SKIP(plane_enter());
	PLANE_OR_SKIP(plane_needs_tun());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
