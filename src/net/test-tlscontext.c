/* What a context refuses at start, whom it trusts, and in which words. */
#include "net/test-tls-support.h"
#include "net/tlsleg.h"

static char folder[] = "/tmp/pharos-tls-XXXXXX";

static int setup(void **state)
{
	int r = tls_setup(state);

	if (r || !mkdtemp(folder) || chdir(folder))
		return -1;
	testpki_write_cert("cert.pem", server_id->leaf);
	testpki_write_key("key.pem", server_id->key);
	testpki_write_cert("ca.pem", ca.cert);
	testpki_write_key("stranger-key.pem", stranger_id->key);
	testpki_write_cert("stranger-ca.pem", stranger_ca.cert);
	testpki_write("garbage.pem", "garbage\n", 0600);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command)) /* NOLINT(cert-env33-c): our own folder */
		return -1;
	return tls_teardown(state);
}

static void write_dated(
    const char *file, const char *key_file, long from, long to)
{
	struct testpki_forgery f = { .from = from, .to = to };
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(x509_p) X509 *cert = testpki_forge(&ca, &f, &key);

	testpki_write_cert(file, cert);
	testpki_write_key(key_file, key);
}

static const struct {
	const char *label, *cert, *key, *ca, *says, *says_too;
} files[] = {
	{ "all good", "cert.pem", "key.pem", "ca.pem" },
	{ "no certificate", "absent.pem", "key.pem", "ca.pem", "absent.pem" },
	{ "no key", "cert.pem", "absent.pem", "ca.pem", "absent.pem" },
	{ "no CA", "cert.pem", "key.pem", "absent.pem", "absent.pem" },
	{ "another's key", "cert.pem", "stranger-key.pem", "ca.pem",
	    "stranger-key.pem", "does not belong to the certificate cert.pem" },
	{ "garbage as certificate", "garbage.pem", "key.pem", "ca.pem",
	    "garbage.pem" },
	{ "garbage as key", "cert.pem", "garbage.pem", "ca.pem",
	    "garbage.pem" },
	{ "garbage as CA", "cert.pem", "key.pem", "garbage.pem",
	    "garbage.pem" },
	{ "expired", "old.pem", "old-key.pem", "ca.pem", "old.pem",
	    "expired on" },
	{ "not yet valid", "new.pem", "new-key.pem", "ca.pem", "new.pem",
	    "not valid before" },
};

static void bad_files_are_named(void **state)
{
	(void)state;
	write_dated("old.pem", "old-key.pem", -7200, -3600);
	write_dated("new.pem", "new-key.pem", 3600, 7200);
	for (size_t i = 0; i < N_ELEMS(files); i++) {
		struct tls_config config = { .end = TLS_SERVER,
			.hop = "the listener",
			.cert_file = files[i].cert,
			.key_file = files[i].key,
			.trust = TLS_TRUST_CA,
			.ca_file = files[i].ca };
		struct tls_context *c = NULL;
		struct fault fault = FAULT_NONE;
		int r = tls_context_new(&c, &config, &fault);

		if ((r == 0) != !files[i].says || (r == 0) != (c != NULL))
			fail_msg("%s: %d %s", files[i].label, r, fault.text);
		if (r &&
		    (!strstr(fault.text, files[i].says) || !fault.hint[0] ||
			strncmp(fault.text, "the listener: ", 14) != 0))
			fail_msg("%s: %s", files[i].label, fault.text);
		if (files[i].says_too && !strstr(fault.text, files[i].says_too))
			fail_msg("%s: %s", files[i].label, fault.text);
		tls_context_free(c);
	}
}

static void the_end_of_the_certificate_is_known(void **state)
{
	struct tls_context *server = context_of(server_config());
	struct tls_context *client = context_of(client_config());
	int64_t in = tls_context_expiry(server) - time(NULL);

	(void)state;
	assert_in_range(in, 3500, 3600);
	assert_true(tls_context_expiry(client) == INT64_MAX);
	tls_context_free(server);
	tls_context_free(client);
}

/* What a peer's check may say. */
static int refuse_all(void *ctx, X509 *leaf, struct fault *fault)
{
	(void)leaf;
	++*(int *)ctx;
	return fault_set(fault, -EACCES, "ask for another", "not this one");
}

static int accept_all(void *ctx, X509 *leaf, struct fault *fault)
{
	assert_non_null(leaf);
	(void)fault;
	++*(int *)ctx;
	return 0;
}

static int checked;
static uint8_t server_pin[32], other_pin[32];

static void spki_hash(uint8_t out[32], X509 *cert)
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
}

