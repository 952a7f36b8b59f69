/* broker/test-bootstage.h: a cluster's API and a bridge that do what a script
 * says, and the broker's half of boot sessions between them. Sockets are real,
 * time is not; the bridge dials, as in the reverse mode. Tests only. */
#pragma once
#include "broker/boot.h"
#include "net/httpd.h"
#include "net/tcp.h"
#include "net/test-support.h"
#include "pki/testpki.h"
#include "wire/bootwords.h"
#include "wire/json.h"
#include <poll.h>
#include <stdio.h>
#include <time.h>

enum { PATIENCE_S = 20, LIFE_S = 3000 };

/* the key of RFC 7515, A.3 */
#define JWKS                                                                   \
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","                        \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","               \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"
#define DISCOVERY "{\"issuer\":\"https://issuer.example\"}"
#define UID	  "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b"

static struct loop *loop;
static struct testpki_ca ca, other_ca;
static struct identity *bridge_id, *broker_id, *other_id;

/* How cluster and bridge behave. */
enum manner { AS_IT_SHOULD, REFUSES, SAYS_NONSENSE, IS_SILENT, CUTS };

static struct script {
	enum manner namespace, keys, token, bridge;
	bool by_words;		 /* the broker is told no CA */
	bool cheats;		 /* with its nonce */
	bool no_bridge;		 /* none comes */
	bool mute_tls;		 /* it comes and says nothing */
	bool old;		 /* it has no boot sessions */
	struct identity **shows; /* NULL: the bridge's */
	/* the certificate: for whom, by whom, whose key */
	enum role role; /* ROLE_NONE: a broker's */
	bool foreign_ca, foreign_key, refused_by_us;
	struct boot_answer refusal; /* of a bridge that REFUSES */
	int64_t life_s;		    /* 0: LIFE_S */
} script;

static struct {
	struct httpd *httpd;
	int asked, tokens;
	char audience[512];
	struct http_stream *held[4]; /* that get no answer */
	size_t n_held;
	int looks, patches;
	char map[4096],
	    patched[4096]; /* the ConfigMap; what it is after a PATCH
			    */
} cluster;

static struct {
	struct tls_context *tls;
	struct leg *leg; /* until TLS is up, or for ever if it is mute */
	struct http_conn *conn;
	struct http_collect *collect;
	struct http_stream *stream;
	struct words words;
	int dials, requests, said;
	bool had_keys, good_audience;
	char method[16], target[64];
} bridge;

static struct {
	int calls, introduced;
	char name[ROLE_NAME_MOST + 1];
	EVP_PKEY *key;
} taken;

static struct uplink *uplink;
static struct uplink_config meeting;
static struct kube_access access_;
static struct kube *kube;
static struct boot *boot;
static const struct cluster_self self = { "pharos", "broker", "pod-1",
	"11111111-2222-3333-4444-555555555555" };

#define MAP_OF(version, data)                                                  \
	"{\"metadata\":{\"resourceVersion\":\"" version "\"},\"data\":{" data  \
	"}}"

/* ---- the cluster */

static inline void cluster_answer(
    struct http_stream *s, enum manner manner, const char *body)
{
	struct http_answer a = {
		.status = 200, .content_type = "application/json", .body = body
	};

	cluster.asked++;
	if (manner == IS_SILENT) {
		cluster.held[cluster.n_held++] = s;
		return;
	}
	if (manner == REFUSES) {
		a.status = 403;
		a.body = "{\"kind\":\"Status\",\"message\":\"forbidden: no\"}";
	} else if (manner == SAYS_NONSENSE) {
		a.body = "<html>log in</html>";
	} else if (manner == CUTS) {
		http_stream_abandon(s);
		return;
	}
	a.n = strlen(a.body);
	http_stream_answer(s, &a);
}

static inline void on_namespace(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	cluster_answer(s, script.namespace,
	    "{\"metadata\":{\"name\":\"kube-system\",\"uid\":\"" UID "\"}}");
}

static inline void on_discovery(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	cluster_answer(s, AS_IT_SHOULD, DISCOVERY);
}

static inline void on_keys(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	cluster_answer(s, script.keys, JWKS);
}

struct token_request {
	struct http_stream *stream;
	struct http_collect *collect;
};

/* The token is the audience itself, for the bridge to look at. */
static inline void on_token_body(void *ctx, char *body, size_t n, int error)
{
	struct token_request *q = ctx;
	JSON *j = json_loadb(body, n, 0, NULL);
	const json_t *spec = json_object_get(j, "spec");
	char answer[1024];

	assert_int_equal(error, 0);
	(void)snprintf(cluster.audience, sizeof(cluster.audience), "%s",
	    json_string_value(
		json_array_get(json_object_get(spec, "audiences"), 0)));
	assert_string_equal(
	    json_string_value(json_object_get(
		json_object_get(spec, "boundObjectRef"), "uid")),
	    self.pod_uid);
	cluster.tokens++;
	(void)snprintf(answer, sizeof(answer),
	    "{\"status\":{\"token\":\"%s\"}}", cluster.audience);
	cluster_answer(q->stream, script.token, answer);
	free(body);
	free(q);
}

