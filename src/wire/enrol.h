/* wire/enrol.h: how one cluster's part of a store is set up, as changes: the
 * places, the bridge CA, what may be signed, what the bridge may do, and the
 * registration.
 *
 * `pharos source register` makes these changes, `verify` compares them with
 * what is there. doc/wire/store.md is the same list for people. Pure.
 */
#pragma once
#include "wire/changes.h"
#include "wire/space.h"

enum {
	ENROL_CA_S = 10 * 365 * 24 * 3600, /* life of the bridge CA */
	ENROL_LEAF_S = 24 * 3600,	   /* of a certificate, at most */
	ENROL_FILE_S = 90 * 24 * 3600,	   /* of one whose key is in a file */
	ENROL_TOKEN_S = 3600, /* of the bridge's token, until renewed */
	ENROL_TOKEN_MOST_S = 24 * 3600, /* then it logs in again */
	ENROL_LABEL_MOST = 63,
};

struct enrol_order {
	const struct space *space;
	const struct fingerprint *fingerprint; /* for who reads the mounts */
	bool has_home; /* the namespace is there already: no step for it */
	/* the broker's Service in Kubernetes: names that pods reach it by */
	const char *broker_namespace, *broker_service;
};
/** enrol_label_ok() - can these be a namespace's and a Service's name? */
bool enrol_label_ok(const char *text);

/* Which step of the changes is which. */
struct enrol {
	size_t ca;	  /* changes_data(): its "certificate", PEM */
	size_t role_id;	  /* "role_id" */
	size_t secret_id; /* "secret_id" */
	size_t file;	  /* "certificate", PEM */
	size_t file_role; /* that has signed it */
	/* counted from 1, 0 being none: what others stand in */
	size_t home; /* the namespace */
	size_t kv, pki, approle;
};

/* Steps, in this order; what the next one needs, the answers before it have.
 * Return: 0; -EINVAL: the space cannot be made into paths; -E2BIG; -ENOMEM. */

/** enrol_places() - namespace, mounts, bridge CA; what is there is left
 * @out: set for the other functions */
MUST_USE int enrol_places(
    struct changes *p, struct enrol *out, const struct enrol_order *order);
/** enrol_rights() - what the PKI signs, and what the bridge may do
 * @realm: SHA-256 of the CA's DER in hex */
MUST_USE int enrol_rights(struct changes *p, const struct enrol *e,
    const struct enrol_order *order, const char *realm);
/** enrol_credential() - the bridge's role id, and a secret id more */
MUST_USE int enrol_credential(
    struct changes *p, struct enrol *e, const struct space *space);
/** enrol_file_role() - what signs for a broker whose key is in a file; the
 * bridge has no right to it: such a certificate may live longer */
MUST_USE int enrol_file_role(struct changes *p, struct enrol *e,
    const struct enrol_order *order, const char *realm);
/** enrol_file() - the same, and a certificate that it signs
 * @request: what is POSTed to SPACE_FILE_SIGN, counted down */
MUST_USE int enrol_file(struct changes *p, struct enrol *e,
    const struct enrol_order *order, const char *realm, json_t *request);
/** enrol_record() - the registration, by check-and-set
 * @record: of registration_write(), counted down
 * @version: of the KV entry that was read; 0: there was none */
MUST_USE int enrol_record(struct changes *p, const struct space *space,
    json_t *record, unsigned long version);

/** enrol_policy() - what the bridge's own token may do, as a policy's JSON
 * Return: to be counted down; NULL: no memory. */
json_t *enrol_policy(const struct space *space);
