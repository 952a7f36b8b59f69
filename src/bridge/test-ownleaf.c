#include "bridge/test-stage.h"

/* ---- our certificate */

static void test_own_certificate(void **state)
{
	const struct identity *id;
	uint8_t realm[REALM_SIZE];
	X509 *first;

	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	id = registry_identity(registry);
	assert_int_equal(id->subject.role, ROLE_BRIDGE);
	assert_string_equal(id->subject.name, "bridge-1.example");
	assert_int_equal(realm_of(realm, ca.cert), 0);
	assert_memory_equal(id->realm, realm, REALM_SIZE);
	assert_int_equal(got.identities, 1);
	/* and a newer one, with a newer key, at two thirds of its life */
	first = id->leaf;
	X509_up_ref(first);
	jump(2300 * SECOND);
	look_again();
	assert_int_equal(got.identities, 1);
	jump(110 * SECOND);
	UNTIL(got.identities == 2);
	id = registry_identity(registry);
	assert_int_not_equal(EVP_PKEY_eq(X509_get0_pubkey(first), id->key), 1);
	X509_free(first);
}

static void test_a_renewal_that_fails(void **state)
{
	const struct identity *id;

	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	id = registry_identity(registry);
	say(SIGN_BRIDGE, 403, ERRORS("permission denied"));
	jump(2401 * SECOND);
	look_again();
	pass_slowly(30000);
	look_again();
	assert_ptr_equal(registry_identity(registry), id);
	say(SIGN_BRIDGE, 200, NULL);
	pass_slowly(30000);
	UNTIL(got.identities == 2);
}

/* The store's PKI was made anew while we run: that is another realm. */
static void test_another_ca(void **state)
{
	const struct identity *id;
	struct testpki_ca was = ca;

	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	id = registry_identity(registry);
	ca = other_ca;
	jump(2401 * SECOND);
	for (int i = 0; i < 3; i++)
		look_again();
	assert_ptr_equal(registry_identity(registry), id);
	assert_int_equal(got.identities, 1);
	ca = was;
}

static void test_certificates_that_are_not_taken(void **state)
{
	(void)state;
	bend.role = ROLE_BROKER;
	put(REGISTRATION_PENDING, 1);
	open_registry();
	UNTIL(got.records);
	for (int i = 0; i < 3; i++)
		look_again();
	assert_null(registry_identity(registry));
	assert_non_null(strstr(registry_trouble(registry), "wrong role"));
	bend.role = ROLE_NONE;
	pass_slowly(30000);
	UNTIL(registry_identity(registry));
}

/* ---- signing */

static char *request_made(EVP_PKEY **key)
{
	CLEANUP(request_p) X509_REQ *csr = NULL;
	char *pem;

	assert_int_equal(pki_key_new(key), 0);
	assert_int_equal(pki_csr_new(&csr, *key, "whatever"), 0);
	assert_int_equal(pki_csr_pem(&pem, csr), 0);
	return pem;
}

static void sign_one(void)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(free_p) char *csr = request_made(&key);
	struct registry_sign order = {
		.name = "broker-7d9f", .csr = csr, .fn = on_signed
	};
	struct registry_call *c;
	int before = got.signed_;

	assert_int_equal(registry_sign(&c, registry, &order), 0);
	UNTIL(got.signed_ > before);
}

static void test_a_broker_is_signed(void **state)
{
	CLEANUP(x509_p) X509 *leaf = NULL;
	struct subject subject;
	struct fault fault;

	(void)state;
	open_with(REGISTRATION_ACTIVE, 1);
	UNTIL(counts()->keys_pushed);
	pass(1);
	sign_one();
	leaf = sign_cert(got.pem);
	assert_non_null(leaf);
	assert_int_equal(subject_of(&subject, leaf, &fault), 0);
	assert_int_equal(subject.role, ROLE_BROKER);
	assert_string_equal(subject.name, "broker-7d9f");
	assert_int_equal(counts()->signatures, 1);
}

static void test_what_is_asked_to_be_signed(void **state)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(free_p) char *csr = request_made(&key);
	struct registry_sign order = {
		.name = "broker-7d9f", .csr = csr, .fn = on_signed
	};
	struct registry_call *c;

	(void)state;
	open_with(REGISTRATION_ACTIVE, 1);
	assert_int_equal(registry_sign(&c, registry, &order), 0);
	UNTIL(strstr(fake.asked, "sign/broker"));
	assert_non_null(
	    strstr(fake.asked, "\"alt_names\":\"pharos-broker.pharos.svc,"
			       "pharos-broker.pharos.svc.cluster.local\""));
	assert_non_null(strstr(fake.asked, "/broker/broker-7d9f\""));
	assert_non_null(strstr(fake.asked, "\"ttl\":\"86400s\""));
	UNTIL(got.signed_);
	order.name = "No Name";
	assert_int_equal(registry_sign(&c, registry, &order), -EINVAL);
	order.name = "b";
	order.csr = "no request";
	assert_int_equal(registry_sign(&c, registry, &order), -EINVAL);
}

static void test_a_service_of_another_name(void **state)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(free_p) char *csr = request_made(&key);
	struct registry_sign order = {
		.name = "b", .csr = csr, .fn = on_signed
	};
	struct registration r = made(REGISTRATION_PENDING);
	struct registry_call *c;

	(void)state;
	memcpy(r.service, "gate", sizeof("gate"));
	put_record(&r, 1);
	open_registry();
	UNTIL(got.records && registry_identity(registry));
	assert_int_equal(registry_sign(&c, registry, &order), 0);
	UNTIL(strstr(fake.asked, "\"alt_names\":\"gate.pharos.svc,"
				 "gate.pharos.svc.cluster.local\""));
	UNTIL(got.signed_);
}

static void test_signatures_that_are_not_taken(void **state)
{
	(void)state;
	open_with(REGISTRATION_ACTIVE, 1);
	bend.role = ROLE_BRIDGE;
	sign_one();
	assert_non_null(strstr(got.text, "wrong role"));
	bend.role = ROLE_NONE;
	bend.name = "another";
	sign_one();
	assert_non_null(strstr(got.text, "named another"));
	bend.name = NULL;
	bend.other_key = true;
	sign_one();
	assert_non_null(strstr(got.text, "another key"));
	bend.other_key = false;
	bend.by = &other_ca;
	sign_one();
	assert_string_equal(got.pem, "");
	bend.by = NULL;
	say(SIGN_BROKER, 403, ERRORS("permission denied"));
	sign_one();
	assert_non_null(strstr(got.text, "permission denied"));
	say(SIGN_BROKER, 200, "{\"data\":{}}");
	sign_one();
	assert_non_null(strstr(got.text, "no certificate"));
}

static void test_nothing_to_sign_with_yet(void **state)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(free_p) char *csr = request_made(&key);
	struct registry_sign order = {
		.name = "b", .csr = csr, .fn = on_signed
	};
	struct registry_call *c;

	(void)state;
	open_registry();
	assert_int_equal(registry_sign(&c, registry, &order), REGISTRY_E_AWAY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_own_certificate),
		ROW(test_a_renewal_that_fails),
		ROW(test_another_ca),
		ROW(test_certificates_that_are_not_taken),
		ROW(test_a_broker_is_signed),
		ROW(test_what_is_asked_to_be_signed),
		ROW(test_a_service_of_another_name),
		ROW(test_signatures_that_are_not_taken),
		ROW(test_nothing_to_sign_with_yet),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
