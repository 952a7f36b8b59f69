#include "wire/nlwg.h"
#include "wire/nlwalk.h"
#include "wire/test-wg.h"
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { FAMILY = 40, CASES = 20000, MANY = 700, PEERS_MOST = 16 };

static const struct nlwg_device device = { FAMILY, "wg0" };

static const struct nlattr *find(struct nlwalk w, uint16_t type)
{
	const struct nlattr *a;

	while ((a = nlwalk_next(&w)))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

/* ---- a model of the kernel that reads the messages ----------------------- */

struct model_peer {
	bool there;
	struct wgpeer values;
};

struct model {
	struct wgstate device;
	struct model_peer peers[WORLD_KEYS + 1]; /* the last: nobody */
	int owner[WORLD_PREFIXES];
};

static unsigned index_of(const struct wgkey *key)
{
	if (wgkey_equal(key, &WGPLAN_NOBODY))
		return WORLD_KEYS;
	assert_true(key->bytes[1] && key->bytes[1] <= WORLD_KEYS);
	return key->bytes[1] - 1U;
}

static void give(struct model *m, unsigned to, const struct wgstate *read)
{
	for (size_t i = 0; i < read->n_prefixes; i++)
		for (unsigned k = 0; k < WORLD_PREFIXES; k++) {
			struct prefix it = world_prefix(k);

			if (!prefix_compare(&it, &read->prefixes[i]))
				m->owner[k] = (int)to;
		}
}

static void model_remove(struct model *m, unsigned at)
{
	m->peers[at].there = false;
	for (unsigned k = 0; k < WORLD_PREFIXES; k++)
		if (m->owner[k] == (int)at)
			m->owner[k] = -1;
}

/* One peer of a message: read by nlwg_read() from a message of its own. */
static void model_peer(struct model *m, const struct nlattr *one)
{
	_Alignas(struct nlmsghdr) char block[2 * NLWG_BLOCK];
	struct nlmsghdr *head = mnl_nlmsg_put_header(block);
	const struct nlattr *flags = find(nlwalk_in(one), WGPEER_A_FLAGS);
	uint32_t f = flags ? mnl_attr_get_u32(flags) : 0;
	struct nlattr *list;
	struct wgstate read;
	struct wgpeer *p;
	unsigned at;

	(void)mnl_nlmsg_put_extra_header(head, sizeof(struct genlmsghdr));
	list = mnl_attr_nest_start(head, WGDEVICE_A_PEERS);
	mnl_attr_put(
	    head, 0, mnl_attr_get_payload_len(one), mnl_attr_get_payload(one));
	mnl_attr_nest_end(head, list);
	wgstate_init(&read);
	assert_int_equal(nlwg_read(&read, head), 0);
	assert_int_equal(read.n_peers, 1);
	at = index_of(&read.peers[0].key);
	p = &m->peers[at].values;
	if (f & WGPEER_F_REMOVE_ME) {
		model_remove(m, at);
	} else if (m->peers[at].there || !(f & WGPEER_F_UPDATE_ONLY)) {
		if (!m->peers[at].there)
			*p = (struct wgpeer){ .key = read.peers[0].key };
		m->peers[at].there = true;
		if (find(nlwalk_in(one), WGPEER_A_PRESHARED_KEY))
			memcpy(
			    p->preshared, read.peers[0].preshared, WGKEY_SIZE);
		if (find(nlwalk_in(one), WGPEER_A_ENDPOINT))
			p->endpoint = read.peers[0].endpoint;
		if (find(
			nlwalk_in(one), WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL))
			p->keepalive = read.peers[0].keepalive;
		give(m, at, &read);
	}
	wgstate_deinit(&read);
}

static void model_message(struct model *m, const struct nlmsghdr *head)
{
	struct nlwalk w = nlwalk_over(head, sizeof(struct genlmsghdr));
	const struct nlattr *name = find(w, WGDEVICE_A_IFNAME);
	const struct nlattr *peers = find(w, WGDEVICE_A_PEERS);
	const struct nlattr *a;

	assert_non_null(name);
	assert_string_equal(mnl_attr_get_str(name), "wg0");
	assert_true(head->nlmsg_len <= NLWG_BLOCK);
	assert_int_equal(head->nlmsg_type, FAMILY);
	a = find(w, WGDEVICE_A_PRIVATE_KEY);
	if (a)
		memcpy(
		    m->device.private_key, mnl_attr_get_payload(a), WGKEY_SIZE);
	a = find(w, WGDEVICE_A_LISTEN_PORT);
	if (a)
		m->device.port = mnl_attr_get_u16(a);
	a = find(w, WGDEVICE_A_FWMARK);
	if (a)
		m->device.mark = mnl_attr_get_u32(a);
	if (!peers)
		return;
	w = nlwalk_in(peers);
	while ((a = nlwalk_next(&w)))
		model_peer(m, a);
}

static void model_load(struct model *m, const struct wgstate *s)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->device.private_key, s->private_key, WGKEY_SIZE);
	m->device.port = s->port;
	m->device.mark = s->mark;
	for (unsigned k = 0; k < WORLD_PREFIXES; k++) {
		struct prefix it = world_prefix(k);
		const struct wgpeer *p = wgstate_holder(s, &it);

		m->owner[k] = p ? (int)index_of(&p->key) : -1;
	}
	for (size_t i = 0; i < s->n_peers; i++)
		m->peers[index_of(&s->peers[i].key)] =
		    (struct model_peer){ true, s->peers[i] };
}

