#include "beacon/profile.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"

/* A file stands for the socket. */
static long remove_control(void)
{
	return unlink("run/control");
}

static long read_control_folder(void)
{
	return open("run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static const struct confined_row refused[] = {
	{ "a TCP connection", confined_connect },
	{ "a UDP socket", confined_udp },
	{ "list the control socket's folder", read_control_folder },
};

static const struct confined_row allowed[] = {
	{ "remove its control socket", remove_control },
};

static void in_profile(void)
{
	static char file[] = "own/file", control[] = "run/control";
	const struct config config = {
		.tls_cert = file, .tls_key = file, .control = control
	};
	struct fault fault = FAULT_NONE;
	struct profile profile;
	int fd;

	CHECK(!mkdir("run", 0700));
	fd = open(control, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(!close(fd));
	confined_enter(&profile, beacon_profile(&profile, &config, &fault));
	confined_allows(allowed, N_ELEMS(allowed));
	confined_carries();
	confined_refuses(refused, N_ELEMS(refused));
}

static void only_what_a_beacon_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(in_profile);
	assert_int_equal(rmdir("run"), 0);
}

static void calls_of_every_machine(void **state)
{
	static const struct config config = { .tls_cert = NULL };
	struct profile profile;

	(void)state;
	callnames_check(&profile, beacon_profile(&profile, &config, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_beacon_does),
		cmocka_unit_test(calls_of_every_machine),
	};

	return cmocka_run_group_tests(
	    tests, confined_folder, confined_no_folder);
}
