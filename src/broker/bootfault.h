/* broker/bootfault.h: what a person reads when a boot session came to nothing:
 * the remedy depends on where the CA came from.
 */
#pragma once
#include "broker/bootplan.h"

enum bootfault_ca {
	BOOTFAULT_CA_GIVEN, /* by a join string */
	BOOTFAULT_CA_FOUND, /* in the ConfigMap of wire/introduction.h */
	BOOTFAULT_CA_NONE,  /* it is to come by six words */
};

/** bootfault_late() - @stage did not come to its end in time */
void bootfault_late(struct fault *out, enum bootplan_stage stage);
/** bootfault_refused() - the bridge has refused. Without a CA it is whoever
 * waits there: of his answer the code counts alone, or he could have us wait as
 * long as he likes, and tell a person what to type.
 * @name_space: of the ConfigMap. Return: as boot_answer.retry_s. */
unsigned bootfault_refused(struct fault *out, const struct boot_answer *answer,
    enum bootfault_ca ca, const char *name_space);
/** bootfault_way() - a beacon failed; where nobody waits there (-ENXIO), why
 * that may be */
void bootfault_way(
    struct fault *fault, enum bootfault_ca ca, const char *name_space);
