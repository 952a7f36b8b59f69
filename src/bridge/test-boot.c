/* Boot sessions over TLS in memory, with a fake clock and a store that does
 * what each test says: the verbs of bridge/registry.h and bridge/issuer.h that
 * sessions use are here. */
#include "bridge/boot.h"
#include "base/log.h"
#include "bridge/issuer.h"
#include "bridge/test-registry.h"
#include "net/httpc.h"
#include "net/memleg.h"
#include "net/tunnel.h"
#include "pki/testpki.h"
#include "wire/test-issuer.h"

#include <sys/mman.h>

#define UID    "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b"
#define ISSUER "https://kubernetes.default.svc"
#define SPACE  "system:serviceaccount:"
#define BROKER SPACE "pharos:broker"

enum { WINDOW_S = 3600, SESSIONS = BOOT_SESSIONS_MOST + 1 };

static struct testpki_ca ca;
static struct identity *bridge_id;
static struct tls_context *server, *client;
static json_t *ours, *theirs; /* keys of the cluster, of somebody else */
static struct boot *boot;
static int log_file, welcomed;

/* ---- the issuer's reader ------------------------------------------------- */

static struct {
	bool is_read;
	int hurries;
} issuer;

bool issuer_is_read(const struct issuer *i)
{
	(void)i;
	return issuer.is_read;
}

void issuer_hurry(struct issuer *i)
{
	(void)i;
	issuer.hurries++;
}

/* ---- the record ---------------------------------------------------------- */

static json_t *set_of(const json_t *one)
{
	return json_pack("{s[o]}", "keys", key_public(one));
}

static void activate(struct registration *r)
{
	json_t *set = set_of(ours);
	char *text = json_dumps(set, 0);
	struct fingerprint_facts facts = { UID, ISSUER, text, strlen(text) };

	assert_int_equal(registration_activate(r, &facts), 0);
	free(text);
	json_decref(set);
}

static void record_make(enum registration_state state, bool approval)
{
	json_t *set = set_of(ours);
	char *text = json_dumps(set, 0);
	struct fingerprint_facts facts = { UID, ISSUER, text, strlen(text) };
	struct registration_order order = { .space = "n",
		.subject = BROKER,
		.now = loop_wall(loop) - 60,
		.ttl_s = WINDOW_S,
		.approval = approval };

	assert_int_equal(fingerprint_of(&order.fingerprint, &facts, NULL), 0);
	assert_int_equal(registration_open(&store.record, &order, NULL), 0);
	if (state != REGISTRATION_PENDING)
		activate(&store.record);
	if (state == REGISTRATION_REVOKED)
		assert_int_equal(registration_revoke(&store.record), 0);
	free(text);
	json_decref(set);
}

/* ---- brokers ------------------------------------------------------------- */

static struct guest {
	struct leg *leg; /* until it is an HTTP connection's */
	struct http_conn *conn;
	struct httpc_call *call;
	uint8_t exported[BOOT_EXPORTED];
	bool gone;
	int calls, status;
	struct boot_answer answer; /* 200 and refusals */
	struct fault fault;	   /* no answer */
} guest[SESSIONS];

static void turns(void)
{
	for (int i = 0; i < 400; i++)
		loop_turn(loop);
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static void on_guest_gone(void *ctx, const struct fault *fault)
{
	struct guest *g = ctx;

	(void)fault;
	g->conn = NULL;
	g->gone = true;
}

static const struct http_conn_events guest_events = { .gone = on_guest_gone };

/* TLS up on both ends; the bridge's end is a session of @boot. */
static void guest_comes(struct guest *g)
{
	struct leg *wire[2], *bridge;

	assert_int_equal(memleg_pair(&wire[0], &wire[1], loop, 1 << 20), 0);
	assert_int_equal(tls_leg_open(&bridge, wire[0], server, NULL), 0);
	assert_int_equal(tls_leg_open(&g->leg, wire[1], client, NULL), 0);
	turns();
	assert_int_equal(tls_leg_export(g->leg, BOOT_EXPORTER, g->exported), 0);
	boot_guest(boot, bridge, "beacon.example:443");
	turns();
}

static void guest_speaks(struct guest *g)
{
	const struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &guest_events,
		.ctx = g };

	assert_int_equal(http_conn_open(&g->conn, STEAL(g->leg), &config), 0);
}

