/* broker/test-introducer.c: the ConfigMap as a broker looks at it, against an
 * API server that answers what a row says. Sockets are real, time is not. */
#include "broker/introducer.h"
#include "link/test-fakeserver.h"
#include "pki/cleanup.h"
#include "pki/testpki.h"
#include "wire/json.h"
#include <poll.h>
#include <time.h>

#define MAP    "/api/v1/namespaces/pharos/configmaps/pharos-bridge"
#define OURS   "fago keno dili fomi malo migi"
#define OTHERS "nono nono nono nono nono nono"

static struct loop *loop;
static struct fake fake;
static struct kube *kube;
static struct kube_access access_;
static struct introducer *introducer;
static struct testpki_ca ca, other_ca;
static struct words words;

/* What is in the cluster; a PATCH puts what @patched says in its place. */
static char map[16384], patched[16384];

static struct {
	int over, wrong, failed;
	bool has_ca, is_ours;
	struct fault fault;
} told;

static void on_over(void *ctx, X509 *seen, const struct fault *fault)
{
	(void)ctx;
	told.over++;
	told.has_ca = seen;
	told.is_ours = seen && !X509_cmp(seen, ca.cert);
	if (fault)
		told.fault = *fault;
}

static void on_wrong(void *ctx, const struct fault *fault)
{
	(void)ctx;
	told.wrong++;
	told.fault = *fault;
}

static void on_failed(void *ctx, const struct fault *fault)
{
	(void)ctx;
	told.failed++;
	told.fault = *fault;
}

/* @pem: NULL: no CA. */
static void write_map(
    char to[sizeof(map)], const char *version, const char *typed, X509 *with)
{
	CLEANUP(free_p) char *pem = NULL;
	CLEANUP(free_p) char *text = NULL;
	JSON *j = NULL;

	if (with)
		assert_int_equal(pki_cert_pem(&pem, with), 0);
	j = json_pack("{s:{s:s}, s:{s:s*, s:s*}}", "metadata",
	    "resourceVersion", version, "data", "words", typed, "ca.crt", pem);
	text = json_dumps(j, 0);
	assert_non_null(text);
	(void)snprintf(to, sizeof(map), "%s", text);
}

static const char *on_patch(const char *asked)
{
	assert_non_null(strstr(asked, "\"words\":null"));
	assert_non_null(strstr(asked, "BEGIN CERTIFICATE"));
	memcpy(map, patched, sizeof(map));
	return map;
}

static const char *on_get(const char *asked)
{
	(void)asked;
	return map;
}

static const struct fake_row answers[] = {
	{ "GET " MAP, 200, NULL, on_get },
	{ "PATCH " MAP, 200, NULL, on_patch },
	{ NULL },
};
static const struct fake_row nowhere[] = {
	{ "GET " MAP, 404, "{\"kind\":\"Status\",\"message\":\"none\"}", NULL },
	{ NULL },
};
static const struct fake_row forbidden[] = {
	{ "GET " MAP, 403, "{\"kind\":\"Status\",\"message\":\"no\"}", NULL },
	{ NULL },
};
static const struct fake_row conflict[] = {
	{ "GET " MAP, 200, NULL, on_get },
	{ "PATCH " MAP, 409, "{\"kind\":\"Status\",\"message\":\"changed\"}",
	    NULL },
	{ NULL },
};

/* Agreed, and words_text() is OURS: the example of doc/wire/boot.md. */
static void agree(void)
{
	uint8_t exported[WORDS_EXPORTED], one[WORDS_NONCE], two[WORDS_NONCE];
	uint8_t commitment[WORDS_COMMITMENT];
	struct words bridge;

	for (unsigned i = 0; i < sizeof(exported); i++)
		exported[i] = (uint8_t)i;
	memset(one, 1, sizeof(one));
	memset(two, 2, sizeof(two));
	words_init(&words, WORDS_BROKER, exported, one);
	words_init(&bridge, WORDS_BRIDGE, exported, two);
	words_commitment(commitment, &bridge);
	assert_int_equal(words_committed(&words, commitment), 0);
	assert_int_equal(words_revealed(&words, two), 0);
}

