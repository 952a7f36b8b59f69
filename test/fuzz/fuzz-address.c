/* An address or a network as a person, a URL or a proxy writes it. What is
 * accepted is written back, and reads the same. */
#include "fuzz.h"
#include "net/address.h"
#include "net/cidr.h"
#include <arpa/inet.h>
#include <stdio.h>

enum { TEXT_MOST = ADDRESS_HOST_MOST + 16 };

static void check_address(const char *text)
{
	struct address a, again;
	char back[TEXT_MOST];

	if (address_parse(&a, text))
		return;
	(void)snprintf(back, sizeof(back),
	    strchr(a.host, ':') ? "[%s]:%u" : "%s:%u", a.host, a.port);
	INVARIANT(!address_parse(&again, back));
	INVARIANT(a.port == again.port && !strcmp(a.host, again.host));
	INVARIANT(address_port_of(text) == a.port);
}

static void check_network(const char *text)
{
	struct cidr c, again;
	char host[INET6_ADDRSTRLEN], back[TEXT_MOST];

	if (cidr_parse(&c, text) == CIDR_E_FORM)
		return;
	INVARIANT(inet_ntop(
	    c.family == 4 ? AF_INET : AF_INET6, c.address, host, sizeof(host)));
	INVARIANT(cidr_has(&c, host));
	(void)snprintf(back, sizeof(back), "%s/%u", host, c.bits);
	INVARIANT(!cidr_parse(&again, back));
	INVARIANT(c.family == again.family && c.bits == again.bits &&
		  !memcmp(c.address, again.address, sizeof(c.address)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);

	check_address(text);
	check_network(text);
	(void)address_port_of(text);
	(void)address_is_loopback(text);
	return 0;
}