static void on_answer(
    void *ctx, struct httpc_answer *a, const struct fault *fault)
{
	struct guest *g = ctx;

	g->call = NULL;
	g->calls++;
	if (!a) {
		g->fault = *fault;
		return;
	}
	g->status = a->status;
	boot_answer_deinit(&g->answer);
	if (boot_answer_read(&g->answer, a->body, a->n_body, NULL))
		g->answer = (struct boot_answer){ .code = BOOT_CODE_COUNT };
	free(a->body);
}

static void guest_posts(struct guest *g, const char *method, const char *target,
    const void *body, size_t n)
{
	struct http_field type = { "content-type", "application/json" };

	assert_int_equal(httpc_send(&g->call, g->conn,
			     &(struct httpc_request){ .method = method,
				 .authority = TUNNEL_BRIDGE_NAME,
				 .target = target,
				 .fields = &type,
				 .n_fields = 1,
				 .body = body,
				 .n_body = n,
				 .most = BOOT_ANSWER_MOST,
				 .ms = 600000 },
			     on_answer, g),
	    0);
	turns();
}

/* What is not said is as an honest broker has it. */
struct ask {
	const char *subject, *pod, *uid, *header, *audience;
	const json_t *signer;
	bool other_key;	    /* certify another one than the token is for */
	bool forged_csr;    /* signed by another key */
	bool no_keys;	    /* jwks, discovery */
	const char *around; /* before the request for a certificate */
	bool unsigned_kind; /* of key: none of those that the store signs */
};

static const char *either(const char *said, const char *usual)
{
	return said ? said : usual;
}

static char *token_of(const struct guest *g, const struct ask *a, EVP_PKEY *key)
{
	char audience[BOOT_AUDIENCE + 1], claims[1024];
	long long now = loop_wall(loop);
	uint8_t *spki = NULL;
	int n = i2d_PUBKEY(key, &spki);

	boot_audience(audience, g->exported, spki, (size_t)n);
	OPENSSL_free(spki);
	snprintf(claims, sizeof(claims),
	    "{\"iss\":\"" ISSUER
	    "\",\"aud\":\"%s\",\"sub\":\"%s\",\"iat\":%lld,\"exp\":%lld,"
	    "\"kubernetes.io\":{\"pod\":{\"name\":\"%s\",\"uid\":\"p\"}}}",
	    either(a->audience, audience), either(a->subject, BROKER), now,
	    now + BOOT_TOKEN_S, either(a->pod, "broker-1"));
	return token_make(a->signer ? a->signer : ours,
	    either(a->header, "{\"alg\":\"ES256\",\"kid\":\"ours\"}"), claims);
}

static char *csr_of(const struct ask *a, EVP_PKEY *key, EVP_PKEY *signer)
{
	X509_REQ *request = X509_REQ_new();
	char *pem = NULL, *out = NULL;

	assert_int_equal(X509_REQ_set_pubkey(request, key), 1);
	assert_true(X509_REQ_sign(request, signer, pki_key_digest(signer)) > 0);
	assert_int_equal(pki_csr_pem(&pem, request), 0);
	assert_true(asprintf(&out, "%s%s", either(a->around, ""), pem) > 0);
	X509_REQ_free(request);
	free(pem);
	return out;
}

