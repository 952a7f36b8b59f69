/* cli/source_record.h: one cluster's registration in a store, as the verbs of
 * `pharos source` find it, read it and change it.
 */
#pragma once
#include "cli/source.h"
#include "pki/role.h"
#include "wire/enrol.h"
#include "wire/registration.h"

enum { RECORD_REALM_DIGITS = 2 * REALM_SIZE };

/* Which cluster, and where its things stand. */
struct record_place {
	struct fingerprint fingerprint;
	struct space space;
	char shown[FINGERPRINT_SHOWN + 1]; /* for people */
};
/** record_place() - from the fingerprint as a person typed it
 * Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int record_place(struct record_place *out,
    const struct source_common *common, const char *fingerprint,
    struct fault *fault);
/** record_word() - the one word of @words; OPTION_E_BAD with @fault */
MUST_USE int record_word(
    const char **out, char *const *words, struct fault *fault);

/* A registration that was read. */
struct record {
	struct registration registration;
	unsigned long version; /* of the KV entry; 0: there is none */
};
void record_deinit(struct record *r); /* repeatable */
/** record_has_space() - is the namespace there, and the token good in it, and
 * of no use above it? Then nobody can ask about it. */
bool record_has_space(struct storecall *s, const struct space *space);
/** record_read() - what stands at @space
 * Return: 0, also when there is none: then the version is 0; -errno with
 * @fault. */
MUST_USE int record_read(struct record *out, struct storecall *s,
    const struct space *space, struct fault *fault);
/** record_find() - of the cluster at @place and no other
 * Return: 0; -ENOENT with @fault: it is not registered; -EEXIST with @fault:
 * another is; -errno with @fault. */
MUST_USE int record_find(struct record *out, struct storecall *s,
    const struct record_place *place, struct fault *fault);

/* What is done to it. Return: 0; -errno with @fault. */
typedef int (*record_fn)(
    struct registration *r, const void *ctx, struct fault *fault);
/** record_change() - by check-and-set; who loses reads again
 * @out: as it is now. Return: as record_find(), and what @fn returns. */
MUST_USE int record_change(struct record *out, struct storecall *s,
    const struct record_place *place, record_fn fn, const void *ctx,
    struct fault *fault);

/* The bridge CA of a cluster. */
struct record_ca {
	X509 *cert;			     /* owned */
	char realm[RECORD_REALM_DIGITS + 1]; /* the info hash */
};
void record_ca_deinit(struct record_ca *ca);
/** record_ca_parse() - from what the store has answered: "certificate"
 * Return: 0; -EINVAL with @fault. */
MUST_USE int record_ca_parse(
    struct record_ca *out, const json_t *data, struct fault *fault);
/** record_ca_read() - from the store
 * Return: 0; -ENOENT with @fault: there is none; -errno with @fault. */
MUST_USE int record_ca_read(struct record_ca *out, struct storecall *s,
    const struct space *space, struct fault *fault);

/* Where the pods of a cluster log in, as --fingerprint or the explicit options
 * say it. */
struct record_login {
	char name_space[SPACE_NAMESPACE_MOST + 1];
	char mount[SPACE_NAME_MOST + 1];
	struct space space; /* with a fingerprint; else of zeros */
};
/** record_login() - with a fingerprint, the one word of @words or the one in
 * @common, name_space and mount follow from it where they are not given;
 * without one, mount is "jwt" then
 * @common: may borrow from @out and @words afterwards
 * Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int record_login(struct record_login *out,
    struct source_common *common, char *const *words, struct fault *fault);

/** record_json() - for -o json; to be counted down */
json_t *record_json(const struct registration *r);
/** record_time() - "2026-11-21 17:05 UTC" */
enum { RECORD_TIME_MOST = 32 };
void record_time(char out[RECORD_TIME_MOST], int64_t s);
/** record_print() - in a few lines, what is to be known of it */
void record_print(const struct registration *r);
/** record_print_words() - a line for each broker that waits with six words,
 * behind @before */
void record_print_words(const json_t *words, const char *before);
