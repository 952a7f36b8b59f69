/* broker/test-compare.c: the broker's half of six words, against a bridge, or
 * somebody in its place, that does what a row says. */
#include "broker/compare.h"
#include "net/loop.h"
#include "net/shake.h"
#include "net/tcp.h"
#include "net/test-support.h"
#include "net/tunnel.h"
#include "pki/ca.h"
#include "pki/testpki.h"
#include "wire/bootwords.h"
#include <stdio.h>

enum { REQUEST_MS = 10000 };

static struct loop *loop;
static struct testpki_ca ca, other_ca;
static struct identity *bridge_id, *other_id, *broker_id, *strange_id;

enum manner { HONEST, REFUSES, SIGNS, SAYS_NONSENSE, CUTS };

/* How it behaves; one step at a time. */
static struct script {
	enum manner first, second;
	bool sends_back;	    /* our own commitment */
	bool changes_mind;	    /* about its nonce */
	struct identity **shows;    /* NULL: a bridge's of the CA */
	struct testpki_ca *says_ca; /* NULL: that */
	bool leaf_as_ca;
} script;

static struct {
	struct http_conn *conn;
	struct http_collect *collect;
	struct http_stream *stream;
	struct words words;
	int requests;
} bridge;

static struct {
	struct leg *leg;
	struct http_conn *conn;
	struct compare *compare;
	int agreed, refused, failed;
	enum boot_code code;
	struct fault fault;
	char words[WORDS_TEXT + 1];
	bool ca_is_ours;
} broker;

/* ---- the bridge ---------------------------------------------------------- */

static void answer(int status, const char *text)
{
	http_stream_answer(
	    STEAL(bridge.stream), &(struct http_answer){ .status = status,
				      .content_type = "application/json",
				      .body = text,
				      .n = strlen(text) });
}

static void answer_words(enum bootwords_kind kind, const uint8_t *bytes)
{
	struct bootwords said = { .kind = kind };
	CLEANUP(free_p) char *text = NULL;
	CLEANUP(free_p) char *pem = NULL;
	X509 *shown = script.says_ca ? script.says_ca->cert : ca.cert;

	memcpy(said.bytes, bytes, sizeof(said.bytes));
	assert_int_equal(
	    pki_cert_pem(&pem, script.leaf_as_ca ? bridge_id->leaf : shown), 0);
	if (kind == BOOTWORDS_ANSWER)
		said.ca = pem;
	assert_int_equal(bootwords_write(&text, &said), 0);
	answer(200, text);
}

static void be_odd(enum manner manner)
{
	const struct boot_answer refusal = { .code = BOOT_BUSY };
	CLEANUP(free_p) char *text = NULL;

	switch (manner) {
	case REFUSES:
		assert_int_equal(boot_answer_write(&text, &refusal), 0);
		answer(503, text);
		break;
	case SIGNS:
		answer(403, "{\"code\":\"signed\",\"certificates\":[\"x\"]}");
		break;
	case CUTS:
		http_conn_cut(STEAL(bridge.conn));
		http_stream_abandon(STEAL(bridge.stream));
		break;
	case HONEST:
	case SAYS_NONSENSE:
		answer(200, "<html>no</html>");
		break;
	}
}

static void on_commitment(const struct bootwords *theirs)
{
	uint8_t ours[WORDS_COMMITMENT];

	words_commitment(ours, &bridge.words);
	assert_int_equal(words_committed(&bridge.words, theirs->bytes), 0);
	answer_words(
	    BOOTWORDS_COMMITMENT, script.sends_back ? theirs->bytes : ours);
}

static void on_nonce(const struct bootwords *theirs)
{
	uint8_t nonce[WORDS_NONCE];

	assert_int_equal(words_revealed(&bridge.words, theirs->bytes), 0);
	memcpy(nonce, bridge.words.nonce, sizeof(nonce));
	nonce[0] ^= script.changes_mind;
	answer_words(BOOTWORDS_ANSWER, nonce);
}