static void model_read(struct wgstate *s, const struct model *m)
{
	wgstate_init(s);
	memcpy(s->private_key, m->device.private_key, WGKEY_SIZE);
	s->port = m->device.port;
	s->mark = m->device.mark;
	for (unsigned k = 0; k <= WORLD_KEYS; k++) {
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

			if (m->owner[i] == (int)k)
				assert_int_equal(wgstate_add_prefix(s, &it), 0);
		}
	}
	assert_int_equal(wgstate_seal(s, NULL), 0);
}

static void one_case(unsigned number, uint64_t *seed)
{
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	struct wgstate desired, actual, end;
	struct wgplan p;
	struct nlwg_writer w = { .plan = &p, .device = &device };
	const struct nlmsghdr *head;
	struct model m;
	const char *what;

	world_state(&actual, seed);
	world_state(&desired, seed);
	assert_int_equal(wgplan_make(&p, &desired, &actual), 0);
	model_load(&m, &actual);
	while ((head = nlwg_write_plan(&w, block)))
		model_message(&m, head);
	model_read(&end, &m);
	what = state_differs(&desired, &end);
	if (what)
		fail_msg("case %u: %s is not as desired", number, what);
	wgplan_deinit(&p);
	wgstate_deinit(&end);
	wgstate_deinit(&desired);
	wgstate_deinit(&actual);
}

static void messages_do_what_the_plan_says(void **state)
{
	uint64_t seed = 88172645463325252U;

	(void)state;
	for (unsigned i = 0; i < CASES; i++)
		one_case(i, &seed);
}

/* ---- more than a message holds ------------------------------------------- */

static struct prefix numbered(unsigned peer, unsigned prefix)
{
	struct prefix p = { .family = 6, .bits = 128, .address = { 0xfd } };

	p.address[1] = (uint8_t)peer;
	p.address[2] = (uint8_t)(peer >> 8);
	p.address[3] = (uint8_t)prefix;
	p.address[4] = (uint8_t)(prefix >> 8);
	return p;
}

static void many(struct wgstate *s, unsigned peers, unsigned prefixes)
{
	wgstate_init(s);
	for (unsigned i = 0; i < peers; i++) {
		struct wgkey key = { { 9, (uint8_t)i, (uint8_t)(i >> 8) } };

		assert_int_equal(wgstate_add_peer(s, &key, NULL), 0);
		for (unsigned k = 0; k < prefixes; k++) {
			struct prefix p = numbered(i, k);

			assert_int_equal(wgstate_add_prefix(s, &p), 0);
		}
	}
	assert_int_equal(wgstate_seal(s, NULL), 0);
}

static unsigned write_and_read(
    const struct wgstate *desired, struct wgstate *read)
{
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	struct wgstate none;
	struct wgplan p;
	struct nlwg_writer w = { .plan = &p, .device = &device };
	const struct nlmsghdr *head;
	unsigned n = 0;

	wgstate_init(&none);
	wgstate_init(read);
	assert_int_equal(wgstate_seal(&none, NULL), 0);
	assert_int_equal(wgplan_make(&p, desired, &none), 0);
	while ((head = nlwg_write_plan(&w, block))) {
		assert_int_equal(nlwg_read(read, head), 0);
		n++;
	}
	assert_int_equal(wgstate_seal(read, NULL), 0);
	wgplan_deinit(&p);
	wgstate_deinit(&none);
	return n;
}

static void many_peers_and_prefixes_take_several_messages(void **state)
{
	static const struct {
		unsigned peers, prefixes;
	} rows[] = { { MANY, 2 }, { MANY, 0 }, { 2, MANY }, { 1, 1 } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct wgstate s, read;
		const char *what;
		unsigned n;

		many(&s, rows[i].peers, rows[i].prefixes);
		n = write_and_read(&s, &read);
		what = state_differs(&s, &read);
		if (what)
			fail_msg("row %zu: %s", i, what);
		assert_int_equal(n > 1, rows[i].peers + rows[i].prefixes > 2);
		wgstate_deinit(&s);
		wgstate_deinit(&read);
	}
}

/* ---- what is refused ----------------------------------------------------- */

static struct nlmsghdr *begin_message(char *block)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(block);

	(void)mnl_nlmsg_put_extra_header(head, sizeof(struct genlmsghdr));
	return head;
}

