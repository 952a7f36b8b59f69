#include "fuzz-http.h"
#include "wire/http1.h"

/* What is told must not depend on how the bytes were cut, unless the listener
 * gives up at the first piece that it gets. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const size_t steps[] = { 1, 7 };
	struct pool *pool;
	uint64_t whole;

	if (!n || n > HTTP_FEED_MAX)
		return 0;
	INVARIANT(!pool_new(&pool, 4096, 4));
	whole = player_play(pool, http1_new, bytes, n, HTTP_FEED_MAX);
	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		uint64_t cut = player_play(pool, http1_new, bytes, n, steps[i]);

		INVARIANT(whole == cut || bytes[0] & PLAY_RESET);
	}
	pool_free(pool);
	return 0;
}
