#include "base/hex.h"
#include "cli/pki.h"
#include "pki/cleanup.h"
#include <stdio.h>

#define LISTEN_NAME    "listen"
#define CA_NAME_PREFIX "pharos CA "
enum { CA_NAME_ROOM = 65 }; /* X.520's 64 characters */

struct config {
	char *folder, *name, *csr;
	struct option_list beacons, hosts, pipes;
	long days, ca_days;
};

static const struct option_row rows[] = {
	{ .name = "dir",
	    .metavar = "DIR",
	    .help = "folder for the files; made if missing",
	    .offset = offsetof(struct config, folder),
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED },
	{ .name = "name",
	    .metavar = "NAME",
	    .help = "what bridge and broker are called in it",
	    .detail = "It stands in the certificates, beside the role, and in "
		      "logs.",
	    .initial = "main",
	    .offset = offsetof(struct config, name),
	    .type = OPTION_TEXT },
	{ .name = "beacon-address",
	    .metavar = "HOST:PORT",
	    .help = "for the command lines that are printed",
	    .offset = offsetof(struct config, beacons),
	    .type = OPTION_LIST },
	{ .name = "broker-host",
	    .metavar = "HOST",
	    .help = "how pods reach the broker; makes listen.crt",
	    .detail = "DNS name or IP address; the certificate of the "
		      "broker's listener is issued for it",
	    .offset = offsetof(struct config, hosts),
	    .type = OPTION_LIST },
	{ .name = "pipe",
	    .metavar = "NAME",
	    .help = "pipe certificates, not bridge and broker",
	    .detail = "NAME.crt and NAME.key for each of them, for \"pharos "
		      "pipe\"; the first is the side that exposes a service",
	    .offset = offsetof(struct config, pipes),
	    .type = OPTION_LIST },
	{ .name = "csr",
	    .metavar = "FILE",
	    .help = "the broker's request; no broker.key is made",
	    .detail = "A request from \"pharos pki request\", or any other in "
		      "PEM. Nothing is taken from it but the public key",
	    .offset = offsetof(struct config, csr),
	    .type = OPTION_TEXT },
	{ .name = "days",
	    .metavar = "N",
	    .help = "life of the certificates",
	    .initial = "90",
	    .offset = offsetof(struct config, days),
	    .type = OPTION_NUMBER,
	    .least = 1,
	    .most = PKI_LEAF_DAYS_MOST },
	{ .name = "ca-days",
	    .metavar = "N",
	    .help = "life of the CA",
	    .initial = "3650",
	    .offset = offsetof(struct config, ca_days),
	    .type = OPTION_NUMBER,
	    .least = 2,
	    .most = PKI_DAYS_MOST },
};

static const struct option_table table = {
	.program = "pharos pki init",
	.about = "Make a CA and the certificates of its bridge and broker, or "
		 "of pipes.",
	.manual = "pharos-pki(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static int make_ca(
    struct pki_issuer *out, const struct config *config, struct fault *fault)
{
	char name[CA_NAME_ROOM];
	int n =
	    snprintf(name, sizeof(name), "%s%s", CA_NAME_PREFIX, config->name);

	if (n < 0 || n >= CA_NAME_ROOM || !role_name_ok(config->name))
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--name: expected 1 to %zu characters out of a-z, 0-9, "
		    "'.' and '-', got '%.80s'",
		    CA_NAME_ROOM - sizeof(CA_NAME_PREFIX), config->name);
	if (config->days >= config->ca_days)
		return fault_set(fault, OPTION_E_BAD,
		    "Certificates must end before their CA.",
		    "--days %ld is not shorter than --ca-days %ld",
		    config->days, config->ca_days);
	if (config->pipes.n_items && (config->csr || config->hosts.n_items))
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--%s is for a broker; it does not go with --pipe",
		    config->csr ? "csr" : "broker-host");
	if (pki_key_new(&out->key) ||
	    pki_ca_new(&out->cert, out->key, name, (int)config->ca_days))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	return 0;
}

