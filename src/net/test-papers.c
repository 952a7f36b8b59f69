/* Papers as a whole or not at all, and old ones only as long as somebody needs
 * them. */
#include "net/papers.h"
#include "pki/testpki.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/pharos-papers-XXXXXX";
static char cert_file[64], key_file[64], ca_file[64];
static struct testpki_ca ca, other;

static void write_files(const struct testpki_ca *from, const char *name)
{
	struct identity *id = testpki_identity(from, ROLE_BROKER, name, NULL);

	unlink(cert_file);
	unlink(key_file);
	unlink(ca_file);
	testpki_write_cert(cert_file, id->leaf);
	testpki_write_key(key_file, id->key);
	testpki_write_cert(ca_file, from->cert);
	identity_free(id);
}

static struct papers_order order(void)
{
	return (struct papers_order){
		.cert_file = cert_file,
		.key_file = key_file,
		.ca_file = ca_file,
		.role = ROLE_BROKER,
		.trust = { .end = TLS_CLIENT, .peer_role = ROLE_BRIDGE },
		.beacon = true,
		.beacon_ca = ca_file,
	};
}

static struct papers *load(const struct papers *now)
{
	const struct papers_order o = order();
	struct fault fault = FAULT_NONE;
	struct papers *p;

	if (papers_load(&p, &o, now, &fault))
		fail_msg("%s", fault.text);
	return p;
}

static int make_files(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(cert_file, sizeof(cert_file), "%s/crt", folder);
	snprintf(key_file, sizeof(key_file), "%s/key", folder);
	snprintf(ca_file, sizeof(ca_file), "%s/ca", folder);
	ca = testpki_ca_new("bridge");
	other = testpki_ca_new("bridge");
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(cert_file);
	unlink(key_file);
	unlink(ca_file);
	testpki_ca_free(&ca);
	testpki_ca_free(&other);
	return rmdir(folder);
}

static void test_whole(void **state)
{
	struct papers *p;

	(void)state;
	write_files(&ca, "one");
	p = load(NULL);
	assert_string_equal(p->identity->subject.name, "one");
	assert_ptr_equal(p->trust.identity, p->identity);
	assert_int_equal(p->trust.peer_role, ROLE_BRIDGE);
	assert_true(p->tunnel && p->outer);
	papers_free(p);
}

static void test_from_memory(void **state)
{
	struct identity *id = testpki_identity(&ca, ROLE_BROKER, "two", NULL);
	struct identity *far = testpki_identity(&other, ROLE_BROKER, "x", NULL);
	struct papers_order o = order();
	struct fault fault = FAULT_NONE;
	struct papers *p = NULL, *q = NULL;

	(void)state;
	write_files(&ca, "one");
	o.cert_file = o.key_file = o.ca_file = "/nowhere";
	o.identity = id;
	assert_int_equal(papers_load(&p, &o, NULL, NULL), 0);
	identity_free(id); /* the papers have their own */
	assert_string_equal(p->identity->subject.name, "two");
	o.identity = far;
	assert_int_equal(papers_load(&q, &o, p, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "another CA"));
	identity_free(far);
	papers_free(p);
}

static void test_refused(void **state)
{
	static const struct {
		const char *label;
		bool other_ca, no_beacon_ca, wrong_role;
		const char *words;
	} rows[] = {
		{ "another realm", .other_ca = true,
		    .words = "is another CA than the one in use" },
		{ "no CA of the beacon's", .no_beacon_ca = true,
		    .words = "/nowhere" },
		{ "another role", .wrong_role = true, .words = "bridge" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct papers_order o = order();
		struct papers *now, *p = NULL;
		struct fault fault = FAULT_NONE;

		write_files(&ca, "one");
		now = load(NULL);
		if (rows[i].other_ca)
			write_files(&other, "one");
		if (rows[i].no_beacon_ca)
			o.beacon_ca = "/nowhere";
		if (rows[i].wrong_role)
			o.role = ROLE_BRIDGE;
		if (!papers_load(&p, &o, now, &fault) || p)
			fail_msg("%s: taken", rows[i].label);
		if (!strstr(fault.text, rows[i].words))
			fail_msg("%s: %s", rows[i].label, fault.text);
		papers_free(now);
	}
}

static void test_old_ones_go_when_nobody_needs_them(void **state)
{
	struct papers *now;
	struct tls_context *tunnel, *outer;

	(void)state;
	write_files(&ca, "one");
	now = load(NULL);
	papers_replace(&now, load(now));
	assert_null(now->older);
	tunnel = tls_context_ref(now->tunnel); /* a tunnel lives */
	papers_replace(&now, load(now));
	assert_non_null(now->older);
	outer = tls_context_ref(now->outer); /* and a leg waits */
	papers_replace(&now, load(now));
	papers_replace(&now, load(now));
	assert_ptr_equal(now->older->outer, outer);
	assert_ptr_equal(now->older->older->tunnel, tunnel);
	assert_null(now->older->older->older);
	tls_context_free(tunnel);
	papers_replace(&now, load(now));
	assert_ptr_equal(now->older->outer, outer);
	assert_null(now->older->older);
	tls_context_free(outer);
	papers_free_all(now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_from_memory),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_old_ones_go_when_nobody_needs_them),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
