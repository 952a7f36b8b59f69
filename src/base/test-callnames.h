/* base/test-callnames.h: are the tables of a profile good, here and on other
 * machines? For tests of profiles. Include before cmocka.h.
 */
#pragma once
#include "base/profile.h"
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static inline void callnames_add(
    scmp_filter_ctx filter, const struct isolate_call *row)
{
	struct scmp_arg_cmp tests[ISOLATE_TESTS];
	int number = seccomp_syscall_resolve_name(row->name);

	for (unsigned i = 0; i < row->n_tests; i++)
		tests[i] = SCMP_CMP64(row->tests[i].number, SCMP_CMP_MASKED_EQ,
		    row->tests[i].mask, row->tests[i].value);
	if (seccomp_rule_add_array(
		filter, SCMP_ACT_ALLOW, number, row->n_tests, tests))
		fail_msg("'%s'", row->name);
}

/* A name that nobody knows is a misspelt one, unless it is newer than
 * libseccomp. */
static inline void callnames_add_all(
    scmp_filter_ctx filter, const struct isolate_calls *set)
{
	for (size_t i = 0; i < set->n_rows; i++) {
		const char *name = set->rows[i].name;

		if (seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR)
			callnames_add(filter, &set->rows[i]);
		else if (!set->newer)
			fail_msg("no system call '%s'", name);
	}
}

static inline void callnames_of_sets(
    const struct isolate_calls *const *sets, size_t n)
{
	static const uint32_t machines[] = { SCMP_ARCH_X86_64,
		SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, SCMP_ARCH_RISCV64,
		SCMP_ARCH_PPC64LE };

	for (size_t m = 0; m < N_ELEMS(machines); m++) {
		scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

		assert_non_null(filter);
		if (machines[m] != seccomp_arch_native()) {
			assert_int_equal(
			    seccomp_arch_remove(filter, SCMP_ARCH_NATIVE), 0);
			assert_int_equal(
			    seccomp_arch_add(filter, machines[m]), 0);
		}
		for (size_t i = 0; i < n; i++)
			callnames_add_all(filter, sets[i]);
		seccomp_release(filter);
	}
}

/* @made: what the program's function said that made @profile; deinits it */
static inline void callnames_check(struct profile *profile, int made)
{
	assert_int_equal(made, 0);
	callnames_of_sets(profile->isolate.calls, profile->isolate.n_calls);
	profile_deinit(profile);
}
