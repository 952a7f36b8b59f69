#include "base/profile.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/pharos-profile-XXXXXX";

/* pod/ca.crt -> ..data/ca.crt, ..data -> ..1, as Kubernetes mounts it; and
 * live/ca.crt -> ../archive/ca1.crt, as certbot has it */
static int make_folder(void **state)
{
	int fd;

	(void)state;
	if (!mkdtemp(folder) || chdir(folder) || mkdir("pod", 0700) ||
	    mkdir("pod/..1", 0700) || mkdir("live", 0700) ||
	    mkdir("archive", 0700) || symlink("..1", "pod/..data") ||
	    symlink("..data/ca.crt", "pod/ca.crt") ||
	    symlink("../archive/ca1.crt", "live/ca.crt"))
		return -1;
	fd = open("pod/..1/ca.crt", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) || link("pod/..1/ca.crt", "archive/ca1.crt"))
		return -1;
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "pod/ca.crt", "pod/..data",
		"pod/..1/ca.crt", "live/ca.crt", "archive/ca1.crt", "pod/..1",
		"pod", "live", "archive", folder };
	int r = 0;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(names); i++)
		r |= remove(names[i]);
	return r;
}

/* Is @path, made absolute, among those that may be read? */
static bool has(const struct profile *p, const char *path)
{
	CLEANUP(free_p) char *wanted = realpath(path, NULL);

	assert_non_null(wanted);
	for (size_t i = 0; i < p->isolate.n_paths; i++) {
		CLEANUP(free_p)
		char *real = realpath(p->isolate.paths[i].path, NULL);

		if (real && !strcmp(real, wanted) &&
		    p->isolate.paths[i].access == ISOLATE_READ)
			return true;
	}
	return false;
}

static void the_folder_of_a_file_and_of_where_it_leads(void **state)
{
	static const struct {
		const char *label, *file, *folders[2];
	} rows[] = {
		{ "a plain file", "archive/ca1.crt", { "archive", "archive" } },
		{ "of a pod's volume", "pod/ca.crt", { "pod", "pod/..1" } },
		{ "a link elsewhere", "live/ca.crt", { "live", "archive" } },
		{ "not there yet", "live/later.crt", { "live", "live" } },
		{ "here", "none", { ".", "." } },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct profile p;

		profile_init(&p, NULL, 0);
		profile_beside(&p, rows[i].file);
		assert_int_equal(profile_check(&p, NULL), 0);
		for (size_t j = 0; j < N_ELEMS(rows[i].folders); j++)
			if (!has(&p, rows[i].folders[j]))
				fail_msg("%s: %s", rows[i].label,
				    rows[i].folders[j]);
		profile_deinit(&p);
	}
}

static void no_file_is_no_folder(void **state)
{
	struct profile p;
	size_t before;

	(void)state;
	profile_init(&p, NULL, 0);
	before = p.isolate.n_paths;
	profile_beside(&p, NULL);
	profile_beside(&p, "");
	assert_int_equal(p.isolate.n_paths, before);
	profile_deinit(&p);
}

static void ports_once_each(void **state)
{
	struct profile p;

	(void)state;
	profile_init(&p, NULL, 0);
	profile_port(&p, 443);
	profile_port(&p, 443);
	profile_port(&p, 0);
	profile_port(&p, 53);
	assert_int_equal(p.isolate.n_ports, 2);
	profile_deinit(&p);
}

static void too_much_is_said(void **state)
{
	struct fault fault = FAULT_NONE;
	struct profile p;

	(void)state;
	profile_init(&p, NULL, 0);
	for (unsigned i = 1; i <= PROFILE_PORTS; i++)
		profile_port(&p, (uint16_t)i);
	assert_int_equal(profile_check(&p, &fault), 0);
	profile_port(&p, PROFILE_PORTS + 1);
	assert_int_equal(profile_check(&p, &fault), -E2BIG);
	assert_non_null(strstr(fault.text, "too many"));
	profile_deinit(&p);

	profile_init(&p, NULL, 0);
	for (size_t i = 0; i < PROFILE_PATHS; i++)
		profile_beside(&p, "archive/ca1.crt");
	assert_int_equal(profile_check(&p, &fault), -E2BIG);
	assert_true(p.isolate.n_paths <= PROFILE_PATHS);
	profile_deinit(&p);
}

/* Not the folder that has private keys, whatever else is named. */
static void no_private_keys_of_the_system(void **state)
{
	static const char *const never[] = { "/etc/ssl", "/etc/pki",
		"/etc/ssl/private", "/etc/pki/tls", "/" };
	struct profile p;

	(void)state;
	profile_init(&p, NULL, 0);
	profile_system_cas(&p);
	for (size_t i = 0; i < N_ELEMS(never); i++)
		for (size_t j = 0; j < p.isolate.n_paths; j++)
			assert_string_not_equal(
			    p.isolate.paths[j].path, never[i]);
	profile_deinit(&p);
}

/* A resolv.conf that is replaced is a new file: all of /etc has to be open for
 * it, but not to root, to whom permission bits close nothing. */
static void etc_is_closed_to_root(void **state)
{
	struct profile p;

	(void)state;
	profile_init(&p, NULL, 0);
	profile_resolver(&p);
	assert_int_equal(has(&p, "/etc"), geteuid() != 0);
	assert_int_equal(p.isolate.ports[0], 53);
	profile_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_of_a_file_and_of_where_it_leads),
		cmocka_unit_test(no_file_is_no_folder),
		cmocka_unit_test(ports_once_each),
		cmocka_unit_test(too_much_is_said),
		cmocka_unit_test(no_private_keys_of_the_system),
		cmocka_unit_test(etc_is_closed_to_root),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
