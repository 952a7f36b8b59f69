/* wire/localservice.h: what a zone lets through: a port of this host, or a run
 * of ports, and what is behind it: "tcp/443@oculus", "udp/5000-5100@echo".
 */
#pragma once
#include "wire/wgname.h"

enum {
	LOCALSERVICE_NAME_MOST = WGNAME_ZONE_MOST,
	LOCALSERVICE_TEXT_MOST = 47, /* "udp/65534-65535@" and the name */
};

enum localservice_protocol {
	LOCALSERVICE_TCP = 6, /* IANA's numbers, as an IP header has them */
	LOCALSERVICE_UDP = 17,
};

struct localservice {
	enum localservice_protocol protocol;
	uint16_t first, last;		       /* ports; the same of one */
	char name[LOCALSERVICE_NAME_MOST + 1]; /* for people; may be empty */
};

/** localservice_read() - one text each: no port 0, no run of one, no zeros
 * before a number; the name as wgname_zone_ok()
 * Return: 0; -EINVAL. */
MUST_USE int localservice_read(struct localservice *out, const char *text);
void localservice_write(
    char out[LOCALSERVICE_TEXT_MOST + 1], const struct localservice *s);
/** localservice_overlaps() - have they a port in common? */
bool localservice_overlaps(
    const struct localservice *a, const struct localservice *b);
