/* wire/bootwords.h: what broker and bridge say to each other to make the six
 * words (wire/words.h), both ends.
 *
 * A broker that was given a beacon's address alone meets the bridge at
 * fingerprint_meeting(), without knowing its CA. Three requests follow in one
 * session of BOOT_ALPN: two POSTs to BOOTWORDS_PATH, one with the commitment
 * and one with the nonce, each answered by the bridge's own, and then the POST
 * of wire/boot.h. That one is judged as ever, but is never signed: who is let
 * in so far is answered BOOT_APPROVAL, and his words wait in the registration
 * for a person. With its nonce the bridge says which CA it has; whether to
 * believe it is the words' to say. A refusal is a boot_answer.
 */
#pragma once
#include "wire/boot.h"
#include "wire/words.h"

#define BOOTWORDS_PATH "/v1/words"

enum {
	BOOTWORDS_SIZE = 32,	   /* bytes of either */
	BOOTWORDS_MOST = 10 * 1024 /* bytes of a message; its CA as a
				      BOOT_CERT_MOST */
};
_Static_assert((int)BOOTWORDS_SIZE == (int)WORDS_NONCE &&
		   (int)BOOTWORDS_SIZE == (int)WORDS_COMMITMENT,
    "either");

enum bootwords_kind {
	BOOTWORDS_COMMITMENT, /* of either side */
	BOOTWORDS_NONCE,      /* of the broker */
	BOOTWORDS_ANSWER,     /* the bridge's nonce, and its CA */
	BOOTWORDS_KIND_COUNT,
};

struct bootwords {
	enum bootwords_kind kind;
	uint8_t bytes[BOOTWORDS_SIZE]; /* commitment or nonce */
	char *ca; /* PEM; of an answer, else NULL. Owned where it was read */
};
void bootwords_deinit(struct bootwords *w); /* repeatable */
/** bootwords_write() - as text; the caller frees @out
 * Return: 0; -EMSGSIZE: the CA is larger than its limit; -ENOMEM. */
MUST_USE int bootwords_write(char **out, const struct bootwords *w);
/** bootwords_read() - a message of @kind, and nothing else in it
 * @out: bootwords_deinit() it
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int bootwords_read(struct bootwords *out, enum bootwords_kind kind,
    const void *text, size_t n, struct fault *fault);
