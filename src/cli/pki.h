/* cli/pki.h: `pharos pki`: the folder of one realm, and what its verbs share.
 *
 * The folder holds ca.crt and ca.key, and NAME.crt with NAME.key for each
 * certificate that was issued. Keys have mode 0600, certificates 0644.
 */
#pragma once
#include "cli/fileset.h"
#include "cli/verb.h"
#include "pki/ca.h"

extern const struct verb pki_verbs; /* the group */

/* its verbs, for their tables in pki_*.c */
extern const struct verb pki_init_verb, pki_issue_verb, pki_request_verb,
    pki_show_verb, pki_info_hash_verb;

#define PKI_CA_NAME "ca"

/* A CA with its key. */
struct pki_issuer {
	X509 *cert;
	EVP_PKEY *key;
};
/** pki_issuer_load() - ca.crt and ca.key of @folder
 * Return: 0; -errno with @fault. */
MUST_USE int pki_issuer_load(
    struct pki_issuer *out, const char *folder, struct fault *fault);
void pki_issuer_clear(struct pki_issuer *issuer);

/** pki_add_cert() - NAME.crt into @set; pki_add_key() - NAME.key
 * Return: 0; -errno with @fault. */
MUST_USE int pki_add_cert(
    struct fileset *set, const char *name, X509 *cert, struct fault *fault);
MUST_USE int pki_add_key(
    struct fileset *set, const char *name, EVP_PKEY *key, struct fault *fault);

/* One certificate for the folder: NAME.crt, and NAME.key unless it is made for
 * somebody's request. */
struct pki_errand {
	const struct pki_issuer *issuer;
	const char *file_name;	/* NAME */
	const char *csr_file;	/* the request; NULL: make a key */
	struct pki_order order; /* what the certificate says */
};
/** pki_run_errand() - issue, and add to @set
 * Return: 0; -errno with @fault. */
MUST_USE int pki_run_errand(
    struct fileset *set, const struct pki_errand *errand, struct fault *fault);

/** pki_read_request() - a certificate request of a file, written anew, and its
 * key; the caller frees both
 * Return: 0; -errno with @fault. */
MUST_USE int pki_read_request(
    char **out, EVP_PKEY **key, const char *file, struct fault *fault);
/** pki_print_path() - FOLDER/NAME to standard output, quoted where a shell
 * would not take it as one word */
void pki_print_path(const char *folder, const char *name);

enum { PKI_DAY_SECONDS = 24 * 60 * 60, PKI_LEAF_DAYS_MOST = 90 };
