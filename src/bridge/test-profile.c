#include "bridge/profile.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"

static char file[] = "own/file", store[] = "https://store.example:4999";
static char beacon[] = "beacon.example:443", broker[] = "broker.example:4998";

static const struct confined_row allowed[] = {
	{ "read its own file", confined_own_file },
	{ "hear of its replacement", confined_inotify },
	{ "a worker thread", confined_thread },
	{ "tell the service manager", confined_notify },
	{ "connect to the store's port", confined_connect },
	{ "ask for a name", confined_udp },
	{ "move bytes in the kernel", confined_splice },
};

static const struct confined_row refused[] = {
	{ "connect to another port", confined_connect_elsewhere },
};

static void enter(struct config *config)
{
	struct fault fault = FAULT_NONE;
	struct profile profile;

	config->uplink.tls_cert = file;
	config->vault_addr = store;
	config->vault_ca = file;
	CHECK(!bridge_profile(&profile, config, &fault));
	confined_enter(&profile.isolate);
	profile_deinit(&profile);
}

static void by_beacon(void)
{
	char *beacons[] = { beacon };
	struct config config = { .uplink.beacon_address = { beacons, 1 } };

	enter(&config);
	confined_allows(allowed, N_ELEMS(allowed));
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 443) == 0);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 4998) == -1);
	confined_refuses(confined_by_all, N_ELEMS(confined_by_all));
	confined_refuses(refused, N_ELEMS(refused));
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

static void only_what_a_bridge_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(by_beacon);
	in_child(by_broker);
}

static void calls_of_every_machine(void **state)
{
	const struct config config = { .vault_addr = store };
	struct profile profile;

	(void)state;
	assert_int_equal(bridge_profile(&profile, &config, NULL), 0);
	callnames_check(profile.isolate.calls, profile.isolate.n_calls);
	profile_deinit(&profile);
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
