#include "wire/claims.h"
#include "base/base64.h"

int claims_read(json_t **out, const char *token)
{
	const char *start = strchr(token, '.');
	const char *end = start ? strchr(start + 1, '.') : NULL;
	unsigned char text[CLAIMS_MOST];
	json_t *claims;
	ssize_t n = -EINVAL;

	if (end)
		n = base64_read(BASE64_URL, text, sizeof(text), start + 1,
		    (size_t)(end - start - 1));
	if (n < 0)
		return -EINVAL;
	claims = json_read_object(text, (size_t)n, 0);
	if (!claims)
		return -EINVAL;
	*out = claims;
	return 0;
}
