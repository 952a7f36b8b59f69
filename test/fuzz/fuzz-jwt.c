/* The first line is a key set or PEM text with '|' for its line breaks; what
 * follows is a token. */
#include "fuzz.h"
#include "wire/jwt.h"

static void try_token(
    const struct jwt_keys *keys, const char *token, size_t n, int64_t now)
{
	const struct jwt_expect expect = { .issuer = "joe", .now = now };
	json_t *claims = NULL;
	int r = jwt_check(&claims, keys, token, n, &expect);

	INVARIANT(r >= 0 && r < JWT_E_COUNT && *jwt_problem(r));
	INVARIANT(!r == json_is_object(claims));
	if (!r)
		jwt_claim(claims, "/a/b~1c");
	json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	char *line = strchr(text, '\n');
	struct fault f;
	size_t first;

	INVARIANT(!jwt_keys_new(&keys));
	if (line)
		*line = '\0';
	first = strlen(text);
	if (jwt_keys_add_jwks(keys, text, first, &f))
		INVARIANT(!jwt_keys_count(keys));
	for (char *c = text; *c; c++)
		*c = *c == '|' ? '\n' : *c;
	if (!jwt_keys_add_pem(keys, text, first, &f))
		INVARIANT(jwt_keys_count(keys));
	if (line)
		try_token(keys, line + 1, strlen(line + 1), 1300819380);
	return 0;
}
