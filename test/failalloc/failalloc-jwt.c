/* The sweep over wire/jwt. libjose and OpenSSL do not say why they failed, so
 * without memory a key or a token is refused as unfit; what matters is that
 * nothing is accepted. jansson is exempt, as in failalloc-wire.c. */
#include "failalloc.h"
#include "wire/jwt.h"
#include <openssl/crypto.h>

/* RFC 7515, appendix A.3 */
#define KEY                                                                    \
	"{\"kty\":\"EC\",\"crv\":\"P-256\","                                   \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","               \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
static const char key_set[] = "{\"keys\":[" KEY "]}";
static const char token[] =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvb"
    "S9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJ"
    "qPP3-Kg6NU1Q";

static struct jwt_keys *keys_make(void)
{
	struct jwt_keys *keys;

	INVARIANT(!jwt_keys_new(&keys));
	return keys;
}

/* With what OpenSSL keeps for a thread, such as the text of its last error. */
static void keys_drop(struct jwt_keys *keys)
{
	jwt_keys_free(keys);
	OPENSSL_thread_stop();
}

static int run_keys_new(void)
{
	struct jwt_keys *keys = NULL;
	int r;

	fail_begin();
	r = jwt_keys_new(&keys);
	fail_end();
	INVARIANT(!r == !!keys);
	keys_drop(keys);
	return r;
}

static int run_add_jwks(void)
{
	struct jwt_keys *keys = keys_make();
	struct fault fault = FAULT_NONE;
	int r;

	fail_begin();
	r = jwt_keys_add_jwks(keys, key_set, sizeof(key_set) - 1, &fault);
	fail_end();
	INVARIANT(jwt_keys_count(keys) == (r ? 0 : 1));
	keys_drop(keys);
	return r ? -ENOMEM : 0;
}

static int run_check(void)
{
	static const struct jwt_expect expect = { .issuer = "joe",
		.now = 1300819380 };
	struct jwt_keys *keys = keys_make();
	struct fault fault = FAULT_NONE;
	json_t *claims = NULL;
	int r;

	INVARIANT(
	    !jwt_keys_add_jwks(keys, key_set, sizeof(key_set) - 1, &fault));
	fail_begin();
	r = jwt_check(&claims, keys, token, sizeof(token) - 1, &expect);
	fail_end();
	INVARIANT(!r == !!claims);
	json_decref(claims);
	keys_drop(keys);
	return r ? -ENOMEM : 0;
}

static const struct fail_scenario scenarios[] = {
	{ "jwt_keys_new", run_keys_new, false },
	{ "jwt_keys_add_jwks", run_add_jwks, true },
	{ "jwt_check", run_check, true },
};

int main(void)
{
	json_set_alloc_funcs(fail_exempt_malloc, free);
	return fail_sweep(scenarios, N_ELEMS(scenarios));
}
