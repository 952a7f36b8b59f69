#include "net/papers.h"
#include "net/beaconc.h"

static int get_identity(
    struct papers *p, const struct papers_order *o, struct fault *fault)
{
	const struct identity *id = o->identity;

	if (!id)
		return identity_load(
		    &p->identity, o->cert_file, o->key_file, o->ca_file, fault);
	return identity_new(&p->identity, id->leaf, id->key, id->ca, fault);
}

static int load_identity(
    struct papers *p, const struct papers_order *o, struct fault *fault)
{
	int r = get_identity(p, o, fault);

	if (r)
		return r;
	r = identity_expect(p->identity, o->role, o->info_hash, fault);
	if (!r || o->identity)
		return r;
	return fault_wrap(
	    fault, "certificate %s with CA %s", o->cert_file, o->ca_file);
}

static int check_realm(const struct papers *p, const struct papers *now,
    const struct papers_order *order, struct fault *fault)
{
	if (!now || !memcmp(p->identity->realm, now->identity->realm,
			sizeof(p->identity->realm)))
		return 0;
	return fault_set(fault, -EINVAL,
	    "a new CA is a new realm: start the program again with it",
	    "%s is another CA than the one in use",
	    order->identity ? "the new certificate's" : order->ca_file);
}

static int make_contexts(
    struct papers *p, const struct papers_order *o, struct fault *fault)
{
	const struct beaconc_trust beacons = {
		.ca_file = o->beacon_ca,
		.pin_hex = o->beacon_pin,
	};
	int r;

	p->trust = o->trust;
	p->trust.identity = p->identity;
	r = tunnel_context(&p->tunnel, &p->trust, fault);
	if (!r && o->beacon)
		r = beaconc_outer_context(&p->outer, &beacons, fault);
	return r;
}

int papers_load(struct papers **out, const struct papers_order *order,
    const struct papers *now, struct fault *fault)
{
	CLEANUP(papers_freep) struct papers *p = calloc(1, sizeof(*p));
	int r = p ? load_identity(p, order, fault) : -ENOMEM;

	if (!r)
		r = check_realm(p, now, order, fault);
	if (!r)
		r = make_contexts(p, order, fault);
	if (!r)
		*out = STEAL(p);
	return r;
}

void papers_free(struct papers *p)
{
	if (!p)
		return;
	tls_context_free(p->tunnel);
	tls_context_free(p->outer);
	identity_free(p->identity);
	free(p);
}

void papers_freep(struct papers **p)
{
	papers_free(*p);
	*p = NULL;
}

/* Whoever uses the identity holds one of the two contexts: tunnels and their
 * handshakes the one, visits to beacons the other. */
static bool is_used(const struct papers *p)
{
	return tls_context_is_shared(p->tunnel) ||
	       (p->outer && tls_context_is_shared(p->outer));
}

static void sweep(struct papers **at)
{
	while (*at) {
		struct papers *p = *at;

		if (is_used(p)) {
			at = &p->older;
			continue;
		}
		*at = p->older;
		papers_free(p);
	}
}

void papers_replace(struct papers **now, struct papers *fresh)
{
	fresh->older = *now;
	*now = fresh;
	sweep(&fresh->older);
}

void papers_free_all(struct papers *p)
{
	while (p) {
		struct papers *older = p->older;

		papers_free(p);
		p = older;
	}
}
