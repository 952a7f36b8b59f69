/* pki/altname.h: subjectAltName, one name after another. */
#pragma once
#include "base/err.h"
#include <openssl/x509v3.h>

/** altname_push() - append a DNS name (GEN_DNS) or a URI (GEN_URI)
 * Return: 1; 0: no memory. As OpenSSL. */
int altname_push(GENERAL_NAMES *names, int type, const char *text);
/** altname_push_host() - append an IP address where @host is one, else a DNS
 * name */
int altname_push_host(GENERAL_NAMES *names, const char *host);
/** altname_is_address() - is it an IP address? */
bool altname_is_address(const char *host);
