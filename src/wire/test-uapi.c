#include "wire/uapi.h"
#include "base/hex.h"
#include "wire/test-wg.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum { TEXT_MOST = 64 * 1024 };

#define REST  "000000000000000000000000000000000000000000000000000000000000"
#define KEY_1 "0901" REST
#define KEY_2 "0902" REST
#define SECRET                                                                 \
	"0800000000000000000000000000000000000000000000000000000000000040"
#define SHARED                                                                 \
	"0100000000000000000000000000000000000000000000000000000000000000"
#define NOBODY                                                                 \
	"ed1aade348c5fe08d53df1c4af6650c800ff280ddb2e3eddd8e577ca955ba229"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"

/* As wireguard-go answers. */
#define ANSWER                                                                 \
	"private_key=" SECRET "\n"                                             \
	"listen_port=51820\n"                                                  \
	"fwmark=102\n"                                                         \
	"public_key=" KEY_1 "\n"                                               \
	"preshared_key=" SHARED "\n"                                           \
	"protocol_version=1\n"                                                 \
	"endpoint=192.0.2.7:4000\n"                                            \
	"last_handshake_time_sec=1795239278\n"                                 \
	"last_handshake_time_nsec=999999999\n"                                 \
	"tx_bytes=18446744073709551615\n"                                      \
	"rx_bytes=148\n"                                                       \
	"persistent_keepalive_interval=25\n"                                   \
	"allowed_ip=10.88.0.2/32\n"                                            \
	"allowed_ip=fd00::2/128\n"                                             \
	"public_key=" KEY_2 "\n"                                               \
	"preshared_key=" ZERO "\n"                                             \
	"endpoint=[fe80::1%eth0]:65535\n"                                      \
	"errno=0\n\n"

static void check_answer(const struct wgstate *s)
{
	const struct wgpeer *p = &s->peers[0];
	struct wgkey key = world_key(0);
	struct prefix first = world_prefix(0);

	assert_int_equal(s->private_key[0], 8);
	assert_int_equal(s->port, 51820);
	assert_int_equal(s->mark, 102);
	assert_int_equal(s->n_peers, 2);
	assert_true(wgkey_equal(&p->key, &key));
	assert_int_equal(p->preshared[0], 1);
	assert_int_equal(p->endpoint.family, 4);
	assert_int_equal(p->endpoint.port, 4000);
	assert_int_equal(p->seen.handshake_s, 1795239278);
	assert_int_equal(p->seen.handshake_ns, 999999999);
	assert_true(p->seen.sent == UINT64_MAX);
	assert_int_equal(p->seen.received, 148);
	assert_int_equal(p->keepalive, 25);
	assert_int_equal(p->n_prefix, 2);
	assert_int_equal(prefix_compare(wgpeer_prefixes(s, p), &first), 0);
	assert_int_equal(s->peers[1].endpoint.family, 6);
	assert_int_equal(s->peers[1].endpoint.address[0], 0xfe);
	assert_int_equal(s->peers[1].endpoint.port, 65535);
	assert_int_equal(s->peers[1].n_prefix, 0);
}

static void an_answer_is_read_however_it_is_cut(void **state)
{
	size_t n = strlen(ANSWER);

	(void)state;
	for (size_t cut = 0; cut <= n; cut++) {
		struct uapi_reader r;
		struct wgstate s;

		wgstate_init(&s);
		uapi_reader_init(&r, &s);
		assert_int_equal(uapi_reader_feed(&r, ANSWER, cut), 0);
		assert_int_equal(r.done, cut == n);
		assert_int_equal(
		    uapi_reader_feed(&r, &ANSWER[cut], n - cut), 0);
		assert_true(r.done && r.verdict_seen);
		assert_int_equal(r.verdict, 0);
		assert_int_equal(wgstate_seal(&s, NULL), 0);
		check_answer(&s);
		uapi_reader_wipe(&r);
		wgstate_deinit(&s);
	}
}

