#include "wire/wgname.h"
#include "base/number.h"
#include "wire/prefix.h"
#include <strings.h>

#define SMALL	"abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT	"0123456789"

/* One of @first, then any of @more; at most @most in all. */
static bool made_of(
    const char *name, const char *first, const char *more, size_t most)
{
	size_t n = strnlen(name, most + 1);

	return n && n <= most && strchr(first, name[0]) &&
	       strspn(name, more) == n;
}

bool wgname_interface_ok(const char *name)
{
	/* What /proc/sys/net and the firewall take for something else. */
	static const char *const taken[] = { "all", "default", "lo" };

	for (size_t i = 0; i < N_ELEMS(taken); i++)
		if (!strcmp(name, taken[i]))
			return false;
	return made_of(name, SMALL CAPITAL, SMALL CAPITAL DIGIT "_-.",
	    WGNAME_INTERFACE_MOST);
}

bool wgname_peer_ok(const char *name)
{
	return made_of(name, SMALL CAPITAL DIGIT, SMALL CAPITAL DIGIT "_-.",
	    WGNAME_PEER_MOST);
}

bool wgname_zone_ok(const char *name)
{
	return made_of(name, SMALL, SMALL DIGIT "-", WGNAME_ZONE_MOST);
}

bool wgname_same(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

/* ---- endpoint ------------------------------------------------------------ */

/* A name of RFC 1123: labels of letters, digits and inner hyphens. One that
 * ends in a number would be an address that is none. */
static bool is_dns_name(const char *host)
{
	const char *label = host, *last = host;

	for (;;) {
		size_t n = strspn(label, SMALL CAPITAL DIGIT "-");

		if (!n || n > 63 || label[0] == '-' || label[n - 1] == '-')
			return false;
		last = label;
		if (!label[n])
			return strspn(last, DIGIT) != n;
		if (label[n] != '.')
			return false;
		label += n + 1;
	}
}

static bool is_host(const char *text, size_t n)
{
	char host[WGNAME_HOST_MOST + 1];
	struct prefix p;
	bool bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';

	if (bracketed) {
		text++;
		n -= 2;
	}
	if (!n || n > WGNAME_HOST_MOST)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (!prefix_read_host(&p, host))
		return bracketed == (p.family == 6);
	return !bracketed && is_dns_name(host);
}

bool wgname_endpoint_ok(const char *text)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	return colon && is_host(text, (size_t)(colon - text)) &&
	       !number_parse(colon + 1, 65535, &port) && port &&
	       colon[1] != '0';
}

/* ---- in words ------------------------------------------------------------ */

static const struct {
	bool (*ok)(const char *text);
	const char *expected;
} kinds[] = {
	[WGNAME_INTERFACE] = { wgname_interface_ok,
	    "a letter, then letters, digits, '_', '-' or '.', 15 in all, and "
	    "not lo, all or default" },
	[WGNAME_PEER] = { wgname_peer_ok,
	    "a letter or digit, then letters, digits, '_', '-' or '.', 63 in "
	    "all" },
	[WGNAME_ZONE] = { wgname_zone_ok,
	    "a small letter, then small letters, digits or '-', 31 in all" },
	[WGNAME_ENDPOINT] = { wgname_endpoint_ok,
	    "NAME:PORT, as in vpn.example.org:51820 or [2001:db8::1]:51820" },
};

int wgname_check(enum wgname_kind kind, const char *what, const char *text,
    struct fault *fault)
{
	if (kinds[kind].ok(text))
		return 0;
	return fault_set(fault, -EINVAL, NULL, "%s: expected %s, got '%.80s'",
	    what, kinds[kind].expected, text);
}
