/* withhold CALL[@FIRST]=ERRNO ... -- COMMAND [ARGUMENT ...]: run a command on a
 * kernel that lacks system calls: CALL (with first argument FIRST) fails with
 * ERRNO, a number.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int withhold(scmp_filter_ctx filter, char *word)
{
	char *error = strchr(word, '='), *first = strchr(word, '@');
	struct scmp_arg_cmp test = SCMP_A0(SCMP_CMP_EQ, 0);
	uint32_t action;
	int number;

	if (!error)
		return -EINVAL;
	action = SCMP_ACT_ERRNO((uint16_t)strtoul(error + 1, NULL, 10));
	*error = '\0';
	if (first) {
		*first = '\0';
		test.datum_a = strtoull(first + 1, NULL, 10);
	}
	number = seccomp_syscall_resolve_name(word);
	return seccomp_rule_add_array(
	    filter, action, number, first ? 1 : 0, &test);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i = 1, r = filter ? 0 : -ENOMEM;

	for (; !r && i < argc && strcmp(argv[i], "--") != 0; i++)
		r = withhold(filter, argv[i]);
	if (!r && i + 1 >= argc)
		r = -EINVAL;
	if (!r)
		r = seccomp_load(filter);
	if (!r)
		execv(argv[i + 1], argv + i + 1);
	fprintf(stderr, "withhold: %s\n", strerror(r ? -r : errno));
	return 1;
}
