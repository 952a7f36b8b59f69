/* pharos target debug: why does the broker not reach its bridge? */
#include "base/egressoption.h"
#include "base/file.h"
#include "base/hex.h"
#include "cli/brokercheck.h"
#include "cli/meet.h"
#include "cli/target.h"
#include "net/tunnel.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "wire/boot.h"
#include "wire/joinstring.h"
#include <stdio.h>

struct config {
	char *join, *join_file, *tls_ca, *info_hash, *beacon_ca, *beacon_pin,
	    *egress, *broker, *broker_ca, *broker_token_file, *token_file,
	    *mount, *role, *path;
	struct option_list beacon_address;
	long wait_ms;
	int output;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	{ .name = "join",
	    .metavar = "STRING",
	    .help = "the broker's join string",
	    .detail = "As pharos source register printed it: beacons and the "
		      "bridge's CA.",
	    .type = OPTION_TEXT,
	    AT(join) },
	{ .name = "join-file",
	    .metavar = "FILE",
	    .help = "the same, from a file; - for standard input",
	    .type = OPTION_TEXT,
	    AT(join_file) },
	{ .name = "beacon-address",
	    .metavar = "HOST:PORT",
	    .help = "a beacon, in place of those of the join string",
	    .type = OPTION_LIST,
	    AT(beacon_address) },
	{ .name = "tls-ca",
	    .metavar = "FILE",
	    .help = "instead of a join string: the bridge's CA",
	    .detail = "For a broker with certificates in files. The session "
		      "with the bridge is then the tunnel's and not that of a "
		      "broker which joins.",
	    .type = OPTION_TEXT,
	    AT(tls_ca) },
	{ .name = "beacon-info-hash",
	    .metavar = "HEX",
	    .help = "that this CA must have",
	    .type = OPTION_TEXT,
	    AT(info_hash) },
	{ .name = "beacon-ca",
	    .metavar = "FILE",
	    .help = "CA of the beacons; else the system's",
	    .type = OPTION_TEXT,
	    AT(beacon_ca) },
	{ .name = "beacon-pin",
	    .metavar = "HEX",
	    .help = "instead: SHA-256 of the beacons' public key",
	    .type = OPTION_TEXT,
	    AT(beacon_pin) },
	{ .name = "wait",
	    .metavar = "TIME",
	    .help = "for the bridge to come to the beacon",
	    .initial = "10s",
	    .least = 1000,
	    .most = 600000,
	    .type = OPTION_DURATION,
	    AT(wait_ms) },
	{ .name = "broker",
	    .metavar = "URL",
	    .help = "a running broker: the way there, its status",
	    .type = OPTION_TEXT,
	    AT(broker) },
	{ .name = "broker-ca",
	    .metavar = "FILE",
	    .help = "its CA; else the system's",
	    .type = OPTION_TEXT,
	    AT(broker_ca) },
	{ .name = "token-file",
	    .metavar = "FILE",
	    .help = "a pod's token: log in at that broker, and read",
	    .detail = "A ServiceAccount's token for the store, as a pod has "
		      "it. Needs the bridge's CA: a join string, or --tls-ca.",
	    .type = OPTION_TEXT,
	    AT(token_file) },
	{ .name = "broker-token-file",
	    .metavar = "FILE",
	    .help = "the pod's token for the broker",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(broker_token_file) },
	{ .name = "auth-mount",
	    .metavar = "NAME",
	    .help = "JWT mount of the store",
	    .initial = "jwt",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(mount) },
	{ .name = "role",
	    .metavar = "NAME",
	    .help = "to log in with; else NAMESPACE.ACCOUNT",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(role) },
	{ .name = "path",
	    .metavar = "PATH",
	    .help = "what to read then; the value is not shown",
	    .type = OPTION_TEXT,
	    AT(path) },
	EGRESS_OPTION_ROW(struct config, egress),
	VERB_OUTPUT_ROW(struct config, output),
};

