/* A token that anybody may show. As it is; and as the claims of a token whose
 * base64url is right. */
#include "fuzz.h"
#include "wire/claims.h"
#include <sodium.h>

static void try_token(const char *token)
{
	JSON *claims = NULL;
	int r = claims_read(&claims, token);

	INVARIANT(r == (claims ? 0 : -EINVAL));
	INVARIANT(!claims || json_is_object(claims));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	CLEANUP(free_p) char *token = malloc(2 * n + 16);

	INVARIANT(token);
	try_token(text);
	token[0] = '.';
	sodium_bin2base64(token + 1, 2 * n + 8, bytes, n,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	strcat(token, ".");
	try_token(token);
	return 0;
}
