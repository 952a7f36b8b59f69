/* A file of keys: refused, or what would be written, but for the bits of a
 * private key that are always the same. */
#include "fuzz.h"
#include "wire/keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	CLEANUP(secret_freep) struct secret *once = NULL;
	CLEANUP(secret_freep) struct secret *twice = NULL;
	CLEANUP(keyring_freep) struct keyring *k = NULL;
	CLEANUP(keyring_freep) struct keyring *back = NULL;
	struct fault fault = FAULT_NONE;
	int r;

	INVARIANT(!secret_from(&text, bytes, n));
	r = keyring_read(&k, text, "f", &fault);
	INVARIANT(r == fault.code);
	if (r)
		return 0;
	INVARIANT(!keyring_write(&once, k));
	INVARIANT(!keyring_read(&back, once, "f", NULL));
	INVARIANT(!keyring_write(&twice, back));
	INVARIANT(secret_equal(once, secret_bytes(twice), secret_size(twice)));
	return 0;
}
