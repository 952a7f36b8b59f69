#include "fuzz.h"
#include "pki/ca.h"
#include "pki/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	struct fault fault = FAULT_NONE;
	int r = pki_csr_key(&key, bytes, n, &fault);

	INVARIANT(r == 0 || r == -EINVAL);
	INVARIANT((r == 0) == (key != NULL));
	INVARIANT(r == fault.code && (r == 0) == !fault.text[0]);
	INVARIANT(!key || pki_key_allowed(key));
	return 0;
}