/* How a client judges a server that shows server_id. */
static const struct {
	const char *label, *name;
	enum tls_trust trust;
	const char *ca_file;
	const uint8_t *pin;
	int (*check)(void *, X509 *, struct fault *);
	const char *roots; /* the system's */
	const char *says;  /* NULL: accepted */
	int checks;	   /* how often the check was asked */
} rows[] = {
	{ "CA and name", SERVER_NAME, TLS_TRUST_CA, "ca.pem" },
	{ "name in capitals", "SERVER.Example", TLS_TRUST_CA, "ca.pem" },
	{ "CA without a name", NULL, TLS_TRUST_CA, "ca.pem" },
	{ "another name", "other.example", TLS_TRUST_CA, "ca.pem",
	    .says = "wrong name: expected a certificate for other.example, "
		    "got one for URI:pharos" },
	{ "a name above", "example", TLS_TRUST_CA, "ca.pem",
	    .says = "wrong name" },
	{ "the common name", "b", TLS_TRUST_CA, "ca.pem",
	    .says = "wrong name" },
	{ "an address that is not in it", "192.0.2.8", TLS_TRUST_CA, "ca.pem",
	    .says = "expected a certificate for 192.0.2.8" },
	{ "another CA", SERVER_NAME, TLS_TRUST_CA, "stranger-ca.pem",
	    .says = "wrong CA: expected a certificate signed by \"CN = another "
		    "CA\"" },
	{ "the leaf itself as CA", SERVER_NAME, TLS_TRUST_CA, "cert.pem" },
	{ "the pin", NULL, TLS_TRUST_PIN, .pin = server_pin },
	{ "the pin, and another name", "other.example", TLS_TRUST_PIN,
	    .pin = server_pin },
	{ "another pin", SERVER_NAME, TLS_TRUST_PIN, .pin = other_pin,
	    .says = "wrong key: the peer's public key does not match the pin" },
	{ "the system's roots", SERVER_NAME, TLS_TRUST_SYSTEM,
	    .roots = "ca.pem" },
	{ "not among the system's roots", SERVER_NAME, TLS_TRUST_SYSTEM,
	    .roots = "stranger-ca.pem",
	    .says = "issued by one of the system's roots, got one issued by "
		    "\"CN = the CA\"" },
	{ "the system's roots, another name", "other.example", TLS_TRUST_SYSTEM,
	    .roots = "ca.pem", .says = "wrong name" },
	{ "a check that accepts", SERVER_NAME, TLS_TRUST_CA, "ca.pem",
	    .check = accept_all, .checks = 1 },
	{ "a check that refuses", SERVER_NAME, TLS_TRUST_CA, "ca.pem",
	    .check = refuse_all, .says = "not this one", .checks = 1 },
	{ "a check after the pin", NULL, TLS_TRUST_PIN, .pin = server_pin,
	    .check = refuse_all, .says = "not this one", .checks = 1 },
	{ "no check after a bad chain", SERVER_NAME, TLS_TRUST_CA,
	    "stranger-ca.pem", .check = accept_all, .says = "wrong CA" },
	{ "no check after a bad pin", NULL, TLS_TRUST_PIN, .pin = other_pin,
	    .check = accept_all, .says = "wrong key" },
};

static void judge(size_t i)
{
	struct tls_config config = client_config();
	struct pair p = { .server.keeps_open = true,
		.client.keeps_open = true };
	struct leg *a, *b;

	if (rows[i].roots)
		setenv("SSL_CERT_FILE", rows[i].roots, 1);
	config.ca = NULL;
	config.trust = rows[i].trust;
	config.ca_file = rows[i].ca_file;
	config.pin = rows[i].pin;
	config.check = rows[i].check;
	config.check_ctx = &checked;
	checked = 0;
	p.server_context = context_of(server_config());
	p.client_context = context_of(config);
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	assert_int_equal(tls_leg_open(&a, a, p.server_context, NULL), 0);
	assert_int_equal(
	    tls_leg_open(&b, b, p.client_context, rows[i].name), 0);
	end_start(&p.server, a);
	end_start(&p.client, b);
	TURN_UNTIL(p.client.gone || end_open(&p.client), (void)0);
	if (p.client.gone != (rows[i].says != NULL) ||
	    checked != rows[i].checks)
		fail_msg("%s: %s", rows[i].label, leg_fault(b)->text);
	if (p.client.gone) {
		const struct fault *f = leg_fault(b);

		if (!strstr(f->text, rows[i].says) || !f->hint[0] ||
		    f->code != -EACCES ||
		    tls_leg_failure(b) != TLS_FAILURE_TRUST)
			fail_msg("%s: %s", rows[i].label, f->text);
		TURN_UNTIL(p.server.gone, (void)0);
		if (tls_leg_failure(a) != TLS_FAILURE_TRUST ||
		    !strstr(leg_fault(a)->text, "peer refused our certificate"))
			fail_msg("%s: %s", rows[i].label, leg_fault(a)->text);
	}
	unsetenv("SSL_CERT_FILE");
	pair_free(&p);
}

