/* The sweep over src/wire. frame, proof, proxyproto, connect, socks and
 * vaultpath never allocate.
 *
 * jansson's own allocations are left out: it does not survive every failure of
 * them, so programs end when it has no memory (vault_wipe_json()). */
#include "failalloc.h"
#include "wire/backup.h"
#include "wire/codextext.h"
#include "wire/credential.h"
#include "wire/h2.h"
#include "wire/http1.h"
#include "wire/ipam.h"
#include "wire/kube.h"
#include "wire/mobileconfig.h"
#include "wire/tombstone.h"
#include "wire/wgeasy.h"
#include "wire/vault.h"
#include <jansson.h>

/* ---- vault: requests ---------------------------------------------------- */

#define BODY(text) (text), sizeof(text) - 1

static int finish_call(struct vault_call *c, int r)
{
	INVARIANT(r || c->method);
	vault_call_clear(c);
	return r;
}

static int run_call_login(void)
{
	struct vault_call c = { .method = NULL };
	struct secret *jwt;
	int r;

	INVARIANT(!secret_from(&jwt, "a.b.c", 5));
	fail_begin();
	r = vault_call_login(&c, "jwt", "app", jwt);
	fail_end();
	secret_free(jwt);
	return finish_call(&c, r);
}

static int run_call_renew_self(void)
{
	struct vault_call c = { .method = NULL };
	int r;

	fail_begin();
	r = vault_call_renew_self(&c, 60);
	fail_end();
	return finish_call(&c, r);
}

static int run_call_revoke_self(void)
{
	struct vault_call c = { .method = NULL };
	int r;

	fail_begin();
	r = vault_call_revoke_self(&c);
	fail_end();
	return finish_call(&c, r);
}

static int run_call_lease_renew(void)
{
	struct vault_call c = { .method = NULL };
	int r;

	fail_begin();
	r = vault_call_lease_renew(&c, "database/creds/x/1", 60);
	fail_end();
	return finish_call(&c, r);
}

static int run_copy_login(void)
{
	struct vault_call c = { .method = NULL };
	int r;

	fail_begin();
	r = vault_copy_login(
	    &c, "jwt", BODY("{\"role\":\"app\",\"jwt\":\"a.b.c\"}"));
	fail_end();
	return finish_call(&c, r);
}

static int run_copy_renew(void)
{
	struct vault_call c = { .method = NULL };
	int r;

	fail_begin();
	r = vault_copy_renew(&c, BODY("{\"increment\":\"15m\"}"));
	fail_end();
	return finish_call(&c, r);
}

static int run_copy_lease(void)
{
	struct vault_call c = { .method = NULL };
	int r;

	fail_begin();
	r = vault_copy_lease(
	    &c, BODY("{\"lease_id\":\"db/x/1\",\"increment\":900}"));
	fail_end();
	return finish_call(&c, r);
}

/* ---- vault: answers ----------------------------------------------------- */

static int run_read_auth(void)
{
	struct vault_auth a = { .token = NULL };
	int r;

	fail_begin();
	r = vault_read_auth(
	    &a, BODY("{\"auth\":{\"client_token\":\"hvs.x\","
		     "\"lease_duration\":60,\"renewable\":true}}"));
	fail_end();
	INVARIANT(!r == !!a.token);
	vault_auth_clear(&a);
	return r;
}

static int run_read_secret(void)
{
	struct vault_secret s = { .fields = NULL };
	int r;

	fail_begin();
	r = vault_read_secret(
	    &s, BODY("{\"data\":{\"data\":{\"a\":\"b\",\"c\":7,\"d\":1.5,"
		     "\"e\":{\"f\":[true]}},\"metadata\":{\"version\":3,"
		     "\"created_time\":\"2026-11-21T10:00:00Z\"}},"
		     "\"lease_id\":\"x\",\"lease_duration\":0}"));
	fail_end();
	INVARIANT(r || (s.n_fields == 4 && s.version == 3));
	vault_secret_clear(&s);
	return r;
}

/* ---- kube --------------------------------------------------------------- */

static int run_kube_token(void)
{
	const struct kube_token_order order = { "a", "b", "c", 600, "p", "u" };
	struct kube_call c = { .method = NULL };
	int r;

	fail_begin();
	r = kube_call_token(&c, &order);
	fail_end();
	INVARIANT(!r == !!c.body);
	kube_call_clear(&c);
	return r;
}

static int run_kube_review(void)
{
	struct kube_call c = { .method = NULL };
	struct secret *token;
	int r;

	INVARIANT(!secret_from(&token, "a.b.c", 5));
	fail_begin();
	r = kube_call_review(&c, token, "x");
	fail_end();
	INVARIANT(!r == !!c.body);
	secret_free(token);
	kube_call_clear(&c);
	return r;
}

