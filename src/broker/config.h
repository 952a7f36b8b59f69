/* broker/config.h: what an operator can say to pharos-broker. Limits are not
 * among it: they are constants (broker/limits.h).
 */
#pragma once
#include "base/option.h"

enum config_mode { CONFIG_BEACON, CONFIG_REVERSE };

struct config {
	struct option_common common;
	int mode; /* enum config_mode */
	struct option_list beacon_address;
	char *beacon_info_hash, *beacon_ca, *beacon_pin;
	char *reverse_listen;
	char *tls_cert, *tls_key, *tls_ca;
	char *listen, *listen_cert, *listen_key;
	char *client_token_file; /* or NULL: pods need none */
	bool pass_through;
	char *health_addr;
};

extern const struct option_table config_options;
/** config_mode_name() - "beacon" */
const char *config_mode_name(const struct config *config);

/** config_check() - what the table cannot say: which options belong together
 * Return: 0; -EINVAL with @fault. */
MUST_USE int config_check(const struct config *config, struct fault *fault);
