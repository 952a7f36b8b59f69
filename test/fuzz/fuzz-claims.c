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
	CLEANUP(free_p) char *middle = malloc(2 * n + 8);
	CLEANUP(free_p) char *token = NULL;

	INVARIANT(middle);
	try_token(text);
	sodium_bin2base64(middle, 2 * n + 8, bytes, n,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	INVARIANT(asprintf(&token, ".%s.", middle) > 0);
	try_token(token);
	return 0;
}