static int run_kube_read_token(void)
{
	struct kube_token t = { .token = NULL };
	int r;

	fail_begin();
	r = kube_read_token(&t, BODY("{\"status\":{\"token\":\"a.b.c\"}}"));
	fail_end();
	INVARIANT(!r == !!t.token);
	kube_token_clear(&t);
	return r;
}

static int run_kube_read_credential(void)
{
	static const char api[] = "client.authentication.k8s.io/v1";
	struct kube_credential c = { .token = NULL };
	struct fault fault = FAULT_NONE;
	int r;

	fail_begin();
	r = kube_read_credential(&c, api,
	    BODY("{\"kind\":\"ExecCredential\",\"apiVersion\":"
		 "\"client.authentication.k8s.io/v1\",\"status\":{\"token\":"
		 "\"t\",\"clientCertificateData\":\"c\","
		 "\"clientKeyData\":\"k\"}}"),
	    &fault);
	fail_end();
	INVARIANT(!r == (c.token && c.cert_pem && c.key_pem));
	kube_credential_clear(&c);
	return r;
}

/* ---- credential --------------------------------------------------------- */

#define CREDENTIAL                                                             \
	"{\"version\":1,\"address\":\"https://s\",\"namespace\":\"\","         \
	"\"prefix\":\"\",\"role_id\":\"r\",\"secret_id\":\"s\","               \
	"\"beacons\":[\"a:1\"]}"

static int run_credential_read(void)
{
	struct credential c = { .n_beacons = 0 };
	int r;

	fail_begin();
	r = credential_read(&c, BODY(CREDENTIAL), NULL);
	fail_end();
	INVARIANT(!r == !!c.secret_id);
	credential_deinit(&c);
	return r;
}

static int run_credential_write(void)
{
	struct secret *text = NULL;
	struct credential c;
	int r;

	INVARIANT(!credential_read(&c, BODY(CREDENTIAL), NULL));
	fail_begin();
	r = credential_write(&text, &c);
	fail_end();
	INVARIANT(!r == !!text);
	secret_free(text);
	credential_deinit(&c);
	return r;
}

/* ---- http: a whole exchange --------------------------------------------- */

struct end {
	struct http_machine *machine;
	int result; /* the first failure of a verb */
	bool done;  /* the answer has come */
};

static void fail(struct end *e, int r)
{
	if (!e->result)
		e->result = r;
}

static void server_answer(struct end *e, uint32_t stream)
{
	const struct http_field field = { "x-name", "value" };
	const struct http_head head = {
		.status = 200, .length = -1, .fields = &field, .n_fields = 1
	};
	int r = http_respond(e->machine, stream, &head, false);
	ssize_t n = r ? r : http_write(e->machine, stream, "answer", 6);

	if (n < 0)
		fail(e, (int)n);
	if (n == 6)
		http_finish(e->machine, stream);
}

static void on_head(
    void *ctx, uint32_t stream, const struct http_head *head, bool ended)
{
	(void)ctx;
	(void)stream;
	(void)head;
	(void)ended;
}

static void on_body(void *ctx, uint32_t stream, const void *bytes, size_t n)
{
	struct end *e = ctx;

	(void)bytes;
	http_credit(e->machine, stream, n);
}

static void on_server_end(void *ctx, uint32_t stream)
{
	server_answer(ctx, stream);
}

static void on_client_end(void *ctx, uint32_t stream)
{
	struct end *e = ctx;

	(void)stream;
	e->done = true;
}

static void on_reset(void *ctx, uint32_t stream, enum http_why why)
{
	(void)stream;
	(void)why;
	fail(ctx, -ENOMEM); /* nothing else resets here */
}

static void on_room(void *ctx, uint32_t stream)
{
	(void)ctx;
	(void)stream;
}

static const struct http_listener server_listener = { on_head, on_body,
	on_server_end, on_reset, on_room };
static const struct http_listener client_listener = { on_head, on_body,
	on_client_end, on_reset, on_room };

typedef int (*make_machine)(
    struct http_machine **, const struct http_options *);

static int make_end(
    struct end *e, make_machine make, enum http_end which, struct pool *pool)
{
	const struct http_options options = { .end = which,
		.listener =
		    which == HTTP_SERVER ? &server_listener : &client_listener,
		.ctx = e,
		.pool = pool,
		.scheme = "https" };

	return make(&e->machine, &options);
}

static int ask(struct end *client)
{
	const struct http_field field = { "authorization", "Bearer hvs.x" };
	const struct http_head head = { .method = "POST",
		.authority = "store",
		.target = "/v1/secret/data/a",
		.length = 8,
		.fields = &field,
		.n_fields = 1 };
	uint32_t stream;
	ssize_t n = http_request(client->machine, &head, false, &stream);

	if (!n)
		n = http_write(client->machine, stream, "question", 8);
	if (n < 0)
		return (int)n;
	http_finish(client->machine, stream);
	return 0;
}

