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
	bool no_shed;
	char *control; /* or NULL: see config_control() */
};

extern const struct option_table config_options;

/** config_control() - where the control socket is to be: --control, else
 * "control" in the folder that the service manager made for us
 * Return: false: nowhere. */
enum { CONFIG_PATH_MOST = 256 };
bool config_control(const struct config *config, char to[CONFIG_PATH_MOST]);
