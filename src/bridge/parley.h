/* bridge/parley.h: the bridge's half of making the six words with a broker that
 * knows no CA. Pure: messages in, messages out.
 *
 * For sessions of bridge/boot.h that come from the meeting (bridge/meeting.h).
 * Two messages are answered (wire/bootwords.h): the broker's commitment, and
 * its nonce. Then the words are there.
 */
#pragma once
#include "wire/bootwords.h"

struct parley {
	struct words words; /* WORDS_AGREED: words_text() */
	char *answer;	    /* to the last message; owned */
};
/** parley_init() - @exported, @nonce: as for words_init() */
void parley_init(struct parley *p, const uint8_t exported[WORDS_EXPORTED],
    const uint8_t nonce[WORDS_NONCE]);
void parley_deinit(struct parley *p); /* repeatable */

/** parley_hear() - a message of the broker's: @p->answer answers it
 * @ca: the bridge CA's certificate, PEM
 * Return: 0; a boot_code to refuse with, and @fault: BOOT_MALFORMED, BOOT_WORDS
 * (what was shown is not what was committed to, or is our own); -ENOMEM. */
MUST_USE int parley_hear(struct parley *p, const void *text, size_t n,
    const char *ca, struct fault *fault);