static void servers_are_judged(void **state)
{
	(void)state;
	spki_hash(server_pin, server_id->leaf);
	spki_hash(other_pin, stranger_id->leaf);
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		judge(i);
}

static void addresses_are_names_too(void **state)
{
	struct tls_config server = server_config();
	struct pair p = { .server.keeps_open = true,
		.client.keeps_open = true };
	struct leg *a, *b;

	(void)state;
	server.identity = client_id; /* which has SERVER_ADDRESS */
	p.server_context = context_of(server);
	p.client_context = context_of(client_config());
	assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
	assert_int_equal(tls_leg_open(&a, a, p.server_context, NULL), 0);
	assert_int_equal(
	    tls_leg_open(&b, b, p.client_context, SERVER_ADDRESS), 0);
	end_start(&p.server, a);
	end_start(&p.client, b);
	TURN_UNTIL(end_open(&p.client), (void)0);
	pair_free(&p);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const names[] = { "", "host:443", "a/b", "a b",
		"a\nb", "[::1]" };
	struct tls_context *c = context_of(client_config());

	(void)state;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		struct leg *a, *b, *out = NULL;

		assert_int_equal(memleg_pair(&a, &b, loop, WIDE), 0);
		if (tls_leg_open(&out, a, c, names[i]) != -EINVAL || out)
			fail_msg("%s", names[i]);
		leg_close(b);
	}
	tls_context_free(c);
}

static struct leg *open_over_raw(
    struct raw *r, struct tls_config config, bool raw_is_server)
{
	struct tls_context *c = context_of(config);
	struct leg *leg;

	assert_int_equal(memleg_pair(&leg, &r->leg, loop, WIDE), 0);
	raw_open(r, r->leg, raw_is_server);
	assert_int_equal(tls_leg_open(&leg, leg, c, SERVER_NAME), 0);
	tls_context_free(c); /* the leg keeps what it was made with */
	return leg;
}

/* Servers that our own side would not start with. */
static const struct {
	const char *label;
	struct testpki_forgery leaf;
	const char *says;
} servers[] = {
	{ "good", { .names = "DNS:" SERVER_NAME } },
	{ "expired",
	    { .names = "DNS:" SERVER_NAME, .from = -7200, .to = -3600 },
	    "expired on" },
	{ "not yet valid",
	    { .names = "DNS:" SERVER_NAME, .from = 3600, .to = 7200 },
	    "not valid before" },
	{ "no server", { .names = "DNS:" SERVER_NAME, .usage = "clientAuth" },
	    "wrong use" },
	{ "no name at all", { .names = NULL }, "got one for no name" },
};

static void bad_servers_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(servers); i++) {
		struct raw r;
		struct end e = { .keeps_open = true };
		struct leg *leg = open_over_raw(&r, client_config(), true);
		CLEANUP(key_p) EVP_PKEY *key = NULL;
		CLEANUP(x509_p)
		X509 *leaf = testpki_forge(&ca, &servers[i].leaf, &key);

		SSL_CTX_use_cert_and_key(r.ctx, leaf, key, NULL, 1);
		raw_start(&r, true);
		end_start(&e, leg);
		TURN_UNTIL(e.gone || end_open(&e), raw_shake(&r));
		if (e.gone != (servers[i].says != NULL) ||
		    (e.gone &&
			(!strstr(leg_fault(leg)->text, servers[i].says) ||
			    tls_leg_failure(leg) != TLS_FAILURE_TRUST)))
			fail_msg(
			    "%s: %s", servers[i].label, leg_fault(leg)->text);
		leg_close(leg);
		raw_free(&r);
	}
}

/* Clients that a server which asks for a certificate meets. */
static const struct {
	const char *label;
	struct identity **shows; /* NULL: none */
	const char *server_says, *client_says;
} clients[] = {
	{ "of the same CA", &client_id },
	{ "none", NULL, "expected a client certificate, got none",
	    "we have none" },
	{ "of another CA", &stranger_id, "wrong CA",
	    "the peer refused our certificate" },
};

/* A client of TLS 1.3 is done before the server has judged it, so what it
 * learns comes in its session. It may be reading; or writing, and then it may
 * learn by a reset, with the alert unread before it. */