static int add_leaf(struct fileset *set, const struct pki_issuer *issuer,
    enum role role, const struct config *config, struct fault *fault)
{
	struct pki_errand errand = {
		.issuer = issuer,
		.order = {
			.role = role,
			.name = config->name,
			.seconds = config->days * PKI_DAY_SECONDS,
		},
	};

	if (role == ROLE_BROKER)
		errand.csr_file = config->csr;
	if (role == ROLE_NONE) {
		errand.order.name = LISTEN_NAME;
		errand.order.hosts = (const char *const *)config->hosts.items;
		errand.order.n_hosts = config->hosts.n_items;
	}
	errand.file_name = role == ROLE_NONE ? LISTEN_NAME : role_text(role);
	return pki_run_errand(set, &errand, fault);
}

static int add_pipes(struct fileset *set, const struct pki_issuer *issuer,
    const struct config *config, struct fault *fault)
{
	struct pki_errand errand = {
		.issuer = issuer,
		.order = {
			.role = ROLE_PIPE,
			.seconds = config->days * PKI_DAY_SECONDS,
		},
	};
	int err = 0;

	for (size_t i = 0; !err && i < config->pipes.n_items; i++) {
		const char *name = config->pipes.items[i];

		if (!role_name_ok(name) || !strcmp(name, PKI_CA_NAME))
			return fault_set(fault, OPTION_E_BAD, NULL,
			    "--pipe: expected 1 to %d characters out of a-z, "
			    "0-9, '.' and '-', and not '" PKI_CA_NAME
			    "', got '%.80s'",
			    ROLE_NAME_MOST, name);
		errand.order.name = errand.file_name = name;
		err = pki_run_errand(set, &errand, fault);
	}
	return err;
}

static int add_all(struct fileset *set, const struct pki_issuer *issuer,
    const struct config *config, struct fault *fault)
{
	int err = pki_add_cert(set, PKI_CA_NAME, issuer->cert, fault);

	if (!err)
		err = pki_add_key(set, PKI_CA_NAME, issuer->key, fault);
	if (!err && config->pipes.n_items)
		return add_pipes(set, issuer, config, fault);
	if (!err)
		err = add_leaf(set, issuer, ROLE_BRIDGE, config, fault);
	if (!err)
		err = add_leaf(set, issuer, ROLE_BROKER, config, fault);
	if (!err && config->hosts.n_items)
		err = add_leaf(set, issuer, ROLE_NONE, config, fault);
	return err;
}

/* ---- what is printed ---- */

static void print_beacons(const struct config *config)
{
	static const char *const nobody[] = { "BEACON:443" };
	const char *const *beacons =
	    config->beacons.n_items ? (const char *const *)config->beacons.items
				    : nobody;
	size_t n = config->beacons.n_items ? config->beacons.n_items : 1;

	for (size_t i = 0; i < n; i++) {
		fputs(" \\\n      --beacon-address ", stdout);
		verb_print_word(stdout, beacons[i]);
	}
}

/* @holder: the files' name; @own_key: its key is not in the folder */
static void print_files(
    const struct config *config, const char *holder, bool own_key)
{
	char name[FILESET_NAME_MOST + 8];

	snprintf(name, sizeof(name), "%s.crt", holder);
	fputs(" \\\n      --tls-cert ", stdout);
	pki_print_path(config->folder, name);
	snprintf(name, sizeof(name), "%s.key", holder);
	fputs(" \\\n      --tls-key ", stdout);
	if (own_key)
		fputs("KEY-FILE", stdout);
	else
		pki_print_path(config->folder, name);
	fputs(" \\\n      --tls-ca ", stdout);
	pki_print_path(config->folder, "ca.crt");
}

static void print_tunnel(
    const struct config *config, const char *hash, enum role role)
{
	print_beacons(config);
	printf(" \\\n      --beacon-info-hash %s", hash);
	print_files(
	    config, role_text(role), role == ROLE_BROKER && config->csr);
}

