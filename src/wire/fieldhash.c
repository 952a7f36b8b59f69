#include "wire/fieldhash.h"
#include "base/wr.h"

void fieldhash_add(crypto_hash_sha256_state *hash, const void *bytes, size_t n)
{
	uint8_t length[4];
	struct wr w = wr_over(length, sizeof(length));

	wr_u32(&w, (uint32_t)n);
	crypto_hash_sha256_update(hash, length, sizeof(length));
	crypto_hash_sha256_update(hash, bytes, n);
}
