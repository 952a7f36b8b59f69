/* bridge/test-stage.h: a registry on a store that answers what a test says, and
 * signs as a PKI engine does.
 */
#pragma once
#include "bridge/registry.h"
#include "net/sign.h"
#include "bridge/test-clock.h"
#include "pki/testpki.h"
#include "pki/verify.h"
#include "wire/json.h"
#include "wire/space.h"
#include <signal.h>

#define F      "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q"
#define BROKER "system:serviceaccount:pharos:broker"
/* RFC 7517, appendix A.1 */
#define KEYS                                                                   \
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","                        \
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","               \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}"
#define ERRORS(text) "{\"errors\":[\"" text "\"]}"
#define LOST	     ERRORS("check-and-set parameter did not match")

/* What the store answers. */
enum { LOGIN, READ, WRITE, CA, SIGN_BRIDGE, SIGN_BROKER, JWT };
static const char *make_ca(const char *asked);
static const char *make_leaf(const char *asked);
static struct fake_row said[] = {
	[LOGIN] = { "POST /v1/auth/pharos-approle/login" },
	[READ] = { "GET /v1/pharos/data/registration" },
	[WRITE] = { "POST /v1/pharos/data/registration" },
	[CA] = { "GET /v1/pharos-pki/cert/ca" },
	[SIGN_BRIDGE] = { "POST /v1/pharos-pki/sign/bridge" },
	[SIGN_BROKER] = { "POST /v1/pharos-pki/sign/broker" },
	[JWT] = { "POST /v1/auth/jwt/config" },
	{ NULL },
};

static struct loop *loop;
static struct fake fake;
static struct registry *registry;
static struct testpki_ca ca, other_ca;
static struct secret *secret_id;
static struct space space;
static char entry[8192]; /* what reading the record answers */

static struct {
	int records, identities, written, signed_;
	enum registry_outcome outcome;
	unsigned long version; /* when it was told */
	char pem[4096], text[FAULT_TEXT_MAX];
} got;

/* How the fake signs, if not as it is asked to. */
static struct {
	struct testpki_ca *by;
	enum role role;
	const char *name;
	bool other_key;
	long seconds;
} bend;

static inline void say(int row, int status, const char *body)
{
	fake.manner = FAKE_ANSWER;
	said[row].status = status;
	said[row].body = body;
}

/* ---- the PKI of the fake */

static inline const char *cert_answer(X509 *cert)
{
	static char body[8192];
	char *pem;
	json_t *j;
	size_t n;

	assert_int_equal(pki_cert_pem(&pem, cert), 0);
	j = json_pack("{s{ss}}", "data", "certificate", pem);
	n = json_dumpb(j, body, sizeof(body) - 1, JSON_COMPACT);
	assert_in_range(n, 1, sizeof(body) - 1);
	body[n] = '\0';
	json_decref(j);
	free(pem);
	return body;
}

static const char *make_ca(const char *asked)
{
	(void)asked;
	return cert_answer(ca.cert);
}

static const char *make_leaf(const char *asked)
{
	JSON *j = json_loads(strchr(asked, '{'), 0, NULL);
	const char *csr = json_string_value(json_object_get(j, "csr"));
	const char *uri = json_string_value(json_object_get(j, "uri_sans"));
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(x509_p) X509 *leaf = NULL;
	struct testpki_ca *by = bend.by ? bend.by : &ca;
	struct subject subject;
	struct pki_order order = { .seconds = bend.seconds };

	assert_int_equal(pki_csr_key(&key, csr, strlen(csr), NULL), 0);
	assert_int_equal(subject_parse(&subject, uri), 0);
	if (bend.other_key) {
		EVP_PKEY_free(STEAL(key));
		assert_int_equal(pki_key_new(&key), 0);
	}
	order.role = bend.role ? bend.role : subject.role;
	order.name = bend.name ? bend.name : subject.name;
	assert_int_equal(
	    pki_issue(&leaf, by->cert, by->key, key, &order, NULL), 0);
	return cert_answer(leaf);
}

/* ---- the record of the fake */