static inline void on_token(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct token_request *q = calloc(1, sizeof(*q));

	(void)ctx;
	assert_string_equal(head->target,
	    "/api/v1/namespaces/pharos/serviceaccounts/broker/token");
	assert_non_null(q);
	q->stream = s;
	assert_int_equal(
	    http_receive(&q->collect, s, 65536, 1000000, on_token_body, q), 0);
}

static inline void on_map(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct http_answer a = { .status = 200,
		.content_type = "application/json",
		.body = cluster.map };

	(void)ctx;
	cluster.looks++;
	if (!strcmp(head->method, "PATCH")) {
		cluster.patches++;
		memcpy(cluster.map, cluster.patched, sizeof(cluster.map));
	}
	a.n = strlen(a.body);
	http_stream_answer(s, &a);
}

#define MAP_PATH "/api/v1/namespaces/pharos/configmaps/pharos-bridge"

static const struct httpd_route cluster_routes[] = {
	{ "GET", MAP_PATH, on_map },
	{ "PATCH", MAP_PATH, on_map },
	{ "GET", "/api/v1/namespaces/kube-system", on_namespace },
	{ "GET", "/.well-known/openid-configuration", on_discovery },
	{ "GET", "/openid/v1/jwks", on_keys },
	{ "POST", "/api/*", on_token },
};

/* ---- the bridge */

static inline char *sign(EVP_PKEY *key)
{
	const struct testpki_ca *by = script.foreign_ca ? &other_ca : &ca;
	struct pki_order order = { .role =
				       script.role ? script.role : ROLE_BROKER,
		.name = "pod-1",
		.seconds = script.life_s ? script.life_s : LIFE_S };
	CLEANUP(x509_p) X509 *leaf = NULL;
	char *pem = NULL;

	if (script.foreign_key)
		key = other_ca.key;
	assert_int_equal(
	    pki_issue(&leaf, by->cert, by->key, key, &order, NULL), 0);
	assert_int_equal(pki_cert_pem(&pem, leaf), 0);
	return pem;
}

static inline void check_audience(const struct boot_request *q, EVP_PKEY *key)
{
	CLEANUP(openssl_free_p) uint8_t *spki = NULL;
	char audience[BOOT_AUDIENCE + 1];
	uint8_t exported[BOOT_EXPORTED];
	int n = i2d_PUBKEY(key, &spki);

	assert_int_equal(
	    tls_leg_export(http_conn_leg(bridge.conn), BOOT_EXPORTER, exported),
	    0);
	boot_audience(audience, exported, spki, (size_t)n);
	bridge.good_audience = !strcmp(audience, q->token);
}

static inline char *answer_of(const struct boot_request *q)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	struct boot_answer a = { .code = BOOT_SIGNED };
	char *text = NULL;

	assert_int_equal(pki_csr_key(&key, q->csr, strlen(q->csr), NULL), 0);
	check_audience(q, key);
	assert_string_equal(q->uid, UID);
	bridge.had_keys = q->jwks && q->discovery;
	if (script.bridge == REFUSES) {
		assert_int_equal(boot_answer_write(&text, &script.refusal), 0);
		return text;
	}
	if (script.bridge == SAYS_NONSENSE)
		return strdup("<html>no</html>");
	a.cert[a.n_certs++] = sign(key);
	assert_int_equal(boot_answer_write(&text, &a), 0);
	boot_answer_deinit(&a);
	return text;
}

/* The bridge's half of six words. */
static inline void on_words_body(void *ctx, char *body, size_t n, int error)
{
	bool first = !(bridge.said++ % 2);
	struct bootwords said = { .kind = BOOTWORDS_COMMITMENT };
	struct bootwords answer = said;
	struct fault fault = FAULT_NONE;
	CLEANUP(free_p) char *text = NULL;
	char *pem = NULL;

	(void)ctx;
	bridge.collect = NULL;
	assert_int_equal(error, 0);
	if (bootwords_read(&said,
		first ? BOOTWORDS_COMMITMENT : BOOTWORDS_NONCE, body, n,
		&fault))
		fail_msg("%s", fault.text);
	free(body);
	if (first) {
		words_commitment(answer.bytes, &bridge.words);
		assert_int_equal(words_committed(&bridge.words, said.bytes), 0);
	} else {
		assert_int_equal(words_revealed(&bridge.words, said.bytes), 0);
		answer.kind = BOOTWORDS_ANSWER;
		memcpy(answer.bytes, bridge.words.nonce, WORDS_NONCE);
		answer.bytes[0] ^= script.cheats;
		assert_int_equal(pki_cert_pem(&pem, ca.cert), 0);
		answer.ca = pem;
	}
	assert_int_equal(bootwords_write(&text, &answer), 0);
	free(pem);
	http_stream_answer(STEAL(bridge.stream),
	    &(struct http_answer){
		.status = 200, .body = text, .n = strlen(text) });
}

