#include "tether/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { NOW = 1000000, PEERS = 3 };

struct stage {
	struct codex codex;
	struct keyring *keys;
	struct tombstones dead;
};

static int set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	test_codex(&s->codex, &s->keys, "wg0", PEERS);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *s = *state;

	codex_deinit(&s->codex);
	keyring_free(s->keys);
	tombstones_deinit(&s->dead);
	free(s);
	return 0;
}

static void make(const struct stage *s, struct desired *out)
{
	struct fault fault = FAULT_NONE;
	const struct desired_sources from = { &s->codex, s->keys, &s->dead,
		NOW };

	if (desired_make(out, &from, &fault))
		fail_msg("%s", fault.text);
}

/* How many prefixes the key has on the interface; -1: it is no peer. */
static int prefixes_of(const struct desired *d, struct wgkey key)
{
	const struct wgpeer *p = wgstate_find(&d->state, &key);

	return p ? (int)p->n_prefix : -1;
}

static void bury(struct stage *s, struct wgkey key)
{
	const struct tombstone one = { .key = key, .at = 1, .name = "gone" };

	assert_int_equal(tombstones_add(&s->dead, &one), 0);
}

static void everything_of_the_codex_is_there(void **state)
{
	struct stage *s = *state;
	struct prefix host = test_prefix("10.88.0.1/16");
	struct desired d;

	make(s, &d);
	assert_int_equal(d.state.n_peers, PEERS);
	assert_int_equal(d.state.port, 51820);
	assert_memory_equal(d.state.private_key,
	    secret_bytes(keyring_private(s->keys)), WGKEY_SIZE);
	assert_int_equal(prefixes_of(&d, test_key(0)), 2);
	assert_int_equal(d.firewall.n_zones, 2);
	assert_int_equal(d.firewall.n_networks, 2);
	assert_int_equal(d.firewall.n_members, 2 * PEERS);
	assert_int_equal(prefix_compare(&d.addresses[0], &host), 0);
	assert_int_equal(d.until, 0);
	desired_deinit(&d);
	desired_deinit(&d);
}

/* What is done to peer 1, whether it is there then, and when that changes. */
static const struct {
	const char *label;
	bool disabled, dead;
	int64_t expires;
	bool there;
	int64_t until;
} ends[] = {
	{ "as it is", false, false, 0, true, 0 },
	{ "disabled", true, false, 0, false, 0 },
	{ "revoked", false, true, 0, false, 0 },
	{ "its time is over", false, false, NOW, false, 0 },
	{ "its time will be over", false, false, NOW + 1, true, NOW + 1 },
	{ "disabled, and its time will be over", true, false, NOW + 1, false,
	    0 },
	{ "revoked, whatever else", true, true, NOW + 1, false, 0 },
};

static void who_has_no_access_is_nowhere(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		struct codex_peer *p = &s->codex.peers[1];
		size_t peers = PEERS - 1 + ends[i].there;
		struct desired d;

		p->disabled = ends[i].disabled;
		p->expires = ends[i].expires;
		tombstones_deinit(&s->dead);
		if (ends[i].dead)
			bury(s, p->key);
		make(s, &d);
		if ((prefixes_of(&d, p->key) == 2) != ends[i].there ||
		    d.state.n_peers != peers ||
		    d.firewall.n_members != 2 * peers ||
		    d.until != ends[i].until || d.n_dead != ends[i].dead)
			fail_msg("%s", ends[i].label);
		desired_deinit(&d);
	}
}

/* Peer 1 takes another key; prefixes of the old and the new one. */
static const struct {
	const char *label;
	int64_t until;
	bool new_dead;
	int old_has, new_has;
} turns[] = {
	{ "until then the old one has them", NOW + 1, false, 2, 0 },
	{ "then the new one", NOW, false, -1, 2 },
	{ "a dead key takes nobody's place", NOW, true, -1, -1 },
};

static void one_of_two_keys_has_the_addresses(void **state)
{
	struct stage *s = *state;

	for (size_t i = 0; i < N_ELEMS(turns); i++) {
		struct codex_peer *p = &s->codex.peers[1];
		struct desired d;

		p->next = (struct codex_turn){ .pending = true,
			.key = test_key(40),
			.until = turns[i].until };
		if (turns[i].new_dead)
			bury(s, p->next.key);
		make(s, &d);
		if (prefixes_of(&d, p->key) != turns[i].old_has ||
		    prefixes_of(&d, p->next.key) != turns[i].new_has)
			fail_msg("%s", turns[i].label);
		desired_deinit(&d);
	}
}

static void preshared_keys_come_from_the_keyring(void **state)
{
	struct stage *s = *state;
	struct wgkey first = test_key(0), second = test_key(1);
	struct secret *shared;
	struct desired d;

	assert_int_equal(wgkey_shared_new(&shared), 0);
	assert_int_equal(keyring_put(s->keys, &second, shared), 0);
	make(s, &d);
	assert_memory_equal(wgstate_find(&d.state, &second)->preshared,
	    secret_bytes(shared), WGKEY_SIZE);
	assert_memory_not_equal(wgstate_find(&d.state, &first)->preshared,
	    secret_bytes(shared), WGKEY_SIZE);
	secret_free(shared);
	desired_deinit(&d);
}

static void the_key_of_another_host_is_refused(void **state)
{
	struct stage *s = *state;
	struct fault fault = FAULT_NONE;
	const struct desired_sources from = { &s->codex, s->keys, &s->dead,
		NOW };
	struct desired d;

	s->codex.key = test_key(9);
	assert_int_equal(desired_make(&d, &from, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "private key"));
}

static void zones_are_those_of_the_peer(void **state)
{
	struct stage *s = *state;
	struct desired d;

	s->codex.peers[0].zones = 3;
	s->codex.peers[1].zones = 0;
	s->codex.peers[2].zones = 2;
	make(s, &d);
	assert_int_equal(d.firewall.n_members, 6);
	assert_int_equal(d.firewall.members[0].zone, 0);
	assert_int_equal(d.firewall.members[1].zone, 0);
	for (size_t i = 2; i < 6; i++)
		assert_int_equal(d.firewall.members[i].zone, 1);
	desired_deinit(&d);
}

#define each(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		each(everything_of_the_codex_is_there),
		each(who_has_no_access_is_nowhere),
		each(one_of_two_keys_has_the_addresses),
		each(preshared_keys_come_from_the_keyring),
		each(the_key_of_another_host_is_refused),
		each(zones_are_those_of_the_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