/* Carry bytes one way. Return: how many; -ENOMEM. */
static ssize_t carry(struct end *from, struct end *to)
{
	char bytes[4096];
	ssize_t n = http_pull(from->machine, bytes, sizeof(bytes));
	int r = n > 0 ? http_feed(to->machine, bytes, (size_t)n) : 0;

	if (!r && from->result)
		r = from->result;
	if (!r && to->result)
		r = to->result;
	return r ? r : n;
}

static int exchange(struct end *client, struct end *server)
{
	int r = ask(client);

	while (!r && !client->done) {
		ssize_t out = carry(client, server);
		ssize_t back = out < 0 ? out : carry(server, client);

		if (back < 0)
			r = (int)back;
		else if (!out && !back)
			r = -EPROTO; /* it stands still */
	}
	return r;
}

static int run_exchange(make_machine make)
{
	struct end client = { .machine = NULL }, server = { .machine = NULL };
	struct pool *pool;
	int r;

	INVARIANT(!pool_new(&pool, 512, 0));
	fail_begin();
	r = make_end(&client, make, HTTP_CLIENT, pool);
	if (!r)
		r = make_end(&server, make, HTTP_SERVER, pool);
	if (!r)
		r = exchange(&client, &server);
	fail_end();
	http_free(client.machine);
	http_free(server.machine);
	pool_free(pool); /* which checks that no block is out */
	return r;
}

static int run_http1(void)
{
	return run_exchange(http1_new);
}

static int run_h2(void)
{
	return run_exchange(h2_new);
}

/* ---- the files of a tether ----------------------------------------------- */

#define KEY_A "AhEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_B "AxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_H "yBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define HASH  "0000000000000000000000000000000000000000000000000000000000000000"

static const char codex_text[] =
    "schema: 1\ngeneration: 1\nhash: " HASH "\ninterface: wg0\nport: 1\n"
    "key: " KEY_H "\nnetworks: [10.88.0.0/16, \"fd00:88::/64\"]\n"
    "zones:\n- name: admin\n  services: [tcp/1, tcp/2]\npeers:\n"
    "- {name: a, key: " KEY_A ", created: \"2026-11-21T21:00:00Z\",\n"
    "   addresses: [10.88.0.2, \"fd00:88::2\"]}\n"
    "- {name: b, key: " KEY_B ", created: \"2026-11-21T21:00:00Z\",\n"
    "   addresses: [10.88.0.3, \"fd00:88::3\"], zones: [admin]}\n";

static int run_codex_read(void)
{
	const struct yaml_source source = {
		.name = "c", .bytes = codex_text, .n = sizeof(codex_text) - 1
	};
	struct codex c = { .n_peers = 0 };
	bool edited;
	int r;

	fail_begin();
	r = codextext_read(&c, &source, &edited, NULL);
	fail_end();
	INVARIANT(r || c.n_peers == 2);
	codex_deinit(&c);
	return r;
}

static int run_codex_write(void)
{
	const struct yaml_source source = {
		.name = "c", .bytes = codex_text, .n = sizeof(codex_text) - 1
	};
	CLEANUP(free_p) char *text = NULL;
	struct codex c;
	size_t n;
	int r;

	INVARIANT(!codextext_read(&c, &source, NULL, NULL));
	fail_begin();
	r = codextext_write(&text, &n, &c);
	fail_end();
	codex_deinit(&c);
	return r;
}

static const char stones_text[] =
    "pharos-tombstones 1\n" KEY_A " - - 2026-11-21T21:00:00Z a\n" KEY_B
    " - - 2026-11-21T21:00:00Z b\n";

static int run_tombstones(void)
{
	const struct tombstones_source source = {
		.name = "t", .text = stones_text, .n = sizeof(stones_text) - 1
	};
	CLEANUP(free_p) char *text = NULL;
	struct tombstones t = { .n = 0 };
	size_t n;
	int r;

	fail_begin();
	r = tombstones_read(&t, &source, NULL);
	if (!r)
		r = tombstones_write(&text, &n, &t);
	fail_end();
	tombstones_deinit(&t);
	return r;
}

static int run_wgquick_read(void)
{
	static const char text[] =
	    "[Interface]\nPrivateKey = " KEY_H "\n[Peer]\nPublicKey = " KEY_A
	    "\nPresharedKey = " KEY_H "\n[Peer]\nPublicKey = " KEY_B "\n";
	const struct wgquick_source source = {
		.name = "w", .text = text, .n = sizeof(text) - 1
	};
	struct wgquick_host h = { .n_peers = 0 };
	int r;

	fail_begin();
	r = wgquick_read(&h, &source, NULL);
	fail_end();
	INVARIANT(r || h.n_peers == 2);
	wgquick_host_deinit(&h);
	return r;
}