static inline void on_request_body(void *ctx, char *body, size_t n, int error)
{
	struct boot_request q = { .token = NULL };
	struct fault fault = FAULT_NONE;
	CLEANUP(free_p) char *text = NULL;
	struct http_stream *s = STEAL(bridge.stream);

	(void)ctx;
	bridge.collect = NULL;
	assert_int_equal(error, 0);
	bridge.requests++;
	if (boot_request_read(&q, body, n, &fault))
		fail_msg("%s", fault.text);
	free(body);
	text = answer_of(&q);
	boot_request_deinit(&q);
	if (script.bridge == CUTS) {
		http_conn_cut(STEAL(bridge.conn));
		http_stream_abandon(s);
		return;
	}
	if (script.bridge == IS_SILENT) {
		bridge.stream = s;
		return;
	}
	http_stream_answer(
	    s, &(struct http_answer){ .status = script.bridge ? 403 : 200,
		   .body = text,
		   .n = strlen(text) });
}

static inline void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)snprintf(
	    bridge.method, sizeof(bridge.method), "%s", head->method);
	(void)snprintf(
	    bridge.target, sizeof(bridge.target), "%s", head->target);
	bridge.stream = s;
	assert_int_equal(
	    http_receive(&bridge.collect, s, BOOT_REQUEST_MOST, 1000000,
		strcmp(head->target, BOOTWORDS_PATH) != 0 ? on_request_body
							  : on_words_body,
		NULL),
	    0);
}

static inline void on_gone(void *ctx, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	bridge.conn = NULL;
}

static inline void on_bridge_leg(void *ctx, struct leg *leg, unsigned events)
{
	static const struct http_conn_events served = { .request = on_request,
		.gone = on_gone };
	const struct http_conn_config config = {
		.version = HTTP_2, .end = HTTP_SERVER, .events = &served
	};

	uint8_t exported[WORDS_EXPORTED], nonce[WORDS_NONCE] = { 7 };

	(void)ctx;
	if (events & LEG_GONE) {
		leg_close(STEAL(bridge.leg));
		return;
	}
	assert_int_equal(tls_leg_export(leg, WORDS_EXPORTER, exported), 0);
	words_init(&bridge.words, WORDS_BRIDGE, exported, nonce);
	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	assert_int_equal(
	    http_conn_open(&bridge.conn, STEAL(bridge.leg), &config), 0);
}

static inline void bridge_context(void)
{
	static const char *const boots[] = { BOOT_ALPN, NULL };
	static const char *const tunnels[] = { TUNNEL_ALPN, NULL };
	const struct tls_config config = { .end = TLS_SERVER,
		.hop = "test",
		.alpn = script.old ? tunnels : boots,
		.identity = script.shows ? *script.shows : bridge_id };

	assert_int_equal(tls_context_new(&bridge.tls, &config, NULL), 0);
}

static inline void bridge_hang_up(void)
{
	http_receive_cancel(STEAL(bridge.collect));
	if (bridge.stream)
		http_stream_abandon(STEAL(bridge.stream));
	if (bridge.conn)
		http_conn_cut(STEAL(bridge.conn));
	if (bridge.leg)
		leg_reset(STEAL(bridge.leg));
}

static inline void bridge_dial(void)
{
	const char *address = route_address(uplink_route(uplink));
	int fd =
	    test_connect((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));
	struct leg *leg;

	bridge_hang_up();
	bridge.dials++;
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(tcp_leg_open(&leg, loop, fd, false), 0);
	bridge.leg = leg;
	if (script.mute_tls)
		return;
	assert_int_equal(tls_leg_open(&bridge.leg, leg, bridge.tls, NULL), 0);
	leg_handle(bridge.leg, on_bridge_leg, NULL);
	leg_want(bridge.leg, LEG_WRITE);
}

/* ---- the broker */

static inline int take(
    void *ctx, const struct identity *id, struct fault *fault)
{
	(void)ctx;
	if (script.refused_by_us)
		return fault_set(fault, -EINVAL, NULL, "not wanted");
	taken.calls++;
	(void)snprintf(taken.name, sizeof(taken.name), "%s", id->subject.name);
	EVP_PKEY_free(taken.key);
	EVP_PKEY_up_ref(id->key);
	taken.key = id->key;
	return 0;
}

