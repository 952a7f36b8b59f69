/* wire/space.h: where in a store the things of one cluster stand: in a
 * namespace of its own, or, in a store that has none, behind a prefix.
 *
 * Every name of a mount, a path or a policy that Pharos makes for a cluster
 * comes from here, so the one who writes it and the one who reads it cannot
 * differ. doc/wire/store.md is the list for people.
 */
#pragma once
#include "base/fault.h"
#include "wire/fingerprint.h"
#include "wire/vaultpath.h"

enum {
	SPACE_NAMESPACE_MOST = 128, /* characters */
	SPACE_PREFIX_MOST = 64,
	SPACE_DIGITS = 8,	   /* of a fingerprint, in a space's name */
	SPACE_NAME_MOST = 64 + 16, /* of a mount or a policy */
	SPACE_LABEL_MOST = SPACE_NAMESPACE_MOST + SPACE_PREFIX_MOST,
};

struct space {
	char name_space[SPACE_NAMESPACE_MOST + 1]; /* "cloudtaser/m24ppin6",
					without slashes around it; "": none */
	char prefix[SPACE_PREFIX_MOST + 1]; /* of mounts: "" or, with its slash
					       at the end, "cloudtaser/…/" */
};

/** space_own() - what a cluster has where nobody says otherwise: the namespace
 * cloudtaser/ and the first digits of its fingerprint
 * space_own_prefix() - the same as a prefix, in a store without namespaces */
void space_own(struct space *out, const struct fingerprint *f);
void space_own_prefix(struct space *out, const struct fingerprint *f);
/** space_set() - as somebody has written it
 * Return: 0; -EINVAL with @fault: segments are letters, digits, hyphen,
 * underscore and dot (no upper case in the prefix, whose policies would lose
 * it); the prefix, unless it is empty, ends in a slash. */
MUST_USE int space_set(struct space *out, const char *name_space,
    const char *prefix, struct fault *fault);
/** space_label() - how a record names it: the namespace, and what the prefix
 * adds; never empty if @s came from the functions above and one of both is not
 */
void space_label(char out[SPACE_LABEL_MOST + 1], const struct space *s);

/* Mounts. */
enum space_mount {
	SPACE_KV,      /* KV version 2: the registration */
	SPACE_SECRETS, /* KV version 2: what pods read; with a namespace only */
	SPACE_PKI,     /* the bridge CA */
	SPACE_JWT,     /* of auth/: pods log in */
	SPACE_APPROLE, /* of auth/: the bridge logs in */
	SPACE_MOUNTS,
};
/** space_mount() - its name, without auth/: "pharos-pki" */
void space_mount(char out[SPACE_NAME_MOST + 1], const struct space *s,
    enum space_mount mount);

/* Paths, without /v1/. */
enum space_path {
	SPACE_RECORD,	       /* the registration: KV entry */
	SPACE_RECORD_METADATA, /* of that entry */
	SPACE_CA,	       /* read the bridge CA's certificate */
	SPACE_CA_MAKE,
	SPACE_BRIDGE_ROLE, /* what the PKI signs for a bridge */
	SPACE_BROKER_ROLE,
	SPACE_BRIDGE_SIGN,
	SPACE_BROKER_SIGN,
	SPACE_FILE_ROLE, /* the same for a broker's key in a file */
	SPACE_FILE_SIGN,
	SPACE_JWT_CONFIG,   /* keys of the cluster */
	SPACE_LOGIN,	    /* of the bridge */
	SPACE_LOGIN_ROLE,   /* the AppRole */
	SPACE_ROLE_ID,	    /* of it */
	SPACE_SECRET_ID,    /* of it: each POST makes one */
	SPACE_SECRET_ID_NO, /* unmakes one, by its accessor */
	SPACE_PATHS,
};
void space_path(
    char out[VAULT_PATH_MOST], const struct space *s, enum space_path path);
/** space_mount_path() - where a mount is looked at, made and removed:
 * "sys/auth/jwt" */
void space_mount_path(
    char out[VAULT_PATH_MOST], const struct space *s, enum space_mount mount);

/** space_policy() - the name of the policy @name: "pharos-bridge", behind the
 * prefix, with hyphens for its slashes */
#define SPACE_BRIDGE_POLICY "pharos-bridge"
void space_policy(
    char *out, size_t room, const struct space *s, const char *name);