/* Where the pods' certificate is to come from. */
static void print_listen_remedy(const struct config *config)
{
	fputs(
	    "\nThe LISTEN files are the broker's certificate for pods, with "
	    "the name that\nthey reach it by. Take your own, or have them "
	    "issued here:\n\n"
	    "  pharos pki issue --role server --name listen --host HOST --dir ",
	    stdout);
	verb_print_word(stdout, config->folder);
	putchar('\n');
}

static void print_broker(const struct config *config, const char *hash)
{
	bool listen = config->hosts.n_items;

	printf("\nOn the cluster's side, with ca.crt, broker.crt%s%s:\n\n"
	       "  pharos-broker --listen :8199",
	    config->csr ? " and its key" : ", broker.key",
	    listen ? ", listen.crt, listen.key" : "");
	print_tunnel(config, hash, ROLE_BROKER);
	fputs(" \\\n      --listen-cert ", stdout);
	if (listen)
		pki_print_path(config->folder, "listen.crt");
	else
		fputs("LISTEN-CERT-FILE", stdout);
	fputs(" \\\n      --listen-key ", stdout);
	if (listen)
		pki_print_path(config->folder, "listen.key");
	else
		fputs("LISTEN-KEY-FILE", stdout);
	putchar('\n');
	if (!listen)
		print_listen_remedy(config);
}

static void print_story(const struct config *config, const char *hash)
{
	fputs("Made a bridge CA and its certificates in ", stdout);
	verb_print_word(stdout, config->folder);
	printf(".\nKeep ca.key offline: it can issue any bridge and broker.\n"
	       "\ninfo hash: %s\n"
	       "\nOn the store's side, with ca.crt, bridge.crt, bridge.key:\n\n"
	       "  pharos-bridge --vault-addr https://STORE:8200",
	    hash);
	print_tunnel(config, hash, ROLE_BRIDGE);
	putchar('\n');
	print_broker(config, hash);
}

static void print_pipe(
    const struct config *config, const char *name, const char *command)
{
	printf(" with ca.crt, %s.crt, %s.key:\n\n  pharos pipe %s", name, name,
	    command);
	print_beacons(config);
	print_files(config, name, false);
	putchar('\n');
}

static void print_pipe_story(const struct config *config, const char *hash)
{
	char *const *names = config->pipes.items;
	char connect[ROLE_NAME_MOST + 64];

	fputs("Made a CA and certificates for pipes in ", stdout);
	verb_print_word(stdout, config->folder);
	printf(".\nKeep ca.key offline: it can issue more of them.\n"
	       "\ninfo hash: %s\n\nWhere the service is,",
	    hash);
	print_pipe(config, names[0], "expose --to 127.0.0.1:22");
	(void)snprintf(connect, sizeof(connect),
	    "connect --listen 127.0.0.1:2222 --peer %s", names[0]);
	for (size_t i = 1; i < config->pipes.n_items; i++) {
		fputs("\nWhere it is used,", stdout);
		print_pipe(config, names[i], connect);
	}
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *config = data;
	CLEANUP(pki_issuer_clear) struct pki_issuer issuer = { .cert = NULL };
	CLEANUP(fileset_close) struct fileset set = { .open = false };
	char hash[2 * REALM_SIZE + 1];
	uint8_t realm[REALM_SIZE];
	int err;

	(void)words;
	err = make_ca(&issuer, config, fault);
	if (!err && realm_of(realm, issuer.cert))
		err = fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (!err)
		err = fileset_open(&set, config->folder, true, fault);
	if (!err)
		err = add_all(&set, &issuer, config, fault);
	if (!err)
		err = fileset_commit(&set, fault);
	if (err)
		return err;
	hex_encode(hash, realm, REALM_SIZE);
	if (config->pipes.n_items)
		print_pipe_story(config, hash);
	else
		print_story(config, hash);
	return 0;
}

const struct verb pki_init_verb = {
	.name = "init",
	.about = "make a CA and its certificates",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
