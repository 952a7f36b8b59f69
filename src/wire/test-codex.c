#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* Each makes one thing wrong in a codex that is right. */
static void same_name(struct codex *c)
{
	memcpy(c->peers[2].name, "PHONE", 6);
}

static void same_key(struct codex *c)
{
	c->peers[2].key = c->peers[0].key;
}

static void key_to_come(struct codex *c)
{
	c->peers[2].key = c->peers[1].next.key;
}

static void its_own_key_to_come(struct codex *c)
{
	c->peers[1].next.key = c->peers[1].key;
}

static void the_hosts_key(struct codex *c)
{
	c->peers[1].key = c->key;
}

static void the_hosts_key_to_come(struct codex *c)
{
	c->peers[1].next.key = c->key;
}

static void same_v4(struct codex *c)
{
	c->peers[2].v4 = c->peers[0].v4;
}

static void same_v6(struct codex *c)
{
	c->peers[0].v6 = c->peers[2].v6;
}

static void the_hosts_v4(struct codex *c)
{
	c->peers[1].v4 = test_host("10.88.0.1");
}

static void the_hosts_v6(struct codex *c)
{
	c->peers[1].v6 = test_host("fd00:88::1");
}

static void outside(struct codex *c)
{
	c->peers[1].v4 = test_host("10.89.0.3");
}

static void outside_v6(struct codex *c)
{
	c->peers[1].v6 = test_host("fd00:89::3");
}

static void wide(struct codex *c)
{
	c->peers[1].v4.bits = 0;
	memset(c->peers[1].v4.address, 0, 16);
}

static void first(struct codex *c)
{
	c->peers[1].v4 = test_host("10.88.0.0");
}

static void first_v6(struct codex *c)
{
	c->peers[1].v6 = test_host("fd00:88::");
}

static void broadcast(struct codex *c)
{
	c->peers[1].v4 = test_host("10.88.255.255");
}

static void reserved(struct codex *c)
{
	c->peers[1].v4 = test_host("10.88.1.77");
}

static void nothing(struct codex *c)
{
	(void)c;
}

static void last(struct codex *c)
{
	c->peers[1].v4 = test_host("10.88.255.254");
}

static const struct {
	const char *label;
	void (*change)(struct codex *c);
	size_t peer; /* which is told; 3: none */
	const char *says;
} rows[] = {
	{ "as it is", nothing, 3, NULL },
	{ "the last address", last, 3, NULL },
	{ "a name twice, in capitals", same_name, 2, "same name as phone" },
	{ "a key twice", same_key, 2, "same key as phone" },
	{ "a key that is another's next", key_to_come, 2, "key as Laptop" },
	{ "a key that is its own next", its_own_key_to_come, 1, "as itself" },
	{ "the host's key", the_hosts_key, 1, "host's own" },
	{ "the host's key, next", the_hosts_key_to_come, 1, "host's own" },
	{ "an IPv4 address twice", same_v4, 2, "IPv4 address as phone" },
	{ "an IPv6 address twice", same_v6, 2, "IPv6 address as phone" },
	{ "the host's IPv4 address", the_hosts_v4, 1, "host itself" },
	{ "the host's IPv6 address", the_hosts_v6, 1, "host itself" },
	{ "another network", outside, 1, "outside" },
	{ "another network of IPv6", outside_v6, 1, "outside" },
	{ "a default route", wide, 1, "outside" },
	{ "the network's address", first, 1, "network itself" },
	{ "the network's IPv6 address", first_v6, 1, "network itself" },
	{ "the broadcast", broadcast, 1, "network itself" },
	{ "a reserved one", reserved, 1, "reserved" },
};

static void what_is_one_peers_is_no_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		struct codex c;
		size_t peer = 99;
		int r;

		test_codex(&c);
		rows[i].change(&c);
		r = codex_check(&c, &peer, &fault);
		print_message("%s: %s\n", rows[i].label, fault.text);
		assert_int_equal(r, rows[i].says ? -EINVAL : 0);
		assert_int_equal(peer, rows[i].peer);
		if (rows[i].says)
			assert_non_null(strstr(fault.text, rows[i].says));
		codex_deinit(&c);
		codex_deinit(&c);
	}
}

