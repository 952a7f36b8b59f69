/* wire/vaultpath.h: what a request to the secret store asks for: its path as
 * segments, its query, and which operation of the API that is.
 *
 * Both a proxy that has to decide on a request (bridge) and a store (devstore)
 * read paths with this, so that what was judged is what is done. The reader
 * refuses every path that two readers could understand differently: empty
 * segments, "." and "..", an encoded slash, control characters, bytes that are
 * not UTF-8, broken escapes, a last segment that ends in a dot (the store
 * refuses it). vault_path_print() writes the one canonical spelling.
 */
#pragma once
#include "base/err.h"

enum {
	VAULT_TARGET_MOST = 4096, /* a canonical target with its NUL */
	VAULT_PATH_MOST = 1024,	  /* decoded path and query */
	VAULT_SEGMENTS_MOST = 32,
	VAULT_QUERY_MOST = 8, /* parameters */
};

/* Copy it freely: it holds offsets into its own text, no pointers. */
struct vault_path {
	char text[VAULT_PATH_MOST]; /* NUL-terminated pieces, decoded */
	uint16_t segment[VAULT_SEGMENTS_MOST];
	uint16_t name[VAULT_QUERY_MOST], value[VAULT_QUERY_MOST];
	uint16_t used;
	uint8_t n_segments, n_query;
	bool folder; /* the path ended in a slash */
};

enum {
	VAULT_PATH_E_PREFIX = 1, /* does not start with /v1/, or no path */
	VAULT_PATH_E_SIZE,	 /* longer or deeper than the limits above */
	VAULT_PATH_E_ESCAPE,	 /* a bad %XX, or an encoded slash */
	VAULT_PATH_E_CHARACTER,	 /* control character, backslash, not UTF-8 */
	VAULT_PATH_E_SEGMENT,	 /* empty, "." or "..", or a dot at the end */
	VAULT_PATH_E_QUERY,	 /* a parameter without a name, or twice */
};

/** vault_path_parse() - a request's target, "/v1/secret/data/a?version=2"
 * Return: 0; VAULT_PATH_E_*. */
MUST_USE int vault_path_parse(struct vault_path *out, const char *target);
/** vault_path_plain() - a path as a person writes it, "secret/data/team a/":
 * no prefix, no escapes, no query; the same rules otherwise */
MUST_USE int vault_path_plain(struct vault_path *out, const char *text);
/** vault_path_problem() - a VAULT_PATH_E_* for people */
const char *vault_path_problem(int code);

/** vault_path_segment() - borrowed from @p; "" past the last */
const char *vault_path_segment(const struct vault_path *p, size_t i);
/** vault_path_query() - the value of a parameter; NULL when it is not there */
const char *vault_path_query(const struct vault_path *p, const char *name);
/** vault_path_below() - are the first segments of @p those of @prefix? */
bool vault_path_below(
    const struct vault_path *p, const struct vault_path *prefix);
/** vault_path_drop() - forget the first @n segments, of those that are there */
void vault_path_drop(struct vault_path *p, size_t n);
/** vault_path_print() - the canonical target, with "/v1/", without the query
 * Return: 0; -ENOBUFS. VAULT_TARGET_MOST is always enough. */
MUST_USE int vault_path_print(
    const struct vault_path *p, char *to, size_t room);
/** vault_path_join() - segments @from to before @to with slashes, decoded
 * Return: 0; -ENOBUFS. VAULT_PATH_MOST is always enough. */
MUST_USE int vault_path_join(const struct vault_path *p, size_t from, size_t to,
    char *text, size_t room);

enum vault_operation {
	VAULT_OTHER,		 /* below sys/ or auth/ and none of these */
	VAULT_LOGIN,		 /* auth/MOUNT/login */
	VAULT_TOKEN_LOOKUP_SELF, /* auth/token/lookup-self */
	VAULT_TOKEN_RENEW_SELF,	 /* auth/token/renew-self */
	VAULT_TOKEN_REVOKE_SELF, /* auth/token/revoke-self */
	VAULT_LEASE_RENEW,	 /* sys/leases/renew */
	VAULT_HEALTH,		 /* sys/health, GET or HEAD */
	VAULT_SEAL_STATUS,	 /* sys/seal-status */
	VAULT_MOUNTS,		 /* sys/internal/ui/mounts */
	VAULT_MOUNT,		 /* sys/internal/ui/mounts/PATH */
	VAULT_READ,		 /* anywhere else, by method */
	VAULT_LIST,
	VAULT_WRITE,
	VAULT_PATCH,
	VAULT_DELETE,
	VAULT_OPERATION_COUNT,
};

/** vault_operation_of() - what @method on @p is; PUT and POST are synonyms, and
 * so are LIST and GET with list=true */
enum vault_operation vault_operation_of(
    const struct vault_path *p, const char *method);
const char *vault_operation_name(enum vault_operation op);
