/* pharos pki issue, and pharos pki request: the two halves of a certificate
 * whose key never leaves the machine that it was made on. */
#include "cli/pki.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include <stdio.h>

struct config {
	char *folder, *name, *csr;
	int role;
	struct option_list hosts;
	long days;
};

/* The roles of pki/role.h, and a plain server, which has none. */
static const char *const roles[] = { "bridge", "broker", "pipe", "server",
	NULL };

static const struct option_row issue_rows[] = {
	{ .name = "dir",
	    .metavar = "DIR",
	    .help = "folder with ca.crt and ca.key",
	    .detail = "The new files are written into it",
	    .offset = offsetof(struct config, folder),
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED },
	{ .name = "role",
	    .metavar = "ROLE",
	    .help = "the holder: bridge, broker, pipe or server",
	    .detail = "A server has a certificate for a listener: that of the "
		      "broker, of a beacon in a laboratory, of the "
		      "development store. It is nobody's peer in a tunnel",
	    .choices = roles,
	    .offset = offsetof(struct config, role),
	    .type = OPTION_CHOICE,
	    .flags = OPTION_REQUIRED },
	{ .name = "name",
	    .metavar = "NAME",
	    .help = "of the holder; files are NAME.crt, NAME.key",
	    .offset = offsetof(struct config, name),
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED },
	{ .name = "host",
	    .metavar = "HOST",
	    .help = "DNS name or IP address; a server needs one",
	    .offset = offsetof(struct config, hosts),
	    .type = OPTION_LIST },
	{ .name = "csr",
	    .metavar = "FILE",
	    .help = "sign this request; no NAME.key is made",
	    .detail = "Nothing is taken from it but the public key",
	    .offset = offsetof(struct config, csr),
	    .type = OPTION_TEXT },
	{ .name = "days",
	    .metavar = "N",
	    .help = "life of the certificate",
	    .initial = "90",
	    .offset = offsetof(struct config, days),
	    .type = OPTION_NUMBER,
	    .least = 1,
	    .most = PKI_LEAF_DAYS_MOST },
};

static const struct option_table issue_table = {
	.program = "pharos pki issue",
	.about = "Issue one certificate from a bridge CA.",
	.manual = "pharos-pki(1)",
	.rows = issue_rows,
	.n_rows = N_ELEMS(issue_rows),
};

/* "made DIR/NAME.crt and DIR/NAME.key" */
static void print_made(
    const char *folder, const char *name, const char *first, const char *second)
{
	char file_name[FILESET_NAME_MOST + 8];

	snprintf(file_name, sizeof(file_name), "%s%s", name, first);
	fputs("made ", stdout);
	pki_print_path(folder, file_name);
	if (second) {
		snprintf(file_name, sizeof(file_name), "%s%s", name, second);
		fputs(" and ", stdout);
		pki_print_path(folder, file_name);
	}
	putchar('\n');
}

/* A name is half of a file's: the same rule as for the certificate. */
static int check_name(const char *name, struct fault *fault)
{
	if (role_name_ok(name))
		return 0;
	return fault_set(fault, OPTION_E_BAD, NULL,
	    "--name: expected 1 to %d characters out of a-z, 0-9, '.' and "
	    "'-', got '%.80s'",
	    ROLE_NAME_MOST, name);
}

static int run_issue(const void *data, char *const *words, struct fault *fault)
{
	const struct config *config = data;
	CLEANUP(pki_issuer_clear) struct pki_issuer issuer = { .cert = NULL };
	CLEANUP(fileset_close) struct fileset set = { .open = false };
	struct pki_errand errand = {
		.issuer = &issuer,
		.file_name = config->name,
		.csr_file = config->csr,
		.order = {
			.role = role_parse(roles[config->role]),
			.name = config->name,
			.hosts = (const char *const *)config->hosts.items,
			.n_hosts = config->hosts.n_items,
			.seconds = config->days * PKI_DAY_SECONDS,
		},
	};
	int err = check_name(config->name, fault);

	(void)words;
	if (!err)
		err = pki_issuer_load(&issuer, config->folder, fault);
	if (!err)
		err = fileset_open(&set, config->folder, false, fault);
	if (!err)
		err = pki_run_errand(&set, &errand, fault);
	if (!err)
		err = fileset_commit(&set, fault);
	if (!err)
		print_made(config->folder, config->name, ".crt",
		    config->csr ? NULL : ".key");
	return err;
}

const struct verb pki_issue_verb = {
	.name = "issue",
	.about = "issue one more certificate, for a request or a new key",
	.table = &issue_table,
	.config_size = sizeof(struct config),
	.run = run_issue,
};

static const struct option_row request_rows[] = {
	{ .name = "dir",
	    .metavar = "DIR",
	    .help = "folder for the files; made if missing",
	    .offset = offsetof(struct config, folder),
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED },
	{ .name = "name",
	    .metavar = "NAME",
	    .help = "files are NAME.key and NAME.csr",
	    .offset = offsetof(struct config, name),
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED },
};

static const struct option_table request_table = {
	.program = "pharos pki request",
	.about = "Make a key and a certificate request, where the key is "
		 "used.",
	.manual = "pharos-pki(1)",
	.rows = request_rows,
	.n_rows = N_ELEMS(request_rows),
};

static int add_request(
    struct fileset *set, const char *name, EVP_PKEY *key, struct fault *fault)
{
	CLEANUP(request_p) X509_REQ *request = NULL;
	CLEANUP(free_p) char *pem = NULL;
	char file_name[FILESET_NAME_MOST + 8];
	struct fileset_content content = { .name = file_name, .mode = 0644 };

	if (pki_csr_new(&request, key, name) || pki_csr_pem(&pem, request))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	snprintf(file_name, sizeof(file_name), "%s.csr", name);
	content.bytes = pem;
	content.n = strlen(pem);
	return fileset_add(set, &content, fault);
}

static int run_request(
    const void *data, char *const *words, struct fault *fault)
{
	const struct config *config = data;
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(fileset_close) struct fileset set = { .open = false };
	int err = check_name(config->name, fault);

	(void)words;
	if (!err && pki_key_new(&key))
		err = fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (!err)
		err = fileset_open(&set, config->folder, true, fault);
	if (!err)
		err = pki_add_key(&set, config->name, key, fault);
	if (!err)
		err = add_request(&set, config->name, key, fault);
	if (!err)
		err = fileset_commit(&set, fault);
	if (err)
		return err;
	print_made(config->folder, config->name, ".key", ".csr");
	printf("Take the .csr to the CA: pharos pki issue --csr FILE, or, for "
	       "a new CA,\npharos pki init --csr FILE.\n");
	return 0;
}

const struct verb pki_request_verb = {
	.name = "request",
	.about = "make a key and a certificate request, where it is used",
	.table = &request_table,
	.config_size = sizeof(struct config),
	.run = run_request,
};
