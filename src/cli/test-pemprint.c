#include "cli/pemprint.h"
#include "base/hex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* RFC 7638, section 3.1 */
#define RSA_KEY                                                                \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0vx7agoebGcQSuuPiLJX\n"   \
	"ZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\n"   \
	"oc/BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ/2W+5JsGY4Hc5n9yBXArwl93lqt\n"   \
	"7/RN5w6Cf0h4QyQ5v+65YGjQR0/FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0\n"   \
	"zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt+bFTWhAI4vMQFh6WeZu0f\n"   \
	"M4lFd2NcRwr3XPksINHaQ+G/xBniIqbw0Ls1jF44+csFCur+kEgU8awapJzKnqDK\n"   \
	"gwIDAQAB\n"                                                           \
	"-----END PUBLIC KEY-----\n"
/* RFC 7515, appendix A.3 */
#define EC_KEY                                                                 \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"   \
	"6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"       \
	"-----END PUBLIC KEY-----\n"
/* of a curve point whose x begins with a zero byte */
#define ZERO_KEY                                                               \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAF1UQIje8WDND2U5AlD88RKMY9qH\n"   \
	"hNaujzuBKYgEieFX5f17vACck/3d2gmHuvOYB5bnY1HNrXP879LWyIQW4Q==\n"       \
	"-----END PUBLIC KEY-----\n"
#define P384_KEY                                                               \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEZAKHHlf5o5OBStTT1F8TMhPnXUmWO+gF\n"   \
	"kBG6rn9UcBSLWDnyHnlDaZX2ZdFtItNKXGh9+ZgeZdcN4+CVHhBQZCUyGls3m0iq\n"   \
	"/INfbyMzRBBRccIv7efOYloPHUmD2a51\n"                                   \
	"-----END PUBLIC KEY-----\n"
#define P521_KEY                                                               \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAQOiZv2GIvPDWvbGRl87SAhylyuo8\n"   \
	"tlIGXKtuRug/yvbrdTDyhyBsYGpCieDl0xRJXFpy7gYMYjTs78wdGQK3B7oAW6is\n"   \
	"gyzTi7O+epJEHiw712uhIe6PJYfe0JYlpcEny7LY4VBLJ1cZWUgvRiSxwmFwLy6/\n"   \
	"ldG/uVCJIBTYuH9b1SY=\n"                                               \
	"-----END PUBLIC KEY-----\n"

#define RSA_PRINT                                                              \
	"3736cbb1787cb8309c77ee8c3705c5e1"                                     \
	"6ffb9e859715901f1e4c59b11182f57b"
#define EC_PRINT                                                               \
	"a0a232c2f194a53553cb1310ddbc0821"                                     \
	"e414b9d7ebfc290b323084d7d1020fe5"
#define ZERO_PRINT                                                             \
	"1468e4375216016379b035db4b2f95be"                                     \
	"1814b729d6fe42b41a908284e03f4382"
#define P384_PRINT                                                             \
	"436f5987e2cdda3f80722edf07355cea"                                     \
	"f0c3a81a5ecabb7a5da2782763589ebe"

static const struct {
	const char *label, *pem, *print; /* NULL: refused */
} rows[] = {
	{ "RFC 7638", RSA_KEY, RSA_PRINT },
	{ "RFC 7515", EC_KEY, EC_PRINT },
	{ "a leading zero", ZERO_KEY, ZERO_PRINT },
	{ "P-384", P384_KEY, P384_PRINT },
	{ "P-521", P521_KEY, NULL },
	{ "nothing", "", NULL },
	{ "no key",
	    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	    NULL },
};

static void test_thumbprints(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint8_t print[THUMBPRINT_SIZE];
		char text[2 * THUMBPRINT_SIZE + 1] = "";
		int r = pemprint(print, rows[i].pem);

		if (!r)
			hex_encode(text, print, sizeof(print));
		if (rows[i].print ? r || strcmp(text, rows[i].print)
				  : r != -EINVAL)
			fail_msg("%s: %d %s", rows[i].label, r, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thumbprints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