static int run_wgeasy_read(void)
{
	static const char text[] =
	    "{\"server\":{\"address\":\"10.8.0.1\","
	    "\"privateKey\":\"" KEY_H "\"},"
	    "\"clients\":{\"a\":{\"address\":\"10.8.0.2\","
	    "\"publicKey\":\"" KEY_A "\",\"preSharedKey\":\"" KEY_H "\"}}}";
	const struct wgquick_source source = {
		.name = "w", .text = text, .n = sizeof(text) - 1
	};
	struct wgquick_host h = { .n_peers = 0 };
	int r;

	fail_begin();
	r = wgeasy_read(&h, &source, NULL);
	fail_end();
	INVARIANT(r || h.n_peers == 1);
	wgquick_host_deinit(&h);
	return r;
}

static int run_mobileconfig(void)
{
	CLEANUP(secret_freep) struct secret *key = NULL;
	CLEANUP(secret_freep) struct secret *profile = NULL;
	struct codex c = { .endpoint = "a:1", .port = 1 };
	struct codex_peer peer = { .name = "a" };
	const uint8_t shared[WGKEY_SIZE] = { 1 };
	struct wgquick_order order = {
		.codex = &c, .peer = &peer, .shared = shared
	};
	int r;

	INVARIANT(!wgkey_private_new(&key));
	INVARIANT(!prefix_read(&c.v4, "10.88.0.0/16"));
	INVARIANT(!prefix_read(&c.v6, "fd00:88::/64"));
	INVARIANT(!prefix_read_host(&peer.v4, "10.88.0.2"));
	INVARIANT(!prefix_read_host(&peer.v6, "fd00:88::2"));
	order.private_key = key;
	fail_begin();
	r = mobileconfig_write(&profile, &order, MOBILECONFIG_IOS, NULL);
	fail_end();
	return r;
}

static int run_backup(void)
{
	char codex[] = "codex", stones[] = "stones";
	struct backup b = { .codex = codex,
		.n_codex = 5,
		.tombstones = stones,
		.n_tombstones = 6 };
	CLEANUP(secret_freep) struct secret *words = NULL;
	CLEANUP(backup_deinit) struct backup back = { .n_codex = 0 };
	CLEANUP(free_p) uint8_t *file = NULL;
	size_t n;
	int r;

	INVARIANT(!secret_from(&words, "words", 5));
	INVARIANT(!secret_from(&b.keyring, "keys", 4));
	fail_begin();
	r = backup_seal(&file, &n, &b, words);
	if (!r)
		r = backup_open(&back, file, n, words);
	fail_end();
	secret_free(b.keyring);
	return r;
}

static int run_taken_add(void)
{
	const struct prefix p = { .family = 4, .bits = 32 };
	struct ipam_taken t = { .n = 0 };
	int r;

	fail_begin();
	r = ipam_taken_add(&t, &p);
	fail_end();
	ipam_taken_deinit(&t);
	return r;
}

static const struct fail_scenario scenarios[] = {
	{ "vault_call_login", run_call_login, false },
	{ "vault_call_renew_self", run_call_renew_self, false },
	{ "vault_call_revoke_self", run_call_revoke_self, false },
	{ "vault_call_lease_renew", run_call_lease_renew, false },
	{ "vault_copy_login", run_copy_login, false },
	{ "vault_copy_renew", run_copy_renew, false },
	{ "vault_copy_lease", run_copy_lease, false },
	{ "vault_read_auth", run_read_auth, false },
	{ "vault_read_secret", run_read_secret, false },
	{ "kube_call_token", run_kube_token, false },
	{ "kube_call_review", run_kube_review, false },
	{ "kube_read_token", run_kube_read_token, false },
	{ "kube_read_credential", run_kube_read_credential, false },
	{ "credential_read", run_credential_read, false },
	{ "credential_write", run_credential_write, false },
	{ "an HTTP/1.1 exchange", run_http1, false },
	{ "an HTTP/2 exchange", run_h2, false },
	{ "codextext_read", run_codex_read, false },
	{ "codextext_write", run_codex_write, true }, /* one shrinks */
	{ "tombstones_read, tombstones_write", run_tombstones, false },
	{ "wgquick_read", run_wgquick_read, false },
	{ "wgeasy_read", run_wgeasy_read, false },
	{ "mobileconfig_write", run_mobileconfig, false },
	{ "backup_seal, backup_open", run_backup, false },
	{ "ipam_taken_add", run_taken_add, false },
};

int main(void)
{
	json_set_alloc_funcs(fail_exempt_malloc, free);
	return fail_sweep(scenarios, N_ELEMS(scenarios));
}
