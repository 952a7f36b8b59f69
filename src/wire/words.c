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
#include "wire/fieldhash.h"
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

static void hash_text(crypto_hash_sha256_state *hash, const char *text)
{
	fieldhash_add(hash, text, strlen(text));
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
	fieldhash_add(&hash, w->exported, WORDS_EXPORTED);
	fieldhash_add(&hash, nonce, WORDS_NONCE);
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

static const char consonants[] = "bdfgklmn", vowels[] = "aeio";

static char *syllable(char *to, unsigned value)
{
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
	fieldhash_add(&hash, w->exported, WORDS_EXPORTED);
	fieldhash_add(&hash, broker ? w->nonce : w->their_nonce, WORDS_NONCE);
	fieldhash_add(&hash, broker ? w->their_nonce : w->nonce, WORDS_NONCE);
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

/* The next letter as a digit of @alphabet; what may stand between is skipped.
 * Return: -1: it is none. */
static int letter(const char **at, const char *alphabet)
{
	const char *found;
	char c;

	while (**at && strchr(" -,\n", **at))
		(*at)++;
	c = **at;
	c = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	found = c ? strchr(alphabet, c) : NULL;
	if (!found)
		return -1;
	(*at)++;
	return (int)(found - alphabet);
}

int words_read(char out[WORDS_TEXT + 1], const char *typed)
{
	char text[WORDS_TEXT + 1], *to = text;

	for (unsigned i = 0; i < WORDS_COUNT * 2; i++) {
		int consonant = letter(&typed, consonants);
		int vowel = consonant < 0 ? -1 : letter(&typed, vowels);

		if (vowel < 0)
			return -EINVAL;
		to = syllable(to, (unsigned)(consonant << VOWEL_BITS | vowel));
		if (i % 2)
			*to++ = ' ';
	}
	if (typed[strspn(typed, " -,\n")])
		return -EINVAL;
	to[-1] = '\0';
	memcpy(out, text, sizeof(text));
	return 0;
}

bool words_same(const struct words *w, const char *typed)
{
	char text[WORDS_TEXT + 1], read[WORDS_TEXT + 1];

	words_text(text, w);
	return !words_read(read, typed) && !strcmp(read, text);
}
