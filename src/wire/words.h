/* wire/words.h: six words that two people compare, so that nobody can stand
 * between a broker and a bridge that share no key yet.
 *
 * For an installation that was given a beacon's address and no join string:
 * bridge and broker show the words (their messages are wire/bootwords.h's),
 * `pharos source approve --words` and `pharos target approve --words` take
 * them. Pure: random bytes are passed in. doc/wire/boot.md has the bytes.
 */
#pragma once
#include "base/fault.h"

#define WORDS_EXPORTER "EXPORTER-pharos-words-v1"

enum {
	WORDS_COUNT = 6,
	WORDS_BITS = 60,     /* ten a word */
	WORDS_EXPORTED = 32, /* bytes of the exporter; empty context */
	WORDS_NONCE = 32,
	WORDS_COMMITMENT = 32,
	WORDS_TEXT = WORDS_COUNT * 5 - 1, /* characters, blanks between */
	WORDS_LIFE_S = 900, /* of a session's words; then others are made */
};

enum words_side { WORDS_BROKER, WORDS_BRIDGE };

enum words_state {
	WORDS_COMMITTED, /* ours is sent, theirs is awaited */
	WORDS_REVEALED,	 /* theirs came, our nonce is sent, theirs awaited */
	WORDS_AGREED,	 /* words_text() */
	WORDS_REFUSED,	 /* theirs was not what they had committed to */
	WORDS_STATE_COUNT,
};

struct words {
	enum words_state state;
	enum words_side side; /* ours */
	uint8_t exported[WORDS_EXPORTED];
	uint8_t nonce[WORDS_NONCE], their_nonce[WORDS_NONCE];
	uint8_t their_commitment[WORDS_COMMITMENT];
};

/** words_init() - @exported: of the session. @nonce: drawn for it, and never
 * used again. words_commitment() is what to send first. */
void words_init(struct words *w, enum words_side side,
    const uint8_t exported[WORDS_EXPORTED], const uint8_t nonce[WORDS_NONCE]);
void words_commitment(uint8_t out[WORDS_COMMITMENT], const struct words *w);

/** words_committed() - their commitment came; send @w->nonce after it, and
 * never before words_revealed() - their nonce came Return: 0; -EPERM: not in
 * that state, or a commitment that is our own sent back; -EACCES: the nonce is
 * not what they had committed to. */
MUST_USE int words_committed(
    struct words *w, const uint8_t commitment[WORDS_COMMITMENT]);
MUST_USE int words_revealed(struct words *w, const uint8_t nonce[WORDS_NONCE]);

/** words_text() - when agreed */
void words_text(char out[WORDS_TEXT + 1], const struct words *w);
/** words_read() - what a person typed, as words_text() writes it: case and what
 * stands between the words do not matter: blanks, hyphens, commas
 * Return: 0; -EINVAL: these are not six such words. */
MUST_USE int words_read(char out[WORDS_TEXT + 1], const char *typed);
/** words_same() - are they what a person typed? As words_read(). */
bool words_same(const struct words *w, const char *typed);
