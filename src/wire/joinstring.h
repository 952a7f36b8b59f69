/* wire/joinstring.h: the one line by which a cluster is told where the bridge
 * is met and which CA it must have: beacons and the bridge CA's certificate.
 *
 * `pharos source register` prints it, the broker reads it. Nothing in it is
 * secret. doc/wire/boot.md has its bytes.
 */
#pragma once
#include "base/fault.h"

enum {
	JOINSTRING_BEACONS_MOST = 8,
	JOINSTRING_ADDRESS_MOST = 261, /* a name, a colon, a port */
	JOINSTRING_CA_MOST = 1536,     /* bytes of DER, as in a HELLO */
	JOINSTRING_MOST = 4878,	       /* characters of the text */
};

struct joinstring {
	char beacon[JOINSTRING_BEACONS_MOST][JOINSTRING_ADDRESS_MOST + 1];
	size_t n_beacons; /* 1 and more; the order means nothing */
	uint8_t ca[JOINSTRING_CA_MOST];
	size_t n_ca;
};

/** joinstring_beacon_ok() - can it be a beacon's address: HOST:PORT? */
bool joinstring_beacon_ok(const char *text);

/** joinstring_write() - @to: JOINSTRING_MOST + 1 bytes
 * Return: 0; -EINVAL with @fault: no beacon or too many, an address that is not
 * HOST:PORT, a certificate that is none or too large. */
MUST_USE int joinstring_write(
    char *to, const struct joinstring *s, struct fault *fault);

enum {
	JOINSTRING_E_KIND = 1, /* does not begin as one */
	JOINSTRING_E_VERSION,  /* of another version of Pharos */
	JOINSTRING_E_DAMAGED,  /* cut off, mistyped, or something added */
	JOINSTRING_E_CONTENT, /* whole, but not what joinstring_write() takes */
};
/** joinstring_read() - That the certificate is a CA's, the caller checks: here
 * it is DER of the right length, and no more is known.
 * Return: 0; JOINSTRING_E_* with @fault. */
MUST_USE int joinstring_read(
    struct joinstring *out, const char *text, struct fault *fault);
