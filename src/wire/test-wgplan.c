#include "wire/wgplan.h"
#include "base/test-valgrind.h"
#include "wire/test-wg.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- a model of what a kernel does --------------------------------------- */

enum { CASES = 100000, NO_OWNER = -1, TEXT_MOST = 200 };

struct model_peer {
	bool there;
	struct wgpeer values; /* without its prefixes */
};

struct model {
	const struct wgstate *from, *to;
	struct wgstate device; /* its own values only */
	struct model_peer peers[WORLD_KEYS];
	int owner[WORLD_PREFIXES]; /* index of a peer */
};

static int index_of_key(const struct wgkey *key)
{
	return key->bytes[1] - 1;
}

static int index_of_prefix(const struct prefix *p)
{
	for (unsigned i = 0; i < WORLD_PREFIXES; i++) {
		struct prefix it = world_prefix(i);

		if (!prefix_compare(&it, p))
			return (int)i;
	}
	fail_msg("a prefix from nowhere");
	return 0;
}

static void model_load(struct model *m, const struct wgstate *s)
{
	memcpy(m->device.private_key, s->private_key, WGKEY_SIZE);
	m->device.port = s->port;
	m->device.mark = s->mark;
	for (unsigned i = 0; i < WORLD_PREFIXES; i++)
		m->owner[i] = NO_OWNER;
	for (size_t i = 0; i < s->n_peers; i++) {
		const struct wgpeer *p = &s->peers[i];
		int at = index_of_key(&p->key);

		m->peers[at] = (struct model_peer){ true, *p };
		for (size_t k = 0; k < p->n_prefix; k++)
			m->owner[index_of_prefix(wgpeer_prefixes(s, p) + k)] =
			    at;
	}
}

/* Who has the prefix in that state? */
static int owner_in(const struct wgstate *s, unsigned prefix)
{
	struct prefix p = world_prefix(prefix);
	const struct wgpeer *peer = wgstate_holder(s, &p);

	return peer ? index_of_key(&peer->key) : NO_OWNER;
}

/* After each step: nobody has what is not his before or after, and who keeps a
 * prefix has it now. */
static void check_step(const struct model *m)
{
	for (unsigned i = 0; i < WORLD_PREFIXES; i++) {
		int before = owner_in(m->from, i), after = owner_in(m->to, i);
		int now = m->owner[i];

		if (now != NO_OWNER && now != before && now != after)
			fail_msg("a prefix is with a stranger");
		if (before == after && now != after)
			fail_msg("a prefix was away from who keeps it");
	}
}

static void model_give(struct model *m, int to, const struct wgop *op)
{
	for (size_t i = 0; i < op->n_prefixes; i++) {
		m->owner[index_of_prefix(&op->prefixes[i])] = to;
		check_step(m);
	}
}

static void model_set(struct model *m, struct wgpeer *p, const struct wgop *op)
{
	if (op->what & WGOP_PRESHARED)
		memcpy(p->preshared, op->peer->preshared, WGKEY_SIZE);
	if (op->what & WGOP_ENDPOINT)
		p->endpoint = op->peer->endpoint;
	if (op->what & WGOP_KEEPALIVE)
		p->keepalive = op->peer->keepalive;
	model_give(m, index_of_key(&op->peer->key), op);
}

static void model_remove(struct model *m, int at)
{
	assert_true(m->peers[at].there);
	m->peers[at].there = false;
	for (unsigned i = 0; i < WORLD_PREFIXES; i++)
		if (m->owner[i] == at)
			m->owner[i] = NO_OWNER;
	check_step(m);
}

static void model_do(
    struct model *m, const struct wgstate *desired, const struct wgop *op)
{
	int at = op->peer ? index_of_key(&op->peer->key) : NO_OWNER;

	switch (op->kind) {
	case WGOP_PRIVATE_KEY:
		memcpy(m->device.private_key, desired->private_key, WGKEY_SIZE);
		break;
	case WGOP_PORT:
		m->device.port = desired->port;
		break;
	case WGOP_MARK:
		m->device.mark = desired->mark;
		break;
	case WGOP_REMOVE_PEER:
		model_remove(m, at);
		break;
	case WGOP_TAKE:
		model_give(m, NO_OWNER, op);
		break;
	case WGOP_ADD_PEER:
		assert_false(m->peers[at].there);
		m->peers[at] =
		    (struct model_peer){ true, { .key = op->peer->key } };
		model_set(m, &m->peers[at].values, op);
		break;
	case WGOP_CHANGE_PEER:
		assert_true(m->peers[at].there);
		model_set(m, &m->peers[at].values, op);
		break;
	case WGOP_KINDS:
		fail();
	}
}

