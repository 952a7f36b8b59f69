/* What a person pasted. As it is; and, so that the checksum does not hide the
 * rest, as the body of a line whose checksum fits. */
#include "fuzz.h"
#include "wire/joinstring.h"
#include <sodium.h>

/* There is one text for each content. */
static void try_text(const char *text)
{
	char again[JOINSTRING_MOST + 1];
	struct fault fault = FAULT_NONE;
	struct joinstring s;
	int r = joinstring_read(&s, text, &fault);

	INVARIANT(r == fault.code && r >= 0 && r <= JOINSTRING_E_CONTENT);
	if (r)
		return;
	INVARIANT(!joinstring_write(again, &s, NULL));
	INVARIANT(!strcmp(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char prefix[] = "pharos-join-v1.";
	const size_t before = sizeof(prefix) - 1;
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	CLEANUP(free_p) uint8_t *all = malloc(before + n + 32);
	CLEANUP(free_p) char *line = malloc(before + 2 * n + 64);

	INVARIANT(all && line);
	try_text(text);
	memcpy(all, prefix, before);
	if (n)
		memcpy(all + before, bytes, n);
	crypto_hash_sha256(all + before + n, all, before + n);
	memcpy(line, prefix, before);
	sodium_bin2base64(line + before, 2 * n + 64, all + before, n + 4,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	try_text(line);
	return 0;
}
