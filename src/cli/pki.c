#include "cli/pki.h"
#include "base/file.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include <limits.h>
#include <stdio.h>

int pki_issuer_load(
    struct pki_issuer *out, const char *folder, struct fault *fault)
{
	CLEANUP(x509_p) X509 *cert = NULL;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	char path[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), "%s/%s.crt", folder, PKI_CA_NAME);
	err = pki_load_cert(&cert, path, fault);
	if (err == -ENOENT)
		return fault_set(fault, err,
		    "Give the folder that `pharos pki init` made.",
		    "%s: there is no CA here", path);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/%s.key", folder, PKI_CA_NAME);
	err = pki_load_key(&key, path, fault);
	if (err)
		return err;
	*out = (struct pki_issuer){ .cert = STEAL(cert), .key = STEAL(key) };
	return 0;
}

void pki_issuer_clear(struct pki_issuer *issuer)
{
	X509_free(issuer->cert);
	EVP_PKEY_free(issuer->key);
	*issuer = (struct pki_issuer){ .cert = NULL };
}

static int out_of_memory(struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

int pki_add_cert(
    struct fileset *set, const char *name, X509 *cert, struct fault *fault)
{
	CLEANUP(free_p) char *pem = NULL;
	char file_name[FILESET_NAME_MOST + 8];
	struct fileset_content content = { .name = file_name, .mode = 0644 };

	if (pki_cert_pem(&pem, cert))
		return out_of_memory(fault);
	snprintf(file_name, sizeof(file_name), "%s.crt", name);
	content.bytes = pem;
	content.n = strlen(pem);
	return fileset_add(set, &content, fault);
}

int pki_add_key(
    struct fileset *set, const char *name, EVP_PKEY *key, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *pem = NULL;
	char file_name[FILESET_NAME_MOST + 8];
	struct fileset_content content = { .name = file_name, .mode = 0600 };

	if (pki_key_pem(&pem, key))
		return out_of_memory(fault);
	snprintf(file_name, sizeof(file_name), "%s.key", name);
	content.bytes = secret_bytes(pem);
	content.n = secret_size(pem);
	return fileset_add(set, &content, fault);
}

int pki_read_request(
    char **out, EVP_PKEY **key, const char *file, struct fault *fault)
{
	CLEANUP(free_p) char *pem = NULL;
	size_t n = 0;
	int err = file_read(&pem, &n, file, PKI_CSR_MOST);

	if (err) {
		file_fault(fault, err, file, PKI_CSR_MOST);
		return err < 0 ? err : -EINVAL;
	}
	err = pki_csr_clean(out, key, pem, n, fault);
	if (err)
		fault_wrap(fault, "%s", file);
	return err;
}

int pki_run_errand(
    struct fileset *set, const struct pki_errand *errand, struct fault *fault)
{
	const struct pki_issuer *issuer = errand->issuer;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(x509_p) X509 *cert = NULL;
	CLEANUP(free_p) char *request = NULL;
	int err;

	if (errand->csr_file)
		err = pki_read_request(&request, &key, errand->csr_file, fault);
	else
		err = pki_key_new(&key) ? out_of_memory(fault) : 0;
	if (err)
		return err;
	err = pki_issue(
	    &cert, issuer->cert, issuer->key, key, &errand->order, fault);
	if (!err)
		err = pki_add_cert(set, errand->file_name, cert, fault);
	if (!err && !errand->csr_file)
		err = pki_add_key(set, errand->file_name, key, fault);
	return err;
}

void pki_print_path(const char *folder, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	verb_print_word(stdout, path);
}

static const struct verb *const members[] = {
	&pki_init_verb,
	&pki_issue_verb,
	&pki_request_verb,
	&pki_show_verb,
	&pki_info_hash_verb,
};

const struct verb pki_verbs = {
	.name = "pki",
	.about = "certificates of bridges, brokers and pipes",
	.verbs = members,
	.n_verbs = N_ELEMS(members),
};
