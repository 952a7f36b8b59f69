#include "cli/source_files.h"
#include "base/text.h"
#include "cli/pki.h"
#include "net/sign.h"
#include "pki/cleanup.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { HOST_MOST = 2 * ENROL_LABEL_MOST + 32, HOSTS = 2 };

/* As it is shown where no key is made. */
static const char no_request[] = "<certificate request>";

void source_files_deinit(struct source_files *f)
{
	EVP_PKEY_free(f->key);
	X509_free(f->leaf);
	free(f->request);
	*f = (struct source_files){ .order = NULL };
}

/* ---- before ----------------------------------------------------------- */

static int check_free(
    const char *folder, const char *name, const char *end, struct fault *fault)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s%s", folder, name, end);

	if (n >= (int)sizeof(path))
		return fault_set(fault, -EINVAL, NULL, "--dir: too long");
	if (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return fault_set(fault, -EINVAL,
		    "Nothing is ever overwritten: name another --dir.",
		    "%.200s: is there already", path);
	return 0;
}

static int check_names(
    const struct source_files_order *order, struct fault *fault)
{
	int r;

	if (!role_name_ok(order->name) || !strcmp(order->name, PKI_CA_NAME))
		return fault_set(fault, -EINVAL, NULL,
		    "--broker-name: expected 1 to %d characters out of a-z, "
		    "0-9, '.' and '-', and not '" PKI_CA_NAME "', got '%.80s'",
		    ROLE_NAME_MOST, order->name);
	r = check_free(order->folder, SOURCE_FILES_CREDENTIAL, "", fault);
	if (!r)
		r = check_free(order->folder, PKI_CA_NAME, ".crt", fault);
	if (!r)
		r = check_free(order->folder, order->name, ".crt", fault);
	return r || order->csr
		   ? r
		   : check_free(order->folder, order->name, ".key", fault);
}

static int read_request(struct source_files *f, struct fault *fault)
{
	int r = pki_read_request(&f->request, &f->key, f->order->csr, fault);

	if (r)
		return r;
	r = sign_check_key(f->key, fault);
	return r ? fault_wrap(fault, "%.200s", f->order->csr) : 0;
}

static int make_request(struct source_files *f, struct fault *fault)
{
	CLEANUP(request_p) X509_REQ *request = NULL;

	if (pki_key_new(&f->key) ||
	    pki_csr_new(&request, f->key, f->order->name) ||
	    pki_csr_pem(&f->request, request))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	return 0;
}

int source_files_open(struct source_files *out,
    const struct source_files_order *order, bool make, struct fault *fault)
{
	CLEANUP(source_files_deinit) struct source_files f = { .order = order };
	int r = check_names(order, fault);

	if (!r && order->csr)
		r = read_request(&f, fault);
	else if (!r && make)
		r = make_request(&f, fault);
	if (r)
		return r;
	*out = f;
	f = (struct source_files){ .order = NULL };
	return 0;
}

/* ---- signing ---------------------------------------------------------- */

/* What the certificate is to say. @hosts: room for its names. */
static struct sign_order order_of(const struct source_files *f,
    const struct record_ca *ca, const char *const *hosts, size_t n_hosts)
{
	return (struct sign_order){ .ca = ca ? ca->cert : NULL,
		.role = ROLE_BROKER,
		.name = f->order->name,
		.hosts = hosts,
		.n_hosts = n_hosts,
		.csr = f->request ? f->request : no_request,
		.key = f->key,
		.seconds = f->order->days * PKI_DAY_SECONDS };
}

int source_files_plan(const struct source_files *f, struct changes *p,
    struct enrol *e, const struct enrol_order *plan, const struct record_ca *ca)
{
	char host[HOSTS][HOST_MOST];
	const char *const hosts[HOSTS] = { host[0], host[1] };
	struct sign_order order = order_of(f, ca, hosts, HOSTS);

	(void)snprintf(host[0], HOST_MOST, "%s.%s.svc", plan->broker_service,
	    plan->broker_namespace);
	(void)snprintf(host[1], HOST_MOST, "%s.%s.svc.cluster.local",
	    plan->broker_service, plan->broker_namespace);
	return enrol_file(
	    p, e, plan, ca ? ca->realm : "<info hash>", sign_body(&order));
}

int source_files_add(struct source_files *f, struct fileset *set,
    const json_t *data, const struct record_ca *ca, struct fault *fault)
{
	struct sign_order order = order_of(f, ca, NULL, 0);
	int r = sign_take(&f->leaf, &order, data, fault);

	if (!r)
		r = pki_add_cert(set, PKI_CA_NAME, ca->cert, fault);
	if (!r)
		r = pki_add_cert(set, f->order->name, f->leaf, fault);
	if (!r && !f->order->csr)
		r = pki_add_key(set, f->order->name, f->key, fault);
	return r;
}

/* ---- telling ---------------------------------------------------------- */

static int64_t end_of(X509 *leaf)
{
	struct tm tm;

	return ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1 ? timegm(&tm)
								   : 0;
}

static json_t *path_of(
    const struct source_files *f, const char *name, const char *end)
{
	return json_sprintf("%s/%s%s", f->order->folder, name, end);
}

json_t *source_files_json(const struct source_files *f)
{
	json_t *j =
	    json_pack("{so so sI}", "ca", path_of(f, PKI_CA_NAME, ".crt"),
		"certificate", path_of(f, f->order->name, ".crt"), "ends",
		(json_int_t)end_of(f->leaf));

	if (!f->order->csr)
		json_object_set_new(
		    j, "key", path_of(f, f->order->name, ".key"));
	return j;
}

/* " OPTION FOLDER/NAME", on a line of its own */
static void tell_path(const struct source_files *f, const char *option,
    const char *name, const char *end)
{
	char path[PATH_MAX];

	(void)snprintf(
	    path, sizeof(path), "%s/%s%s", f->order->folder, name, end);
	(void)fprintf(stderr, " \\\n      %s ", option);
	verb_print_word(stderr, path);
}

static void tell_key(const struct source_files *f, const char *option)
{
	if (f->order->csr)
		(void)fprintf(stderr, " \\\n      %s KEY-FILE", option);
	else
		tell_path(f, option, f->order->name, ".key");
}

void source_files_tell(const struct source_files *f,
    const struct option_list *beacons, const char *info_hash)
{
	const char *name = f->order->name;
	char when[RECORD_TIME_MOST];

	record_time(when, end_of(f->leaf));
	(void)fprintf(stderr,
	    "Or with files:     ca.crt, %s.crt%s%s%s of %s; good until %s\n"
	    "  pharos-broker --listen :8199",
	    name, f->order->csr ? "" : ", ", f->order->csr ? "" : name,
	    f->order->csr ? "" : ".key", f->order->folder, when);
	for (size_t i = 0; i < beacons->n_items; i++) {
		(void)fprintf(stderr, " \\\n      --beacon-address ");
		verb_print_word(stderr, beacons->items[i]);
	}
	(void)fprintf(stderr, " \\\n      --beacon-info-hash %s", info_hash);
	tell_path(f, "--tls-cert", name, ".crt");
	tell_key(f, "--tls-key");
	tell_path(f, "--tls-ca", PKI_CA_NAME, ".crt");
	tell_path(f, "--listen-cert", name, ".crt");
	tell_key(f, "--listen-key");
	(void)fputc('\n', stderr);
}
