#include "broker/profile.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"

static char file[] = "own/file", beacon[] = "beacon.example:4999";

static void enter(struct config *config)
{
	struct fault fault = FAULT_NONE;
	struct profile profile;

	config->listen_cert = file;
	config->uplink.tls_cert = file;
	confined_enter(&profile, broker_profile(&profile, config, &fault));
	confined_dials();
}

static void by_beacon(void)
{
	char *beacons[] = { beacon };
	struct config config = { .uplink.beacon_address = { beacons, 1 } };

	enter(&config);
	CHECK(confined_connect() == 0);
}

/* Whoever waits to be dialled dials nobody. */
static void by_bridge(void)
{
	struct config config = { .uplink.mode = UPLINK_REVERSE };

	enter(&config);
	CHECK(confined_connect() == -1);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 53) == -1);
}

static void only_what_a_broker_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(by_beacon);
	in_child(by_bridge);
}

static void calls_of_every_machine(void **state)
{
	static const struct config config = { .listen = NULL };
	struct profile profile;

	(void)state;
	callnames_check(&profile, broker_profile(&profile, &config, NULL));
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
