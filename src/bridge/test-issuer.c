/* What the bridge asks of a cluster's issuer, and what it does with answers:
 * with a fake clock, a scripted registry and a scripted web, whose verbs are
 * here. */
#include "bridge/issuer.h"
#include "base/log.h"
#include "bridge/test-registry.h"
#include "link/web.h"
#include "wire/test-issuer.h"

#define ISSUER	  "https://oidc.cloud.example/id/C1"
#define DISCOVERY ISSUER "/.well-known/openid-configuration"
#define KEYS	  "https://keys.cloud.example/C1/jwks?v=1"

static struct issuer *issuer;
static json_t *old_key, *new_key;

/* ---- the web ------------------------------------------------------------- */

struct web {
	char origin[200];
	web_fn fn;
	void *ctx;
	struct loop_task task;
	bool telling; /* may not be closed: libcurl is not done with it */
};

static struct page {
	int status; /* 0: no answer */
	char text[4096];
} discovery, keys;

static struct {
	char asked[2000];
	int n_asked;
	struct web *open;
	bool hangs;
} net;

int web_open(struct web **out, struct loop *on, const struct web_config *config,
    struct fault *fault)
{
	struct web *w = calloc(1, sizeof(*w));

	(void)on;
	(void)fault;
	assert_null(net.open);
	assert_true(config->public_only);
	assert_null(config->pin_hex);
	assert_null(config->ca_file); /* the system's roots */
	snprintf(w->origin, sizeof(w->origin), "%s", config->address);
	*out = net.open = w;
	return 0;
}

void web_close(struct web *w)
{
	if (!w)
		return;
	assert_false(w->telling);
	loop_unpost(loop, &w->task);
	net.open = NULL;
	free(w);
}

static void on_answer(struct loop_task *task)
{
	struct web *w = CONTAINER_OF(task, struct web, task);
	const struct page *page =
	    strstr(net.asked, "openid-configuration") ? &discovery : &keys;
	struct web_answer a = { .status = page->status,
		.content_type = "application/json",
		.body = page->text,
		.n = strlen(page->text) };
	struct fault fault = { .text = "cannot be reached" };

	w->telling = true;
	w->fn(w->ctx, page->status ? &a : NULL, page->status ? NULL : &fault);
	w->telling = false;
}

int web_send(struct web_call **out, struct web *w,
    const struct web_request *request, web_fn fn, void *ctx)
{
	assert_string_equal(request->method, "GET");
	assert_null(request->body);
	snprintf(
	    net.asked, sizeof(net.asked), "%s%s", w->origin, request->target);
	net.n_asked++;
	w->fn = fn;
	w->ctx = ctx;
	if (!net.hangs)
		loop_post_next(loop, &w->task, on_answer);
	*out = NULL;
	return 0;
}

/* ---- around each test ---------------------------------------------------- */

static void page_json(struct page *page, json_t *j)
{
	char *text = json_dumps(j, 0);

	page->status = 200;
	snprintf(page->text, sizeof(page->text), "%s", text);
	free(text);
	json_decref(j);
}

static void serve(const char *name, const char *keys_url, const json_t *key)
{
	page_json(&discovery,
	    json_pack("{ssss}", "issuer", name, "jwks_uri", keys_url));
	page_json(&keys, json_pack("{s[o]}", "keys", key_public(key)));
}

static void record_make(enum registration_state state, const char *name)
{
	json_t *set = json_pack("{s[o]}", "keys", key_public(old_key));
	char *text = json_dumps(set, 0);
	struct fingerprint_facts facts = { "u-1", name, text, strlen(text) };
	struct registration_order order = { .space = "n",
		.subject = "system:serviceaccount:pharos:broker",
		.now = 1700000000,
		.ttl_s = 3600 };

	registration_deinit(&store.record);
	assert_int_equal(fingerprint_of(&order.fingerprint, &facts, NULL), 0);
	assert_int_equal(registration_open(&store.record, &order, NULL), 0);
	if (state != REGISTRATION_PENDING)
		assert_int_equal(
		    registration_activate(&store.record, &facts), 0);
	if (state == REGISTRATION_STALE)
		assert_int_equal(registration_doubt(&store.record), 0);
	if (state == REGISTRATION_REVOKED)
		assert_int_equal(registration_revoke(&store.record), 0);
	free(text);
	json_decref(set);
}

