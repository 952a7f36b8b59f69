#include "wrapper/fetchprofile.h"
#include "base/secret.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"

static const struct handoff_job job = {
	.broker = "https://broker.example:4999",
	.broker_ca = "own/file",
	.bridge_ca = "own/file",
	.jwt_file = "",
	.token_file = "",
	.broker_token_file = "",
};

static long hand_a_value_over(void)
{
	CLEANUP(secret_freep) struct secret *s = NULL;

	return secret_from(&s, "x", 1) ? -1 : secret_seal_fd(s, NULL);
}

static const struct confined_row allowed[] = {
	{ "read its own file", confined_own_file },
	{ "connect to the broker's port", confined_connect },
	{ "ask for a name", confined_udp },
	{ "hand a value over", hand_a_value_over },
};

static const struct confined_row refused[] = {
	{ "connect to another port", confined_connect_elsewhere },
	{ "a thread", confined_thread },
	{ "inotify", confined_inotify },
	{ "a unix datagram socket", confined_notify },
};

static void in_profile(void)
{
	struct fault fault = FAULT_NONE;
	struct profile profile;

	confined_enter(&profile, fetch_profile(&profile, &job, NULL, &fault));
	confined_allows(allowed, N_ELEMS(allowed));
	confined_refuses(confined_by_all, N_ELEMS(confined_by_all));
	confined_refuses(refused, N_ELEMS(refused));
}

static void only_what_a_fetch_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(in_profile);
}

static void calls_of_every_machine(void **state)
{
	struct profile profile;

	(void)state;
	callnames_check(&profile, fetch_profile(&profile, &job, NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_fetch_does),
		cmocka_unit_test(calls_of_every_machine),
	};

	return cmocka_run_group_tests(
	    tests, confined_folder, confined_no_folder);
}
