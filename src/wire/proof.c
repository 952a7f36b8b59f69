#include "wire/proof.h"
#include "base/wr.h"
#include <assert.h>

static_assert(sizeof(PROOF_LABEL) == 16, "the label and its NUL");

void proof_signed_bytes(uint8_t out[PROOF_SIGNED_SIZE],
    const uint8_t exporter[FRAME_EXPORTER], const uint8_t hash[FRAME_HASH],
    enum frame_role role)
{
	struct wr w = wr_over(out, PROOF_SIGNED_SIZE);

	wr_bytes(&w, PROOF_LABEL, sizeof(PROOF_LABEL));
	wr_bytes(&w, exporter, FRAME_EXPORTER);
	wr_bytes(&w, hash, FRAME_HASH);
	wr_u8(&w, (uint8_t)role);
	INVARIANT(wr_ok(&w) && w.used == PROOF_SIGNED_SIZE);
}
