#include "wire/wgstate.h"
#include "wire/test-wg.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void add(struct wgstate *s, unsigned key, const char *const *prefixes)
{
	struct wgkey k = world_key(key);

	assert_int_equal(wgstate_add_peer(s, &k, NULL), 0);
	for (; *prefixes; prefixes++) {
		struct prefix p;

		assert_int_equal(prefix_read(&p, *prefixes), 0);
		assert_int_equal(wgstate_add_prefix(s, &p), 0);
	}
}

static void a_sealed_state_is_in_order_and_searchable(void **state)
{
	struct wgstate s;
	struct wgkey key = world_key(1), nobody = world_key(4);
	struct prefix p, q;
	const struct wgpeer *peer;

	(void)state;
	wgstate_init(&s);
	add(&s, 2, (const char *[]){ "10.0.0.3", "10.0.0.1", "fd00::1", NULL });
	add(&s, 0, (const char *[]){ NULL });
	add(&s, 1, (const char *[]){ "10.0.0.2", NULL });
	assert_int_equal(wgstate_seal(&s, NULL), 0);
	assert_true(s.peers[0].key.bytes[1] < s.peers[1].key.bytes[1]);
	assert_true(s.peers[1].key.bytes[1] < s.peers[2].key.bytes[1]);
	peer = wgstate_find(&s, &key);
	assert_ptr_equal(peer, &s.peers[1]);
	assert_null(wgstate_find(&s, &nobody));
	assert_int_equal(prefix_read(&p, "10.0.0.1"), 0);
	assert_ptr_equal(wgstate_holder(&s, &p), &s.peers[2]);
	assert_int_equal(
	    prefix_compare(wgpeer_prefixes(&s, &s.peers[2]), &p), 0);
	assert_int_equal(prefix_read(&q, "10.0.0.0/24"), 0);
	assert_null(wgstate_holder(&s, &q));
	wgstate_deinit(&s);
	wgstate_deinit(&s);
}

static const struct {
	const char *label;
	unsigned keys[2];
	const char *prefixes[2];
	int verdict;
	unsigned whose;
} pairs[] = {
	{ "nothing in common", { 0, 1 }, { "10.0.0.1", "10.0.0.2" }, 0, 0 },
	{ "a network and a host of it", { 0, 1 }, { "10.0.0.0/8", "10.0.0.2" },
	    0, 0 },
	{ "one key twice", { 1, 1 }, { "10.0.0.1", "10.0.0.2" },
	    WGSTATE_E_KEY_TWICE, 1 },
	{ "one prefix twice", { 0, 1 }, { "10.0.0.1", "10.0.0.1" },
	    WGSTATE_E_PREFIX_TWICE, 1 },
};

static void what_clashes_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(pairs); i++) {
		struct wgkey whose, key = world_key(pairs[i].whose);
		struct wgstate s;
		int r;

		wgstate_init(&s);
		for (unsigned k = 0; k < 2; k++)
			add(&s, pairs[i].keys[k],
			    (const char *[]){ pairs[i].prefixes[k], NULL });
		r = wgstate_seal(&s, &whose);
		if (r != pairs[i].verdict)
			fail_msg("%s: %d", pairs[i].label, r);
		if (r == WGSTATE_E_KEY_TWICE && !wgkey_equal(&whose, &key))
			fail_msg("%s: the wrong key", pairs[i].label);
		wgstate_deinit(&s);
	}
}

static void a_full_state_takes_no_more(void **state)
{
	struct wgstate s;
	struct prefix p = world_prefix(0);
	struct wgkey key = { { 0 } };

	(void)state;
	wgstate_init(&s);
	for (unsigned i = 0; i < WGSTATE_PEERS_MOST; i++)
		assert_int_equal(wgstate_add_peer(&s, &key, NULL), 0);
	assert_int_equal(wgstate_add_peer(&s, &key, NULL), WGSTATE_E_FULL);
	for (unsigned i = 0; i < WGSTATE_PREFIXES_MOST; i++)
		assert_int_equal(wgstate_add_prefix(&s, &p), 0);
	assert_int_equal(wgstate_add_prefix(&s, &p), WGSTATE_E_FULL);
	wgstate_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_state_is_in_order_and_searchable),
		cmocka_unit_test(what_clashes_is_found),
		cmocka_unit_test(a_full_state_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
