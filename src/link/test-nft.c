/* In a network namespace of the test's own. */
#include "link/nft.h"
#include "link/test-plane.h"
#include "net/loop.h"
#include "wire/firewall.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <cmocka.h>

enum { MEMBERS = 500 };

static struct prefix host(unsigned i)
{
	struct prefix p = { .family = 4,
		.bits = 32,
		.address = { 10, 88, (uint8_t)(i >> 8), (uint8_t)i } };

	return p;
}

/* The first @n of a fixed shuffle, so that order is chance. */
static void fill(struct firewall *f, unsigned n, uint16_t port)
{
	struct localservice s = { LOCALSERVICE_TCP, port, port, "" };

	assert_int_equal(firewall_init(f, "wg0", 51820), 0);
	assert_int_equal(firewall_add_zone(f, "oculus-1"), 0);
	assert_int_equal(firewall_add_service(f, &s), 0);
	for (unsigned i = 0; i < n; i++) {
		struct prefix p = host(i * 7919 % 65536);

		assert_int_equal(firewall_add_member(f, 0, &p), 0);
	}
	assert_int_equal(firewall_seal(f), 0);
}

static void run(struct nft *n, const char *text)
{
	struct fault fault = FAULT_NONE;

	if (nft_run(n, text, &fault))
		fail_msg("%s", fault.text);
}

static void load(struct nft *n, const struct firewall *f)
{
	CLEANUP(free_p) char *text = NULL;

	assert_int_equal(firewall_write(f, &text), 0);
	run(n, text);
}

static void load_change(
    struct nft *n, const struct firewall *from, const struct firewall *to)
{
	CLEANUP(free_p) char *text = NULL;

	assert_int_equal(firewall_write_change(from, to, &text), 0);
	run(n, text);
}

static void print(struct nft *n, uint8_t out[NFT_PRINT_SIZE])
{
	assert_int_equal(nft_print(n, FIREWALL_TABLE, out), 0);
}

static void a_change_ends_where_the_whole_would(void **state)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	uint8_t few[NFT_PRINT_SIZE], many[NFT_PRINT_SIZE];
	uint8_t now[NFT_PRINT_SIZE];
	struct firewall a, b;

	(void)state;
	assert_int_equal(nft_open(&n), 0);
	assert_int_equal(nft_print(n, FIREWALL_TABLE, few), -ENOENT);
	fill(&a, MEMBERS / 2, 443);
	fill(&b, MEMBERS, 443);
	load(n, &a);
	print(n, few);
	load(n, &b);
	print(n, many);
	assert_memory_not_equal(few, many, sizeof(few));
	load_change(n, &b, &a);
	print(n, now);
	assert_memory_equal(now, few, sizeof(few));
	load_change(n, &a, &b);
	print(n, now);
	assert_memory_equal(now, many, sizeof(many));
	/* any number of times: there is one table, with one of each rule */
	load(n, &b);
	load(n, &b);
	print(n, now);
	assert_memory_equal(now, many, sizeof(many));
	firewall_deinit(&a);
	firewall_deinit(&b);
}

static void a_change_that_does_not_fit_changes_nothing(void **state)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	uint8_t before[NFT_PRINT_SIZE], now[NFT_PRINT_SIZE];
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	struct firewall a, b, none;

	(void)state;
	assert_int_equal(nft_open(&n), 0);
	fill(&a, 1, 443);
	fill(&b, 2, 443);
	fill(&none, 0, 443);
	load(n, &none);
	print(n, before);
	/* takes out a member that is not there, and puts two in */
	assert_int_equal(firewall_write_change(&a, &none, &text), 0);
	assert_int_equal(nft_run(n, text, &fault), -EINVAL);
	assert_true(strlen(fault.text) > strlen("firewall: "));
	print(n, now);
	assert_memory_equal(now, before, sizeof(before));
	run(n, "");
	firewall_deinit(&a);
	firewall_deinit(&b);
	firewall_deinit(&none);
}

