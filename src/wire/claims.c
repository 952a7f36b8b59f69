#include "wire/claims.h"
#include <sodium.h>

int claims_read(json_t **out, const char *token)
{
	const char *start = strchr(token, '.');
	const char *end = start ? strchr(start + 1, '.') : NULL;
	unsigned char text[CLAIMS_MOST];
	json_t *claims;
	size_t n;

	if (!end || sodium_base642bin(text, sizeof(text), start + 1,
			(size_t)(end - start - 1), NULL, &n, NULL,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return -EINVAL;
	claims = json_read_object(text, n, 0);
	if (!claims)
		return -EINVAL;
	*out = claims;
	return 0;
}
