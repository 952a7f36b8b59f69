/* tether/config.h: what an operator can say to pharos-tether. What the tether
 * is stands in its codex.
 */
#pragma once
#include "base/option.h"

struct config {
	struct option_common common;
	char *codex, *state; /* paths */
	int driver;	     /* enum wg_driver */
	char *program;	     /* or NULL */
	char *control;	     /* path, or "off" */
	char *health_address;
};

extern const struct option_table config_options;

/** config_control() - where the control socket is to be; NULL: nowhere */
const char *config_control(const struct config *config);
/** config_check() - what the table cannot say
 * Return: 0; -EINVAL with @fault. */
MUST_USE int config_check(const void *config, struct fault *fault);
