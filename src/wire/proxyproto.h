/* wire/proxyproto.h: the PROXY protocol, versions 1 and 2: the preamble by
 * which a proxy says for whom it opened a connection.
 *
 * The specification is HAProxy's doc/proxy-protocol.txt; section 2.1 is the
 * line of text, 2.2 the binary header. A line has at most 107 bytes; a header
 * is taken up to PROXYPROTO_MOST, its TLVs are skipped. A reader never takes a
 * byte past the preamble (proxyproto_need), since what follows is the client's.
 */
#pragma once
#include "base/err.h"

enum {
	PROXYPROTO_LINE_MOST = 107,
	PROXYPROTO_MOST = 4096, /* of a binary header, all of it */
	PROXYPROTO_HOST = 16,
};

enum proxyproto_kind {
	PROXYPROTO_LOCAL, /* no address: the proxy itself (its health check), or
			     a client of which it knows none. LOCAL, UNSPEC,
			     UNKNOWN; and AF_UNIX and UDP, which 2.2 lets a
			     reader treat as UNSPEC */
	PROXYPROTO_TCP4,
	PROXYPROTO_TCP6,
};

struct proxyproto_end {
	uint8_t host[PROXYPROTO_HOST]; /* TCP4: the first four bytes */
	uint16_t port;
};

struct proxyproto {
	enum proxyproto_kind kind;
	struct proxyproto_end source, destination; /* zero for LOCAL */
};

enum {
	PROXYPROTO_E_NONE = 1, /* these bytes begin no preamble */
	PROXYPROTO_E_LENGTH,   /* longer than any preamble is */
	PROXYPROTO_E_FORM,     /* a preamble with something wrong in it */
};

/** proxyproto_need() - how many bytes to read next so as never to read too far
 * @have: bytes that have come, at @bytes; what is asked for never lets it grow
 *        past PROXYPROTO_MOST
 * @need: set to how many more to read; 0: the preamble is complete
 * Return: 0; PROXYPROTO_E_*. */
MUST_USE int proxyproto_need(const void *bytes, size_t have, size_t *need);

/** proxyproto_read() - a complete preamble of exactly @n bytes
 * Return: 0; PROXYPROTO_E_*. */
MUST_USE int proxyproto_read(
    struct proxyproto *out, const void *bytes, size_t n);

/** proxyproto_write() - as @version 1 or 2, into @to of @room bytes;
 * PROXYPROTO_LINE_MOST + 1 is always enough
 * @used: set to the size.
 * Return: 0; -ENOBUFS. */
MUST_USE int proxyproto_write(const struct proxyproto *p, unsigned version,
    void *to, size_t room, size_t *used);
