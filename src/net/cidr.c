#include "net/cidr.h"
#include "base/number.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { V4_MAPPED_AT = 12, V4_BITS = 32, V6_BITS = 128, ADDRESS_TEXT = 64 };

/* An address alone. */
static bool read_host(struct cidr *out, const char *text)
{
	struct in6_addr v6;
	struct cidr c = { .family = 4, .bits = V4_BITS };

	if (inet_pton(AF_INET, text, c.address) != 1) {
		if (inet_pton(AF_INET6, text, &v6) != 1)
			return false;
		c = (struct cidr){ .family = 6, .bits = V6_BITS };
		memcpy(c.address, &v6, sizeof(v6));
	}
	*out = c;
	return true;
}

/* An IPv4 address in IPv6's form is the IPv4 one. */
static void unmap(struct cidr *c)
{
	static const uint8_t mapped[V4_MAPPED_AT] = { [10] = 0xff, 0xff };
	uint8_t v4[4];

	if (c->family != 6 || c->bits < 8 * V4_MAPPED_AT ||
	    memcmp(c->address, mapped, sizeof(mapped)) != 0)
		return;
	memcpy(v4, c->address + V4_MAPPED_AT, sizeof(v4));
	*c = (struct cidr){ .family = 4,
		.bits = (uint8_t)(c->bits - 8 * V4_MAPPED_AT) };
	memcpy(c->address, v4, sizeof(v4));
}

/* Return: were there any? */
static bool clear_rest(struct cidr *c)
{
	bool found = false;

	for (unsigned i = c->bits; i < 8 * sizeof(c->address); i++) {
		uint8_t bit = (uint8_t)(0x80U >> i % 8);

		found |= c->address[i / 8] & bit;
		c->address[i / 8] &= (uint8_t)~bit;
	}
	return found;
}

int cidr_parse(struct cidr *out, const char *text)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[ADDRESS_TEXT];
	uint64_t bits;
	struct cidr c;
	bool rest;

	if (n >= sizeof(host))
		return CIDR_E_FORM;
	memcpy(host, text, n);
	host[n] = '\0';
	if (!read_host(&c, host))
		return CIDR_E_FORM;
	if (slash) {
		if (number_parse(slash + 1, c.bits, &bits) ||
		    (slash[1] == '0' && slash[2]))
			return CIDR_E_FORM;
		c.bits = (uint8_t)bits;
	}
	unmap(&c);
	rest = clear_rest(&c);
	*out = c;
	return rest ? CIDR_E_REST : 0;
}

bool cidr_has(const struct cidr *c, const char *host)
{
	struct cidr one;

	if (!read_host(&one, host))
		return false;
	unmap(&one);
	if (one.family != c->family)
		return false;
	one.bits = c->bits;
	(void)clear_rest(&one);
	return !memcmp(one.address, c->address, sizeof(one.address));
}

bool cidr_is_public(const char *host)
{
	static const char *const special[] = { "0.0.0.0/8", "10.0.0.0/8",
		"100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
		"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "2001::/23",
		"2001:db8::/32", "2002::/16", "3fff::/20" };
	struct cidr one, unicast;

	if (!read_host(&one, host))
		return false;
	unmap(&one);
	INVARIANT(!cidr_parse(&unicast, "2000::/3"));
	if (one.family == 6 && !cidr_has(&unicast, host))
		return false;
	for (size_t i = 0; i < N_ELEMS(special); i++) {
		struct cidr c;

		INVARIANT(!cidr_parse(&c, special[i]));
		if (cidr_has(&c, host))
			return false;
	}
	return true;
}
