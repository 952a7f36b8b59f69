#include "link/wgframe.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void the_version_tells(void **state)
{
	static const struct {
		const char *answer;
		bool framed;
	} rows[] = {
		{ "wireguard-go v0.0.20220316\n\nUserspace WireGuard", true },
		{ "wireguard-go v0.0.20230223\n", true },
		{ "wireguard-go v0.0.20230224\n", false },
		{ "wireguard-go v0.0.20250522\n", false },
		{ "wireguard-go v0.1.0\n", false },
		{ "wireguard-go v0.0.\n", false },
		{ "amneziawg-go 0.2.19\n", false },
		{ "wireguard-go", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (wgframe_read(rows[i].answer) != rows[i].framed)
			fail_msg("%s", rows[i].answer);
}

static void a_program_is_asked(void **state)
{
	static const struct {
		const char *script;
		bool framed;
	} rows[] = {
		{ "#!/bin/sh\necho wireguard-go v0.0.20220316\n", true },
		{ "#!/bin/sh\necho wireguard-go v0.0.20250522\n", false },
		{ "#!/bin/sh\nexit 1\n", false },
		/* more than anybody reads */
		{ "#!/bin/sh\necho wireguard-go v0.0.20220316\n"
		  "while :; do echo more; done\n",
		    true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		FILE *file = fopen("program", "w");
		bool framed = !rows[i].framed;

		assert_non_null(file);
		assert_true(fputs(rows[i].script, file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(chmod("program", 0700), 0);
		if (wgframe_of(&framed, "./program", &fault))
			fail_msg("%s", fault.text);
		if (framed != rows[i].framed)
			fail_msg("%s", rows[i].script);
		assert_int_equal(unlink("program"), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_tells),
		cmocka_unit_test(a_program_is_asked),
	};
	char folder[] = "/tmp/wgframe-XXXXXX";

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL) || chdir("/") ||
	       rmdir(folder);
}
