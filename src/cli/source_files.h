/* cli/source_files.h: the key files of who does without joining: for a broker
 * that is to run with certificates in files, as `pharos target connect --dir`
 * writes them beside the credential of its bridge.
 *
 *   ca.crt      the bridge CA's certificate
 *   NAME.crt    the broker's certificate, signed by the store's PKI engine
 *   bridge.json the bridge's credential (cli/source_errand.h)
 *   NAME.key    its key, mode 0600, made here; not with a request of its owner
 *
 * The store sees the request alone.
 */
#pragma once
#include "cli/source_record.h"

struct fileset;

#define SOURCE_FILES_CREDENTIAL "bridge.json"

/* All borrowed. */
struct source_files_order {
	const char *folder;
	const char *name; /* of the broker, and of its files */
	const char *csr;  /* file with a request; NULL: a key is made */
	long days;	  /* of the certificate's life */
};

struct source_files {
	const struct source_files_order *order; /* NULL: no files */
	EVP_PKEY *key;
	char *request; /* PEM */
	X509 *leaf;    /* once it is signed */
};
void source_files_deinit(struct source_files *f); /* repeatable */

/** source_files_open() - look at the names, and read the request or make the
 * key; nothing is written yet
 * @make: false: no key is made, the files are to be shown only
 * Return: 0; -EINVAL with @fault: a name that cannot be one, or is taken, or a
 * request that the store does not sign; -errno with @fault. */
MUST_USE int source_files_open(struct source_files *out,
    const struct source_files_order *order, bool make, struct fault *fault);
/** source_files_plan() - the changes by which it is signed
 * @ca: NULL: not known, so to be shown only
 * Return: as enrol_file(). */
MUST_USE int source_files_plan(const struct source_files *f, struct changes *p,
    struct enrol *e, const struct enrol_order *plan,
    const struct record_ca *ca);
/** source_files_add() - take the certificate from what the store answered, and
 * add all files to @set
 * @data: changes_data() of the step
 * Return: 0; -errno with @fault. */
MUST_USE int source_files_add(struct source_files *f, struct fileset *set,
    const json_t *data, const struct record_ca *ca, struct fault *fault);
/** source_files_json() - for -o json; to be counted down
 * source_files_tell() - for people, on standard error: what was made, and the
 * broker's command line
 * @beacons: where it goes; @info_hash: of the CA */
json_t *source_files_json(const struct source_files *f);
void source_files_tell(const struct source_files *f,
    const struct option_list *beacons, const char *info_hash);
