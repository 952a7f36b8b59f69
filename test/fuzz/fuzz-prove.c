/* Input: leaf, CA and signature, each with a u16 length before it, as they
 * stand in a HELLO. The hash that is claimed is the CA's own, else no input
 * would get past it; the corpus was signed over `message` and is looked at on
 * the day when it was made. */
#include "fuzz.h"
#include "base/rd.h"
#include "pki/cleanup.h"
#include "pki/prove.h"

enum { DAY = 1795300000 }; /* 2026-11-22 */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const enum role roles[] = { ROLE_BRIDGE };
	static const char message[] = "the bytes that are signed";
	struct rd in = rd_over(bytes, n);
	struct rd leaf = rd_span16(&in), ca = rd_span16(&in);
	struct rd signature = rd_span16(&in);
	uint8_t hash[REALM_SIZE];
	struct prove_claim claim = {
		.leaf = leaf.at,
		.ca = ca.at,
		.signature = signature.at,
		.n_leaf = leaf.left,
		.n_ca = ca.left,
		.n_signature = signature.left,
		.hash = hash,
		.roles = roles,
		.n_roles = N_ELEMS(roles),
		.bytes = message,
		.n_bytes = sizeof(message),
		.now = DAY,
	};
	int r;

	if (!rd_ok(&in) ||
	    !EVP_Digest(ca.at, ca.left, hash, NULL, EVP_sha256(), NULL))
		return 0;
	r = prove_check(&claim);
	INVARIANT(r >= 0 && r <= PROVE_E_SIGNATURE);
	hash[0] ^= 1;
	INVARIANT(prove_check(&claim) != 0);
	return 0;
}
