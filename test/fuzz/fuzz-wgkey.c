/* A key as a person or a file gives it: refused, or the one text of its bytes.
 */
#include "fuzz.h"
#include "wire/wgkey.h"

static void try_secret(const char *text,
    int (*read)(struct secret **out, const char *text, size_t n))
{
	CLEANUP(secret_freep) struct secret *key = NULL;
	CLEANUP(secret_freep) struct secret *again = NULL;
	CLEANUP(secret_freep) struct secret *back = NULL;
	int r = read(&key, text, strlen(text));

	INVARIANT(!r || r == WGKEY_E_FORM || r == WGKEY_E_ZERO);
	if (r)
		return;
	INVARIANT(!wgkey_secret_write(&again, key));
	INVARIANT(!read(&back, secret_bytes(again), secret_size(again)));
	INVARIANT(secret_equal(key, secret_bytes(back), secret_size(back)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	char again[WGKEY_TEXT_SIZE + 1];
	struct wgkey key;
	int r = wgkey_read(&key, text);

	INVARIANT(r >= 0 && r <= WGKEY_E_SECOND);
	if (!r) {
		wgkey_write(again, &key);
		INVARIANT(!strcmp(text, again) && !wgkey_check(&key));
	}
	try_secret(text, wgkey_private_read);
	try_secret(text, wgkey_shared_read);
	return 0;
}
