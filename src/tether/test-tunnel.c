/* With the real wireguard-go and nftables, in a network namespace of the test's
 * own; with the word "kernel", with the kernel's WireGuard; with a program's
 * path, with that in wireguard-go's place. */
#include "tether/tunnel.h"
#include "link/nft.h"
#include "link/rtnet.h"
#include "link/test-plane.h"
#include "link/wgnetlink.h"
#include "net/loop.h"
#include "tether/lastrules.h"
#include "tether/test-codex.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <cmocka.h>

enum { NOW = 1000000 };

static enum wg_driver driver = WG_USER;
static const char *program;

struct stage {
	struct loop *loop;
	struct tunnel *tunnel;
	struct codex codex;
	struct keyring *keys;
	struct tombstones dead;
	struct tunnel_config config;
	unsigned settled, seen, closed;
	struct fault last;
	char name[IF_NAMESIZE];
	char folder[32];
};

static void on_settled(void *ctx, const struct fault *fault)
{
	struct stage *s = ctx;

	s->settled++;
	s->last = fault ? *fault : (struct fault)FAULT_NONE;
}

static void on_seen(
    void *ctx, const struct wgstate *state, const struct fault *fault)
{
	(void)state;
	(void)fault;
	((struct stage *)ctx)->seen++;
}

static void on_closed(void *ctx)
{
	((struct stage *)ctx)->closed++;
}

static void make(struct stage *s, struct desired *out)
{
	struct fault fault = FAULT_NONE;
	const struct desired_sources from = { &s->codex, s->keys, &s->dead,
		NOW };

	if (desired_make(out, &from, &fault))
		fail_msg("%s", fault.text);
}

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	plane_name(s->name, "t");
	strcpy(s->folder, "/tmp/test-tunnel-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	test_codex(&s->codex, &s->keys, s->name, 2);
	s->codex.port = (uint16_t)(20000 + getpid() % 20000);
	assert_int_equal(loop_new(&s->loop), 0);
	s->config = (struct tunnel_config){ .driver = driver,
		.program = program,
		.folder = s->folder,
		.settled = on_settled,
		.seen = on_seen,
		.ctx = s };
	assert_int_equal(tunnel_new(&s->tunnel, s->loop, &s->config, NULL), 0);
	*state = s;
	return 0;
}

static void wait_for(struct stage *s, const unsigned *count, unsigned n)
{
	while (*count < n)
		loop_wait(s->loop);
}

static void close_tunnel(struct stage *s)
{
	tunnel_close(s->tunnel, on_closed, s);
	wait_for(s, &s->closed, 1);
}

static int tear_down(void **state)
{
	struct stage *s = *state;
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/" LASTRULES_NAME, s->folder);
	(void)unlink(path);
	assert_int_equal(rmdir(s->folder), 0);
	if (tunnel_wg(s->tunnel))
		close_tunnel(s);
	tunnel_free(s->tunnel);
	loop_turn(s->loop);
	loop_free(s->loop);
	codex_deinit(&s->codex);
	keyring_free(s->keys);
	tombstones_deinit(&s->dead);
	free(s);
	return 0;
}

static void open_tunnel(struct stage *s)
{
	struct fault fault = FAULT_NONE;
	struct desired d;

	make(s, &d);
	if (tunnel_open(s->tunnel, &d, &fault))
		fail_msg("%s", fault.text);
}

static void set_and_settle(struct stage *s)
{
	struct desired d;

	make(s, &d);
	tunnel_set(s->tunnel, &d);
	wait_for(s, &s->settled, s->settled + 1);
	if (s->last.code)
		fail_msg("%s", s->last.text);
}

static void expect_peers(struct stage *s, size_t n)
{
	struct fault fault = FAULT_NONE;
	struct wgstate actual;

	if (wg_read(tunnel_wg(s->tunnel), &actual, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(actual.n_peers, n);
	assert_int_equal(actual.n_prefixes, 2 * n);
	assert_int_equal(actual.port, s->codex.port);
	wgstate_deinit(&actual);
}

static bool rules_are_loaded(void)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	uint8_t print[NFT_PRINT_SIZE];

	assert_int_equal(nft_open(&n), 0);
	return !nft_print(n, FIREWALL_TABLE, print);
}

static int find_link(const struct stage *s, struct rtnet_link *out)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;

	assert_int_equal(rtnet_open(&net), 0);
	return rtnet_find(net, s->name, out);
}

