/* The first line is a path, the rest a policy. */
#include "fuzz.h"
#include "devstore/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	char *line = strchr(text, '\n'), why[ACL_WHY_MOST];
	struct acl a;
	const struct acl *list[] = { &a };

	if (!line)
		return 0;
	*line = '\0';
	if (acl_parse(&a, line + 1, why)) {
		INVARIANT(*why);
		return 0;
	}
	INVARIANT(a.n_rules <= ACL_RULES_MOST);
	INVARIANT(!(acl_allows(list, 1, text, false) & ACL_DENY));
	/* who may do something on a path reaches it */
	if (acl_allows(list, 1, text, false))
		INVARIANT(acl_reaches(list, 1, text));
	acl_clear(&a);
	return 0;
}
