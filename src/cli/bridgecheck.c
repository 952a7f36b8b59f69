#include "cli/bridgecheck.h"
#include "net/tunnel.h"
#include "pki/identity.h"

struct answer {
	X509 *ca;
	bool shown; /* a certificate of that CA */
	struct subject seen;
	struct fault fault; /* what else is wrong with it */
};

static int check_bridge(void *ctx, X509 *leaf, struct fault *fault)
{
	struct answer *a = ctx;
	struct expectation expected = {
		.ca = a->ca, .role = ROLE_BRIDGE, .as_server = true
	};
	int r = pki_expect(&expected, leaf, 0, &a->seen, &a->fault);

	a->shown = true;
	*fault = a->fault;
	return r;
}

static void tell(struct checks *c, size_t first, const struct answer *a,
    const struct probe_tls *failed)
{
	if (failed && failed->why != TLS_FAILURE_TRUST) {
		checks_bad(c, first + BRIDGECHECK_TLS, &failed->fault);
		return;
	}
	checks_good(c, first + BRIDGECHECK_TLS, "TLS 1.3, and a certificate");
	if (failed && !a->shown) {
		checks_bad(c, first + BRIDGECHECK_PIN, &failed->fault);
		return;
	}
	checks_good(c, first + BRIDGECHECK_PIN, "of the bridge's CA");
	if (failed)
		checks_bad(c, first + BRIDGECHECK_ROLE, &a->fault);
	else
		checks_good(
		    c, first + BRIDGECHECK_ROLE, "bridge %s", a->seen.name);
}

int bridgecheck(struct leg **out, struct probe *p, struct checks *c,
    const struct bridgecheck_order *order, struct fault *fault)
{
	const char *const alpn[] = { order->alpn, NULL };
	CLEANUP(tls_context_freep) struct tls_context *context = NULL;
	struct answer a = { .ca = order->ca };
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = "TLS with the bridge",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca = order->ca,
		.check = check_bridge,
		.check_ctx = &a };
	struct probe_tls tls = { .lower = order->lower,
		.name = TUNNEL_BRIDGE_NAME };
	int r = tls_context_new(&context, &config, fault);

	if (r) {
		leg_reset(order->lower);
		return r;
	}
	tls.context = context;
	*out = probe_tls(p, &tls);
	tell(c, order->first, &a, *out ? NULL : &tls);
	return 0;
}