static void other_tables_are_not_touched(void **state)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	uint8_t before[NFT_PRINT_SIZE], now[NFT_PRINT_SIZE];
	struct firewall a;

	(void)state;
	assert_int_equal(nft_open(&n), 0);
	run(n, "table inet somebody {\nchain c {\n"
	       "type filter hook input priority 0;\n}\n}\n");
	assert_int_equal(nft_print(n, "somebody", before), 0);
	fill(&a, 3, 22);
	load(n, &a);
	load(n, &a);
	assert_int_equal(nft_print(n, "somebody", now), 0);
	assert_memory_equal(now, before, sizeof(before));
	firewall_deinit(&a);
}

static void a_table_is_replaced_behind_a_twin_that_goes(void **state)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	uint8_t wanted[NFT_PRINT_SIZE], now[NFT_PRINT_SIZE];
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	struct firewall a, b;

	(void)state;
	assert_int_equal(nft_open(&n), 0);
	fill(&a, 5, 443);
	fill(&b, 3, 80);
	load(n, &b);
	print(n, wanted);
	load(n, &a);
	assert_int_equal(firewall_write(&b, &text), 0);
	/* also where one was left over */
	run(n, "table inet pharos_tether_next");
	for (unsigned twice = 0; twice < 2; twice++) {
		assert_int_equal(
		    nft_replace(n, FIREWALL_TABLE, text, &fault), 0);
		print(n, now);
		assert_memory_equal(now, wanted, sizeof(now));
		assert_int_equal(
		    nft_print(n, "pharos_tether_next", now), -ENOENT);
	}
	assert_int_equal(nft_replace(n, FIREWALL_TABLE,
			     "table inet pharos_tether {", &fault),
	    -EINVAL);
	print(n, now);
	assert_memory_equal(now, wanted, sizeof(now));
	firewall_deinit(&a);
	firewall_deinit(&b);
}

/* In a process of its own, with nothing in that file; 0: they are loaded. */
static int load_without(const char *file)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	struct firewall a;

	fill(&a, 3, 22);
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    (mount("/dev/null", file, NULL, MS_BIND, NULL) && errno != ENOENT))
		return 1;
	if (nft_open(&n) || firewall_write(&a, &text))
		return 2;
	return nft_run(n, text, &fault) ? 3 : 0;
}

static void a_system_that_names_no_protocols_is_good_enough(void **state)
{
	pid_t pid = fork();
	int status = -1;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(load_without("/etc/protocols"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- watching ------------------------------------------------------------ */

static void count(void *ctx)
{
	++*(unsigned *)ctx;
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

static void what_others_change_is_seen_and_what_we_do_is_not(void **state)
{
	CLEANUP(nft_closep) struct nft *n = NULL;
	uint8_t before[NFT_PRINT_SIZE], now[NFT_PRINT_SIZE];
	struct nft_watch *w;
	struct loop *l;
	struct firewall a;
	unsigned seen = 0;

	(void)state;
	assert_int_equal(nft_open(&n), 0);
	assert_int_equal(loop_new(&l), 0);
	assert_int_equal(nft_watch_new(&w, l, count, &seen), 0);
	fill(&a, 3, 22);
	load(n, &a);
	print(n, before);
	loop_turn(l);
	assert_int_equal(seen, 0);
	elsewhere(
	    "add element inet pharos_tether zone_oculus-1_v4 { 1.2.3.4 }");
	while (!seen)
		loop_wait(l);
	print(n, now);
	assert_memory_not_equal(now, before, sizeof(before));
	load(n, &a);
	print(n, now);
	assert_memory_equal(now, before, sizeof(before));
	seen = 0;
	elsewhere("flush ruleset");
	while (!seen)
		loop_wait(l);
	assert_int_equal(nft_print(n, FIREWALL_TABLE, now), -ENOENT);
	nft_watch_free(w);
	loop_turn(l);
	loop_free(l);
	firewall_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_ends_where_the_whole_would),
		cmocka_unit_test(a_change_that_does_not_fit_changes_nothing),
		cmocka_unit_test(other_tables_are_not_touched),
		cmocka_unit_test(a_table_is_replaced_behind_a_twin_that_goes),
		cmocka_unit_test(
		    a_system_that_names_no_protocols_is_good_enough),
		cmocka_unit_test(
		    what_others_change_is_seen_and_what_we_do_is_not),
	};

	PLANE_OR_SKIP(plane_enter());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
