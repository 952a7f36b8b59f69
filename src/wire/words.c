/* wire/words.c: comparing two ends of a session by voice.
 *
 * Without a join string the broker does not know the bridge's CA, so whoever
 * answers could be in the middle, with one session to each side. Two sessions
 * have two exporters, so words made of the exporter differ on the two sides,
 * and two people who compare them see it.
 *
 * Alone that would not do: who is in the middle could make sessions until the
 * words of two happen to be the same, and 60 bits are not far away for him. So
 * each side draws a nonce and shows its hash before it sees the other's. When
 * the nonces are shown nothing can be chosen any more: one session is one
 * guess, right once in 2^60. The side is part of what is hashed, so nobody is
 * served his own words back.
 *
 * A word is two syllables of 32, a consonant and a vowel each: ten bits in four
 * letters that can be said in most languages. No list has to be kept.
 *
 *     committed -> revealed -> agreed, or refused; no way back
 */
#include "wire/words.h"
#include "base/wr.h"
#include <sodium.h>

static const unsigned moves[] = {
	[WORDS_COMMITTED] = 1U << WORDS_REVEALED | 1U << WORDS_REFUSED,
	[WORDS_REVEALED] = 1U << WORDS_AGREED | 1U << WORDS_REFUSED,
	[WORDS_AGREED] = 0,
	[WORDS_REFUSED] = 0,
};
_Static_assert(N_ELEMS(moves) == WORDS_STATE_COUNT, "a row each");

/* The only writer of the state. */
static void words_move(struct words *w, enum words_state to)
{
	INVARIANT(moves[w->state] & 1U << to);
	w->state = to;
}

static void hash_field(
    crypto_hash_sha256_state *hash, const void *bytes, size_t n)
{
	uint8_t length[4];
	struct wr wr = wr_over(length, sizeof(length));

	wr_u32(&wr, (uint32_t)n);
	crypto_hash_sha256_update(hash, length, sizeof(length));
	crypto_hash_sha256_update(hash, bytes, n);
}

static void hash_text(crypto_hash_sha256_state *hash, const char *text)
{
	hash_field(hash, text, strlen(text));
}

static const char *side_text(enum words_side side)
{
	return side == WORDS_BROKER ? "broker" : "bridge";
}

static enum words_side other(enum words_side side)
{
	return side == WORDS_BROKER ? WORDS_BRIDGE : WORDS_BROKER;
}

static void commit(uint8_t out[WORDS_COMMITMENT], const struct words *w,
    enum words_side side, const uint8_t nonce[WORDS_NONCE])
{
	crypto_hash_sha256_state hash;

	crypto_hash_sha256_init(&hash);
	hash_text(&hash, "pharos-words-commitment-v1");
	hash_text(&hash, side_text(side));
	hash_field(&hash, w->exported, WORDS_EXPORTED);
	hash_field(&hash, nonce, WORDS_NONCE);
	crypto_hash_sha256_final(&hash, out);
}

void words_init(struct words *w, enum words_side side,
    const uint8_t exported[WORDS_EXPORTED], const uint8_t nonce[WORDS_NONCE])
{
	*w = (struct words){ .state = WORDS_COMMITTED, .side = side };
	memcpy(w->exported, exported, WORDS_EXPORTED);
	memcpy(w->nonce, nonce, WORDS_NONCE);
}

void words_commitment(uint8_t out[WORDS_COMMITMENT], const struct words *w)
{
	commit(out, w, w->side, w->nonce);
}

int words_committed(struct words *w, const uint8_t commitment[WORDS_COMMITMENT])
{
	uint8_t ours[WORDS_COMMITMENT];

	words_commitment(ours, w);
	if (w->state != WORDS_COMMITTED)
		return -EPERM;
	if (!memcmp(ours, commitment, WORDS_COMMITMENT)) {
		words_move(w, WORDS_REFUSED);
		return -EPERM;
	}
	memcpy(w->their_commitment, commitment, WORDS_COMMITMENT);
	words_move(w, WORDS_REVEALED);
	return 0;
}

int words_revealed(struct words *w, const uint8_t nonce[WORDS_NONCE])
{
	uint8_t seen[WORDS_COMMITMENT];

	if (w->state != WORDS_REVEALED)
		return -EPERM;
	commit(seen, w, other(w->side), nonce);
	if (memcmp(seen, w->their_commitment, WORDS_COMMITMENT) != 0) {
		words_move(w, WORDS_REFUSED);
		return -EACCES;
	}
	memcpy(w->their_nonce, nonce, WORDS_NONCE);
	words_move(w, WORDS_AGREED);
	return 0;
}

/* ---- words --------------------------------------------------------------- */

enum { WORD_LETTERS = 4, SYLLABLE_BITS = 5, VOWEL_BITS = 2 };
_Static_assert(WORDS_COUNT * 2 * SYLLABLE_BITS == WORDS_BITS, "two a word");

static char *syllable(char *to, unsigned value)
{
	static const char consonants[] = "bdfgklmn", vowels[] = "aeio";

	*to++ = consonants[value >> VOWEL_BITS];
	*to++ = vowels[value & ((1U << VOWEL_BITS) - 1)];
	return to;
}

static void hash_words(
    uint8_t out[crypto_hash_sha256_BYTES], const struct words *w)
{
	bool broker = w->side == WORDS_BROKER;
	crypto_hash_sha256_state hash;

	crypto_hash_sha256_init(&hash);
	hash_text(&hash, "pharos-words-v1");
	hash_field(&hash, w->exported, WORDS_EXPORTED);
	hash_field(&hash, broker ? w->nonce : w->their_nonce, WORDS_NONCE);
	hash_field(&hash, broker ? w->their_nonce : w->nonce, WORDS_NONCE);
	crypto_hash_sha256_final(&hash, out);
}

void words_text(char out[WORDS_TEXT + 1], const struct words *w)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	uint64_t bits = 0;

	INVARIANT(w->state == WORDS_AGREED);
	hash_words(hash, w);
	for (size_t i = 0; i < sizeof(bits); i++)
		bits = bits << 8 | hash[i];
	for (unsigned i = 0; i < WORDS_COUNT; i++) {
		unsigned shift = 64 - 10 * (i + 1);

		out = syllable(out, bits >> (shift + SYLLABLE_BITS) & 31);
		out = syllable(out, bits >> shift & 31);
		*out++ = i + 1 < WORDS_COUNT ? ' ' : '\0';
	}
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool words_same(const struct words *w, const char *typed)
{
	char text[WORDS_TEXT + 1];
	const char *at = text;

	words_text(text, w);
	for (; *typed; typed++) {
		if (strchr(" -,\n", *typed))
			continue;
		at += *at == ' ';
		if (*at != lower(*typed))
			return false;
		at++;
	}
	return !*at;
}