static void model_read(struct wgstate *s, const struct model *m)
{
	wgstate_init(s);
	memcpy(s->private_key, m->device.private_key, WGKEY_SIZE);
	s->port = m->device.port;
	s->mark = m->device.mark;
	for (int k = 0; k < WORLD_KEYS; k++) {
		const struct wgpeer *v = &m->peers[k].values;
		struct wgpeer *p;

		if (!m->peers[k].there)
			continue;
		assert_int_equal(wgstate_add_peer(s, &v->key, &p), 0);
		p->endpoint = v->endpoint;
		p->keepalive = v->keepalive;
		memcpy(p->preshared, v->preshared, WGKEY_SIZE);
		for (unsigned i = 0; i < WORLD_PREFIXES; i++) {
			struct prefix it = world_prefix(i);

			if (m->owner[i] == k)
				assert_int_equal(wgstate_add_prefix(s, &it), 0);
		}
	}
	assert_int_equal(wgstate_seal(s, NULL), 0);
}

/* ---- 100,000 cases ------------------------------------------------------- */

/* Is this peer as it should be, so that the plan must not name it? What it
 * loses to another one is not its own affair. */
static bool untouched(const struct wgstate *desired,
    const struct wgstate *actual, const struct wgkey *key)
{
	const struct wgpeer *want = wgstate_find(desired, key);
	const struct wgpeer *p = wgstate_find(actual, key);

	return want && p && peer_as_desired(desired, want, actual, p);
}

static void check_ops(const struct wgplan *p, const struct wgstate *actual)
{
	size_t rank = 0;

	for (size_t i = 0; i < p->n_ops; i++) {
		const struct wgop *op = &p->ops[i];
		/* REMOVE and TAKE may come in any order, ADD and CHANGE too. */
		static const size_t ranks[WGOP_KINDS] = { 0, 1, 2, 3, 3, 4, 4 };

		if (ranks[op->kind] < rank)
			fail_msg("what begins comes before what ends");
		rank = ranks[op->kind];
		if (op->peer && untouched(p->desired, actual, &op->peer->key))
			fail_msg("an untouched peer is in an operation");
		if (op->kind == WGOP_CHANGE_PEER && !op->what &&
		    !op->n_prefixes)
			fail_msg("an operation that does nothing");
	}
}

/* Each operation is needed: without it, the state is another one. */
static void check_need(const struct wgplan *p, const struct wgstate *actual)
{
	for (size_t skip = 0; skip < p->n_ops; skip++) {
		struct model m = { .from = actual, .to = p->desired };
		struct wgstate end;

		model_load(&m, actual);
		for (size_t i = 0; i < p->n_ops; i++) {
			const struct wgop *op = &p->ops[i];

			if (i == skip)
				continue;
			/* what changes a peer that is not there does nothing */
			if (op->kind != WGOP_CHANGE_PEER ||
			    m.peers[index_of_key(&op->peer->key)].there)
				model_do(&m, p->desired, op);
		}
		model_read(&end, &m);
		if (!state_differs(p->desired, &end))
			fail_msg("an operation that nobody needs");
		wgstate_deinit(&end);
	}
}

static void one_case(uint64_t *seed, unsigned number)
{
	struct wgstate desired, actual, end;
	struct wgplan p, nothing;
	struct model m = { .from = &actual, .to = &desired };
	const char *what;

	world_state(&actual, seed);
	world_state(&desired, seed);
	assert_int_equal(wgplan_make(&p, &desired, &actual), 0);
	check_ops(&p, &actual);
	model_load(&m, &actual);
	for (size_t i = 0; i < p.n_ops; i++)
		model_do(&m, &desired, &p.ops[i]);
	model_read(&end, &m);
	what = state_differs(&desired, &end);
	if (what)
		fail_msg("case %u: %s is not as desired", number, what);
	assert_int_equal(wgplan_make(&nothing, &desired, &end), 0);
	assert_int_equal(nothing.n_ops, 0);
	if (number % 16 == 0)
		check_need(&p, &actual);
	wgplan_deinit(&nothing);
	wgplan_deinit(&p);
	wgstate_deinit(&end);
	wgstate_deinit(&desired);
	wgstate_deinit(&actual);
}

