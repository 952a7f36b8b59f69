/* The capability that the network needs, and no other. */
#include "tether/profile.h"
#include <linux/capability.h>

int tether_profile(
    struct profile *p, const struct config *config, struct fault *fault)
{
	static const int capabilities[] = { CAP_NET_ADMIN };

	(void)config;
	profile_init(p, NULL, 0);
	p->isolate.capabilities = capabilities;
	p->isolate.n_capabilities = N_ELEMS(capabilities);
	p->isolate.landlock = false;
	return profile_check(p, fault);
}