static void a_peer_is_found_by_name_and_by_both_keys(void **state)
{
	const struct wgkey keys[] = { test_key(3), test_key(103), test_key(9) };
	struct codex c;

	(void)state;
	test_codex(&c);
	assert_ptr_equal(codex_peer_find(&c, "LAPTOP"), &c.peers[1]);
	assert_null(codex_peer_find(&c, "lap"));
	assert_ptr_equal(codex_peer_of_key(&c, &keys[0]), &c.peers[1]);
	assert_ptr_equal(codex_peer_of_key(&c, &keys[1]), &c.peers[1]);
	assert_null(codex_peer_of_key(&c, &keys[2]));
	codex_turn_take(&c.peers[1]);
	assert_null(codex_peer_of_key(&c, &keys[0]));
	assert_ptr_equal(codex_peer_of_key(&c, &keys[1]), &c.peers[1]);
	assert_false(c.peers[1].on_device);
	codex_peer_remove(&c, &c.peers[0]);
	assert_int_equal(c.n_peers, 2);
	assert_string_equal(c.peers[0].name, "Laptop");
	assert_null(codex_peer_find(&c, "phone"));
	codex_deinit(&c);
}

static const struct {
	const char *label;
	bool disabled;
	int64_t expires, now;
	bool admitted;
} terms[] = {
	{ "without an end", false, 0, INT64_MAX, true },
	{ "before its end", false, 100, 99, true },
	{ "at its end", false, 100, 100, false },
	{ "behind it", false, 100, 101, false },
	{ "disabled", true, 0, 1, false },
	{ "disabled before its end", true, 100, 1, false },
};

static void who_is_admitted_when(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(terms); i++) {
		const struct codex_peer peer = { .disabled = terms[i].disabled,
			.expires = terms[i].expires };

		if (codex_peer_admitted(&peer, terms[i].now) !=
		    terms[i].admitted)
			fail_msg("%s", terms[i].label);
	}
}

/* All sets of zones of a peer, whichever zone goes. */
static void a_zone_that_goes_takes_no_other_from_a_peer(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };

	(void)state;
	for (uint64_t set = 0; set < 16; set++)
		for (size_t gone = 0; gone < N_ELEMS(names); gone++) {
			struct codex c = { .generation = 0 };
			struct codex_peer peer = test_peer("p", 2);

			for (size_t i = 0; i < N_ELEMS(names); i++)
				test_zone_add(&c, names[i], "tcp/1");
			peer.zones = set;
			assert_int_equal(codex_peer_add(&c, &peer), 0);
			codex_zone_remove(&c, codex_zone_find(&c, names[gone]));
			for (size_t i = 0; i < N_ELEMS(names); i++) {
				const struct codex_zone *zone =
				    codex_zone_find(&c, names[i]);

				assert_int_equal(zone != NULL, i != gone);
				if (zone)
					assert_int_equal(
					    !!(c.peers[0].zones &
						codex_zone_bit(&c, zone)),
					    set >> i & 1);
			}
			assert_int_equal(c.peers[0].zones >> 3, 0);
			codex_deinit(&c);
		}
}

static void more_than_the_most_is_refused(void **state)
{
	struct codex c = { .generation = 0 };
	struct codex_zone zone = { .n_services = 0 };
	struct codex_peer peer = test_peer("p", 2);

	(void)state;
	for (size_t i = 0; i < CODEX_ZONES_MOST; i++)
		assert_int_equal(codex_zone_add(&c, &zone), 0);
	assert_int_equal(codex_zone_add(&c, &zone), -ENOBUFS);
	peer.zones = UINT64_MAX;
	for (size_t i = 0; i < CODEX_PEERS_MOST; i++)
		assert_int_equal(codex_peer_add(&c, &peer), 0);
	assert_int_equal(codex_peer_add(&c, &peer), -ENOBUFS);
	codex_zone_remove(&c, &c.zones[CODEX_ZONES_MOST - 1]);
	assert_int_equal(c.peers[7].zones, UINT64_MAX >> 1);
	codex_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_one_peers_is_no_others),
		cmocka_unit_test(a_peer_is_found_by_name_and_by_both_keys),
		cmocka_unit_test(who_is_admitted_when),
		cmocka_unit_test(a_zone_that_goes_takes_no_other_from_a_peer),
		cmocka_unit_test(more_than_the_most_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
