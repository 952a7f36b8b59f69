#include "wire/space.h"
#include <stdio.h>

/* ---- the space ----------------------------------------------------------- */

/* @after: what follows the digits */
static void own_name(
    char *to, size_t room, const struct fingerprint *f, const char *after)
{
	char digits[FINGERPRINT_DIGITS + 1];

	fingerprint_print(digits, f);
	(void)snprintf(
	    to, room, "cloudtaser/%.*s%s", SPACE_DIGITS, digits, after);
}

void space_own(struct space *out, const struct fingerprint *f)
{
	*out = (struct space){ .prefix = "" };
	own_name(out->name_space, sizeof(out->name_space), f, "");
}

void space_own_prefix(struct space *out, const struct fingerprint *f)
{
	*out = (struct space){ .name_space = "" };
	own_name(out->prefix, sizeof(out->prefix), f, "/");
}

/* Segments with a slash between them; of "." and ".." a server may think what
 * it likes. */
static bool segments_ok(const char *text, size_t n, const char *characters)
{
	size_t from = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && text[i] != '/') {
			if (!strchr(characters, text[i]))
				return false;
			continue;
		}
		if (i == from || text[i - 1] == '.')
			return false;
		from = i + 1;
	}
	return true;
}

#define PLAIN "abcdefghijklmnopqrstuvwxyz0123456789-_."
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

int space_set(struct space *out, const char *name_space, const char *prefix,
    struct fault *fault)
{
	size_t n = strlen(name_space), m = strlen(prefix);

	if (n > SPACE_NAMESPACE_MOST ||
	    (n && !segments_ok(name_space, n, PLAIN UPPER)))
		return fault_set(fault, -EINVAL,
		    "expected is a/b, of letters, digits, - _ and . within",
		    "namespace %.80s: cannot be one", name_space);
	if (m > SPACE_PREFIX_MOST ||
	    (m && (prefix[m - 1] != '/' || !segments_ok(prefix, m - 1, PLAIN))))
		return fault_set(fault, -EINVAL,
		    "expected is a/b/, of lower-case letters, digits, - _ and "
		    ". within",
		    "prefix %.80s: cannot be one", prefix);
	*out = (struct space){ .prefix = "" };
	memcpy(out->name_space, name_space, n);
	memcpy(out->prefix, prefix, m);
	return 0;
}

void space_label(char out[SPACE_LABEL_MOST + 1], const struct space *s)
{
	size_t m = strlen(s->prefix);

	(void)snprintf(out, SPACE_LABEL_MOST + 1, "%s%s%.*s", s->name_space,
	    *s->name_space && m ? "/" : "", (int)(m ? m - 1 : 0), s->prefix);
}

/* ---- what stands in it --------------------------------------------------- */

static const struct {
	const char *name;
	bool auth;
} mounts[] = {
	[SPACE_KV] = { "pharos", false },
	[SPACE_SECRETS] = { "secret", false },
	[SPACE_PKI] = { "pharos-pki", false },
	[SPACE_JWT] = { "jwt", true },
	[SPACE_APPROLE] = { "pharos-approle", true },
};
_Static_assert(N_ELEMS(mounts) == SPACE_MOUNTS, "a name each");

static const struct {
	enum space_mount mount;
	const char *below;
} paths[] = {
	[SPACE_RECORD] = { SPACE_KV, "data/registration" },
	[SPACE_RECORD_METADATA] = { SPACE_KV, "metadata/registration" },
	[SPACE_CA] = { SPACE_PKI, "cert/ca" },
	[SPACE_CA_MAKE] = { SPACE_PKI, "root/generate/internal" },
	[SPACE_BRIDGE_ROLE] = { SPACE_PKI, "roles/bridge" },
	[SPACE_BROKER_ROLE] = { SPACE_PKI, "roles/broker" },
	[SPACE_BRIDGE_SIGN] = { SPACE_PKI, "sign/bridge" },
	[SPACE_BROKER_SIGN] = { SPACE_PKI, "sign/broker" },
	[SPACE_FILE_ROLE] = { SPACE_PKI, "roles/broker-file" },
	[SPACE_FILE_SIGN] = { SPACE_PKI, "sign/broker-file" },
	[SPACE_JWT_CONFIG] = { SPACE_JWT, "config" },
	[SPACE_LOGIN] = { SPACE_APPROLE, "login" },
	[SPACE_LOGIN_ROLE] = { SPACE_APPROLE, "role/bridge" },
	[SPACE_ROLE_ID] = { SPACE_APPROLE, "role/bridge/role-id" },
	[SPACE_SECRET_ID] = { SPACE_APPROLE, "role/bridge/secret-id" },
	[SPACE_SECRET_ID_NO] = { SPACE_APPROLE,
	    "role/bridge/secret-id-accessor/destroy" },
};
_Static_assert(N_ELEMS(paths) == SPACE_PATHS, "a row each");

void space_mount(char out[SPACE_NAME_MOST + 1], const struct space *s,
    enum space_mount mount)
{
	(void)snprintf(
	    out, SPACE_NAME_MOST + 1, "%s%s", s->prefix, mounts[mount].name);
}

void space_path(
    char out[VAULT_PATH_MOST], const struct space *s, enum space_path path)
{
	char mount[SPACE_NAME_MOST + 1];

	space_mount(mount, s, paths[path].mount);
	(void)snprintf(out, VAULT_PATH_MOST, "%s%s/%s",
	    mounts[paths[path].mount].auth ? "auth/" : "", mount,
	    paths[path].below);
}

void space_mount_path(
    char out[VAULT_PATH_MOST], const struct space *s, enum space_mount mount)
{
	char name[SPACE_NAME_MOST + 1];

	space_mount(name, s, mount);
	(void)snprintf(out, VAULT_PATH_MOST, "sys/%s/%s",
	    mounts[mount].auth ? "auth" : "mounts", name);
}

void space_policy(
    char *out, size_t room, const struct space *s, const char *name)
{
	size_t n = strlen(s->prefix);

	(void)snprintf(out, room, "%s%s", s->prefix, name);
	for (size_t i = 0; i < n && out[i]; i++)
		if (out[i] == '/')
			out[i] = '-';
}
