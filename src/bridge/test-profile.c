#include "bridge/profile.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"

static char file[] = "own/file", store[] = "https://store.example:4999";
static char beacon[] = "beacon.example:443", broker[] = "broker.example:4998";

static void enter(struct config *config)
{
	struct fault fault = FAULT_NONE;
	struct profile profile;

	config->uplink.tls_cert = file;
	config->vault_addr = store;
	config->vault_ca = file;
	confined_enter(&profile, bridge_profile(&profile, config, &fault));
}

static void by_beacon(void)
{
	char *beacons[] = { beacon };
	struct config config = { .uplink.beacon_address = { beacons, 1 } };

	enter(&config);
	CHECK(confined_connect() == 0); /* to the store's port */
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 443) == 0);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 4998) == -1);
	confined_dials();
}

static void by_broker(void)
{
	char *brokers[] = { broker };
	struct config config = { .uplink.mode = UPLINK_REVERSE,
		.broker_address = { brokers, 1 } };

	enter(&config);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 4998) == 0);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 443) == -1);
}

/* Where it is registered it may ask the cluster's issuer. */
static void by_token_file(void)
{
	char *brokers[] = { broker };
	struct config config = { .uplink.mode = UPLINK_REVERSE,
		.broker_address = { brokers, 1 },
		.store_token_file = "/nonexistent/token" };

	enter(&config);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 443) == 0);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 444) == -1);
}

/* What a folder's credentials may name later: the usual ports. */
static void by_folder(void)
{
	char folder[] = "own";
	char *folders[] = { folder };
	struct config config = { .credential = { folders, 1 } };
	struct fault fault = FAULT_NONE;
	struct profile profile;

	confined_enter(&profile, bridge_profile(&profile, &config, &fault));
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 443) == 0);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 8200) == 0);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 4998) == -1);
	confined_dials();
}

static void only_what_a_bridge_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(by_beacon);
	in_child(by_broker);
	in_child(by_folder);
	in_child(by_token_file);
}

static void calls_of_every_machine(void **state)
{
	const struct config config = { .vault_addr = store };
	struct profile profile;

	(void)state;
	callnames_check(&profile, bridge_profile(&profile, &config, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_bridge_does),
		cmocka_unit_test(calls_of_every_machine),
	};

	return cmocka_run_group_tests(
	    tests, confined_folder, confined_no_folder);
}