static const struct option_table table = {
	.program = "pharos target debug",
	.about = "Try the broker's way to the bridge, hop by hop.",
	.manual = "pharos-target(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

/* ---- where to ------------------------------------------------------------ */

/* Beacons and CA; both empty when only a broker is looked at. */
struct aim {
	struct joinstring join;
	X509 *ca;
	const char *alpn;
};

static void aim_clear(struct aim *aim)
{
	X509_free(aim->ca);
}

static int take_join(
    struct aim *aim, const struct config *c, struct fault *fault)
{
	CLEANUP(free_p) char *file = NULL;
	const char *from = c->join_file;
	const uint8_t *der = aim->join.ca;
	int r = 0;

	if (c->join && from)
		return fault_set(fault, OPTION_E_BAD, "Give one or the other.",
		    "two join strings: --join and --join-file");
	if (from)
		r = file_read(&file, NULL,
		    strcmp(from, "-") != 0 ? from : "/dev/stdin",
		    JOINSTRING_MOST + 2);
	if (r) {
		file_fault(fault, r, from, JOINSTRING_MOST);
		return r > 0 ? -EINVAL : r;
	}
	if (file)
		file[strcspn(file, "\r\n")] = '\0';
	if (joinstring_read(&aim->join, file ? file : c->join, fault)) {
		fault_wrap(fault, "join string");
		return -EINVAL;
	}
	aim->alpn = BOOT_ALPN;
	aim->ca = d2i_X509(NULL, &der, (long)aim->join.n_ca);
	return aim->ca ? 0
		       : fault_set(fault, -EINVAL,
			     "paste it again from where it was printed",
			     "join string: no certificate in it");
}

static int take_beacons(
    struct aim *aim, const struct config *c, struct fault *fault)
{
	const struct option_list *list = &c->beacon_address;

	if (list->n_items > JOINSTRING_BEACONS_MOST)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--beacon-address: at most %d", JOINSTRING_BEACONS_MOST);
	for (size_t i = 0; i < list->n_items; i++) {
		if (!joinstring_beacon_ok(list->items[i]))
			return fault_set(fault, OPTION_E_BAD,
			    "expected is HOST:PORT",
			    "--beacon-address %.200s: not an address",
			    list->items[i]);
		(void)snprintf(aim->join.beacon[i], sizeof(aim->join.beacon[i]),
		    "%s", list->items[i]);
	}
	if (list->n_items)
		aim->join.n_beacons = list->n_items;
	return 0;
}

static int check_hash(
    const struct aim *aim, const struct config *c, struct fault *fault)
{
	uint8_t hash[REALM_SIZE];
	char text[2 * REALM_SIZE + 1];

	if (!c->info_hash)
		return 0;
	if (realm_of(hash, aim->ca))
		return -ENOMEM;
	hex_encode(text, hash, sizeof(hash));
	if (!strcmp(text, c->info_hash))
		return 0;
	return fault_set(fault, -EINVAL,
	    "Bridge and broker must have the CA that the info hash is of.",
	    "--beacon-info-hash is not that of this CA, which is %s", text);
}

static int take_aim(
    struct aim *aim, const struct config *c, struct fault *fault)
{
	bool joins = c->join || c->join_file;
	int r = 0;

	if (c->token_file && !c->broker)
		return fault_set(fault, OPTION_E_BAD,
		    "It is tried at a broker.", "--token-file needs --broker");
	if (!joins && !c->tls_ca && !c->beacon_address.n_items && c->broker)
		return !c->token_file
			   ? 0
			   : fault_set(fault, OPTION_E_BAD,
				 "--join, --join-file or --tls-ca has it.",
				 "--token-file needs the bridge's CA");
	if (joins == !!c->tls_ca)
		return fault_set(fault, OPTION_E_BAD,
		    "A join string has both; a broker with certificates in "
		    "files has --tls-ca.",
		    joins ? "--join and --tls-ca: one or the other"
			  : "which bridge? Give --join or --tls-ca");
	r = joins ? take_join(aim, c, fault)
		  : pki_load_cert(&aim->ca, c->tls_ca, fault);
	if (!joins)
		aim->alpn = TUNNEL_ALPN;
	if (!r)
		r = take_beacons(aim, c, fault);
	if (!r)
		r = check_hash(aim, c, fault);
	if (!r && !aim->join.n_beacons && !c->broker)
		return fault_set(fault, OPTION_E_BAD,
		    "Name one with --beacon-address.", "no beacon");
	return r;
}

/* ---- all of it ----------------------------------------------------------- */

static int run_all(struct checks_show *show, const struct aim *aim,
    struct probe *p, const struct config *c, struct fault *fault)
{
	struct meet_order order = {
		.trust = { .ca_file = c->beacon_ca, .pin_hex = c->beacon_pin },
		.ca = aim->ca,
		.alpn = aim->alpn,
		.wait_ms = (unsigned)c->wait_ms,
	};
	struct brokercheck_order broker = { c->broker, c->broker_ca,
		.pod = { .token_file = c->token_file,
		    .broker_token_file = c->broker_token_file,
		    .ca = aim->ca,
		    .mount = c->mount,
		    .role = c->role,
		    .path = c->path } };
	struct checks checks;
	int r = 0;

	for (size_t i = 0; !r && i < aim->join.n_beacons; i++) {
		order.beacon = aim->join.beacon[i];
		r = meet_check(&checks, p, &order, fault);
		if (!r)
			checks_show(show, &checks);
	}
	if (!r && c->broker)
		r = brokercheck(&checks, p, &broker, fault);
	if (!r && c->broker)
		checks_show(show, &checks);
	return r;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(probe_closep) struct probe *p = NULL;
	CLEANUP(aim_clear) struct aim aim = { .ca = NULL };
	CLEANUP(checks_show_clear)
	struct checks_show show = { .as_json = c->output };
	int r = take_aim(&aim, c, fault);

	(void)words;
	if (!r)
		r = probe_open(&p, c->egress, fault);
	if (!r)
		r = run_all(&show, &aim, p, c, fault);
	return r ? r : checks_show_end(&show, fault);
}

const struct verb target_debug_verb = {
	.name = "debug",
	.about = "try the broker's way to the bridge, hop by hop",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
