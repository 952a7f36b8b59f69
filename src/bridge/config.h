/* bridge/config.h: what an operator can say to pharos-bridge. */
#pragma once
#include "net/uplinkoption.h"

struct config {
	struct option_common common;
	struct uplink_options uplink;
	char *vault_addr, *vault_ca, *vault_pin, *vault_namespace;
	struct option_list credential;
	char *store_token_file;
	struct option_list allow_path;
	char *auth_mount;
	struct option_list broker_address;
	char *health_addr;
	long drain_timeout; /* ms */
};

extern const struct option_table config_options;

/** config_check() - what the table cannot say: which options belong together
 * Return: 0; -EINVAL with @fault. */
MUST_USE int config_check(const struct config *config, struct fault *fault);