static void on_body(void *ctx, char *body, size_t n, int error)
{
	bool first = !bridge.requests++;
	enum manner manner = first ? script.first : script.second;
	struct bootwords theirs = { .ca = NULL };
	struct fault fault = FAULT_NONE;

	(void)ctx;
	bridge.collect = NULL;
	assert_int_equal(error, 0);
	if (bootwords_read(&theirs,
		first ? BOOTWORDS_COMMITMENT : BOOTWORDS_NONCE, body, n,
		&fault))
		fail_msg("%s", fault.text);
	free(body);
	if (manner)
		be_odd(manner);
	else if (first)
		on_commitment(&theirs);
	else
		on_nonce(&theirs);
	bootwords_deinit(&theirs);
}

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	assert_string_equal(head->method, "POST");
	assert_string_equal(head->target, "/v1/words");
	assert_string_equal(head->authority, "bridge.pharos");
	bridge.stream = s;
	assert_int_equal(http_receive(&bridge.collect, s, BOOTWORDS_MOST,
			     REQUEST_MS, on_body, NULL),
	    0);
}

static void on_bridge_gone(void *ctx, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	bridge.conn = NULL;
}

static void on_bridge_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	static const struct http_conn_events events = { .request = on_request,
		.gone = on_bridge_gone };
	const struct http_conn_config config = {
		.version = HTTP_2, .end = HTTP_SERVER, .events = &events
	};
	uint8_t exported[WORDS_EXPORTED], nonce[WORDS_NONCE];

	(void)ctx;
	(void)why;
	if (!leg)
		fail_msg("%s", fault->text);
	memset(nonce, 7, sizeof(nonce));
	assert_int_equal(tls_leg_export(leg, WORDS_EXPORTER, exported), 0);
	words_init(&bridge.words, WORDS_BRIDGE, exported, nonce);
	assert_int_equal(http_conn_open(&bridge.conn, leg, &config), 0);
}

/* ---- the broker ---------------------------------------------------------- */

static void on_agreed(void *ctx, const struct compare_result *result)
{
	(void)ctx;
	broker.compare = NULL;
	broker.agreed++;
	words_text(broker.words, &result->words);
	broker.ca_is_ours = !X509_cmp(result->ca, ca.cert);
}

static void on_refused(void *ctx, const struct boot_answer *a)
{
	(void)ctx;
	broker.compare = NULL;
	broker.refused++;
	broker.code = a->code;
}

static void on_failed(void *ctx, const struct fault *fault)
{
	(void)ctx;
	broker.compare = NULL;
	broker.failed++;
	broker.fault = *fault;
}

static void on_broker_gone(void *ctx, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	broker.conn = NULL;
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	(void)ctx;
	(void)why;
	if (!leg)
		fail_msg("%s", fault->text);
	broker.leg = leg;
}

static void begin_words(void)
{
	static const struct http_conn_events events = { .gone =
							    on_broker_gone };
	static const struct compare_events told = { on_agreed, on_refused,
		on_failed };
	const struct http_conn_config config = {
		.version = HTTP_2, .end = HTTP_CLIENT, .events = &events
	};
	struct fault fault = FAULT_NONE;

	assert_int_equal(
	    http_conn_open(&broker.conn, STEAL(broker.leg), &config), 0);
	if (compare_begin(
		&broker.compare, broker.conn, REQUEST_MS, &told, NULL, &fault))
		fail_msg("%s", fault.text);
}

/* ---- both ---------------------------------------------------------------- */

static void shake(int fd, struct tls_context *context, tls_shake_fn fn)
{
	struct tls_shake_order order = {
		.context = context, .ms = REQUEST_MS, .fn = fn
	};
	struct tls_shake *s;

	assert_int_equal(tcp_leg_open(&order.lower, loop, fd, false), 0);
	assert_int_equal(tls_shake(&s, &order), 0);
}

static void start(const struct script *with)
{
	static const char *const boots[] = { BOOT_ALPN, NULL };
	CLEANUP(tls_context_freep) struct tls_context *server = NULL;
	CLEANUP(tls_context_freep) struct tls_context *client = NULL;
	struct tls_config config = {
		.end = TLS_SERVER, .hop = "test", .alpn = boots
	};
	int fd[2];

	script = *with;
	memset(&bridge, 0, sizeof(bridge));
	memset(&broker, 0, sizeof(broker));
	config.identity = script.shows ? *script.shows : bridge_id;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(tls_context_new(&server, &config, NULL), 0);
	assert_int_equal(tunnel_boot_context(&client, NULL, NULL), 0);
	test_tcp_pair(fd);
	shake(fd[0], server, on_bridge_shaken);
	shake(fd[1], client, on_shaken);
	TEST_UNTIL(loop, broker.leg && bridge.conn);
	begin_words();
}