enum client_does { READS, WRITES, IS_RESET };

static void check_client(const struct end *client, size_t row)
{
	const struct fault *f = leg_fault(client->leg);

	if (!strstr(f->text, clients[row].client_says) ||
	    tls_leg_failure(client->leg) != TLS_FAILURE_TRUST)
		fail_msg("%s: %s", clients[row].label, f->text);
}

static void judge_client(size_t i, enum client_does does)
{
	struct tls_config server = server_config(), client = client_config();
	struct pair p = { .server.keeps_open = true,
		.client.keeps_open = true,
		.client.to_send = does == WRITES ? 100000 : 0,
		.client.ended = does == IS_RESET };

	server.trust = TLS_TRUST_CA;
	server.ca = ca.cert;
	if (clients[i].shows)
		client.identity = *clients[i].shows;
	pair_open(&p, server, client, WIDE);
	leg_want(p.client.leg, p.client.ended ? 0 : LEG_READ | LEG_WRITE);
	TURN_UNTIL(end_open(&p.server) || p.server.gone, (void)0);
	if (p.server.gone != (clients[i].server_says != NULL))
		fail_msg(
		    "%s: %s", clients[i].label, leg_fault(p.server.leg)->text);
	if (p.server.gone) {
		const struct fault *f = leg_fault(p.server.leg);

		if (!strstr(f->text, clients[i].server_says))
			fail_msg("%s: %s", clients[i].label, f->text);
		if (does == IS_RESET)
			leg_reset(STEAL(p.server.leg));
		else
			leg_close(STEAL(p.server.leg));
		TURN_UNTIL(p.client.gone, (void)0);
		check_client(&p.client, i);
	} else {
		assert_non_null(tls_leg_peer(p.server.leg));
	}
	pair_free(&p);
}

static void clients_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(clients); i++)
		for (int does = READS; does <= IS_RESET; does++)
			judge_client(i, (enum client_does)does);
}

static const char *const two[] = { "h2", "http/1.1", NULL };
static const char *const turned[] = { "http/1.1", "h2", NULL };
static const char *const second[] = { "http/1.1", NULL };
static const char *const longer[] = { "h2c", "h", NULL };

static const struct {
	const char *label;
	const char *const *server, *const *client;
	const char *agreed; /* NULL: refused */
	bool optional;	    /* the server takes a client that offers none */
} protocols[] = {
	{ "the same", two, two, "h2" },
	{ "the server prefers", turned, two, "http/1.1" },
	{ "the only common one", two, second, "http/1.1" },
	{ "none in common", two, alpn_test, NULL },
	{ "only similar ones", two, longer, NULL },
	{ "the client offers none", two, NULL, NULL },
	{ "the server has none", NULL, two, NULL },
	{ "nobody asks", NULL, NULL, "" },
	{ "optional: the client offers none", two, NULL, "", true },
	{ "optional: one in common", two, second, "http/1.1", true },
	{ "optional: none in common", two, alpn_test, NULL, true },
};

static void protocols_are_agreed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(protocols); i++) {
		struct tls_config server = server_config();
		struct tls_config client = client_config();
		struct pair p = { .server.keeps_open = true,
			.client.keeps_open = true };

		server.alpn = protocols[i].server;
		server.alpn_optional = protocols[i].optional;
		client.alpn = protocols[i].client;
		pair_open(&p, server, client, WIDE);
		TURN_UNTIL(p.client.gone ||
			       (end_open(&p.client) && end_open(&p.server)),
		    (void)0);
		if (p.client.gone != !protocols[i].agreed)
			fail_msg("%s: %s", protocols[i].label,
			    leg_fault(p.client.leg)->text);
		if (p.client.gone) {
			assert_int_equal(
			    tls_leg_failure(p.client.leg), TLS_FAILURE_ALPN);
			assert_non_null(
			    strstr(leg_fault(p.client.leg)->text, "ALPN"));
		} else {
			assert_string_equal(
			    tls_leg_alpn(p.client.leg), protocols[i].agreed);
			assert_string_equal(
			    tls_leg_alpn(p.server.leg), protocols[i].agreed);
		}
		if (p.server.gone) {
			assert_int_equal(
			    tls_leg_failure(p.server.leg), TLS_FAILURE_ALPN);
			assert_non_null(
			    strstr(leg_fault(p.server.leg)->text, "ALPN"));
		}
		pair_free(&p);
	}
}

