/* broker/test-boot.c: the broker's half of boot sessions, against a cluster's
 * API and a bridge that do what a row says. Sockets are real, time is not; the
 * bridge dials, as in the reverse mode. */
#include "broker/boot.h"
#include "net/httpd.h"
#include "net/tcp.h"
#include "net/test-support.h"
#include "pki/testpki.h"
#include "wire/json.h"
#include <poll.h>
#include <stdio.h>
#include <time.h>

enum { PATIENCE_S = 20, LIFE_S = 3000 };

#define JWKS	  "{\"keys\":[]}"
#define DISCOVERY "{\"issuer\":\"https://issuer.example\"}"
#define UID	  "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b"

static struct loop *loop;
static struct testpki_ca ca, other_ca;
static struct identity *bridge_id, *broker_id, *other_id;

/* How cluster and bridge behave. */
enum manner { AS_IT_SHOULD, REFUSES, SAYS_NONSENSE, IS_SILENT, CUTS };

static struct script {
	enum manner namespace, keys, token, bridge;
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
} cluster;

static struct {
	struct tls_context *tls;
	struct leg *leg; /* until TLS is up, or for ever if it is mute */
	struct http_conn *conn;
	struct http_collect *collect;
	struct http_stream *stream;
	int dials, requests;
	bool had_keys, good_audience;
	char method[16], target[64];
} bridge;

static struct {
	int calls;
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

/* ---- the cluster */

static void cluster_answer(
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

static void on_namespace(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	cluster_answer(s, script.namespace,
	    "{\"metadata\":{\"name\":\"kube-system\",\"uid\":\"" UID "\"}}");
}

static void on_discovery(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	cluster_answer(s, AS_IT_SHOULD, DISCOVERY);
}

static void on_keys(
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
static void on_token_body(void *ctx, char *body, size_t n, int error)
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

static void on_token(
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

static const struct httpd_route cluster_routes[] = {
	{ "GET", "/api/v1/namespaces/kube-system", on_namespace },
	{ "GET", "/.well-known/openid-configuration", on_discovery },
	{ "GET", "/openid/v1/jwks", on_keys },
	{ "POST", "/api/*", on_token },
};

/* ---- the bridge */

static char *sign(EVP_PKEY *key)
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

static void check_audience(const struct boot_request *q, EVP_PKEY *key)
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

static char *answer_of(const struct boot_request *q)
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

static void on_request_body(void *ctx, char *body, size_t n, int error)
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

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)snprintf(
	    bridge.method, sizeof(bridge.method), "%s", head->method);
	(void)snprintf(
	    bridge.target, sizeof(bridge.target), "%s", head->target);
	bridge.stream = s;
	assert_int_equal(http_receive(&bridge.collect, s, BOOT_REQUEST_MOST,
			     1000000, on_request_body, NULL),
	    0);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	bridge.conn = NULL;
}

static void on_bridge_leg(void *ctx, struct leg *leg, unsigned events)
{
	static const struct http_conn_events served = { .request = on_request,
		.gone = on_gone };
	const struct http_conn_config config = {
		.version = HTTP_2, .end = HTTP_SERVER, .events = &served
	};

	(void)ctx;
	if (events & LEG_GONE) {
		leg_close(STEAL(bridge.leg));
		return;
	}
	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	assert_int_equal(
	    http_conn_open(&bridge.conn, STEAL(bridge.leg), &config), 0);
}

static void bridge_context(void)
{
	static const char *const boots[] = { BOOT_ALPN, NULL };
	static const char *const tunnels[] = { TUNNEL_ALPN, NULL };
	const struct tls_config config = { .end = TLS_SERVER,
		.hop = "test",
		.alpn = script.old ? tunnels : boots,
		.identity = script.shows ? *script.shows : bridge_id };

	assert_int_equal(tls_context_new(&bridge.tls, &config, NULL), 0);
}

static void bridge_hang_up(void)
{
	http_receive_cancel(STEAL(bridge.collect));
	if (bridge.stream)
		http_stream_abandon(STEAL(bridge.stream));
	if (bridge.conn)
		http_conn_cut(STEAL(bridge.conn));
	if (bridge.leg)
		leg_reset(STEAL(bridge.leg));
}

static void bridge_dial(void)
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

static int take(void *ctx, const struct identity *id, struct fault *fault)
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

static struct boot_state state_now(void)
{
	struct boot_state s;

	boot_look(boot, &s);
	return s;
}

static uint64_t tries(void)
{
	const struct boot_counts *c = boot_counts(boot);

	return c->granted + c->refused + c->failed;
}

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
			fail_msg("never came: %s; %s", #condition,             \
			    state_now().last_error);                           \
	} while (0)

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	loop_turn(loop);
}