static void stop(void)
{
	compare_cancel(broker.compare);
	if (broker.conn)
		http_conn_cut(broker.conn);
	http_receive_cancel(bridge.collect);
	if (bridge.stream)
		http_stream_abandon(bridge.stream);
	if (bridge.conn)
		http_conn_cut(bridge.conn);
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	loop_free(loop);
}

static int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	other_id = testpki_identity(&ca, ROLE_BRIDGE, "b2", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "pod-2", NULL);
	strange_id = testpki_identity(&other_ca, ROLE_BRIDGE, "b1", NULL);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	identity_free(bridge_id);
	identity_free(other_id);
	identity_free(broker_id);
	identity_free(strange_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

/* ---- tests --------------------------------------------------------------- */

static void both_sides_have_the_same_words(void **state)
{
	static const struct script good = { .first = HONEST };
	char words[WORDS_TEXT + 1], before[WORDS_TEXT + 1] = "";

	(void)state;
	for (int i = 0; i < 2; i++) {
		start(&good);
		TEST_UNTIL(loop, broker.agreed);
		words_text(words, &bridge.words);
		assert_string_equal(broker.words, words);
		assert_string_not_equal(words, before); /* of each session */
		assert_true(broker.ca_is_ours);
		assert_non_null(broker.conn); /* the session goes on */
		memcpy(before, words, sizeof(before));
		stop();
	}
}

static const struct {
	const char *label;
	struct script script;
	const char *text; /* NULL: an answer of the bridge's own */
} bad[] = {
	{ "our commitment comes back", { .sends_back = true },
	    "our own commitment was sent back" },
	{ "a nonce that was not promised", { .changes_mind = true },
	    "not the one that was promised" },
	{ "the CA of somebody else", { .says_ca = &other_ca },
	    "the CA that was shown is not that of this session's bridge" },
	{ "a bridge of somebody else", { .shows = &strange_id },
	    "the CA that was shown is not that of this session's bridge" },
	{ "a broker in its place", { .shows = &broker_id }, "wrong role" },
	{ "a leaf as a CA", { .leaf_as_ca = true }, "it is no CA's" },
	{ "a certificate is signed at once", { .first = SIGNS },
	    "the bridge answered 403" },
	{ "no commitment", { .first = SAYS_NONSENSE }, "six words" },
	{ "no nonce", { .second = SAYS_NONSENSE }, "six words" },
	{ "it goes away", { .first = CUTS }, "six words" },
	{ "it goes away later", { .second = CUTS }, "six words" },
	{ "it refuses", { .first = REFUSES }, NULL },
	{ "it refuses later", { .second = REFUSES }, NULL },
};

static void who_cheats_gets_no_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		start(&bad[i].script);
		TEST_UNTIL(
		    loop, broker.agreed || broker.refused || broker.failed);
		if (broker.agreed || broker.refused + broker.failed != 1 ||
		    broker.refused != !bad[i].text)
			fail_msg("%s", bad[i].label);
		if (!bad[i].text)
			assert_int_equal(broker.code, BOOT_BUSY);
		else if (!strstr(broker.fault.text, bad[i].text))
			fail_msg("%s: %s", bad[i].label, broker.fault.text);
		stop();
	}
}

/* Another bridge of the same CA is as good. */
static void any_bridge_of_the_ca_will_do(void **state)
{
	static const struct script other = { .shows = &other_id };

	(void)state;
	start(&other);
	TEST_UNTIL(loop, broker.agreed);
	assert_true(broker.ca_is_ours);
	stop();
}

static void it_may_be_cancelled(void **state)
{
	static const struct script good = { .first = HONEST };

	(void)state;
	for (int requests = 0; requests < 2; requests++) {
		start(&good);
		TEST_UNTIL(loop, bridge.requests >= requests);
		compare_cancel(STEAL(broker.compare));
		for (int i = 0; i < 20; i++)
			loop_turn(loop);
		assert_int_equal(
		    broker.agreed + broker.refused + broker.failed, 0);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_have_the_same_words),
		cmocka_unit_test(who_cheats_gets_no_words),
		cmocka_unit_test(any_bridge_of_the_ca_will_do),
		cmocka_unit_test(it_may_be_cancelled),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
