#include "broker/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define FILES                                                                  \
	"--tls-cert", "a", "--tls-key", "b", "--tls-ca", "c", "--listen-cert", \
	    "d", "--listen-key", "e"
#define BEACON "--beacon-address", "b1:443,b2:443", "--beacon-info-hash", "00"

enum { WORDS_MOST = 32 };

static int load(struct config *c, const char *const *words, struct fault *fault)
{
	char *argv[WORDS_MOST] = { "pharos-broker" };
	int argc = 1, r;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	r = option_load(&config_options, argc, argv, c, NULL, fault);
	return r ? r : config_check(c, fault);
}

static const struct {
	const char *label;
	const char *words[WORDS_MOST];
	const char *says; /* NULL: it is good */
} rows[] = {
	{ "the seed's line", { FILES, BEACON }, NULL },
	{ "reverse",
	    { FILES, "--mode", "reverse", "--reverse-listen", ":8443" }, NULL },
	{ "reverse, with the hash to check",
	    { FILES, "--mode", "reverse", "--reverse-listen", ":8443",
		"--beacon-info-hash", "00" },
	    NULL },
	{ "no beacon", { FILES, "--beacon-info-hash", "00" },
	    "--beacon-address is missing" },
	{ "no hash", { FILES, "--beacon-address", "b:443" },
	    "--beacon-info-hash is missing" },
	{ "too many beacons",
	    { FILES, "--beacon-info-hash", "00", "--beacon-address",
		"a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,"
		"a:15,a:16,a:17" },
	    "17 beacons, at most 16" },
	{ "a listener for bridges that are not awaited",
	    { FILES, BEACON, "--reverse-listen", ":8443" },
	    "--reverse-listen does not go with --mode beacon" },
	{ "reverse without an address", { FILES, "--mode", "reverse" },
	    "--reverse-listen is missing" },
	{ "beacons that are not dialled",
	    { FILES, BEACON, "--mode", "reverse", "--reverse-listen", ":1" },
	    "--beacon-address does not go with --mode reverse" },
	{ "a CA that is not used",
	    { FILES, "--mode", "reverse", "--reverse-listen", ":1",
		"--beacon-ca", "x" },
	    "--beacon-ca does not go with --mode reverse" },
	{ "a pin that is not used",
	    { FILES, "--mode", "reverse", "--reverse-listen", ":1",
		"--beacon-pin", "x" },
	    "--beacon-pin does not go with --mode reverse" },
	{ "no-shed in reverse mode",
	    { FILES, "--mode", "reverse", "--reverse-listen", ":1",
		"--no-shed" },
	    "--no-shed does not go with --mode reverse" },
	{ "direct is not the broker's", { FILES, "--mode", "direct" },
	    "--mode" },
	{ "reviews", { FILES, BEACON, "--review-pods", "yes" }, NULL },
	{ "reviews from outside of the cluster",
	    { FILES, BEACON, "--review-pods", "yes", "--kubeconfig", "k" },
	    NULL },
	{ "reviews and one token of all",
	    { FILES, BEACON, "--review-pods", "yes", "--client-token-file",
		"t" },
	    "--client-token-file does not go with --review-pods yes" },
	{ "a cluster that is asked nothing",
	    { FILES, BEACON, "--kubeconfig", "k" },
	    "--kubeconfig goes with --review-pods yes" },
	{ "a join string alone", { "--join", "x" }, NULL },
	{ "in a file", { "--join-file", "x" }, NULL },
	{ "with other beacons", { "--join", "x", "--beacon-address", "b:1" },
	    NULL },
	{ "and the bridge dials",
	    { "--join", "x", "--mode", "reverse", "--reverse-listen", ":1" },
	    NULL },
	{ "outside a cluster",
	    { "--join", "x", "--kubeconfig", "k", "--pod-name", "p",
		"--pod-namespace", "n", "--pod-uid", "u", "--service-account",
		"s" },
	    NULL },
	{ "a beacon alone", { "--beacon-address", "b:1" }, NULL },
	{ "beacons alone, outside a cluster",
	    { "--beacon-address", "b:1,b:2", "--kubeconfig", "k", "--pod-name",
		"p", "--pod-namespace", "n", "--pod-uid", "u",
		"--service-account", "s" },
	    NULL },
	{ "a beacon alone, and one token of all",
	    { "--beacon-address", "b:1", "--client-token-file", "t" }, NULL },
	{ "no beacon, and nothing else", { NULL },
	    "--tls-cert is missing, and so is --join" },
	{ "too many beacons alone",
	    { "--beacon-address",
		"a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,"
		"a:15,a:16,a:17" },
	    "17 beacons, at most 16" },
	{ "a beacon and a hash",
	    { "--beacon-address", "b:1", "--beacon-info-hash", "00" },
	    "--tls-cert is missing, and so is --join" },
	{ "a beacon and a CA", { "--beacon-address", "b:1", "--tls-ca", "c" },
	    "--tls-cert is missing, and so is --join" },
	{ "a beacon and a listener's certificate",
	    { "--beacon-address", "b:1", "--listen-cert", "c" },
	    "--tls-cert is missing, and so is --join" },
	{ "a beacon in reverse mode",
	    { "--beacon-address", "b:1", "--mode", "reverse" },
	    "--tls-cert is missing, and so is --join" },
	{ "two join strings", { "--join", "x", "--join-file", "y" },
	    "--join and --join-file" },
	{ "a certificate beside it", { "--join", "x", "--tls-cert", "a" },
	    "--tls-cert does not go with --join" },
	{ "its key", { "--join", "x", "--tls-key", "a" },
	    "--tls-key does not go with --join" },
	{ "a CA beside it", { "--join", "x", "--tls-ca", "a" },
	    "--tls-ca does not go with --join" },
	{ "a hash beside it", { "--join", "x", "--beacon-info-hash", "00" },
	    "--beacon-info-hash does not go with --join" },
	{ "a listener's certificate beside it",
	    { "--join", "x", "--listen-cert", "a" },
	    "--listen-cert does not go with --join" },
	{ "a pod that need not be known", { FILES, BEACON, "--pod-uid", "u" },
	    "--pod-uid goes with --join" },
	{ "no certificate, and no join string",
	    { BEACON, "--tls-key", "b", "--tls-ca", "c" },
	    "--tls-cert is missing, and so is --join" },
	{ "no listener's key",
	    { BEACON, "--tls-cert", "a", "--tls-key", "b", "--tls-ca", "c",
		"--listen-cert", "d" },
	    "--listen-key" },
};

