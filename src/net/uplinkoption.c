#include "net/uplinkoption.h"
#include "net/egress.h"
#include "net/address.h"

const char *const uplink_modes[] = { "beacon", "reverse", NULL };

/* What is checked, and what it is checked with. */
struct check {
	const struct uplink_options *options;
	const struct uplink_options_case *with;
	struct fault *fault;
};

static int misplaced(const struct check *c, const char *option)
{
	return fault_set(c->fault, -EINVAL,
	    "the manual page says what belongs to which mode",
	    "--%s does not go with --mode %s", option,
	    uplink_modes[c->options->mode]);
}

static int missing(const struct check *c, const char *option, const char *hint)
{
	return fault_set(c->fault, -EINVAL, hint, "--%s is missing", option);
}

/* ---- the certificate */

struct paper {
	const char *name, *value;
};

static int check_files(const struct check *c, const struct paper *papers)
{
	const char *instead = c->with->instead;

	for (const struct paper *p = papers; p->name; p++)
		if (!p->value)
			return fault_set(c->fault, -EINVAL,
			    instead
				? "`pharos source register` gives what joins "
				  "it; without one, `pharos pki` makes files "
				  "for --tls-cert, --tls-key and --tls-ca."
				: "`pharos pki` makes the files for "
				  "--tls-cert, --tls-key and --tls-ca.",
			    "--%s is missing%s%s", p->name,
			    instead ? ", and so is --" : "",
			    instead ? instead : "");
	return 0;
}

static int check_no_files(const struct check *c, const struct paper *papers)
{
	for (const struct paper *p = papers; p->name; p++)
		if (p->value)
			return fault_set(c->fault, -EINVAL,
			    "Give the one or the other.",
			    "--%s does not go with --%s: the certificate and "
			    "its CA come by that",
			    p->name, c->with->instead);
	return 0;
}

static int check_papers(const struct check *c)
{
	const struct uplink_options *o = c->options;
	const struct paper papers[] = {
		{ "tls-cert", o->tls_cert },
		{ "tls-key", o->tls_key },
		{ "tls-ca", o->tls_ca },
		{ c->with->joins ? "beacon-info-hash" : NULL, o->info_hash },
		{ NULL, NULL },
	};

	return c->with->joins ? check_no_files(c, papers)
			      : check_files(c, papers);
}

/* ---- the way */

static int check_beacon(const struct check *c)
{
	const struct uplink_options *o = c->options;

	if (c->with->given)
		return misplaced(c, c->with->reverse);
	if (!o->beacon_address.n_items && !c->with->joins)
		return missing(c, "beacon-address",
		    "Give the beacon at which the two sides meet, HOST:PORT, "
		    "or --mode reverse.");
	if (o->beacon_address.n_items > ROUTE_TARGETS_MAX)
		return fault_set(c->fault, -EINVAL,
		    "Leave out those that are farthest away.",
		    "--beacon-address: %zu beacons, at most %d are used",
		    o->beacon_address.n_items, ROUTE_TARGETS_MAX);
	if (!o->info_hash && !c->with->joins)
		return missing(c, "beacon-info-hash",
		    "`pharos pki info-hash` prints it for the file of "
		    "--tls-ca.");
	return 0;
}

static int check_reverse(const struct check *c)
{
	const struct uplink_options *o = c->options;

	if (o->beacon_address.n_items)
		return misplaced(c, "beacon-address");
	if (o->beacon_ca)
		return misplaced(c, "beacon-ca");
	if (o->beacon_pin)
		return misplaced(c, "beacon-pin");
	if (o->no_shed)
		return misplaced(c, "no-shed");
	if (!c->with->given)
		return missing(c, c->with->reverse,
		    "Give it as HOST:PORT, or leave --mode reverse out.");
	return 0;
}

int uplink_options_check(const struct uplink_options *options,
    const struct uplink_options_case *with, struct fault *fault)
{
	const struct check c = { options, with, fault };
	int r = check_papers(&c);

	if (r)
		return r;
	return options->mode == UPLINK_REVERSE ? check_reverse(&c)
					       : check_beacon(&c);
}

void uplink_options_use(
    const struct uplink_options *options, struct uplink_config *config)
{
	config->cert_file = options->tls_cert;
	config->key_file = options->tls_key;
	config->ca_file = options->tls_ca;
	config->info_hash = options->info_hash;
	if (options->mode == UPLINK_REVERSE)
		return;
	config->beacon_ca = options->beacon_ca;
	config->beacon_pin = options->beacon_pin;
	config->route.beacon.shed = !options->no_shed;
	config->route.kind = ROUTE_BEACON;
	config->route.option = "--beacon-address";
	config->route.targets =
	    (const char *const *)options->beacon_address.items;
	config->route.n_targets = options->beacon_address.n_items;
}

void uplink_options_profile(
    const struct uplink_options *options, struct profile *profile)
{
	const struct option_list *beacons = &options->beacon_address;

	profile_beside(profile, options->tls_cert);
	profile_beside(profile, options->tls_key);
	profile_beside(profile, options->tls_ca);
	egress_profile_of(options->egress_proxy, profile);
	if (options->mode == UPLINK_REVERSE)
		return;
	profile_resolver(profile);
	profile_beside(profile, options->beacon_ca);
	if (!options->beacon_ca && !options->beacon_pin)
		profile_system_cas(profile);
	for (size_t i = 0; i < beacons->n_items; i++)
		profile_port(profile, address_port_of(beacons->items[i]));
}
