/* beacon/config.h: what an operator can say to pharos-beacon. Limits are not
 * among it: they are constants (beacon/limits.h).
 */
#pragma once
#include "base/option.h"

struct config {
	struct option_common common;
	char *addr;
	char *tls_cert, *tls_key;
	char *health_addr;
	struct option_list proxy_protocol;
	char *allow;	    /* or NULL */
	long drain_timeout; /* ms */
};

extern const struct option_table config_options;
