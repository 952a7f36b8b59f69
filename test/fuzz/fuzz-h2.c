#include "fuzz-http.h"
#include "wire/h2.h"

/* Here the cuts may show: a flood is noticed after a feed, and a reset that
 * nghttp2 decides on is told when it is pulled. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pool *pool;

	if (n > 8192) /* PLAYER_STREAMS are enough for that */
		return 0;
	INVARIANT(!pool_new(&pool, 4096, 4));
	player_play(pool, h2_new, bytes, n, 8192);
	player_play(pool, h2_new, bytes, n, 1);
	pool_free(pool);
	return 0;
}
