#include "wire/ipam.h"
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_read(&p, text), 0);
	return p;
}

static void take(struct ipam_taken *t, const char *text)
{
	struct prefix p = prefix_of(text);

	assert_int_equal(ipam_taken_add(t, &p), 0);
}

enum { TAKEN_MOST = 6 };

static const struct {
	const char *label, *network, *taken[TAKEN_MOST];
	const char *next; /* NULL: full */
} rows[] = {
	{ "none taken", "10.88.0.0/16", { NULL }, "10.88.0.1" },
	{ "the host's", "10.88.0.0/16", { "10.88.0.1" }, "10.88.0.2" },
	{ "a gap", "10.88.0.0/16", { "10.88.0.3", "10.88.0.1" }, "10.88.0.2" },
	{ "a reserved network", "10.88.0.0/16", { "10.88.0.0/24" },
	    "10.88.1.0" },
	{ "one in the other", "10.88.0.0/16",
	    { "10.88.0.0/24", "10.88.0.7", "10.88.1.0" }, "10.88.1.1" },
	{ "over a byte", "10.88.0.0/16", { "10.88.0.0/24", "10.88.1.0/25" },
	    "10.88.1.128" },
	{ "one twice", "10.88.0.0/16", { "10.88.0.1", "10.88.0.1" },
	    "10.88.0.2" },
	{ "of others", "10.88.0.0/16", { "10.87.0.0/16", "10.89.0.1" },
	    "10.88.0.1" },
	{ "of the other family", "10.88.0.0/16", { "fd00::/8", "::/0" },
	    "10.88.0.1" },
	{ "all but the last", "10.88.0.0/30", { "10.88.0.1" }, "10.88.0.2" },
	{ "all", "10.88.0.0/30", { "10.88.0.1", "10.88.0.2" }, NULL },
	{ "the whole network", "10.88.0.0/16", { "10.0.0.0/8" }, NULL },
	{ "all that there is", "10.88.0.0/16", { "0.0.0.0/0" }, NULL },
	{ "to the end of all", "255.255.255.0/24", { "255.255.255.0/24" },
	    NULL },
	{ "IPv6", "fd00:88::/64", { "fd00:88::1", "fd00:88::2" },
	    "fd00:88::3" },
	{ "IPv6 has no broadcast", "fd00:88::/126",
	    { "fd00:88::1", "fd00:88::2" }, "fd00:88::3" },
	{ "IPv6, all", "fd00:88::/126",
	    { "fd00:88::1", "fd00:88::2", "fd00:88::3" }, NULL },
	{ "IPv6, over a byte", "fd00:88::/64", { "fd00:88::/120" },
	    "fd00:88::100" },
};

static void the_first_that_is_free(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct prefix network = prefix_of(rows[i].network), next;
		struct ipam_taken taken = { .n = 0 };
		char text[PREFIX_TEXT_MOST + 1] = "none";
		int r;

		for (size_t j = 0; j < TAKEN_MOST && rows[i].taken[j]; j++)
			take(&taken, rows[i].taken[j]);
		r = ipam_next(&next, &network, &taken);
		if (!r)
			prefix_write_host(text, &next);
		if (r != (rows[i].next ? 0 : IPAM_E_FULL) ||
		    (!r && strcmp(text, rows[i].next) != 0))
			fail_msg("%s: %d, %s", rows[i].label, r, text);
		ipam_taken_deinit(&taken);
	}
}

/* All sets of taken addresses of a /28, and what a search one by one says. */
static void all_sets_of_a_small_network(void **state)
{
	const struct prefix network = prefix_of("10.88.0.16/28");

	(void)state;
	for (unsigned set = 0; set < 1U << 14; set++) {
		struct ipam_taken taken = { .n = 0 };
		struct prefix next = { .family = 0 };
		unsigned want = 0;
		int r;

		for (unsigned i = 14; i-- > 0;) {
			struct prefix host = prefix_host(&network);

			host.address[3] = (uint8_t)(17 + i);
			if (!(set >> i & 1))
				want = 17 + i;
			else
				assert_int_equal(
				    ipam_taken_add(&taken, &host), 0);
		}
		r = ipam_next(&next, &network, &taken);
		assert_int_equal(r, want ? 0 : IPAM_E_FULL);
		assert_int_equal(next.address[3], want);
		ipam_taken_deinit(&taken);
	}
}

/* Networks and hosts among each other, at random: what is given is free, and
 * nothing before it is. */
static void random_ones_agree_with_a_search(void **state)
{
	static const uint8_t seed[randombytes_SEEDBYTES] = { 4 };
	static uint8_t bytes[20000][16];
	const struct prefix network = prefix_of("10.88.0.0/24");

	(void)state;
	randombytes_buf_deterministic(bytes, sizeof(bytes), seed);
	for (size_t i = 0; i < N_ELEMS(bytes); i++) {
		struct ipam_taken taken = { .n = 0 };
		bool used[256] = { [0] = true, [255] = true };
		struct prefix next = { .family = 0 };
		unsigned want = 0;

		for (size_t j = 0; j < 8; j++) {
			struct prefix p = network;
			unsigned size;

			p.bits = (uint8_t)(25 + bytes[i][2 * j] % 8);
			p.address[3] = bytes[i][2 * j + 1];
			p = prefix_network(&p);
			size = 1U << (32 - p.bits);
			for (unsigned k = 0; k < size; k++)
				used[p.address[3] + k] = true;
			assert_int_equal(ipam_taken_add(&taken, &p), 0);
		}
		while (want < 256 && used[want])
			want++;
		assert_int_equal(ipam_next(&next, &network, &taken),
		    want < 256 ? 0 : IPAM_E_FULL);
		assert_int_equal(next.address[3], want < 256 ? want : 0);
		ipam_taken_deinit(&taken);
	}
}

static void the_first_network_that_no_route_holds(void **state)
{
	const struct prefix wanted[] = { prefix_of("10.88.0.0/16"),
		prefix_of("10.89.0.0/16") };
	const struct ipam_wanted all = { wanted, N_ELEMS(wanted) };
	struct ipam_taken held = { .n = 0 };
	struct prefix got;

	(void)state;
	assert_int_equal(ipam_network(&got, &all, &held), 0);
	assert_int_equal(prefix_compare(&got, &wanted[0]), 0);
	take(&held, "10.88.7.0/24");
	assert_int_equal(ipam_network(&got, &all, &held), 0);
	assert_int_equal(prefix_compare(&got, &wanted[1]), 0);
	take(&held, "10.0.0.0/8");
	assert_int_equal(ipam_network(&got, &all, &held), IPAM_E_FULL);
	ipam_taken_deinit(&held);
}

static void a_network_of_our_own(void **state)
{
	const uint8_t bits[5] = { 1, 2, 3, 4, 5 };
	const struct prefix p = ipam_local_v6(bits);
	char text[PREFIX_TEXT_MOST + 1];

	(void)state;
	prefix_write(text, &p);
	assert_string_equal(text, "fd01:203:405::/64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_is_free),
		cmocka_unit_test(all_sets_of_a_small_network),
		cmocka_unit_test(random_ones_agree_with_a_search),
		cmocka_unit_test(the_first_network_that_no_route_holds),
		cmocka_unit_test(a_network_of_our_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
