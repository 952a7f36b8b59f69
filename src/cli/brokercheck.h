/* cli/brokercheck.h: the way of a pod to the broker, hop by hop, and what the
 * broker says of itself.
 */
#pragma once
#include "cli/probe.h"

struct brokercheck_order {
	const char *url;     /* "https://host:port" */
	const char *ca_file; /* NULL: the system's roots */
};
/** brokercheck() - try it; @out has every hop then
 * Return: 0, whatever the hops say; OPTION_E_BAD with @fault: the URL; -errno
 * with @fault: a file. */
MUST_USE int brokercheck(struct checks *out, struct probe *p,
    const struct brokercheck_order *order, struct fault *fault);
