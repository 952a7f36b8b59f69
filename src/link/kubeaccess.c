#include "link/kubeaccess.h"
#include "base/file.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

static int no_memory(struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

int kube_take_pem(char **to, const char *file, struct fault *fault)
{
	int r;

	free(STEAL(*to));
	r = file_read(to, NULL, file, KUBE_PEM_MOST);
	if (r)
		file_fault(fault, r, file, KUBE_PEM_MOST);
	return r > 0 ? -EINVAL : r;
}

/* ---- in a pod ----------------------------------------------------------- */

static int take_pod(struct kube_access *a, const char *folder, const char *host,
    const char *port)
{
	bool v6 = strchr(host, ':');

	a->from = strdup("the pod's ServiceAccount");
	return !a->from ||
		       asprintf(&a->server, "https://%s%s%s:%s", v6 ? "[" : "",
			   host, v6 ? "]" : "", port) < 0 ||
		       asprintf(&a->token_file, "%s/token", folder) < 0
		   ? -ENOMEM
		   : 0;
}

int kube_access_of_pod(struct kube_access *out, const char *folder,
    char *(*variable)(const char *name), struct fault *fault)
{
	CLEANUP(kube_access_clear) struct kube_access a = { .from = NULL };
	const char *host = variable("KUBERNETES_SERVICE_HOST");
	const char *port = variable("KUBERNETES_SERVICE_PORT");
	CLEANUP(free_p) char *ca = NULL;
	int r;

	if (!host || !*host || !port || !*port)
		return fault_set(fault, -ENOENT,
		    "Name a kubeconfig with --kubeconfig or KUBECONFIG.",
		    "there is no kubeconfig, and this is not a pod of a "
		    "cluster");
	if (take_pod(&a, folder, host, port) ||
	    asprintf(&ca, "%s/ca.crt", folder) < 0)
		return no_memory(fault);
	r = kube_take_pem(&a.ca_pem, ca, fault);
	if (!r)
		r = kube_access_check(&a, fault);
	if (r)
		return r;
	*out = a;
	a = (struct kube_access){ .from = NULL };
	return 0;
}

/* ---- checking ----------------------------------------------------------- */

/* signature of OpenSSL: a key with a passphrase is refused, not asked for */
static int no_passphrase(char *to, int room, int writing, void *ctx)
{
	(void)to;
	(void)room;
	(void)writing;
	(void)ctx;
	return -1;
}

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return cert;
}

static EVP_PKEY *read_key(const struct secret *pem)
{
	BIO *bio = BIO_new_mem_buf(secret_bytes(pem), (int)secret_size(pem));
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

	BIO_free(bio);
	ERR_clear_error();
	return key;
}

static int check_pair(const struct kube_access *a, struct fault *fault)
{
	X509 *cert = read_cert(a->cert_pem);
	EVP_PKEY *key = a->key_pem ? read_key(a->key_pem) : NULL;
	const char *what = NULL;

	if (!cert)
		what = "the client certificate is not PEM";
	else if (!a->key_pem)
		what = "a client certificate without its client-key";
	else if (!key)
		what = "the client key is not PEM, or has a passphrase";
	else if (X509_check_private_key(cert, key) != 1)
		what = "client certificate and key do not belong together";
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return what ? fault_set(fault, -EINVAL, NULL, "%s: %s", a->from, what)
		    : 0;
}

int kube_access_check(const struct kube_access *a, struct fault *fault)
{
	X509 *ca = a->ca_pem ? read_cert(a->ca_pem) : NULL;

	if (a->ca_pem && !ca)
		return fault_set(fault, -EINVAL, NULL,
		    "%s: the certificate-authority is not PEM", a->from);
	X509_free(ca);
	if (a->key_pem && !a->cert_pem)
		return fault_set(fault, -EINVAL, NULL,
		    "%s: a client key without its client-certificate", a->from);
	return a->cert_pem ? check_pair(a, fault) : 0;
}

static void words_free(char **words)
{
	for (char **w = words; w && *w; w++) {
		secret_wipe(*w, strlen(*w));
		free(*w);
	}
	free(words);
}

static void plugin_free(struct kube_plugin *p)
{
	if (!p)
		return;
	free(p->api);
	free(p->command);
	free(p->hint);
	words_free(p->args);
	words_free(p->names);
	words_free(p->values);
	free(p);
}

void kube_access_clear(struct kube_access *a)
{
	free(a->from);
	free(a->server);
	free(a->server_name);
	free(a->ca_pem);
	free(a->proxy);
	free(a->cert_pem);
	secret_free(a->key_pem);
	secret_free(a->token);
	free(a->token_file);
	plugin_free(a->plugin);
	*a = (struct kube_access){ .from = NULL };
}