static inline int introduced(
    void *ctx, X509 *said, struct bootway_order *way, struct fault *fault)
{
	(void)ctx;
	if (script.refused_by_us)
		return fault_set(fault, -EINVAL, NULL, "not wanted");
	taken.introduced++;
	assert_int_equal(X509_cmp(said, ca.cert), 0);
	way->uplink = uplink;
	way->config = &meeting;
	return 0;
}

static inline struct boot_state state_now(void)
{
	struct boot_state s;

	boot_look(boot, &s);
	return s;
}

static inline uint64_t tries(void)
{
	const struct boot_counts *c = boot_counts(boot);

	return c->granted + c->refused + c->failed;
}

/* One turn; time does not pass by it, and nothing is waited for long. */
static inline void turn(void)
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
			fail_msg("never came: %s; %s", #condition,             \
			    state_now().last_error);                           \
	} while (0)

static inline void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	loop_turn(loop);
}

static inline bool in(enum bootplan_stage stage)
{
	return !strcmp(state_now().waits_for, bootplan_text(stage));
}

static inline void start_cluster(void)
{
	static const struct httpd_config config = { .routes = cluster_routes,
		.n_routes = N_ELEMS(cluster_routes) };

	assert_int_equal(httpd_new(&cluster.httpd, loop, &config), 0);
	assert_int_equal(
	    httpd_listen(cluster.httpd, "127.0.0.1:0", NULL, NULL), 0);
	access_.from = strdup("the test");
	assert_true(asprintf(&access_.server, "http://%s",
			httpd_address(cluster.httpd)) > 0);
	assert_int_equal(kube_open(&kube, loop, &access_, NULL), 0);
}

static inline void start_broker(void)
{
	static const char *const any[] = { "127.0.0.1:0" };
	const struct boot_config config = {
		.ca = script.by_words ? NULL : ca.cert,
		.kube = kube,
		.self = &self,
		.take = take,
		.introduced = introduced,
	};
	struct bootway_order way = { .loop = loop, .config = &meeting };

	meeting = (struct uplink_config){ .ca = ca.cert,
		.role = ROLE_BROKER,
		.peer_role = ROLE_BRIDGE,
		.end = TLS_CLIENT,
		.route = { .kind = ROUTE_ACCEPT,
		    .keep = ROUTE_EVERY,
		    .targets = any,
		    .n_targets = 1 } };
	assert_int_equal(uplink_open(&uplink, loop, &meeting, NULL), 0);
	way.uplink = uplink;
	assert_int_equal(boot_open(&boot, &config, &way, NULL), 0);
}

static inline void start(const struct script *with)
{
	script = *with;
	memset(&cluster, 0, sizeof(cluster));
	memset(&bridge, 0, sizeof(bridge));
	memset(&taken, 0, sizeof(taken));
	(void)snprintf(cluster.map, sizeof(cluster.map), MAP_OF("1", ""));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	bridge_context();
	start_cluster();
	start_broker();
}

static inline void stop(void)
{
	boot_close(STEAL(boot));
	kube_close(STEAL(kube));
	kube_access_clear(&access_);
	uplink_close(STEAL(uplink));
	bridge_hang_up();
	while (cluster.n_held)
		http_stream_abandon(cluster.held[--cluster.n_held]);
	httpd_free(cluster.httpd);
	tls_context_free(bridge.tls);
	EVP_PKEY_free(taken.key);
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
}

/* One try, as far as it gets; a stage that waits in vain is waited out. */
static inline void try_once(void)
{
	uint64_t before = tries();
	bool dialled = script.no_bridge;
	time_t over = time(NULL) + PATIENCE_S;

	while (tries() == before && time(NULL) < over) {
		turn();
		if (in(BOOTPLAN_MEETING) && !dialled) {
			bridge_dial();
			dialled = true;
		}
		if ((in(BOOTPLAN_MEETING) && script.no_bridge) ||
		    (in(BOOTPLAN_SHAKING) && script.mute_tls) ||
		    (in(BOOTPLAN_ASKING) && cluster.asked == 3 &&
			script.namespace == IS_SILENT) ||
		    (in(BOOTPLAN_VOUCHING) && cluster.tokens &&
			script.token == IS_SILENT) ||
		    (in(BOOTPLAN_AWAITING) && bridge.requests &&
			script.bridge == IS_SILENT))
			pass(1000);
	}
	if (tries() == before)
		fail_msg(
		    "no try has ended; waits for %s", state_now().waits_for);
}

static inline int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "pod-2", NULL);
	other_id = testpki_identity(&other_ca, ROLE_BRIDGE, "b1", NULL);
	return 0;
}

static inline int group_teardown(void **state)
{
	(void)state;
	identity_free(bridge_id);
	identity_free(broker_id);
	identity_free(other_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}
