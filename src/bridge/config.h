/* bridge/config.h: what an operator can say to pharos-bridge. */
#pragma once
#include "base/option.h"

enum config_mode { CONFIG_BEACON, CONFIG_REVERSE };

struct config {
	struct option_common common;
	int mode; /* enum config_mode */
	char *vault_addr, *vault_ca, *vault_pin, *vault_namespace;
	struct option_list allow_path;
	char *auth_mount;
	struct option_list beacon_address, broker_address;
	char *beacon_info_hash, *beacon_ca, *beacon_pin;
	char *tls_cert, *tls_key, *tls_ca;
	char *health_addr;
};

extern const struct option_table config_options;

/** config_check() - what the table cannot say: which options belong together
 * Return: 0; -EINVAL with @fault. */
MUST_USE int config_check(const struct config *config, struct fault *fault);
