#include "broker/profile.h"
#include "broker/broker.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"

static char file[] = "own/file", beacon[] = "beacon.example:4999";
static char api[] = "https://10.96.0.1:6443";
static const struct cluster nothing = { .access.server = NULL };

static void enter(struct config *config, const struct cluster *cluster)
{
	const struct broker_order order = { .config = config,
		.cluster = *cluster };
	struct fault fault = FAULT_NONE;
	struct profile profile;

	config->listen_cert = file;
	config->uplink.tls_cert = file;
	confined_enter(&profile, broker_profile(&profile, &order, &fault));
	confined_dials();
}

static void by_beacon(void)
{
	char *beacons[] = { beacon };
	struct config config = { .uplink.beacon_address = { beacons, 1 } };

	enter(&config, &nothing);
	CHECK(confined_connect() == 0);
}

/* Whoever waits to be dialled dials nobody. */
static void by_bridge(void)
{
	struct config config = { .uplink.mode = UPLINK_REVERSE };

	enter(&config, &nothing);
	CHECK(confined_connect() == -1);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 53) == -1);
}

/* But whoever reviews pods asks the cluster, by libcurl. */
static void by_bridge_with_reviews(void)
{
	static const struct cluster cluster = { .access.server = api };
	struct config config = { .uplink.mode = UPLINK_REVERSE };
	int pair[2];

	enter(&config, &cluster);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 6443) == 0);
	CHECK(confined_connect() == -1);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static void only_what_a_broker_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(by_beacon);
	in_child(by_bridge);
	in_child(by_bridge_with_reviews);
}

static void calls_of_every_machine(void **state)
{
	static const struct config config = { .listen = NULL };
	const struct broker_order order = { .config = &config,
		.cluster.access.server = api };
	struct profile profile;

	(void)state;
	callnames_check(&profile, broker_profile(&profile, &order, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_broker_does),
		cmocka_unit_test(calls_of_every_machine),
	};

	return cmocka_run_group_tests(
	    tests, confined_folder, confined_no_folder);
}