static inline struct registration made(enum registration_state state)
{
	static const struct fingerprint_facts facts = { "u-1", "https://i",
		KEYS, sizeof(KEYS) - 1 };
	struct registration_order order = { .space = "cloudtaser/m24ppin6",
		.subject = BROKER,
		.now = 1000,
		.ttl_s = 100 };
	struct registration r = { .n_out = 0 };

	assert_int_equal(fingerprint_parse(&order.fingerprint, F, NULL), 0);
	assert_int_equal(registration_open(&r, &order, NULL), 0);
	if (state == REGISTRATION_ACTIVE || state == REGISTRATION_STALE)
		assert_int_equal(registration_activate(&r, &facts), 0);
	if (state == REGISTRATION_STALE)
		assert_int_equal(registration_doubt(&r), 0);
	if (state == REGISTRATION_REVOKED)
		assert_int_equal(registration_revoke(&r), 0);
	return r;
}

static inline void put_record(const struct registration *r, int version)
{
	json_t *record, *j;
	size_t n;

	assert_int_equal(registration_write(&record, r), 0);
	j = json_pack("{s{sos{si}}}", "data", "data", record, "metadata",
	    "version", version);
	n = json_dumpb(j, entry, sizeof(entry) - 1, JSON_COMPACT);
	assert_in_range(n, 1, sizeof(entry) - 1);
	entry[n] = '\0';
	json_decref(j);
	say(READ, 200, entry);
}

static inline void put(enum registration_state state, int version)
{
	struct registration r = made(state);

	put_record(&r, version);
	registration_deinit(&r);
}

/* ---- the stage */

static inline void on_record(void *ctx)
{
	(void)ctx;
	got.records++;
}

static inline void on_identity(void *ctx)
{
	(void)ctx;
	got.identities++;
}

static const struct registry_events events = { on_record, on_identity };

static inline void on_written(
    void *ctx, enum registry_outcome outcome, const struct fault *fault)
{
	(void)ctx;
	got.written++;
	got.outcome = outcome;
	got.version = registry_version(registry);
	snprintf(got.text, sizeof(got.text), "%s", fault ? fault->text : "");
}

static inline void on_signed(
    void *ctx, const char *pem, const struct fault *fault)
{
	(void)ctx;
	assert_true(!pem != !fault);
	got.signed_++;
	snprintf(got.pem, sizeof(got.pem), "%s", pem ? pem : "");
	snprintf(got.text, sizeof(got.text), "%s", fault ? fault->text : "");
}

static inline void open_registry(void)
{
	struct fault fault = FAULT_NONE;
	const struct registry_config config = { .realm = "test",
		.address = fake.address,
		.space = &space,
		.role_id = "role",
		.secret_id = secret_id,
		.name = "Bridge_1.example",
		.events = &events };

	if (registry_open(&registry, loop, &config, &fault))
		fail_msg("%s", fault.text);
}

static inline int setup(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	memset(&bend, 0, sizeof(bend));
	bend.seconds = 3600;
	registry = NULL;
	clock_open(&loop);
	fake_open(&fake, loop);
	fake.rows = said;
	said[CA].make = make_ca;
	said[SIGN_BRIDGE].make = said[SIGN_BROKER].make = make_leaf;
	say(LOGIN, 200,
	    "{\"auth\":{\"client_token\":\"s.ours\",\"lease_duration\":86400,"
	    "\"renewable\":true}}");
	say(READ, 404, ERRORS(""));
	say(WRITE, 200, "{\"data\":{\"version\":2}}");
	say(CA, 200, NULL);
	say(SIGN_BRIDGE, 200, NULL);
	say(SIGN_BROKER, 200, NULL);
	say(JWT, 204, "");
	assert_int_equal(space_set(&space, "cloudtaser/m24ppin6", "", NULL), 0);
	assert_int_equal(secret_from(&secret_id, "secret", 6), 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	registry_close(registry);
	fake_close(&fake);
	secret_free(secret_id);
	pass(100000);
	loop_turn(loop);
	loop_free(loop);
	return 0;
}

static inline const struct registry_counts *counts(void)
{
	return registry_counts(registry);
}

/* Step by step, so that what is under way comes to its end in its time. */
static inline void pass_slowly(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i += REGISTRY_LOOK_MS) {
		pass(REGISTRY_LOOK_MS);
		for (int turn = 0; turn < 50; turn++)
			loop_turn(loop);
	}
}

/* A long time at once, while nothing is under way. */
static inline void jump(uint64_t ms)
{
	UNTIL(!fake.calls);
	pass(ms);
}

/* The next looks, until one was answered. */
static inline void look_again(void)
{
	uint64_t before = counts()->reads;

	pass_slowly(REGISTRY_REST_MOST_MS);
	UNTIL(counts()->reads > before);
}

static inline void open_with(enum registration_state state, int version)
{
	put(state, version);
	open_registry();
	UNTIL(got.records && registry_identity(registry));
}

static inline int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
