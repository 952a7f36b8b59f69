#include "cli/target.h"

static const struct verb *const members[] = {
	&target_fingerprint_verb,
	&target_connect_verb,
	&target_approve_verb,
	&target_validate_verb,
	&target_debug_verb,
};

const struct verb target_verbs = {
	.name = "target",
	.about = "a cluster that is to get secrets",
	.verbs = members,
	.n_verbs = N_ELEMS(members),
};