static int read_one(const struct nlmsghdr *head)
{
	struct wgstate s;
	int r;

	wgstate_init(&s);
	r = nlwg_read(&s, head);
	wgstate_deinit(&s);
	return r;
}

static const struct {
	const char *label;
	uint16_t type;
	size_t size;
	int verdict;
} values[] = {
	{ "nothing that we know", 200, 3, 0 },
	{ "a key", WGDEVICE_A_PRIVATE_KEY, 32, 0 },
	{ "a short key", WGDEVICE_A_PRIVATE_KEY, 31, NLWG_E_FORM },
	{ "a long key", WGDEVICE_A_PRIVATE_KEY, 33, NLWG_E_FORM },
	{ "a port", WGDEVICE_A_LISTEN_PORT, 2, 0 },
	{ "a port of four bytes", WGDEVICE_A_LISTEN_PORT, 4, NLWG_E_FORM },
	{ "a mark of none", WGDEVICE_A_FWMARK, 0, NLWG_E_FORM },
	{ "no peers", WGDEVICE_A_PEERS, 0, 0 },
	{ "a peer of zeros: an empty attribute, no key", WGDEVICE_A_PEERS, 4,
	    0 },
};

static void values_have_their_size(void **state)
{
	static const uint8_t zeros[64];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(values); i++) {
		_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
		struct nlmsghdr *head = begin_message(block);
		int r;

		mnl_attr_put(head, values[i].type, values[i].size, zeros);
		r = read_one(head);
		if (r != values[i].verdict)
			fail_msg("%s: %d", values[i].label, r);
	}
}

/* A message with one peer; its attribute @type has @size bytes of @bytes. */
static int read_peer_with(uint16_t type, size_t size, const void *bytes)
{
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	struct nlmsghdr *head = begin_message(block);
	struct wgkey key = world_key(0);
	struct nlattr *list = mnl_attr_nest_start(head, WGDEVICE_A_PEERS);
	struct nlattr *one = mnl_attr_nest_start(head, 0);

	mnl_attr_put(head, WGPEER_A_PUBLIC_KEY, WGKEY_SIZE, key.bytes);
	mnl_attr_put(head, type, size, bytes);
	mnl_attr_nest_end(head, one);
	mnl_attr_nest_end(head, list);
	return read_one(head);
}

static void values_of_a_peer_have_their_form(void **state)
{
	static const uint8_t zeros[64];
	int64_t late[2] = { 5, 1000000000 }, past[2] = { -1, 0 };

	(void)state;
	assert_int_equal(
	    read_peer_with(WGPEER_A_ENDPOINT, 16, zeros), NLWG_E_FORM);
	assert_int_equal(
	    read_peer_with(WGPEER_A_ENDPOINT, 28, zeros), NLWG_E_FORM);
	assert_int_equal(
	    read_peer_with(WGPEER_A_RX_BYTES, 4, zeros), NLWG_E_FORM);
	assert_int_equal(read_peer_with(WGPEER_A_RX_BYTES, 8, zeros), 0);
	assert_int_equal(read_peer_with(WGPEER_A_LAST_HANDSHAKE_TIME, 16, late),
	    NLWG_E_FORM);
	assert_int_equal(read_peer_with(WGPEER_A_LAST_HANDSHAKE_TIME, 16, past),
	    NLWG_E_FORM);
	assert_int_equal(
	    read_peer_with(WGPEER_A_LAST_HANDSHAKE_TIME, 16, zeros), 0);
}

static void a_cut_message_is_refused_or_understood_in_part(void **state)
{
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	_Alignas(struct nlmsghdr) char part[NLWG_BLOCK];
	uint64_t seed = 7;
	struct wgstate s, none;
	struct wgplan p;
	struct nlwg_writer w = { .plan = &p, .device = &device };
	const struct nlmsghdr *head;

	(void)state;
	wgstate_init(&none);
	assert_int_equal(wgstate_seal(&none, NULL), 0);
	world_state(&s, &seed);
	assert_int_equal(wgplan_make(&p, &s, &none), 0);
	head = nlwg_write_plan(&w, block);
	for (uint32_t n = NLMSG_HDRLEN; n < head->nlmsg_len; n++) {
		struct nlmsghdr *cut = (struct nlmsghdr *)(void *)part;

		memcpy(part, block, n);
		cut->nlmsg_len = n;
		(void)!read_one(cut);
	}
	wgplan_deinit(&p);
	wgstate_deinit(&s);
	wgstate_deinit(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_do_what_the_plan_says),
		cmocka_unit_test(many_peers_and_prefixes_take_several_messages),
		cmocka_unit_test(values_have_their_size),
		cmocka_unit_test(values_of_a_peer_have_their_form),
		cmocka_unit_test(
		    a_cut_message_is_refused_or_understood_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