static const struct {
	const char *label, *text;
	int result;
} answers[] = {
	{ "nothing but the verdict", "errno=0\n\n", 0 },
	{ "a key that we do not know", "jc=4\nerrno=0\n\n", 0 },
	{ "one of a peer", "public_key=" KEY_1 "\nfoo=1\nerrno=0\n\n", 0 },
	{ "no verdict", "listen_port=1\n\n", UAPI_E_FORM },
	{ "two verdicts", "errno=0\nerrno=0\n\n", UAPI_E_FORM },
	{ "more after the verdict", "errno=0\nfwmark=1\n\n", UAPI_E_FORM },
	{ "more after the end", "errno=0\n\n\n", UAPI_E_FORM },
	{ "a verdict that is no number", "errno=x\n\n", UAPI_E_FORM },
	{ "no equals sign", "fwmark\n", UAPI_E_FORM },
	{ "a port too high", "listen_port=65536\n", UAPI_E_FORM },
	{ "a mark too high", "fwmark=4294967296\n", UAPI_E_FORM },
	{ "a short key", "private_key=08\n", UAPI_E_FORM },
	{ "a key in base64",
	    "public_key=CQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    UAPI_E_FORM },
	{ "a prefix of nobody", "allowed_ip=10.0.0.1/32\n", UAPI_E_FORM },
	{ "the device's after a peer's",
	    "public_key=" KEY_1 "\nlisten_port=1\n", UAPI_E_FORM },
	{ "bits behind the length",
	    "public_key=" KEY_1 "\nallowed_ip=10.0.0.1/8\n", UAPI_E_FORM },
	{ "an endpoint without a port",
	    "public_key=" KEY_1 "\nendpoint=1.2.3.4\n", UAPI_E_FORM },
	{ "a name as an endpoint", "public_key=" KEY_1 "\nendpoint=host:1\n",
	    UAPI_E_FORM },
	{ "an open bracket", "public_key=" KEY_1 "\nendpoint=[::1:1\n",
	    UAPI_E_FORM },
	{ "nothing but a colon", "public_key=" KEY_1 "\nendpoint=[:1\n",
	    UAPI_E_FORM },
	{ "nanoseconds of a second",
	    "public_key=" KEY_1 "\nlast_handshake_time_nsec=1000000000\n",
	    UAPI_E_FORM },
	{ "seconds below zero",
	    "public_key=" KEY_1 "\nlast_handshake_time_sec=-1\n", UAPI_E_FORM },
};

static void answers_are_taken_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answers); i++) {
		struct uapi_reader r;
		struct wgstate s;
		int e;

		wgstate_init(&s);
		uapi_reader_init(&r, &s);
		e = uapi_reader_feed(
		    &r, answers[i].text, strlen(answers[i].text));
		if (e != answers[i].result || (!e && !r.done))
			fail_msg("%s: %d", answers[i].label, e);
		wgstate_deinit(&s);
	}
}

static void a_line_without_an_end_is_refused(void **state)
{
	struct uapi_reader r;
	int e = 0;
	unsigned n = 0;

	(void)state;
	uapi_reader_init(&r, NULL);
	for (; !e && n < 2 * UAPI_LINE_MOST; n++)
		e = uapi_reader_feed(&r, "a", 1);
	assert_int_equal(e, UAPI_E_FORM);
	assert_int_equal(n, UAPI_LINE_MOST);
	uapi_reader_init(&r, NULL);
	assert_int_equal(uapi_reader_feed(&r, "a=\0b\n", 5), UAPI_E_FORM);
}

static void the_answer_to_a_set_is_a_verdict_alone(void **state)
{
	struct uapi_reader r;

	(void)state;
	uapi_reader_init(&r, NULL);
	assert_int_equal(uapi_reader_feed(&r, "errno=-98\n\n", 11), 0);
	assert_true(r.done);
	assert_int_equal(r.verdict, -98);
	uapi_reader_init(&r, NULL);
	assert_int_equal(uapi_reader_feed(&r, "fwmark=1\n", 9), UAPI_E_FORM);
}

/* ---- writing ------------------------------------------------------------- */

struct page {
	char text[TEXT_MOST];
	size_t n, refuse_after;
	unsigned calls;
};

static int to_page(void *ctx, const void *bytes, size_t n)
{
	struct page *p = ctx;

	assert_true(n && n <= UAPI_BLOCK && p->n + n < sizeof(p->text));
	if (p->refuse_after && p->calls == p->refuse_after)
		return -EPIPE;
	memcpy(p->text + p->n, bytes, n);
	p->n += n;
	p->calls++;
	p->text[p->n] = '\0';
	return 0;
}

static int write_difference(struct page *page, const struct wgstate *desired,
    const struct wgstate *actual)
{
	char scratch[UAPI_BLOCK];
	struct wgplan p;
	int r;

	assert_int_equal(wgplan_make(&p, desired, actual), 0);
	r = uapi_write_plan(&p, scratch, to_page, page);
	for (size_t i = 0; i < sizeof(scratch); i++)
		assert_int_equal(scratch[i], 0);
	wgplan_deinit(&p);
	return r;
}