static void options_that_belong_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct config c = { .health_addr = NULL };
		struct fault fault = FAULT_NONE;
		int r = load(&c, rows[i].words, &fault);
		bool good =
		    rows[i].says ? r && strstr(fault.text, rows[i].says) : !r;

		if (!good)
			fail_msg("%s: %d, %s", rows[i].label, r, fault.text);
		option_clear(&config_options, &c);
	}
}

static const struct {
	const char *label;
	const char *words[WORDS_MOST];
	bool reviews;
} asks[] = {
	{ "files", { FILES, BEACON }, false },
	{ "files, and yes", { FILES, BEACON, "--review-pods", "yes" }, true },
	{ "a join string", { "--join", "x" }, true },
	{ "a join string in a file", { "--join-file", "x" }, true },
	{ "a join string, and no", { "--join", "x", "--review-pods", "no" },
	    false },
	{ "a join string, and one token of all",
	    { "--join", "x", "--client-token-file", "t" }, false },
};

static void which_broker_reviews_pods(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(asks); i++) {
		struct config c = { .health_addr = NULL };
		struct fault fault = FAULT_NONE;

		if (load(&c, asks[i].words, &fault))
			fail_msg("%s: %s", asks[i].label, fault.text);
		if (config_reviews(&c) != asks[i].reviews)
			fail_msg("%s", asks[i].label);
		option_clear(&config_options, &c);
	}
}

static void defaults(void **state)
{
	static const char *const words[] = { FILES, BEACON, NULL };
	struct config c = { .uplink = { .mode = UPLINK_REVERSE } };

	(void)state;
	assert_int_equal(load(&c, words, NULL), 0);
	assert_string_equal(uplink_modes[c.uplink.mode], "beacon");
	assert_string_equal(c.listen, ":8199");
	assert_string_equal(c.health_addr, "127.0.0.1:9444");
	assert_null(c.client_token_file);
	assert_false(config_reviews(&c));
	assert_int_equal(c.uplink.beacon_address.n_items, 2);
	option_clear(&config_options, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_belong_together),
		cmocka_unit_test(which_broker_reviews_pods),
		cmocka_unit_test(defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
