/* base/filter.c: see the header.
 *
 * The filter is an allow-list; everything else fails with EPERM, so a library's
 * odd call is an error that it can handle, not the process's end. Calls of
 * another machine's interface (i386 or x32 on x86_64) end the process:
 * libseccomp's rule, and nothing of ours makes them.
 *
 * Cost: rows are looked up in a binary tree. Since Linux 5.11 the kernel
 * remembers which calls a filter allows whatever their arguments, and skips the
 * filter for them; so what runs for each packet (read, write, splice,
 * epoll_wait, recvmsg and their like) stands in the tables without a test.
 */
#include "base/filter.h"
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

static void filter_freep(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int failed(struct fault *fault, int code, const char *what)
{
	return fault_set(fault, code,
	    "--no-sandbox starts without isolation, for debugging.",
	    "isolation: seccomp: %s: %s", what, strerror(-code));
}

/* A kernel with filters finds no filter at address 0; one without says EINVAL,
 * and a filter that is around us already may say anything. */
int filter_missing(void)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return -errno;
	if (!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0))
		return -EINVAL;
	return errno == EFAULT ? 0 : -errno;
}

static int add_row(
    scmp_filter_ctx filter, uint32_t action, const struct isolate_call *row)
{
	struct scmp_arg_cmp tests[ISOLATE_TESTS];
	int number = seccomp_syscall_resolve_name(row->name);

	if (number == __NR_SCMP_ERROR)
		return -EINVAL;
	for (unsigned i = 0; i < row->n_tests; i++)
		tests[i] = SCMP_CMP64(row->tests[i].number, SCMP_CMP_MASKED_EQ,
		    row->tests[i].mask, row->tests[i].value);
	return seccomp_rule_add_array(
	    filter, action, number, row->n_tests, tests);
}

static bool known(const char *name)
{
	return seccomp_syscall_resolve_name(name) != __NR_SCMP_ERROR;
}

/* A name that this machine has no such call for is no error to libseccomp. */
static int add_rows(scmp_filter_ctx filter, const struct isolate_calls *calls,
    struct fault *fault)
{
	uint32_t action = calls->answer
			      ? SCMP_ACT_ERRNO((uint16_t)calls->answer)
			      : SCMP_ACT_ALLOW;

	for (size_t i = 0; i < calls->n_rows; i++) {
		const char *name = calls->rows[i].name;
		int r;

		if (!known(name) && calls->newer)
			continue;
		if (!known(name))
			return fault_set(fault, -EINVAL, NULL,
			    "isolation: libseccomp knows no system call '%s'",
			    name);
		r = add_row(filter, action, &calls->rows[i]);
		if (r)
			return failed(fault, r, name);
	}
	return 0;
}

/* Calls without which no process ends, aborts or returns from a signal. */
static int add_always(scmp_filter_ctx filter, struct fault *fault)
{
	const struct isolate_test of_us = { .mask = ISOLATE_INT,
		.value = (uint64_t)getpid() };
	const struct isolate_call rows[] = {
		{ .name = "exit" },
		{ .name = "exit_group" },
		{ .name = "rt_sigreturn" },
		{ .name = "restart_syscall" },
		/* abort(), in glibc and in musl */
		{ .name = "tgkill", .n_tests = 1, .tests[0] = of_us },
		{ .name = "tkill", .n_tests = 1, .tests[0] = of_us },
	};
	const struct isolate_calls always = { ISOLATE_CALLS(rows) };

	return add_rows(filter, &always, fault);
}

/* What libseccomp may lack (the tree came with 2.5) is no reason to fail. The
 * last one: a filter is no sign that we run somebody else's code, which older
 * kernels take for granted, and slow the process down for. */
static void tune(scmp_filter_ctx filter)
{
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
}

int filter_enter(const struct isolate_profile *profile, struct fault *fault)
{
	CLEANUP(filter_freep)
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return failed(fault, -ENOMEM, "making the filter");
	tune(filter);
	r = add_always(filter, fault);
	for (size_t i = 0; !r && i < profile->n_calls; i++)
		r = add_rows(filter, profile->calls[i], fault);
	if (r)
		return r;
	r = seccomp_load(filter);
	return r ? failed(fault, r, "entering") : 0;
}