static void the_plan_leads_to_the_desired_state_and_nowhere_else(void **state)
{
	uint64_t seed = 88172645463325252U;

	(void)state;
	for (unsigned i = 0; i < CASES; i += (unsigned)test_stride(100))
		one_case(&seed, i);
}

/* ---- by name ------------------------------------------------------------- */

/* "KEY:PREFIX,PREFIX KEY:" with the numbers of the world. */
static void build(struct wgstate *s, const char *text)
{
	wgstate_init(s);
	for (; *text; text++) {
		unsigned digit = *text == ' ' ? 0 : (unsigned)(*text - '0');
		struct wgkey key = world_key(digit);
		struct prefix p = world_prefix(digit);

		if (text[1] == ':') {
			assert_int_equal(wgstate_add_peer(s, &key, NULL), 0);
			text++;
		} else if (*text != ' ') {
			assert_int_equal(wgstate_add_prefix(s, &p), 0);
		}
	}
	assert_int_equal(wgstate_seal(s, NULL), 0);
}

static void describe(char *out, const struct wgplan *p)
{
	static const char letters[] = "kpmRTAC";

	for (size_t i = 0; i < p->n_ops; i++) {
		const struct wgop *op = &p->ops[i];

		if (i)
			*out++ = ' ';
		*out++ = letters[op->kind];
		*out++ = (char)('0' + index_of_key(&op->peer->key));
		for (size_t k = 0; k < op->n_prefixes; k++)
			*out++ =
			    (char)('0' + index_of_prefix(&op->prefixes[k]));
	}
	*out = '\0';
}

/* R remove, T take, A add, C change; then the peer; then prefixes. */
static const struct {
	const char *label, *actual, *desired, *plan;
} named[] = {
	{ "nothing to do", "0:05 1:1", "0:05 1:1", "" },
	{ "from nothing", "", "0:05 1:1", "A005 A11" },
	{ "one more", "0:05 1:1", "0:05 1:1 2:2", "A22" },
	{ "one less", "0:05 1:1", "0:05", "R1" },
	{ "to nothing", "0:05 1:1", "", "R0 R1" },
	{ "one more prefix", "0:0 1:1", "0:05 1:1", "C05" },
	{ "one prefix less", "0:05 1:1", "0:0 1:1", "T05" },
	{ "a prefix moves in one step", "0:05 1:1", "0:0 1:15", "C15" },
	{ "two change places", "0:0 1:1", "0:1 1:0", "C01 C10" },
	{ "a key is rotated: the new one has nothing yet", "0:05",
	    "0:05 1:", "A1" },
	{ "a key is rotated: its prefixes move", "0:05 1:", "0: 1:05", "C105" },
	{ "a key is rotated: the old one goes", "0: 1:05", "1:05", "R0" },
	{ "a key is replaced at once: ended first", "0:05", "1:05", "R0 A105" },
};

static void plans_as_people_would_write_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(named); i++) {
		struct wgstate desired, actual;
		struct wgplan p;
		char text[TEXT_MOST];

		build(&actual, named[i].actual);
		build(&desired, named[i].desired);
		assert_int_equal(wgplan_make(&p, &desired, &actual), 0);
		describe(text, &p);
		if (strcmp(text, named[i].plan) != 0)
			fail_msg("%s: %s", named[i].label, text);
		wgplan_deinit(&p);
		wgstate_deinit(&desired);
		wgstate_deinit(&actual);
	}
}

static void nobody_is_a_key_that_could_be_a_peer(void **state)
{
	(void)state;
	assert_int_equal(wgkey_check(&WGPLAN_NOBODY), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_as_people_would_write_them),
		cmocka_unit_test(
		    the_plan_leads_to_the_desired_state_and_nowhere_else),
		cmocka_unit_test(nobody_is_a_key_that_could_be_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