static void tls_12_only_where_it_is_allowed(void **state)
{
	(void)state;
	for (int allowed = 0; allowed < 2; allowed++) {
		struct tls_config config = server_config();
		struct raw r;
		struct end e = { .keeps_open = true };
		struct leg *leg;

		config.allow_12 = allowed;
		leg = open_over_raw(&r, config, false);
		SSL_CTX_set_max_proto_version(r.ctx, TLS1_2_VERSION);
		raw_start(&r, false);
		end_start(&e, leg);
		TURN_UNTIL(e.gone || end_open(&e), raw_shake(&r));
		assert_int_equal(end_open(&e), allowed);
		if (!allowed) {
			assert_int_equal(
			    tls_leg_failure(leg), TLS_FAILURE_VERSION);
			assert_non_null(
			    strstr(leg_fault(leg)->text, "expected TLS 1.3"));
		}
		leg_close(leg);
		raw_free(&r);
	}
}

/* What is left of a session once it is over: a key that was made for it, and no
 * way to take it up again. */
static void check_session(struct leg *leg)
{
	SSL *ssl = tls_leg_of(leg)->ssl;
	CLEANUP(key_p) EVP_PKEY *fresh = NULL;

	assert_int_equal(SSL_version(ssl), TLS1_3_VERSION);
	assert_false(SSL_session_reused(ssl));
	assert_false(SSL_SESSION_is_resumable(SSL_get_session(ssl)));
	assert_int_equal(SSL_get_peer_tmp_key(ssl, &fresh), 1);
	assert_true(EVP_PKEY_is_a(fresh, "X25519"));
	assert_false(
	    SSL_get_options(ssl) & SSL_OP_ALLOW_NO_DHE_KEX); /* no psk_ke */
}

static void keys_are_made_for_each_session(void **state)
{
	struct pair p = { .server.keeps_open = true,
		.client.keeps_open = true,
		.client.to_send = 1 };

	(void)state;
	pair_open(&p, server_config(), client_config(), WIDE);
	TURN_UNTIL(p.server.got, (void)0);
	check_session(p.server.leg);
	check_session(p.client.leg);
	pair_free(&p);
}

/* A TLS 1.2 client, where one is allowed, and a key that could decrypt, too. */
static const struct {
	const char *label, *ciphers;
	bool served;
} exchanges[] = {
	{ "a key for the session", "ECDHE-RSA-AES128-GCM-SHA256", true },
	{ "the certificate's key, or one for the session",
	    "AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", true },
	{ "the certificate's key", "AES128-GCM-SHA256:AES256-GCM-SHA384" },
};

static void tls_12_has_keys_for_each_session_too(void **state)
{
	CLEANUP(key_p) EVP_PKEY *key = EVP_RSA_gen(2048);
	const struct testpki_forgery f = { .names = "DNS:" SERVER_NAME,
		.key = key };
	CLEANUP(key_p) EVP_PKEY *same = NULL;
	CLEANUP(x509_p) X509 *leaf = testpki_forge(&ca, &f, &same);

	(void)state;
	testpki_write_cert("rsa.pem", leaf);
	testpki_write_key("rsa-key.pem", key);
	for (size_t i = 0; i < N_ELEMS(exchanges); i++) {
		struct tls_config config = server_config();
		struct raw r;
		struct end e = { .keeps_open = true };
		struct leg *leg;

		config.identity = NULL;
		config.cert_file = "rsa.pem";
		config.key_file = "rsa-key.pem";
		config.allow_12 = true;
		leg = open_over_raw(&r, config, false);
		SSL_CTX_set_max_proto_version(r.ctx, TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(r.ctx, exchanges[i].ciphers);
		raw_start(&r, false);
		end_start(&e, leg);
		TURN_UNTIL(e.gone || end_open(&e), raw_shake(&r));
		if (end_open(&e) != exchanges[i].served)
			fail_msg("%s", exchanges[i].label);
		if (end_open(&e))
			assert_int_equal(
			    SSL_CIPHER_get_kx_nid(
				SSL_get_current_cipher(tls_leg_of(leg)->ssl)),
			    NID_kx_ecdhe);
		leg_close(leg);
		raw_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files_are_named),
		cmocka_unit_test(the_end_of_the_certificate_is_known),
		cmocka_unit_test(servers_are_judged),
		cmocka_unit_test(addresses_are_names_too),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(bad_servers_are_refused),
		cmocka_unit_test(clients_are_judged),
		cmocka_unit_test(protocols_are_agreed),
		cmocka_unit_test(tls_12_only_where_it_is_allowed),
		cmocka_unit_test(keys_are_made_for_each_session),
		cmocka_unit_test(tls_12_has_keys_for_each_session_too),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