static void add_peer(struct wgstate *s, unsigned key, unsigned n_prefixes)
{
	struct wgkey k = world_key(key);
	struct wgpeer *p;

	assert_int_equal(wgstate_add_peer(s, &k, &p), 0);
	if (key == 0) {
		p->preshared[0] = 1;
		p->keepalive = 25;
		p->endpoint = (struct wgendpoint){ 6, { 0xfd, [15] = 7 }, 9 };
	}
	for (unsigned i = 0; i < n_prefixes; i++) {
		struct prefix it = world_prefix(3 * key + i);

		assert_int_equal(wgstate_add_prefix(s, &it), 0);
	}
}

static void requests_are_these(void **state)
{
	static struct page page;
	struct wgstate from, to;

	(void)state;
	memset(&page, 0, sizeof(page));
	wgstate_init(&from);
	add_peer(&from, 1, 2);
	add_peer(&from, 2, 1);
	assert_int_equal(wgstate_seal(&from, NULL), 0);
	wgstate_init(&to);
	to.private_key[0] = 8;
	to.private_key[31] = 0x40;
	to.port = 51820;
	to.mark = 102;
	add_peer(&to, 0, 1);
	add_peer(&to, 1, 1);
	assert_int_equal(wgstate_seal(&to, NULL), 0);
	assert_int_equal(write_difference(&page, &to, &from), 0);
	assert_string_equal(page.text, "set=1\n"
				       "private_key=" SECRET "\n"
				       "listen_port=51820\n"
				       "fwmark=102\n"
				       "public_key=" NOBODY "\n"
				       "allowed_ip=10.0.0.0/8\n"
				       "public_key=" NOBODY "\n"
				       "remove=true\n"
				       "public_key=0903" REST "\n"
				       "remove=true\n"
				       "public_key=" KEY_1 "\n"
				       "preshared_key=" SHARED "\n"
				       "endpoint=[fd00::7]:9\n"
				       "persistent_keepalive_interval=25\n"
				       "allowed_ip=10.88.0.2/32\n"
				       "\n");
	wgstate_deinit(&from);
	wgstate_deinit(&to);
}

/* A request of nothing but new peers says what an answer would. */
static void what_is_written_is_read_again(void **state)
{
	static struct page page;
	uint64_t seed = 88172645463325252U;

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct wgstate none, s, again;
		struct uapi_reader r;
		const char *what;

		memset(&page, 0, sizeof(page));
		wgstate_init(&none);
		wgstate_init(&again);
		assert_int_equal(wgstate_seal(&none, NULL), 0);
		world_state(&s, &seed);
		assert_int_equal(write_difference(&page, &s, &none), 0);
		uapi_reader_init(&r, &again);
		assert_int_equal(
		    uapi_reader_feed(&r, page.text + 6, page.n - 7), 0);
		assert_int_equal(uapi_reader_feed(&r, "errno=0\n\n", 9), 0);
		assert_int_equal(wgstate_seal(&again, NULL), 0);
		what = state_differs(&s, &again);
		if (what)
			fail_msg("case %u: %s", i, what);
		wgstate_deinit(&none);
		wgstate_deinit(&again);
		wgstate_deinit(&s);
	}
}

static void a_long_request_comes_in_blocks_and_stops_with_the_sink(void **state)
{
	static struct page page;
	struct wgstate none, s;

	(void)state;
	memset(&page, 0, sizeof(page));
	wgstate_init(&none);
	assert_int_equal(wgstate_seal(&none, NULL), 0);
	wgstate_init(&s);
	for (unsigned i = 0; i < 200; i++)
		add_peer(&s, 1 + i, 0);
	assert_int_equal(wgstate_seal(&s, NULL), 0);
	assert_int_equal(write_difference(&page, &s, &none), 0);
	assert_true(page.calls > 3);
	assert_string_equal(page.text + page.n - 2, "\n\n");
	memset(&page, 0, sizeof(page));
	page.refuse_after = 2;
	assert_int_equal(write_difference(&page, &s, &none), -EPIPE);
	assert_int_equal(page.calls, 2);
	wgstate_deinit(&none);
	wgstate_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_however_it_is_cut),
		cmocka_unit_test(answers_are_taken_or_refused),
		cmocka_unit_test(a_line_without_an_end_is_refused),
		cmocka_unit_test(the_answer_to_a_set_is_a_verdict_alone),
		cmocka_unit_test(requests_are_these),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(
		    a_long_request_comes_in_blocks_and_stops_with_the_sink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
