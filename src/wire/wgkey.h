/* wire/wgkey.h: the keys of WireGuard, as text and as 32 bytes: public ones,
 * private ones and pre-shared ones.
 *
 * A key's text is base64 of RFC 4648, section 4: 43 digits and one '='. There
 * is one text for each key, and what has another form is refused, so that a key
 * may be compared as bytes and written into any line of text.
 */
#pragma once
#include "base/secret.h"

enum {
	WGKEY_SIZE = 32,
	WGKEY_TEXT_SIZE = 44, /* characters, without a NUL */
};

/* A public key; nothing in it is secret. Comparable with memcmp. */
struct wgkey {
	uint8_t bytes[WGKEY_SIZE];
};

enum {
	WGKEY_E_FORM = 1, /* not 44 characters of canonical base64 */
	WGKEY_E_ZERO,	  /* all zero, which WireGuard takes for "no key" */
	WGKEY_E_ORDER,	  /* a point of low order: everybody knows the secret
			   * that is shared with it */
	WGKEY_E_SECOND,	  /* a second form of another key: not below 2^255-19 */
};
/** wgkey_read() - a public key
 * Return: 0; WGKEY_E_*. */
MUST_USE int wgkey_read(struct wgkey *out, const char *text);
/** wgkey_check() - the same of bytes: 0; WGKEY_E_ZERO, _ORDER, _SECOND */
MUST_USE int wgkey_check(const struct wgkey *key);
/** wgkey_write() - the text that wgkey_read() takes */
void wgkey_write(char out[WGKEY_TEXT_SIZE + 1], const struct wgkey *key);
bool wgkey_equal(const struct wgkey *a, const struct wgkey *b);
/** wgkey_says() - what a WGKEY_E_* means, after "the key is"; borrowed */
const char *wgkey_says(int code);

/* A private key is a struct secret of WGKEY_SIZE bytes, clamped as X25519 says
 * (RFC 7748, section 5), which is how an interface gives it back. A pre-shared
 * key is one of any bytes but zeros. */

/** wgkey_private_new() - one that nobody has
 * wgkey_shared_new() - the same, of a pre-shared key
 * Return: 0; -ENOMEM. */
MUST_USE int wgkey_private_new(struct secret **out);
MUST_USE int wgkey_shared_new(struct secret **out);
/** wgkey_private_read() - of @n characters of text; clamped if it was not
 * wgkey_shared_read() - the same, of a pre-shared key
 * Return: 0; WGKEY_E_FORM; WGKEY_E_ZERO; -ENOMEM. */
MUST_USE int wgkey_private_read(
    struct secret **out, const char *text, size_t n);
MUST_USE int wgkey_shared_read(struct secret **out, const char *text, size_t n);
/** wgkey_secret_write() - the text of a private or pre-shared key, as a secret
 * of WGKEY_TEXT_SIZE bytes
 * Return: 0; -ENOMEM. */
MUST_USE int wgkey_secret_write(struct secret **out, const struct secret *key);
/** wgkey_public() - the public key of @private_key */
void wgkey_public(struct wgkey *out, const struct secret *private_key);
