#include "fuzz.h"
#include "wrapper/handoff.h"

/* What is understood is written the same way again. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) struct handoff_job *job = calloc(1, sizeof(*job));
	CLEANUP(free_p) uint8_t *again = malloc(HANDOFF_MOST);
	struct handoff_reply reply;
	size_t used;

	INVARIANT(job && again);
	if (!handoff_read_reply(&reply, bytes, n)) {
		INVARIANT(!handoff_write_reply(
		    &reply, again, HANDOFF_REPLY_MOST, &used));
		INVARIANT(used == n && !memcmp(again, bytes, n));
	}
	if (!handoff_read_job(job, bytes, n)) {
		INVARIANT(job->n_tasks <= PLAN_SECRETS_MAX);
		INVARIANT(job->n_fields <= PLAN_ITEMS_MAX);
		INVARIANT(!handoff_write_job(job, again, HANDOFF_MOST, &used));
		INVARIANT(used == n && !memcmp(again, bytes, n));
	}
	return 0;
}
