/* cli/storecheck.h: the store's side of one cluster, hop by hop: is it there,
 * open, set up, and does it give a pod what it is to get?
 *
 * It reads and changes nothing.
 */
#pragma once
#include "cli/cluster.h"
#include "cli/probe.h"
#include "cli/storecall.h"
#include "wire/space.h"

/* All borrowed. */
struct storecheck_order {
	const struct storecall_config *store; /* its name_space: of @space */
	const struct space *space;
	const struct fingerprint *fingerprint; /* NULL: of whichever cluster */
	const struct cluster_facts *cluster;   /* as it is now; NULL: unknown */
	const char *role;    /* "team-a.web"; NULL: of no pod, with */
	const char *subject; /* whose it is */
	const char *path;    /* that it is to read; NULL: any */
};
/** storecheck() - try it; @out has every hop then
 * Return: 0, whatever the hops say; OPTION_E_BAD or -errno with @fault: it
 * could not be tried (the address, a file, the token). */
MUST_USE int storecheck(struct checks *out, struct probe *p,
    const struct storecheck_order *order, struct fault *fault);