static void turns(void)
{
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static int group_setup(void **state)
{
	(void)state;
	log_setup("test", LOG_FORMAT_TEXT, LOG_LEVEL_ERR);
	old_key = key_make("ES256", "old");
	new_key = key_make("ES256", "new");
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	json_decref(old_key);
	json_decref(new_key);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&store, 0, sizeof(store));
	memset(&net, 0, sizeof(net));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	record_make(REGISTRATION_ACTIVE, ISSUER);
	serve(ISSUER, KEYS, old_key);
	assert_int_equal(issuer_new(&issuer, loop,
			     &(struct issuer_config){ .registry = NULL }),
	    0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	issuer_free(issuer);
	assert_null(net.open);
	assert_null(store.call);
	registration_deinit(&store.record);
	loop_free(loop);
	return 0;
}

/* ---- the tests ----------------------------------------------------------- */

static void only_a_public_https_url_may_be_asked(void **state)
{
	static const struct {
		const char *url;
		bool public;
	} rows[] = {
		{ "https://oidc.eks.eu-west-1.amazonaws.com/id/0123AB", true },
		{ "https://container.googleapis.com/v1/projects/p", true },
		{ "https://a.b", true },
		{ "https://a.b/", true },
		{ "https://A-1.B9:443/x?y=z", true },
		{ "http://oidc.example.com", false },
		{ "HTTPS://oidc.example.com", false },
		{ "https://oidc.example.com:6443", false },
		{ "https://oidc.example.com:4430/", false },
		{ "https://kubernetes.default.svc", false },
		{ "https://kubernetes.default.svc.cluster.local", false },
		{ "https://kubernetes.default.svc.cluster.LOCAL", false },
		{ "https://metadata.google.internal/x", false },
		{ "https://localhost/x", false },
		{ "https://oidc", false },
		{ "https://10.0.0.1/x", false },
		{ "https://93.184.216.34", false },
		{ "https://0x7f.1", false },
		{ "https://[2606:2800:220:1::1]/", false },
		{ "https://user@oidc.example.com/", false },
		{ "https://oidc.example.com@10.0.0.1/", false },
		{ "https://oidc.example.com#x", false },
		{ "https://oidc.example.com/a b", false },
		{ "https://oidc.example.com\\@x.y", false },
		{ "https://.com", false },
		{ "https://example.", false },
		{ "https:///x", false },
		{ "https://", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (issuer_is_public(rows[i].url) != rows[i].public)
			fail_msg("%s", rows[i].url);
}

static void the_same_keys_change_nothing(void **state)
{
	(void)state;
	assert_false(issuer_is_read(issuer));
	pass(ISSUER_LOOK_MS);
	assert_string_equal(net.asked, KEYS);
	assert_true(issuer_is_read(issuer));
	assert_int_equal(net.n_asked, 2);
	assert_int_equal(strlen(store.done), 0);
	pass(ISSUER_READ_MS - 1);
	assert_int_equal(net.n_asked, 2);
	pass(1);
	assert_int_equal(net.n_asked, 4);
}

static void other_keys_are_stored(void **state)
{
	for (int stale = 0; stale < 2; stale++) {
		json_t *want = json_pack("{s[o]}", "keys", key_public(new_key));

		if (stale) {
			setup(state);
			record_make(REGISTRATION_STALE, ISSUER);
		}
		serve(ISSUER, KEYS, new_key);
		pass(ISSUER_LOOK_MS);
		assert_string_equal(store.done, "write");
		assert_int_equal(store.record.state, REGISTRATION_ACTIVE);
		assert_true(json_equal(store.record.jwks, want));
		assert_int_equal(issuer_counts(issuer)->changes, 1);
		assert_true(issuer_is_read(issuer));
		json_decref(want);
		if (!stale)
			teardown(state);
	}
}

/* Somebody rang with a key that the issuer does not have either. */
static void a_stale_record_stays_so_while_the_keys_are_the_same(void **state)
{
	(void)state;
	record_make(REGISTRATION_STALE, ISSUER);
	pass(ISSUER_LOOK_MS);
	assert_int_equal(net.n_asked, 2);
	assert_int_equal(store.record.state, REGISTRATION_STALE);
	assert_int_equal(strlen(store.done), 0);
}

static void nothing_is_asked_where_there_is_nothing_to_read(void **state)
{
	static const struct {
		const char *label, *issuer;
		enum registration_state in;
		bool none;
	} rows[] = {
		{ "no record", ISSUER, REGISTRATION_ACTIVE, true },
		{ "pending", ISSUER, REGISTRATION_PENDING, false },
		{ "revoked", ISSUER, REGISTRATION_REVOKED, false },
		{ "inside the cluster", "https://kubernetes.default.svc",
		    REGISTRATION_ACTIVE, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		store.none = rows[i].none;
		record_make(rows[i].in, rows[i].issuer);
		pass(ISSUER_LOOK_MS);
		if (net.n_asked || issuer_is_read(issuer))
			fail_msg("%s", rows[i].label);
	}
	store.none = false;
	record_make(REGISTRATION_ACTIVE, ISSUER);
	pass(ISSUER_LOOK_MS);
	assert_true(issuer_is_read(issuer));
	record_make(REGISTRATION_ACTIVE, "https://other.cloud.example");
	assert_false(issuer_is_read(issuer)); /* that was another's */
}

static void an_answer_that_is_none_changes_nothing(void **state)
{
	static const struct {
		const char *label;
		int discovery, keys; /* status */
		const char *discovery_text, *keys_text;
		int asked;
	} rows[] = {
		{ "not reached", 0, 200, NULL, NULL, 1 },
		{ "not there", 404, 200, NULL, NULL, 1 },
		{ "a redirect", 302, 200, NULL, NULL, 1 },
		{ "no JSON", 200, 200, "hello", NULL, 1 },
		{ "of another issuer", 200, 200,
		    "{\"issuer\":\"https://x.y\",\"jwks_uri\":\"" KEYS "\"}",
		    NULL, 1 },
		{ "no place of keys", 200, 200, "{\"issuer\":\"" ISSUER "\"}",
		    NULL, 1 },
		{ "keys in our network", 200, 200,
		    "{\"issuer\":\"" ISSUER
		    "\",\"jwks_uri\":\"https://10.0.0.1/keys\"}",
		    NULL, 1 },
		{ "keys in the clear", 200, 200,
		    "{\"issuer\":\"" ISSUER
		    "\",\"jwks_uri\":\"http://a.b/keys\"}",
		    NULL, 1 },
		{ "keys not reached", 200, 0, NULL, NULL, 2 },
		{ "keys not there", 200, 500, NULL, NULL, 2 },
		{ "no keys", 200, 200, NULL, "{\"keys\":[]}", 2 },
		{ "a private key", 200, 200, NULL,
		    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", 2 },
		{ "something else", 200, 200, NULL, "[]", 2 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		serve(ISSUER, KEYS, new_key);
		discovery.status = rows[i].discovery;
		keys.status = rows[i].keys;
		if (rows[i].discovery_text)
			snprintf(discovery.text, sizeof(discovery.text), "%s",
			    rows[i].discovery_text);
		if (rows[i].keys_text)
			snprintf(keys.text, sizeof(keys.text), "%s",
			    rows[i].keys_text);
		pass(ISSUER_LOOK_MS);
		if (*store.done || issuer_is_read(issuer) ||
		    net.n_asked != rows[i].asked ||
		    issuer_counts(issuer)->failures != 1)
			fail_msg("%s", rows[i].label);
		serve(ISSUER, KEYS, new_key); /* and when it is well again */
		pass(ISSUER_AGAIN_MS - 1);
		assert_int_equal(net.n_asked, rows[i].asked);
		pass(1);
		assert_true(issuer_is_read(issuer));
		assert_string_equal(store.done, "write");
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

static void a_write_that_fails_is_tried_again(void **state)
{
	static const struct {
		const char *label;
		enum manner write;
		uint64_t again;
	} rows[] = {
		{ "the store takes none now", REFUSES, ISSUER_AGAIN_MS },
		{ "the store does not answer", AWAY, ISSUER_AGAIN_MS },
		{ "somebody else was first", LOSES, ISSUER_LOOK_MS },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		serve(ISSUER, KEYS, new_key);
		store.write = rows[i].write;
		pass(ISSUER_LOOK_MS);
		assert_string_equal(store.done, "write");
		assert_int_equal(issuer_counts(issuer)->changes, 0);
		store.write = WORKS;
		pass(rows[i].again);
		if (issuer_counts(issuer)->changes != 1)
			fail_msg("%s", rows[i].label);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* Whoever has the join string can send unknown keys, and so make it hurry. */
static void hurrying_has_a_limit(void **state)
{
	(void)state;
	issuer_hurry(issuer); /* nothing was read yet: as planned */
	turns();
	assert_int_equal(net.n_asked, 0);
	pass(ISSUER_LOOK_MS);
	assert_int_equal(net.n_asked, 2);
	for (int i = 0; i < 100; i++) {
		issuer_hurry(issuer);
		turns();
	}
	assert_int_equal(net.n_asked, 2);
	pass(ISSUER_HURRY_MS);
	assert_int_equal(net.n_asked, 4);
	pass(ISSUER_HURRY_MS);
	assert_int_equal(net.n_asked, 4);
	issuer_hurry(issuer);
	turns();
	assert_int_equal(net.n_asked, 6);
}

static void it_may_end_at_any_stage(void **state)
{
	for (int stage = 0; stage < 2; stage++) {
		if (stage)
			setup(state);
		serve(ISSUER, KEYS, new_key);
		net.hangs = !stage;
		store.write = HANGS;
		pass(ISSUER_LOOK_MS);
		assert_int_equal(net.open != NULL, !stage);
		issuer_free(STEAL(issuer));
		assert_null(net.open);
		assert_int_equal(store.cancelled, stage);
		if (!stage)
			teardown(state);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_a_public_https_url_may_be_asked),
		TEST(the_same_keys_change_nothing),
		TEST(other_keys_are_stored),
		TEST(a_stale_record_stays_so_while_the_keys_are_the_same),
		TEST(nothing_is_asked_where_there_is_nothing_to_read),
		TEST(an_answer_that_is_none_changes_nothing),
		TEST(a_write_that_fails_is_tried_again),
		TEST(hurrying_has_a_limit),
		TEST(it_may_end_at_any_stage),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