static char *request_of(const struct guest *g, const struct ask *a)
{
	EVP_PKEY *key, *other;
	struct boot_request q = { .jwks = a->no_keys ? NULL : set_of(ours) };
	char *text;

	assert_int_equal(pki_key_new(&key), 0);
	if (a->unsigned_kind) {
		EVP_PKEY_free(key);
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
	assert_int_equal(pki_key_new(&other), 0);
	q.token = token_of(g, a, key);
	q.csr = csr_of(a, a->other_key ? other : key,
	    a->other_key != a->forged_csr ? other : key);
	snprintf(q.uid, sizeof(q.uid), "%s", either(a->uid, UID));
	if (!a->no_keys)
		q.discovery = json_pack("{ss}", "issuer", ISSUER);
	assert_int_equal(boot_request_write(&text, &q), 0);
	boot_request_deinit(&q);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return text;
}

static void guest_asks(struct guest *g, const struct ask *a)
{
	char *text = request_of(g, a);

	guest_posts(g, "POST", BOOT_PATH, text, strlen(text));
	free(text);
}

/* A whole session. */
static struct guest *broker(const struct ask *a)
{
	struct guest *g = &guest[0];

	guest_comes(g);
	guest_speaks(g);
	guest_asks(g, a);
	return g;
}

static void guest_leaves(struct guest *g)
{
	if (g->call)
		httpc_cancel(STEAL(g->call));
	if (g->conn)
		http_conn_cut(STEAL(g->conn));
	leg_reset(STEAL(g->leg));
	boot_answer_deinit(&g->answer);
	turns();
	*g = (struct guest){ .calls = 0 };
}

static void expect(const struct guest *g, enum boot_code code, const char *done,
    const char *label)
{
	if (g->calls != 1 || g->answer.code != code ||
	    g->status != boot_code_status(code) ||
	    strcmp(store.done, done) != 0)
		fail_msg("%s: %d calls, %d, %s: %s; the store was asked to %s",
		    label, g->calls, g->status,
		    g->answer.code < BOOT_CODE_COUNT
			? boot_code_text(g->answer.code)
			: "?",
		    g->answer.fault.text, store.done);
	assert_int_equal(boot_counts(boot)->ended[code], 1);
	assert_int_equal(welcomed, code == BOOT_SIGNED);
}

/* ---- around each test ---------------------------------------------------- */

static int group_setup(void **state)
{
	static const char *const alpn[] = { TUNNEL_ALPN, BOOT_ALPN, NULL };

	(void)state;
	log_file = memfd_create("log", MFD_CLOEXEC);
	assert_true(log_file >= 0);
	log_to(log_file);
	ca = testpki_ca_new("the bridge CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	ours = key_make("ES256", "ours");
	theirs = key_make("ES256", "theirs");
	assert_int_equal(tls_context_new(&server,
			     &(struct tls_config){ .end = TLS_SERVER,
				 .hop = "bridge",
				 .alpn = alpn,
				 .guest = BOOT_ALPN,
				 .identity = bridge_id,
				 .trust = TLS_TRUST_CA,
				 .ca = ca.cert },
			     NULL),
	    0);
	return tunnel_boot_context(&client, ca.cert, NULL);
}

/* What all tests together have logged has no token in it. */
static int no_token_was_logged(void)
{
	off_t n = lseek(log_file, 0, SEEK_CUR);
	char *text = calloc(1, (size_t)n + 1);
	bool found;

	assert_true(n > 0);
	assert_int_equal(pread(log_file, text, (size_t)n, 0), n);
	assert_non_null(strstr(text, "result=signed broker=broker-1"));
	found = strstr(text, "eyJ"); /* how each begins */
	free(text);
	close_p(&log_file);
	return found;
}

static int group_teardown(void **state)
{
	int r = no_token_was_logged();

	(void)state;
	tls_context_free(server);
	tls_context_free(client);
	json_decref(ours);
	json_decref(theirs);
	identity_free(bridge_id);
	testpki_ca_free(&ca);
	return r;
}

static void on_welcome(void *ctx, const char *target)
{
	(void)ctx;
	assert_string_equal(target, "beacon.example:443");
	welcomed++;
}

static const struct boot_config config = { .welcome = on_welcome };

static int setup(void **state)
{
	(void)state;
	memset(&store, 0, sizeof(store));
	memset(&issuer, 0, sizeof(issuer));
	welcomed = 0;
	memset(guest, 0, sizeof(guest));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	record_make(REGISTRATION_PENDING, false);
	store.version = 1;
	assert_int_equal(boot_new(&boot, loop, &config), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < SESSIONS; i++)
		guest_leaves(&guest[i]);
	assert_int_equal(boot_counts(boot)->open, 0);
	boot_free(boot);
	assert_null(store.call);
	registration_deinit(&store.record);
	turns();
	pass(LEG_LINGER_MS);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

/* ---- who is let in ------------------------------------------------------- */

static void the_record_is_written_before_anything_is_signed(void **state)
{
	struct guest *g = broker(&(struct ask){ .around = "" });

	(void)state;
	expect(g, BOOT_SIGNED, "write sign", "the first");
	assert_int_equal(store.record.state, REGISTRATION_ACTIVE);
	assert_int_equal(g->answer.n_certs, 1);
	assert_string_equal(g->answer.cert[0], SIGNED);
	assert_string_equal(store.name, "broker-1");
	assert_true(g->gone); /* one request, and it is over */
	assert_int_equal(boot_counts(boot)->open, 0);
}

static void a_replica_and_a_restart_change_nothing(void **state)
{
	(void)state;
	activate(&store.record);
	expect(broker(&(struct ask){ .no_keys = true }), BOOT_SIGNED, "sign",
	    "a replica");
}

/* Every refusal, and what is done in the store for it. */
static void every_refusal_is_reached(void **state)
{
	static const struct {
		const char *label;
		enum registration_state in;
		enum boot_code want;
		const char *done;
		struct ask ask;
		bool late, approval, rogue, rings;
	} rows[] = {
		{ "a request of another key", 0, BOOT_MALFORMED, "",
		    .ask = { .forged_csr = true } },
		{ "a key that the store does not sign", 0, BOOT_MALFORMED, "",
		    .ask = { .unsigned_kind = true } },
		{ "too late", 0, BOOT_WINDOW, "", .late = true },
		{ "another cluster", 0, BOOT_FINGERPRINT, "",
		    .ask = { .uid = "u-2" } },
		{ "no keys, when they are needed", 0, BOOT_FINGERPRINT, "",
		    .ask = { .no_keys = true } },
		{ "a token of another session", 0, BOOT_TOKEN, "",
		    .ask = { .audience = "pharos-boot:v1:x" } },
		{ "a token for another key", 0, BOOT_TOKEN, "",
		    .ask = { .other_key = true } },
		{ "the same, later", REGISTRATION_ACTIVE, BOOT_TOKEN, "",
		    .ask = { .other_key = true } },
		{ "under a key that is not stored", REGISTRATION_ACTIVE,
		    BOOT_KEY, "write",
		    .ask = { .header =
				 "{\"alg\":\"ES256\",\"kid\":\"theirs\"}" },
		    .rogue = true, .rings = true },
		{ "a tenant", REGISTRATION_ACTIVE, BOOT_SUBJECT, "",
		    .ask = { .subject = SPACE "shop:default" } },
		{ "no pod", REGISTRATION_ACTIVE, BOOT_POD, "",
		    .ask = { .pod = "" } },
		{ "to be approved", 0, BOOT_APPROVAL, "write",
		    .approval = true },
		{ "revoked", REGISTRATION_REVOKED, BOOT_REVOKED, "" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct ask ask = rows[i].ask;

		if (i)
			setup(state);
		registration_deinit(&store.record);
		record_make(rows[i].in, rows[i].approval);
		if (rows[i].late)
			store.record.closes = loop_wall(loop);
		ask.signer = rows[i].rogue ? theirs : NULL;
		expect(broker(&ask), rows[i].want, rows[i].done, rows[i].label);
		assert_int_equal(
		    store.record.state == REGISTRATION_STALE, rows[i].rings);
		assert_int_equal(issuer.hurries, rows[i].rings);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

static void what_is_no_request_is_malformed(void **state)
{
	char *big = malloc(BOOT_REQUEST_MOST + 1);
	const struct {
		const char *label, *text;
		size_t n;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "no JSON", "token", 5 },
		{ "no members", "{}", 2 },
		{ "too large", big, BOOT_REQUEST_MOST + 1 },
	};

	memset(big, ' ', BOOT_REQUEST_MOST + 1);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		guest_comes(&guest[0]);
		guest_speaks(&guest[0]);
		guest_posts(
		    &guest[0], "POST", BOOT_PATH, rows[i].text, rows[i].n);
		expect(&guest[0], BOOT_MALFORMED, "", rows[i].label);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
	free(big);
}

static void anything_but_the_one_request_is_turned_away(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
	} rows[] = {
		{ "POST", "/v1/secret/data/x", 404 },
		{ "GET", BOOT_PATH, 405 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		guest_comes(&guest[0]);
		guest_speaks(&guest[0]);
		guest_posts(&guest[0], rows[i].method, rows[i].target, NULL, 0);
		assert_int_equal(guest[0].status, rows[i].status);
		assert_true(guest[0].gone);
		assert_string_equal(store.done, "");
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* What another reader could find in the text is not passed on to it. */
static void the_store_is_given_the_request_that_was_judged(void **state)
{
	(void)state;
	broker(&(struct ask){ .around = "-----BEGIN X-----\nAAAA\n"
					"-----END X-----\n" });
	expect(&guest[0], BOOT_SIGNED, "write sign", "more in the text");
	assert_memory_equal(
	    store.csr, "-----BEGIN CERTIFICATE REQUEST-----\n", 36);
}

/* ---- races --------------------------------------------------------------- */

static void who_loses_the_race_is_judged_by_the_winners_record(void **state)
{
	(void)state;
	store.loses = 1;
	store.on_lost = activate;
	expect(broker(&(struct ask){ .around = "" }), BOOT_SIGNED, "write sign",
	    "lost once");
	assert_int_equal(boot_counts(boot)->again, 1);
}

static void a_race_that_is_always_lost_comes_to_an_end(void **state)
{
	(void)state;
	store.loses = 100;
	expect(broker(&(struct ask){ .around = "" }), BOOT_STORE,
	    "write write write write", "lost always");
	assert_int_equal(store.record.state, REGISTRATION_PENDING);
}

static void a_revocation_is_not_written_over(void **state)
{
	(void)state;
	store.loses = 1; /* to a person */
	guest_comes(&guest[0]);
	guest_speaks(&guest[0]);
	assert_int_equal(registration_revoke(&store.record), 0);
	guest_asks(&guest[0], &(struct ask){ .around = "" });
	expect(&guest[0], BOOT_REVOKED, "", "revoked in between");
}

/* ---- a store that is not there ------------------------------------------- */

static void without_the_store_nobody_is_let_in_and_the_next_try_is(void **state)
{
	static const struct {
		const char *label;
		bool none;
		enum manner write, sign;
		const char *done;
	} rows[] = {
		{ "the record is gone", true, WORKS, WORKS, "" },
		{ "it takes no write", false, REFUSES, WORKS, "write" },
		{ "it does not answer a write", false, AWAY, WORKS, "write" },
		{ "it takes no signing", false, WORKS, REFUSES, "write sign" },
		{ "it does not sign", false, WORKS, AWAY, "write sign" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct guest *g;

		if (i)
			setup(state);
		store.none = rows[i].none;
		store.write = rows[i].write;
		store.sign = rows[i].sign;
		g = broker(&(struct ask){ .around = "" });
		expect(g, BOOT_STORE, rows[i].done, rows[i].label);
		assert_int_equal(g->answer.retry_s, 5);
		/* where the store is, and what it said, is not a guest's */
		assert_null(strstr(g->answer.fault.text, "10.0.0.1"));
		assert_int_equal(rows[i].none,
		    !!strstr(g->answer.fault.text, "not registered"));
		guest_leaves(&guest[0]);
		store.none = false;
		store.write = store.sign = WORKS;
		store.done[0] = '\0';
		broker(&(struct ask){ .around = "" });
		assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
		assert_int_equal(store.record.state, REGISTRATION_ACTIVE);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

static void each_stage_of_the_store_has_a_deadline(void **state)
{
	for (int signing = 0; signing < 2; signing++) {
		if (signing)
			setup(state);
		store.write = signing ? WORKS : HANGS;
		store.sign = HANGS;
		broker(&(struct ask){ .around = "" });
		pass(BOOT_STAGE_MS - 1);
		assert_int_equal(guest[0].calls, 0);
		pass(1);
		expect(&guest[0], BOOT_STORE, signing ? "write sign" : "write",
		    "late");
		assert_int_equal(store.cancelled, 1);
		if (!signing)
			teardown(state);
	}
}

/* ---- guests who do not behave -------------------------------------------- */

static void who_says_nothing_is_cut(void **state)
{
	char byte;

	(void)state;
	guest_comes(&guest[0]);
	pass(BOOT_STAGE_MS - 1);
	assert_int_equal(boot_counts(boot)->open, 1);
	pass(1);
	assert_int_equal(boot_counts(boot)->open, 0);
	assert_int_equal(boot_counts(boot)->broken, 1);
	/* after what the server's HTTP/2 began with: no orderly end */
	for (ssize_t n = 1; n > 0;)
		n = leg_read(guest[0].leg, &byte, 1);
	assert_int_not_equal(leg_read(guest[0].leg, &byte, 1), -EAGAIN);
}

static void on_nothing(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	(void)ctx;
	(void)s;
	(void)head;
	(void)why;
}

static void a_body_that_never_ends_is_cut(void **state)
{
	struct http_head head = { .method = "POST",
		.authority = TUNNEL_BRIDGE_NAME,
		.target = BOOT_PATH,
		.length = -1 };
	struct http_stream *s;

	(void)state;
	guest_comes(&guest[0]);
	guest_speaks(&guest[0]);
	turns();
	assert_int_equal(http_conn_request(
			     guest[0].conn, &head, false, on_nothing, NULL, &s),
	    0);
	turns();
	assert_int_equal(leg_write(http_stream_leg(s), "{", 1), 1);
	turns();
	pass(BOOT_STAGE_MS - 1);
	assert_int_equal(boot_counts(boot)->open, 1);
	pass(1);
	assert_int_equal(boot_counts(boot)->open, 0);
	assert_true(guest[0].gone);
	http_stream_abandon(s);
}

static void who_leaves_while_the_store_works_is_forgotten(void **state)
{
	for (int signing = 0; signing < 2; signing++) {
		if (signing)
			setup(state);
		store.write = signing ? WORKS : HANGS;
		store.sign = HANGS;
		broker(&(struct ask){ .around = "" });
		assert_non_null(store.call);
		guest_leaves(&guest[0]);
		assert_int_equal(store.cancelled, 1);
		assert_int_equal(boot_counts(boot)->open, 0);
		assert_int_equal(boot_counts(boot)->broken, 1);
		if (!signing)
			teardown(state);
	}
}

static void more_sessions_than_the_limit_are_reset(void **state)
{
	(void)state;
	for (int i = 0; i < SESSIONS; i++)
		guest_comes(&guest[i]);
	assert_int_equal(boot_counts(boot)->open, BOOT_SESSIONS_MOST);
	assert_int_equal(boot_counts(boot)->refused, 1);
	guest_leaves(&guest[0]);
	guest_leaves(&guest[SESSIONS - 1]);
	broker(&(struct ask){ .around = "" });
	assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
}

static void more_requests_than_the_rate_are_told_to_wait(void **state)
{
	(void)state;
	activate(&store.record);
	for (int i = 0; i < BOOT_REQUESTS_BURST; i++) {
		broker(&(struct ask){ .uid = "u-2" });
		assert_int_equal(guest[0].answer.code, BOOT_FINGERPRINT);
		guest_leaves(&guest[0]);
	}
	expect(
	    broker(&(struct ask){ .uid = "u-2" }), BOOT_BUSY, "", "one more");
	guest_leaves(&guest[0]);
	pass(BOOT_REQUESTS_STEP_MS);
	broker(&(struct ask){ .around = "" });
	assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
}

static void sessions_end_with_the_desk(void **state)
{
	(void)state;
	store.write = HANGS;
	broker(&(struct ask){ .around = "" });
	boot_free(boot);
	assert_int_equal(store.cancelled, 1);
	turns();
	assert_true(guest[0].gone);
	assert_int_equal(boot_new(&boot, loop, &config), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_record_is_written_before_anything_is_signed),
		TEST(a_replica_and_a_restart_change_nothing),
		TEST(every_refusal_is_reached),
		TEST(what_is_no_request_is_malformed),
		TEST(anything_but_the_one_request_is_turned_away),
		TEST(the_store_is_given_the_request_that_was_judged),
		TEST(who_loses_the_race_is_judged_by_the_winners_record),
		TEST(a_race_that_is_always_lost_comes_to_an_end),
		TEST(a_revocation_is_not_written_over),
		TEST(without_the_store_nobody_is_let_in_and_the_next_try_is),
		TEST(each_stage_of_the_store_has_a_deadline),
		TEST(who_says_nothing_is_cut),
		TEST(a_body_that_never_ends_is_cut),
		TEST(who_leaves_while_the_store_works_is_forgotten),
		TEST(more_sessions_than_the_limit_are_reset),
		TEST(more_requests_than_the_rate_are_told_to_wait),
		TEST(sessions_end_with_the_desk),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
