/* pharos beacon kill: end one leg or pair. */
#include "cli/beacon.h"
#include "wire/json.h"
#include <stdio.h>

static const struct option_table table = {
	.program = "pharos beacon kill",
	.about = "End a leg or a pair of a beacon, by its id in the list.",
	.synopsis = "[OPTION]... ID",
	.manual = "pharos-beacon-ctl(1)",
	.rows = beacon_rows,
	.n_rows = BEACON_ROWS,
	.takes_words = true,
};

/* "leg-12" or 16 hex digits; so nothing of it needs an escape in a target. */
static bool is_id(const char *word)
{
	static const char letters[] = "0123456789abcdefABCDEF";
	const char *rest = strncmp(word, "leg-", 4) ? word : word + 4;
	size_t n = strlen(rest);

	return n && n <= 20 && strspn(rest, letters) == n;
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct beacon_config *config = from;
	JSON *answer = NULL;
	char target[64];
	int r;

	if (!words[0] || words[1] || !is_id(words[0]))
		return fault_set(fault, OPTION_E_BAD,
		    "`pharos beacon list` shows the ids: leg-12, or the 16 "
		    "digits of a pair.",
		    "kill takes one id");
	(void)snprintf(target, sizeof(target), "/v1/kill/%s", words[0]);
	r = beacon_call(&answer, config, "POST", target, fault);
	if (r == -ESRCH)
		return fault_set(fault, r,
		    "`pharos beacon list` shows those "
		    "that are.",
		    "%s: no leg or pair has this id now", words[0]);
	if (r)
		return r;
	if (config->output == VERB_JSON) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		printf(
		    "%s %s: ended\n", beacon_text(answer, "ended"), words[0]);
	}
	return 0;
}

const struct verb beacon_kill_verb = {
	.name = "kill",
	.about = "end one leg or pair",
	.table = &table,
	.config_size = sizeof(struct beacon_config),
	.run = run,
};
