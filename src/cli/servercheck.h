/* cli/servercheck.h: the hops to an HTTPS server: name, TCP, proxy, TLS.
 */
#pragma once
#include "cli/probe.h"

struct servercheck {
	const char *url; /* https://HOST[:PORT][/PATH]; http:// on loopback */
	const char *option;  /* that said it, for faults */
	const char *ca_file; /* NULL: the system's roots */
	const char *hop;     /* "TLS with the store", for faults */
};
/** servercheck() - the first PROBE_HOPS hops of @c, and TLS as the one behind
 * them
 * Return: 0, whatever the hops say; OPTION_E_BAD with @fault: the URL; -errno
 * with @fault: the file. */
MUST_USE int servercheck(struct checks *c, struct probe *p,
    const struct servercheck *order, struct fault *fault);
