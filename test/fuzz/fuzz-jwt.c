/* A token from anyone, and a set of keys. The first byte chooses: a token to be
 * checked with the keys of RFC 7515, appendices A.2 and A.3; a JWK set; a PEM
 * text. */
#include "fuzz.h"
#include "wire/jwt.h"

static const char key_set[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ"
    "47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBE"
    "Ma2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNm"
    "oudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}]}";

/* What was signed with them. */
#define PAYLOAD                                                                \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl" \
	"LmNvbS9pc19yb290Ijp0cnVlfQ"
static const char *const signed_parts[] = {
	"eyJhbGciOiJFUzI1NiJ9." PAYLOAD ".",
	"eyJhbGciOiJSUzI1NiJ9." PAYLOAD ".",
};

static bool was_signed(const char *token, size_t n)
{
	for (size_t i = 0; i < N_ELEMS(signed_parts); i++) {
		size_t most = strlen(signed_parts[i]);

		if (n > most && !memcmp(token, signed_parts[i], most))
			return true;
	}
	return false;
}

/* Nothing is accepted but what was signed. */
static void try_token(const char *token, size_t n)
{
	static const struct jwt_expect expect = { .issuer = "joe",
		.now = 1300819380 };
	static struct jwt_keys *keys;
	json_t *claims = NULL;
	struct fault f;
	int r;

	if (!keys) {
		INVARIANT(!jwt_keys_new(&keys));
		INVARIANT(
		    !jwt_keys_add_jwks(keys, key_set, sizeof(key_set) - 1, &f));
	}
	r = jwt_check(&claims, keys, token, n, &expect);
	INVARIANT(!r == !!claims);
	if (r)
		INVARIANT(r < JWT_E_COUNT && jwt_problem(r)[0]);
	else
		INVARIANT(was_signed(token, n));
	json_decref(claims);
}

typedef int (*add_fn)(struct jwt_keys *, const void *, size_t, struct fault *);

static void try_keys(add_fn add, const char *text, size_t n)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	struct fault f = FAULT_NONE;
	int r;

	INVARIANT(!jwt_keys_new(&keys));
	r = add(keys, text, n, &f);
	INVARIANT(!r == !!jwt_keys_count(keys) && r == f.code);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *text = (const char *)bytes + 1;

	if (!n)
		return 0;
	if (*bytes == 't')
		try_token(text, n - 1);
	else if (*bytes == 'k')
		try_keys(jwt_keys_add_jwks, text, n - 1);
	else if (*bytes == 'p')
		try_keys(jwt_keys_add_pem, text, n - 1);
	return 0;
}