static int setup(void **state)
{
	static const struct introducer_events events = { on_over, on_wrong,
		on_failed };

	(void)state;
	memset(&told, 0, sizeof(told));
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	agree();
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	fake_open(&fake, loop);
	fake.rows = answers;
	write_map(map, "1", NULL, NULL);
	access_ = (struct kube_access){ .server = fake.address };
	assert_int_equal(kube_open(&kube, loop, &access_, NULL), 0);
	assert_int_equal(
	    introducer_new(&introducer, loop, kube, "pharos", &events, NULL),
	    0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	introducer_free(introducer);
	kube_close(kube);
	fake_close(&fake);
	loop_free(loop);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

enum { PATIENCE_S = 20 };

/* One turn; time does not pass by it, and nothing is waited for long. */
static void turn(void)
{
	struct pollfd p = { .fd = uv_backend_fd(loop_uv(loop)),
		.events = POLLIN };

	poll(&p, 1, 1);
	loop_turn(loop);
}

#define UNTIL(condition)                                                       \
	do {                                                                   \
		time_t over_ = time(NULL) + PATIENCE_S;                        \
                                                                               \
		while (!(condition) && time(NULL) < over_)                     \
			turn();                                                \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

static void pass_look(void)
{
	loop_set_now(loop, loop_now(loop) + INTRODUCER_LOOK_MS);
	loop_turn(loop);
}

/* The next look, until its answer was heard. */
static void next_look(void)
{
	int before = fake.requests;

	pass_look();
	UNTIL(fake.requests > before);
	for (int i = 0; i < 20; i++) /* what comes of it */
		turn();
}

static void look(void)
{
	struct fault fault = FAULT_NONE;

	assert_int_equal(introducer_look(introducer, &fault), 0);
	UNTIL(told.over);
	assert_int_equal(told.over, 1);
}

/* ---- a look -------------------------------------------------------------- */

static void nobody_has_said_it_yet(void **state)
{
	(void)state;
	look();
	assert_false(told.has_ca);
	assert_int_equal(told.fault.code, 0);
	/* a map that is not there, and words of an earlier session, are none */
	fake.rows = nowhere;
	told.over = 0;
	look();
	assert_false(told.has_ca);
	assert_int_equal(told.fault.code, 0);
	fake.rows = answers;
	write_map(map, "2", OURS, NULL);
	told.over = 0;
	look();
	assert_false(told.has_ca);
	assert_int_equal(told.fault.code, 0);
}

static void what_was_said_before_is_followed(void **state)
{
	(void)state;
	write_map(map, "1", NULL, ca.cert);
	look();
	assert_true(told.is_ours);
}

static const struct {
	const char *label, *body;
	const struct fake_row *rows;
	const char *text, *hint;
} failures[] = {
	{ "no right", NULL, forbidden, "403",
	    "verb get on the ConfigMap pharos-bridge" },
	{ "a page", "<html>", answers, "not what a cluster says", NULL },
	{ "a CA that is none",
	    "{\"metadata\":{\"resourceVersion\":\"1\"},"
	    "\"data\":{\"ca.crt\":\"x\"}}",
	    answers, "ConfigMap pharos/pharos-bridge: ca.crt",
	    "Remove it there" },
};

static void what_cannot_be_known_is_not_followed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(failures); i++) {
		memset(&told, 0, sizeof(told));
		fake.rows = failures[i].rows;
		if (failures[i].body)
			(void)snprintf(
			    map, sizeof(map), "%s", failures[i].body);
		look();
		if (told.has_ca || !strstr(told.fault.text, failures[i].text) ||
		    (failures[i].hint &&
			!strstr(told.fault.hint, failures[i].hint)))
			fail_msg("%s: %s; %s", failures[i].label,
			    told.fault.text, told.fault.hint);
	}
}

static void a_leaf_is_no_ca(void **state)
{
	struct identity *leaf = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);

	(void)state;
	write_map(map, "1", NULL, leaf->leaf);
	look();
	assert_false(told.has_ca);
	assert_non_null(strstr(told.fault.text, "it is no CA's"));
	identity_free(leaf);
}

