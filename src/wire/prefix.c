#include "wire/prefix.h"
#include "base/number.h"
#include <arpa/inet.h>
#include <stdio.h>

enum { V4_WIDTH = 32, V6_WIDTH = 128, HOST_TEXT = 46, MAPPED_SIZE = 12 };

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t mapped[MAPPED_SIZE] = { [10] = 0xff, 0xff };

	return !memcmp(address, mapped, sizeof(mapped));
}

/* @n: of the characters that are the address */
static int read_host(struct prefix *out, const char *text, size_t n)
{
	char host[HOST_TEXT];
	struct prefix p = { .family = 4, .bits = V4_WIDTH };

	if (n >= sizeof(host))
		return PREFIX_E_FORM;
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, p.address) != 1) {
		p = (struct prefix){ .family = 6, .bits = V6_WIDTH };
		if (inet_pton(AF_INET6, host, p.address) != 1 ||
		    is_mapped(p.address))
			return PREFIX_E_FORM;
	}
	*out = p;
	return 0;
}

int prefix_read_host(struct prefix *out, const char *text)
{
	return read_host(out, text, strnlen(text, HOST_TEXT));
}

int prefix_read_address(struct prefix *out, const char *text)
{
	const char *slash = strchr(text, '/');
	struct prefix p;
	uint64_t bits;

	if (!slash)
		return prefix_read_host(out, text);
	if (read_host(&p, text, (size_t)(slash - text)) ||
	    number_parse(slash + 1, p.bits, &bits) ||
	    (slash[1] == '0' && slash[2]))
		return PREFIX_E_FORM;
	p.bits = (uint8_t)bits;
	*out = p;
	return 0;
}

int prefix_read(struct prefix *out, const char *text)
{
	struct prefix p, network;
	int r = prefix_read_address(&p, text);

	if (r)
		return r;
	network = prefix_network(&p);
	if (prefix_compare(&p, &network) != 0)
		return PREFIX_E_REST;
	*out = p;
	return 0;
}

void prefix_write_host(char out[PREFIX_TEXT_MOST + 1], const struct prefix *p)
{
	INVARIANT(p->family == 4 || p->family == 6);
	INVARIANT(inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->address,
	    out, PREFIX_TEXT_MOST + 1));
}

void prefix_write(char out[PREFIX_TEXT_MOST + 1], const struct prefix *p)
{
	size_t n;

	prefix_write_host(out, p);
	n = strlen(out);
	(void)snprintf(out + n, PREFIX_TEXT_MOST + 1 - n, "/%u", p->bits);
}

unsigned prefix_width(const struct prefix *p)
{
	return p->family == 4 ? V4_WIDTH : V6_WIDTH;
}

struct prefix prefix_host(const struct prefix *p)
{
	struct prefix host = *p;

	host.bits = (uint8_t)prefix_width(p);
	return host;
}

struct prefix prefix_network(const struct prefix *p)
{
	struct prefix network = *p;
	size_t whole = p->bits / 8U;

	if (whole < sizeof(network.address)) {
		network.address[whole] &= (uint8_t)(0xff00U >> p->bits % 8U);
		memset(network.address + whole + 1, 0,
		    sizeof(network.address) - whole - 1);
	}
	return network;
}

bool prefix_has(const struct prefix *whole, const struct prefix *part)
{
	struct prefix at = *part, network = prefix_network(whole);

	if (whole->family != part->family || part->bits < whole->bits)
		return false;
	at.bits = whole->bits;
	at = prefix_network(&at);
	return !prefix_compare(&at, &network);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_has(a, b) || prefix_has(b, a);
}

int prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	order = memcmp(a->address, b->address, sizeof(a->address));
	return order ? order : (int)a->bits - (int)b->bits;
}
