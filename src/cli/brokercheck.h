/* cli/brokercheck.h: the way of a pod to the broker, hop by hop, and what the
 * broker says of itself.
 */
#pragma once
#include "cli/podcheck.h"

struct brokercheck_order {
	const char *url;     /* "https://host:port" */
	const char *ca_file; /* NULL: the system's roots */
	/* what a pod does there; its token_file NULL: nothing. Target, ca_file
	 * and first are set here. */
	struct podcheck_order pod;
};
/** brokercheck() - try it; @out has every hop then
 * Return: 0, whatever the hops say; OPTION_E_BAD with @fault: the URL; -errno
 * with @fault: a file. */
MUST_USE int brokercheck(struct checks *out, struct probe *p,
    const struct brokercheck_order *order, struct fault *fault);
