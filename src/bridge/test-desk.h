/* bridge/test-desk.h: boot sessions over TLS in memory, with a fake clock and a
 * store that does what each test says: the verbs of bridge/registry.h and
 * bridge/issuer.h that sessions use are here.
 */
#pragma once
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

static inline json_t *set_of(const json_t *one)
{
	return json_pack("{s[o]}", "keys", key_public(one));
}

static inline void activate(struct registration *r)
{
	json_t *set = set_of(ours);
	char *text = json_dumps(set, 0);
	struct fingerprint_facts facts = { UID, ISSUER, text, strlen(text) };

	assert_int_equal(registration_activate(r, &facts), 0);
	free(text);
	json_decref(set);
}

static inline void record_make(enum registration_state state, bool approval)
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
	struct words words; /* at the meeting */
	char *said;	    /* the last answer's body */
	bool gone;
	int calls, status;
	struct boot_answer answer; /* 200 and refusals */
	struct fault fault;	   /* no answer */
} guest[SESSIONS];

static inline void turns(void)
{
	for (int i = 0; i < 400; i++)
		loop_turn(loop);
}

static inline void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static inline void on_guest_gone(void *ctx, const struct fault *fault)
{
	struct guest *g = ctx;

	(void)fault;
	g->conn = NULL;
	g->gone = true;
}

static const struct http_conn_events guest_events = { .gone = on_guest_gone };

/* TLS up on both ends; the bridge's end is a session of @boot. */
static inline void guest_comes(struct guest *g)
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

static inline void guest_speaks(struct guest *g)
{
	const struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &guest_events,
		.ctx = g };

	assert_int_equal(http_conn_open(&g->conn, STEAL(g->leg), &config), 0);
}

static inline void on_answer(
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
	free(g->said);
	g->said = calloc(1, a->n_body + 1);
	memcpy(g->said, a->body, a->n_body);
	free(a->body);
}

static inline void guest_posts(struct guest *g, const char *method,
    const char *target, const void *body, size_t n)
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

static inline const char *either(const char *said, const char *usual)
{
	return said ? said : usual;
}

static inline char *token_of(
    const struct guest *g, const struct ask *a, EVP_PKEY *key)
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

static inline char *csr_of(const struct ask *a, EVP_PKEY *key, EVP_PKEY *signer)
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

static inline char *request_of(const struct guest *g, const struct ask *a)
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

static inline void guest_asks(struct guest *g, const struct ask *a)
{
	char *text = request_of(g, a);

	guest_posts(g, "POST", BOOT_PATH, text, strlen(text));
	free(text);
}

/* A whole session. */
static inline struct guest *broker(const struct ask *a)
{
	struct guest *g = &guest[0];

	guest_comes(g);
	guest_speaks(g);
	guest_asks(g, a);
	return g;
}

static inline void guest_leaves(struct guest *g)
{
	if (g->call)
		httpc_cancel(STEAL(g->call));
	if (g->conn)
		http_conn_cut(STEAL(g->conn));
	leg_reset(STEAL(g->leg));
	boot_answer_deinit(&g->answer);
	free(g->said);
	turns();
	*g = (struct guest){ .calls = 0 };
}

static inline void expect(const struct guest *g, enum boot_code code,
    const char *done, const char *label)
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
	assert_int_equal(
	    welcomed, code == BOOT_SIGNED || code == BOOT_APPROVAL);
}

/* ---- around each test ---------------------------------------------------- */

static inline int group_setup(void **state)
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
static inline int no_token_was_logged(void)
{
	off_t n = lseek(log_file, 0, SEEK_CUR);
	char *text = calloc(1, (size_t)n + 1);
	bool found;

	assert_true(n > 0);
	assert_int_equal(pread(log_file, text, (size_t)n, 0), n);
	assert_non_null(strstr(text, "result=signed broker=broker-1"));
	found = strstr(text, "eyJ"); /* how each begins */
	free(text);
	return found;
}

static inline int clear_away(void **state)
{
	(void)state;
	close_p(&log_file);
	tls_context_free(server);
	tls_context_free(client);
	json_decref(ours);
	json_decref(theirs);
	identity_free(bridge_id);
	testpki_ca_free(&ca);
	return 0;
}

static inline int group_teardown(void **state)
{
	int r = no_token_was_logged();

	(void)clear_away(state);
	return r;
}

static inline void on_welcome(void *ctx, const char *target)
{
	(void)ctx;
	assert_string_equal(target, "beacon.example:443");
	welcomed++;
}

static struct boot_config config = { .welcome = on_welcome };

static inline int setup(void **state)
{
	(void)state;
	memset(&store, 0, sizeof(store));
	memset(&issuer, 0, sizeof(issuer));
	store.identity = bridge_id;
	welcomed = 0;
	memset(guest, 0, sizeof(guest));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	record_make(REGISTRATION_PENDING, false);
	store.version = 1;
	assert_int_equal(boot_new(&boot, loop, &config), 0);
	return 0;
}

static inline int teardown(void **state)
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

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
