#include "wire/jwk.h"

int jwk_check_public(const json_t *jwk, struct fault *fault)
{
	const char *kind = json_string_value(json_object_get(jwk, "kty"));

	if (!json_object_get(jwk, "d") && !(kind && !strcmp(kind, "oct")))
		return 0;
	return fault_set(fault, -EINVAL,
	    "give the public keys only; this secret one has now been shown, so "
	    "replace it",
	    "key set: a private or symmetric key is in it");
}
