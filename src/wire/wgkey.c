#include "wire/wgkey.h"
#include "base/base64.h"
#include <sodium.h>

/* ---- text ---------------------------------------------------------------- */

static void encode(char out[WGKEY_TEXT_SIZE + 1], const uint8_t *bytes)
{
	sodium_bin2base64(out, WGKEY_TEXT_SIZE + 1, bytes, WGKEY_SIZE,
	    sodium_base64_VARIANT_ORIGINAL);
}

static int decode(uint8_t out[WGKEY_SIZE], const char *text, size_t n)
{
	if (n != WGKEY_TEXT_SIZE ||
	    base64_read(BASE64_PADDED, out, WGKEY_SIZE, text, n) != WGKEY_SIZE)
		return WGKEY_E_FORM;
	return sodium_is_zero(out, WGKEY_SIZE) ? WGKEY_E_ZERO : 0;
}

/* ---- public keys --------------------------------------------------------- */

/* The u-coordinates below 2^255-19 whose point has an order that divides the
 * cofactor, but 0; little-endian. RFC 7748, section 6.1 asks for a check of
 * what they lead to; a table spares a multiplication for each of many peers. */
static const uint8_t low_order[][WGKEY_SIZE] = {
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	    0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	    0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	    0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	    0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

/* Not below 2^255-19: then X25519 takes it for the rest of the division, or
 * without its top bit. */
static bool is_second(const struct wgkey *key)
{
	static const uint8_t above_lowest = 0xff;

	if (key->bytes[31] & 0x80)
		return true;
	if (key->bytes[31] != 0x7f || key->bytes[0] < 0xed)
		return false;
	for (size_t i = 1; i < WGKEY_SIZE - 1; i++)
		if (key->bytes[i] != above_lowest)
			return false;
	return true;
}

int wgkey_check(const struct wgkey *key)
{
	if (sodium_is_zero(key->bytes, WGKEY_SIZE))
		return WGKEY_E_ZERO;
	if (is_second(key))
		return WGKEY_E_SECOND;
	for (size_t i = 0; i < N_ELEMS(low_order); i++)
		if (!memcmp(key->bytes, low_order[i], WGKEY_SIZE))
			return WGKEY_E_ORDER;
	return 0;
}

int wgkey_read(struct wgkey *out, const char *text)
{
	struct wgkey key;
	int r = decode(key.bytes, text, strnlen(text, WGKEY_TEXT_SIZE + 1));

	if (!r)
		r = wgkey_check(&key);
	if (!r)
		*out = key;
	return r;
}

void wgkey_write(char out[WGKEY_TEXT_SIZE + 1], const struct wgkey *key)
{
	encode(out, key->bytes);
}

bool wgkey_equal(const struct wgkey *a, const struct wgkey *b)
{
	return !memcmp(a, b, sizeof(*a));
}

const char *wgkey_says(int code)
{
	switch (code) {
	case WGKEY_E_ZERO:
		return "all zeros, which is no key";
	case WGKEY_E_ORDER:
		return "a point of low order, whose secrets everybody knows";
	case WGKEY_E_SECOND:
		return "a second form of another key";
	default:
		return "not 44 characters of canonical base64";
	}
}

/* ---- secret ones --------------------------------------------------------- */

static void clamp(uint8_t key[WGKEY_SIZE])
{
	key[0] &= 0xf8;
	key[31] = (uint8_t)((key[31] & 0x7f) | 0x40);
}

static int make(struct secret **out, void (*shape)(uint8_t *))
{
	uint8_t bytes[WGKEY_SIZE];
	int r;

	INVARIANT(sodium_init() >= 0);
	do
		randombytes_buf(bytes, sizeof(bytes));
	while (sodium_is_zero(bytes, sizeof(bytes)));
	if (shape)
		shape(bytes);
	r = secret_from(out, bytes, sizeof(bytes));
	secret_wipe(bytes, sizeof(bytes));
	return r;
}

static int read_secret(
    struct secret **out, const char *text, size_t n, void (*shape)(uint8_t *))
{
	uint8_t bytes[WGKEY_SIZE];
	int r = decode(bytes, text, n);

	if (!r && shape)
		shape(bytes);
	if (!r)
		r = secret_from(out, bytes, sizeof(bytes));
	secret_wipe(bytes, sizeof(bytes));
	return r;
}

int wgkey_private_new(struct secret **out)
{
	return make(out, clamp);
}

int wgkey_shared_new(struct secret **out)
{
	return make(out, NULL);
}

int wgkey_private_read(struct secret **out, const char *text, size_t n)
{
	return read_secret(out, text, n, clamp);
}

int wgkey_shared_read(struct secret **out, const char *text, size_t n)
{
	return read_secret(out, text, n, NULL);
}

int wgkey_secret_write(struct secret **out, const struct secret *key)
{
	char text[WGKEY_TEXT_SIZE + 1];
	int r;

	INVARIANT(secret_size(key) == WGKEY_SIZE);
	encode(text, (const uint8_t *)secret_bytes(key));
	r = secret_from(out, text, WGKEY_TEXT_SIZE);
	secret_wipe(text, sizeof(text));
	return r;
}

void wgkey_public(struct wgkey *out, const struct secret *private_key)
{
	INVARIANT(secret_size(private_key) == WGKEY_SIZE);
	INVARIANT(!crypto_scalarmult_curve25519_base(
	    out->bytes, (const uint8_t *)secret_bytes(private_key)));
}