static bool in(enum bootplan_stage stage)
{
	return !strcmp(state_now().waits_for, bootplan_text(stage));
}

static void start_cluster(void)
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

static void start_broker(void)
{
	static const char *const any[] = { "127.0.0.1:0" };
	const struct boot_config config = {
		.ca = ca.cert, .kube = kube, .self = &self, .take = take
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

static void start(const struct script *with)
{
	script = *with;
	memset(&cluster, 0, sizeof(cluster));
	memset(&bridge, 0, sizeof(bridge));
	memset(&taken, 0, sizeof(taken));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	bridge_context();
	start_cluster();
	start_broker();
}

static void stop(void)
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
static void try_once(void)
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

static int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "pod-2", NULL);
	other_id = testpki_identity(&other_ca, ROLE_BRIDGE, "b1", NULL);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	identity_free(bridge_id);
	identity_free(broker_id);
	identity_free(other_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

/* ---- what is good */

static void it_gets_a_certificate(void **state)
{
	static const struct script good = { .role = ROLE_BROKER };

	(void)state;
	start(&good);
	try_once();
	assert_int_equal(boot_counts(boot)->granted, 1);
	assert_int_equal(taken.calls, 1);
	assert_string_equal(taken.name, "pod-1");
	assert_string_equal(bridge.method, "POST");
	assert_string_equal(bridge.target, BOOT_PATH);
	assert_true(bridge.had_keys);
	assert_true(bridge.good_audience);
	assert_true(state_now().ends > loop_wall(loop) + LIFE_S - 60);
	assert_string_equal(state_now().last_error, "");
	UNTIL(!bridge.conn); /* the session has ended in order */
	stop();
}

static void the_next_one_has_another_key_and_comes_without_keys(void **state)
{
	static const struct script short_ = { .role = ROLE_BROKER,
		.life_s = 2 };
	CLEANUP(key_p) EVP_PKEY *first = NULL;

	(void)state;
	start(&short_);
	try_once();
	first = STEAL(taken.key);
	pass(BOOTPLAN_REST_LEAST_MS);
	try_once();
	assert_int_equal(taken.calls, 2);
	assert_true(bridge.good_audience);
	assert_false(bridge.had_keys);
	assert_int_equal(cluster.asked, 3 + 2);
	assert_int_equal(EVP_PKEY_eq(first, taken.key), 0);
	stop();
}

static void after_a_failure_it_tries_again(void **state)
{
	static const struct script bad = { .role = ROLE_BROKER,
		.token = REFUSES };

	(void)state;
	start(&bad);
	try_once();
	assert_int_equal(boot_counts(boot)->failed, 1);
	assert_true(state_now().retry_ms > 0);
	script.token = AS_IT_SHOULD;
	pass(BOOTPLAN_REST_LEAST_MS);
	try_once();
	assert_int_equal(boot_counts(boot)->granted, 1);
	assert_string_equal(state_now().last_error, "");
	stop();
}

/* ---- what is not */

static const struct {
	const char *label;
	struct script script;
	const char *text, *hint; /* what a person reads; NULL: anything */
} failures[] = {
	{ "the namespace is not for us", { .namespace = REFUSES }, "403",
	    "verb get on resource namespaces" },
	{ "a login page before the API", { .namespace = SAYS_NONSENSE },
	    "not what a cluster says", "API server" },
	{ "the API cuts us", { .namespace = CUTS }, "cluster http://", NULL },
	{ "the API is silent", { .namespace = IS_SILENT },
	    "the cluster's answers did not come within 20 s", NULL },
	{ "keys are not for us", { .keys = REFUSES }, "403",
	    "service-account-issuer-discovery" },
	{ "keys that are none", { .keys = SAYS_NONSENSE },
	    "not what a cluster says", NULL },
	{ "no bridge comes", { .no_bridge = true },
	    "a connection to the bridge did not come", NULL },
	{ "a bridge that says nothing", { .mute_tls = true },
	    "TLS with the bridge did not come within 10 s", NULL },
	{ "a bridge without boot sessions", { .old = true }, "boot session",
	    "pharos source register" },
	{ "a broker in its place", { .shows = &broker_id }, "wrong role",
	    NULL },
	{ "a bridge of another CA", { .shows = &other_id }, "boot session",
	    NULL },
	{ "tokens are not for us", { .token = REFUSES }, "403",
	    "serviceaccounts/token" },
	{ "no token in the answer", { .token = SAYS_NONSENSE },
	    "not what a cluster says", NULL },
	{ "no token in time", { .token = IS_SILENT },
	    "a token from the cluster did not come within 9 s", NULL },
	{ "the bridge goes away", { .bridge = CUTS }, "boot session", NULL },
	{ "the bridge does not answer", { .bridge = IS_SILENT },
	    "the bridge's answer did not come within 45 s", NULL },
	{ "an answer that is none", { .bridge = SAYS_NONSENSE },
	    "the bridge answered 403", NULL },
	{ "a bridge's certificate", { .role = ROLE_BRIDGE },
	    "the certificate that the bridge sent", NULL },
	{ "of another CA", { .role = ROLE_BROKER, .foreign_ca = true },
	    "the certificate that the bridge sent", NULL },
	{ "for another key", { .role = ROLE_BROKER, .foreign_key = true },
	    "the certificate that the bridge sent", NULL },
	{ "one that cannot be used",
	    { .role = ROLE_BROKER, .refused_by_us = true }, "not wanted",
	    NULL },
};

static void each_stage_can_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(failures); i++) {
		struct boot_state s;

		start(&failures[i].script);
		try_once();
		s = state_now();
		if (boot_counts(boot)->failed != 1 || taken.calls || s.ends)
			fail_msg("%s", failures[i].label);
		if (!strstr(s.last_error, failures[i].text) ||
		    (failures[i].hint && !strstr(s.remedy, failures[i].hint)))
			fail_msg("%s: %s; %s", failures[i].label, s.last_error,
			    s.remedy);
		assert_true(s.retry_ms <= BOOTPLAN_REST_LEAST_MS);
		stop();
	}
}