/* ---- a watch ------------------------------------------------------------- */

static void our_words_are_answered_with_our_ca(void **state)
{
	(void)state;
	introducer_watch(introducer, &words, ca.cert);
	next_look();
	assert_int_equal(told.over, 0);
	write_map(map, "2", "FAGO-KENO dili, fomi malo migi", NULL);
	write_map(patched, "3", NULL, ca.cert);
	pass_look();
	UNTIL(told.over);
	assert_true(told.is_ours);
	assert_memory_equal(fake.asked, "PATCH", 5);
	assert_non_null(strstr(fake.asked, "\"resourceVersion\":\"2\""));
	assert_int_equal(told.wrong + told.failed, 0);
}

static void another_replica_s_ca_is_followed_too(void **state)
{
	(void)state;
	introducer_watch(introducer, &words, ca.cert);
	write_map(map, "2", OTHERS, other_ca.cert);
	pass_look();
	UNTIL(told.over);
	assert_true(told.has_ca && !told.is_ours);
	assert_int_equal(told.wrong, 0);
}

static void others_are_told_of_and_change_nothing(void **state)
{
	(void)state;
	introducer_watch(introducer, &words, ca.cert);
	write_map(map, "2", OTHERS, NULL);
	next_look();
	next_look();
	assert_int_equal(told.wrong, 1); /* once */
	assert_non_null(strstr(told.fault.hint, "somebody stands between"));
	write_map(map, "3", "", NULL);
	next_look();
	assert_int_equal(told.wrong, 2); /* typed again */
	assert_int_equal(told.over + told.failed, 0);
	assert_memory_equal(fake.asked, "GET", 3);
	write_map(map, "4", OURS, NULL);
	write_map(patched, "5", NULL, ca.cert);
	pass_look();
	UNTIL(told.over);
	assert_true(told.is_ours);
}

static void who_wrote_in_between_is_heard(void **state)
{
	(void)state;
	introducer_watch(introducer, &words, ca.cert);
	write_map(map, "2", OURS, NULL);
	fake.rows = conflict;
	pass_look();
	UNTIL(told.failed);
	assert_int_equal(told.over, 0);
	write_map(map, "3", NULL, other_ca.cert);
	pass_look();
	UNTIL(told.over);
	assert_true(told.has_ca && !told.is_ours);
}

static void a_cluster_that_is_away_is_waited_for(void **state)
{
	(void)state;
	introducer_watch(introducer, &words, ca.cert);
	fake.rows = forbidden;
	pass_look();
	UNTIL(told.failed == 1);
	pass_look();
	UNTIL(told.failed == 2);
	assert_int_equal(told.over, 0);
	fake.rows = answers;
	write_map(map, "2", OURS, NULL);
	write_map(patched, "3", NULL, ca.cert);
	pass_look();
	UNTIL(told.over);
	assert_true(told.is_ours);
}

static void it_may_be_ended_at_any_time(void **state)
{
	struct fault fault;

	(void)state;
	introducer_watch(introducer, &words, ca.cert);
	introducer_end(introducer);
	introducer_end(introducer);
	assert_int_equal(introducer_look(introducer, &fault), 0);
	introducer_end(introducer);
	introducer_watch(introducer, &words, ca.cert);
	pass_look(); /* a call is under way */
	introducer_end(introducer);
	for (int i = 0; i < 20; i++)
		turn();
	assert_int_equal(told.over + told.wrong + told.failed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_has_said_it_yet),
		TEST(what_was_said_before_is_followed),
		TEST(what_cannot_be_known_is_not_followed),
		TEST(a_leaf_is_no_ca),
		TEST(our_words_are_answered_with_our_ca),
		TEST(another_replica_s_ca_is_followed_too),
		TEST(others_are_told_of_and_change_nothing),
		TEST(who_wrote_in_between_is_heard),
		TEST(a_cluster_that_is_away_is_waited_for),
		TEST(it_may_be_ended_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
