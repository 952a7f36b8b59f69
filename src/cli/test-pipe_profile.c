#include "base/test-callnames.h"
#include "base/test-confined.h"
#include "cli/pipe.h"

static char file[] = "own/file", place[] = "other.example:4999";
static char *places[] = { place };

static void enter(
    struct pipe_options *options, const struct pipe_targets *targets)
{
	const struct pipe_program program = { .options = options,
		.targets = targets };
	struct fault fault = FAULT_NONE;
	struct profile profile;

	options->uplink.tls_cert = file;
	confined_enter(&profile, pipe_profile(&profile, &program, &fault));
	confined_dials();
}

static void by_beacon(void)
{
	struct pipe_options options = { .uplink.beacon_address = {
					    places, 1 } };

	enter(&options, NULL);
	CHECK(confined_connect() == 0);
}

static void by_dial(void)
{
	struct pipe_options options = { .dial = { places, 1 } };

	enter(&options, NULL);
	CHECK(confined_connect() == 0);
}

static void to_a_target(void)
{
	const struct pipe_targets targets = {
		.target = { { .address = place } }, .n = 1
	};
	struct pipe_options options = { .accept = place };

	enter(&options, &targets);
	CHECK(confined_connect() == 0);
}

/* Whoever is dialled, and exposes nothing, dials nobody. */
static void by_accept(void)
{
	struct pipe_options options = { .accept = place };

	enter(&options, NULL);
	CHECK(confined_connect() == -1);
	CHECK(confined_dial(AF_INET, SOCK_STREAM, 53) == -1);
}

static void only_what_a_pipe_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(by_beacon);
	in_child(by_dial);
	in_child(to_a_target);
	in_child(by_accept);
}

static void calls_of_every_machine(void **state)
{
	static const struct pipe_options options = { .accept = NULL };
	const struct pipe_program program = { .options = &options };
	struct profile profile;

	(void)state;
	callnames_check(&profile, pipe_profile(&profile, &program, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_pipe_does),
		cmocka_unit_test(calls_of_every_machine),
	};

	return cmocka_run_group_tests(
	    tests, confined_folder, confined_no_folder);
}