static const struct {
	const char *label;
	struct boot_answer refusal;
	const char *text, *hint;
	uint64_t least_ms, most_ms;
} refusals[] = {
	{ "approval, later", { .code = BOOT_APPROVAL },
	    "the bridge refused (approval): a person has to approve",
	    "pharos source approve", 5000, 6250 },
	{ "its own words and time",
	    { .code = BOOT_STORE,
		.fault = { .text = "the store is sealed", .hint = "unseal it" },
		.retry_s = 7 },
	    "the bridge refused (store): the store is sealed", "unseal it",
	    7000, 8750 },
	{ "a person first", { .code = BOOT_REVOKED },
	    "the bridge refused (revoked)", "register it anew",
	    BOOTPLAN_PERSON_MS, BOOTPLAN_PERSON_MS * 5 / 4 },
};

static void a_refusal_is_shown_and_heeded(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refusals); i++) {
		struct script refusing = { .bridge = REFUSES,
			.refusal = refusals[i].refusal };
		struct boot_state s;

		start(&refusing);
		try_once();
		s = state_now();
		if (boot_counts(boot)->refused != 1 || taken.calls ||
		    !strstr(s.last_error, refusals[i].text) ||
		    !strstr(s.remedy, refusals[i].hint) ||
		    s.retry_ms < refusals[i].least_ms ||
		    s.retry_ms > refusals[i].most_ms)
			fail_msg("%s: %s; %s; %llu", refusals[i].label,
			    s.last_error, s.remedy,
			    (unsigned long long)s.retry_ms);
		stop();
	}
}

/* Wherever it is, it can be stopped, and nothing of it is left. */
static void it_may_be_stopped_at_every_stage(void **state)
{
	static const struct script scripts[] = {
		{ .namespace = IS_SILENT },
		{ .no_bridge = true },
		{ .mute_tls = true },
		{ .token = IS_SILENT },
		{ .bridge = IS_SILENT },
	};

	(void)state;
	for (unsigned i = 0; i < N_ELEMS(scripts); i++) {
		static const enum bootplan_stage stages[] = { BOOTPLAN_ASKING,
			BOOTPLAN_MEETING, BOOTPLAN_SHAKING, BOOTPLAN_VOUCHING,
			BOOTPLAN_AWAITING };

		start(&scripts[i]);
		for (unsigned s = 0; s <= i; s++) {
			UNTIL(in(stages[s]));
			if (stages[s] == BOOTPLAN_MEETING && s != i)
				bridge_dial();
		}
		boot_stop(boot);
		pass(600000);
		assert_int_equal(tries(), 0);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_gets_a_certificate),
		cmocka_unit_test(
		    the_next_one_has_another_key_and_comes_without_keys),
		cmocka_unit_test(after_a_failure_it_tries_again),
		cmocka_unit_test(each_stage_can_fail),
		cmocka_unit_test(a_refusal_is_shown_and_heeded),
		cmocka_unit_test(it_may_be_stopped_at_every_stage),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
