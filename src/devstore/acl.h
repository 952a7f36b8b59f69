/* devstore/acl.h: policies: which paths a token may do what on.
 *
 * The text is HCL (`path "secret/data/a" { capabilities = ["read"] }`) or the
 * same as JSON. A path may end in `*` (everything that starts so) and have `+`
 * as a whole segment (any one). What OpenBao knows and this does not (parameter
 * rules, wrapping, templates) is refused, never skipped.
 */
#pragma once
#include "base/err.h"

enum acl_capability {
	ACL_CREATE = 1,
	ACL_READ = 2,
	ACL_UPDATE = 4,
	ACL_DELETE = 8,
	ACL_LIST = 16,
	ACL_PATCH = 32,
	ACL_SCAN = 64,
	ACL_SUDO = 128,
	ACL_DENY = 256,
	ACL_ALL = 255, /* what the root policy has */
};

enum {
	ACL_TEXT_MOST = 16 * 1024,
	ACL_RULES_MOST = 64, /* of one policy */
	ACL_PATH_MOST = 256,
	ACL_WHY_MOST = 300,
};

struct acl_rule {
	char path[ACL_PATH_MOST]; /* without the final '*' */
	unsigned capabilities;
	bool prefix; /* it ended in '*' */
};

struct acl {
	struct acl_rule *rules;
	size_t n_rules;
};

/** acl_parse() - Return: 0; -EINVAL: @why says what and where; -ENOMEM. */
MUST_USE int acl_parse(
    struct acl *out, const char *text, char why[ACL_WHY_MOST]);
void acl_clear(struct acl *a);

/** acl_names() - of the capabilities in @set, sorted
 * Return: how many were put into @to. */
enum { ACL_NAMES_MOST = 9 };
size_t acl_names(unsigned set, const char *to[ACL_NAMES_MOST]);
/** acl_allows() - what the policies together allow on @path
 * The most specific matching rule counts, by OpenBao's order; rules of the same
 * path add up over the policies; deny on that path wins over all.
 * @listing: a path that ends in '/' is also the one without it
 * Return: a set of enum acl_capability; ACL_DENY is never in it. */
unsigned acl_allows(const struct acl *const *policies, size_t n,
    const char *path, bool listing);
/** acl_reaches() - is anything allowed at or below @mount ("secret/")? */
bool acl_reaches(
    const struct acl *const *policies, size_t n, const char *mount);