/* Another process does it. */
static void elsewhere(const char *text)
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (!pid) {
		struct nft *n;

		_exit(nft_open(&n) || nft_run(n, text, NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void it_is_up_with_all_that_the_codex_says(void **state)
{
	struct stage *s = *state;
	struct rtnet_link link;

	open_tunnel(s);
	expect_peers(s, 2);
	assert_true(rules_are_loaded());
	assert_int_equal(find_link(s, &link), 0);
	assert_true(link.up);
	assert_int_equal(tunnel_counts(s->tunnel)->restored, 0);
}

static void a_peer_comes_and_goes(void **state)
{
	struct stage *s = *state;
	struct codex_peer p = test_peer(7);
	pid_t carrier;

	open_tunnel(s);
	carrier = wg_pid(tunnel_wg(s->tunnel));
	assert_int_equal(codex_peer_add(&s->codex, &p), 0);
	set_and_settle(s);
	expect_peers(s, 3);
	s->codex.peers[0].disabled = true;
	set_and_settle(s);
	expect_peers(s, 2);
	/* nothing was begun anew for it */
	assert_int_equal(wg_pid(tunnel_wg(s->tunnel)), carrier);
	assert_int_equal(tunnel_counts(s->tunnel)->applied, 2);
}

static void of_many_changes_the_last_one_counts(void **state)
{
	struct stage *s = *state;

	open_tunnel(s);
	for (unsigned i = 10; i < 30; i++) {
		struct codex_peer p = test_peer(i);
		struct desired d;

		assert_int_equal(codex_peer_add(&s->codex, &p), 0);
		make(s, &d);
		tunnel_set(s->tunnel, &d);
	}
	wait_for(s, &s->settled, 1);
	expect_peers(s, 22);
	assert_true(tunnel_counts(s->tunnel)->applied <= 2);
}

static void add_member(struct stage *s, unsigned i)
{
	struct codex_peer p = test_peer(3);

	(void)snprintf(p.name, sizeof(p.name), "member%u", i);
	p.key.bytes[2] = (uint8_t)(i >> 8);
	p.key.bytes[3] = (uint8_t)(i + 1);
	p.v4.address[2] = (uint8_t)(1 + (i >> 8));
	p.v4.address[3] = (uint8_t)i;
	p.v6.address[14] = (uint8_t)(1 + (i >> 8));
	p.v6.address[15] = (uint8_t)i;
	p.zones = 1;
	assert_int_equal(codex_peer_add(&s->codex, &p), 0);
}

static void rules_that_others_take_away_come_back(void **state)
{
	static const char *const deeds[] = {
		"flush ruleset",
		"delete table inet pharos_tether",
		"add element inet pharos_tether zone_shell_v4 { 10.88.0.2 }",
		"flush chain inet pharos_tether pins",
		"insert rule inet pharos_tether pins accept",
	};
	struct stage *s = *state;

	open_tunnel(s);
	for (size_t i = 0; i < N_ELEMS(deeds); i++) {
		elsewhere(deeds[i]);
		wait_for(s, &s->settled, s->settled + 1);
		assert_true(rules_are_loaded());
		if (tunnel_counts(s->tunnel)->restored != i + 1)
			fail_msg("%s", deeds[i]);
	}
	/* what others do to their own is no affair of ours */
	elsewhere("add table inet somebody");
	wait_for(s, &s->settled, s->settled + 1);
	assert_int_equal(tunnel_counts(s->tunnel)->restored, N_ELEMS(deeds));
}

/* Our own load of so many is more news than the kernel keeps for us. */
static void rules_of_many_members_come_back_too(void **state)
{
	struct stage *s = *state;

	for (unsigned i = 0; i < 1000; i++)
		add_member(s, i);
	open_tunnel(s);
	for (unsigned i = 1; i <= 3; i++) {
		elsewhere("flush ruleset");
		while (tunnel_counts(s->tunnel)->restored < i)
			loop_wait(s->loop);
		assert_true(rules_are_loaded());
	}
}

static void a_carrier_that_dies_is_told_everything_again(void **state)
{
	struct stage *s = *state;
	struct rtnet_link link;

	open_tunnel(s);
	assert_int_equal(kill(wg_pid(tunnel_wg(s->tunnel)), SIGKILL), 0);
	while (!wg_restarts(tunnel_wg(s->tunnel)))
		loop_wait(s->loop);
	wait_for(s, &s->settled, s->settled + 1);
	assert_int_equal(s->last.code, 0);
	expect_peers(s, 2);
	assert_int_equal(find_link(s, &link), 0);
	assert_true(link.up);
}

static void the_rules_stay_when_the_interface_goes(void **state)
{
	struct stage *s = *state;
	struct rtnet_link link;

	open_tunnel(s);
	assert_int_equal(wg_driver(tunnel_wg(s->tunnel)), driver);
	close_tunnel(s);
	assert_int_equal(find_link(s, &link), -ENODEV);
	assert_true(rules_are_loaded());
}

static void the_rules_are_there_even_if_no_interface_can_be(void **state)
{
	struct stage *s = *state;
	struct fault fault = FAULT_NONE;
	struct desired d;

	elsewhere("flush ruleset");
	tunnel_free(s->tunnel);
	s->config.program = "wireguard-go-that-is-not-there";
	assert_int_equal(tunnel_new(&s->tunnel, s->loop, &s->config, NULL), 0);
	make(s, &d);
	assert_int_equal(tunnel_open(s->tunnel, &d, &fault), -ENOENT);
	assert_null(tunnel_wg(s->tunnel));
	assert_true(rules_are_loaded());
}

static void print_rules(uint8_t out[NFT_PRINT_SIZE])
{
	CLEANUP(nft_closep) struct nft *n = NULL;

	assert_int_equal(nft_open(&n), 0);
	assert_int_equal(nft_print(n, FIREWALL_TABLE, out), 0);
}

static void renew(struct stage *s)
{
	tunnel_free(s->tunnel);
	assert_int_equal(tunnel_new(&s->tunnel, s->loop, &s->config, NULL), 0);
}

static void the_rules_of_before_come_back_without_a_codex(void **state)
{
	struct stage *s = *state;
	struct codex_peer p = test_peer(7);
	uint8_t before[NFT_PRINT_SIZE], after[NFT_PRINT_SIZE];
	struct fault fault = FAULT_NONE;
	bool loaded;

	assert_int_equal(tunnel_fall_back(s->tunnel, &loaded, &fault), -ENOENT);
	assert_false(loaded);
	open_tunnel(s);
	p.zones = 1;
	assert_int_equal(codex_peer_add(&s->codex, &p), 0);
	set_and_settle(s);
	print_rules(before);
	/* its own are newer */
	assert_int_equal(tunnel_fall_back(s->tunnel, &loaded, &fault), 0);
	assert_false(loaded);
	close_tunnel(s);
	elsewhere("flush ruleset");
	renew(s);
	assert_int_equal(tunnel_fall_back(s->tunnel, &loaded, &fault), 0);
	assert_true(loaded);
	print_rules(after);
	assert_memory_equal(before, after, sizeof(before));
	/* what nftables refuses leaves what is there */
	assert_int_equal(
	    lastrules_write(s->folder, "table inet pharos_tether {", &fault),
	    0);
	assert_int_equal(tunnel_fall_back(s->tunnel, &loaded, &fault), -EINVAL);
	assert_true(rules_are_loaded());
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static const char *enter(void)
{
	const char *why = plane_enter();

	if (why || driver == WG_USER)
		return why ? why : plane_needs_tun();
	return wgnetlink_probe() ? "no WireGuard in this kernel" : NULL;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		each(it_is_up_with_all_that_the_codex_says),
		each(a_peer_comes_and_goes),
		each(of_many_changes_the_last_one_counts),
		each(rules_that_others_take_away_come_back),
		each(rules_of_many_members_come_back_too),
		each(the_rules_stay_when_the_interface_goes),
		each(the_rules_of_before_come_back_without_a_codex),
		/* from here on, of a process */
		each(a_carrier_that_dies_is_told_everything_again),
		each(the_rules_are_there_even_if_no_interface_can_be),
	};
	size_t n = N_ELEMS(tests);

	if (argc > 1 && !strcmp(argv[1], "kernel")) {
		driver = WG_KERNEL;
		n -= 2;
	} else if (argc > 1) {
		program = argv[1];
	}
	PLANE_OR_SKIP(enter());
	return _cmocka_run_group_tests("tunnel", tests, n, NULL, NULL);
}
