#include "cli/servercheck.h"
#include "base/option.h"
#include "net/address.h"
#include <stdio.h>
#include <strings.h>

enum { TLS = PROBE_HOPS };

/* "host:port" of the URL. */
static int target_of(char to[ADDRESS_HOST_MOST + 16], bool *plain,
    const struct servercheck *order, struct fault *fault)
{
	const char *host = strstr(order->url, "://");
	struct address a;
	size_t n;

	*plain = !strncasecmp(order->url, "http://", 7);
	if (!host || (!*plain && strncasecmp(order->url, "https://", 8) != 0))
		return fault_set(fault, OPTION_E_BAD,
		    "expected is https://HOST[:PORT]", "%s: not a URL: %.200s",
		    order->option, order->url);
	host += 3;
	n = strcspn(host, "/?#");
	(void)snprintf(to, ADDRESS_HOST_MOST + 16, "%.*s", (int)n, host);
	if (address_parse(&a, to) == ADDRESS_E_PORT)
		(void)snprintf(to, ADDRESS_HOST_MOST + 16, "%.*s:%u", (int)n,
		    host, *plain ? 80u : 443u);
	if (address_parse(&a, to) || !*a.host || !a.port)
		return fault_set(fault, OPTION_E_BAD,
		    "expected is https://HOST[:PORT]",
		    "%s: no host and port in %.200s", order->option,
		    order->url);
	return 0;
}

static int context_of(struct tls_context **out, const struct servercheck *order,
    struct fault *fault)
{
	static const char *const alpn[] = { "http/1.1", NULL };
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = order->hop,
		.alpn = alpn,
		.alpn_optional = true,
		.trust = order->ca_file ? TLS_TRUST_CA : TLS_TRUST_SYSTEM,
		.ca_file = order->ca_file,
		.allow_12 = true };

	return tls_context_new(out, &config, fault);
}

int servercheck(struct checks *c, struct probe *p,
    const struct servercheck *order, struct fault *fault)
{
	CLEANUP(tls_context_freep) struct tls_context *context = NULL;
	char target[ADDRESS_HOST_MOST + 16];
	struct probe_tls tls = { .lower = NULL };
	struct address where;
	struct leg *leg;
	bool plain;
	int r = target_of(target, &plain, order, fault);

	if (!r && !plain)
		r = context_of(&context, order, fault);
	if (r)
		return r;
	INVARIANT(!address_parse(&where, target));
	tls.lower = probe_reach(p, c, PROBE_DNS, target);
	if (!tls.lower)
		return 0;
	if (plain) {
		leg_close(STEAL(tls.lower));
		checks_skip(c, TLS, "plain HTTP");
		return 0;
	}
	tls.context = context;
	tls.name = where.host;
	leg = probe_tls(p, &tls);
	if (leg)
		checks_good(c, TLS, "a certificate for %s", where.host);
	else
		checks_bad(c, TLS, &tls.fault);
	leg_close(leg);
	return 0;
}
