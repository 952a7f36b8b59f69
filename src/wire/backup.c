/* wire/backup.c: three sealed messages behind a head in clear.
 *
 *    0  16  "pharos-backup 1\n": the version says every number below
 *   16  16  salt
 *   32  24  header of the stream
 *   56  12  lengths of codex, tombstones, keyring as they were, 32 bits each,
 *           the highest byte first
 *   68  32  proof of the passphrase
 *  100  16  BLAKE2b of the 100 bytes before
 *  116      the three, each 17 bytes longer, in that order; nothing behind
 *
 * The passphrase goes through Argon2id (RFC 9106; 3 passes over 64 MiB) with
 * the salt into a key, and that into two: one is the proof, the other opens the
 * stream (XChaCha20-Poly1305, each message bound to its place, the last marked
 * as the last, all of them to the whole head).
 *
 * The hash of the head is no protection: anybody can make it. It tells a head
 * that was damaged from a passphrase that is wrong, which without it would look
 * the same. The proof tells a wrong passphrase from sealed bytes that were
 * altered, and makes the file one that opens under one passphrase only; a guess
 * costs the same with it as without.
 *
 * What is read is bounded before memory is taken for it, and the numbers of
 * Argon2id are not read from the file at all, so that a file of somebody's
 * making costs no more than one of ours.
 */
#include "wire/backup.h"
#include "base/rd.h"
#include "base/wr.h"
#include <sodium.h>

#define MAGIC  "pharos-backup 1\n"
#define FAMILY "pharos-backup "

enum {
	MAGIC_SIZE = sizeof(MAGIC) - 1,
	SALT_AT = MAGIC_SIZE,
	STREAM_AT = SALT_AT + crypto_pwhash_argon2id_SALTBYTES,
	LENGTHS_AT =
	    STREAM_AT + crypto_secretstream_xchacha20poly1305_HEADERBYTES,
	PROOF_AT = LENGTHS_AT + BACKUP_PARTS * 4,
	PROOF_SIZE = 32,
	HASH_AT = PROOF_AT + PROOF_SIZE,
	HASH_SIZE = 16,
	PASSES = 3,
	MEMORY = 64 * 1024 * 1024,
	KEY_SIZE = crypto_secretstream_xchacha20poly1305_KEYBYTES,
};
_Static_assert(HASH_AT + HASH_SIZE == BACKUP_HEAD_SIZE, "the table above");
_Static_assert(BACKUP_MARK_SIZE == crypto_secretstream_xchacha20poly1305_ABYTES,
    "what the header says");

/* What Argon2id made of the passphrase, and what becomes of it. */
struct keys {
	uint8_t whole[crypto_kdf_KEYBYTES];
	uint8_t proof[PROOF_SIZE], stream[KEY_SIZE];
};

static void keys_clear(struct keys *k)
{
	secret_wipe(k, sizeof(*k));
}

static void state_clear(crypto_secretstream_xchacha20poly1305_state *s)
{
	secret_wipe(s, sizeof(*s));
}

const char *backup_says(int code)
{
	switch (code) {
	case BACKUP_E_KIND:
		return "not a backup of a tether";
	case BACKUP_E_VERSION:
		return "a backup of a version that is not known here";
	case BACKUP_E_CUT:
		return "the backup is cut: its end is missing";
	case BACKUP_E_ALTERED:
		return "the backup was altered or damaged";
	default:
		return "the passphrase is not the one of this backup";
	}
}

void backup_deinit(struct backup *b)
{
	free(b->codex);
	free(b->tombstones);
	secret_free(b->keyring);
	*b = (struct backup){ .n_codex = 0 };
}

static int keys_make(
    struct keys *out, const uint8_t *salt, const struct secret *passphrase)
{
	if (sodium_init() < 0 ||
	    crypto_pwhash(out->whole, sizeof(out->whole),
		secret_bytes(passphrase), secret_size(passphrase), salt, PASSES,
		MEMORY, crypto_pwhash_ALG_ARGON2ID13))
		return -ENOMEM;
	(void)crypto_kdf_derive_from_key(
	    out->proof, sizeof(out->proof), 1, "tethback", out->whole);
	(void)crypto_kdf_derive_from_key(
	    out->stream, sizeof(out->stream), 2, "tethback", out->whole);
	return 0;
}

static void hash_head(uint8_t out[HASH_SIZE], const uint8_t *head)
{
	(void)crypto_generichash(out, HASH_SIZE, head, HASH_AT, NULL, 0);
}

/* ---- writing ------------------------------------------------------------- */

struct part {
	const void *bytes;
	size_t n;
};

static void parts_of(struct part out[BACKUP_PARTS], const struct backup *b)
{
	out[0] = (struct part){ b->codex, b->n_codex };
	out[1] = (struct part){ b->tombstones, b->n_tombstones };
	out[2] =
	    (struct part){ secret_bytes(b->keyring), secret_size(b->keyring) };
}

static uint8_t tag_of(size_t part)
{
	return part == BACKUP_PARTS - 1
		   ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
		   : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
}

/* Head, then the parts. */
static int seal_into(uint8_t *file, const struct part parts[BACKUP_PARTS],
    const struct secret *passphrase)
{
	CLEANUP(keys_clear) struct keys keys;
	CLEANUP(state_clear) crypto_secretstream_xchacha20poly1305_state state;
	struct wr lengths = wr_over(file + LENGTHS_AT, PROOF_AT - LENGTHS_AT);
	uint8_t *at = file + BACKUP_HEAD_SIZE;

	memcpy(file, MAGIC, MAGIC_SIZE);
	randombytes_buf(file + SALT_AT, STREAM_AT - SALT_AT);
	if (keys_make(&keys, file + SALT_AT, passphrase))
		return -ENOMEM;
	(void)crypto_secretstream_xchacha20poly1305_init_push(
	    &state, file + STREAM_AT, keys.stream);
	for (size_t i = 0; i < BACKUP_PARTS; i++)
		wr_u32(&lengths, (uint32_t)parts[i].n);
	memcpy(file + PROOF_AT, keys.proof, PROOF_SIZE);
	hash_head(file + HASH_AT, file);
	for (size_t i = 0; i < BACKUP_PARTS; i++) {
		(void)crypto_secretstream_xchacha20poly1305_push(&state, at,
		    NULL, parts[i].bytes, parts[i].n, file, BACKUP_HEAD_SIZE,
		    tag_of(i));
		at += parts[i].n + BACKUP_MARK_SIZE;
	}
	return 0;
}

int backup_seal(uint8_t **out, size_t *n, const struct backup *b,
    const struct secret *passphrase)
{
	struct part parts[BACKUP_PARTS];
	size_t size = BACKUP_HEAD_SIZE;
	uint8_t *file;

	INVARIANT(b->n_codex <= CODEXTEXT_MOST &&
		  b->n_tombstones <= TOMBSTONES_TEXT_MOST &&
		  secret_size(b->keyring) <= KEYRING_TEXT_MOST);
	parts_of(parts, b);
	for (size_t i = 0; i < BACKUP_PARTS; i++)
		size += parts[i].n + BACKUP_MARK_SIZE;
	file = malloc(size);
	if (!file)
		return -ENOMEM;
	if (seal_into(file, parts, passphrase)) {
		free(file);
		return -ENOMEM;
	}
	*out = file;
	*n = size;
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

/* Return: 0 with the three lengths, each in its bounds, which add up to @n;
 * BACKUP_E_*. */
static int read_head(
    size_t lengths[BACKUP_PARTS], const uint8_t *file, size_t n)
{
	static const size_t most[BACKUP_PARTS] = { CODEXTEXT_MOST,
		TOMBSTONES_TEXT_MOST, KEYRING_TEXT_MOST };
	struct rd rd = rd_over(file, n);
	uint8_t hash[HASH_SIZE];
	size_t family = sizeof(FAMILY) - 1, whole = BACKUP_HEAD_SIZE;

	if (!n || memcmp(file, FAMILY, n < family ? n : family) != 0)
		return BACKUP_E_KIND;
	if (memcmp(file, MAGIC, n < MAGIC_SIZE ? n : MAGIC_SIZE) != 0)
		return BACKUP_E_VERSION;
	if (n < BACKUP_HEAD_SIZE)
		return BACKUP_E_CUT;
	hash_head(hash, file);
	if (memcmp(hash, file + HASH_AT, HASH_SIZE) != 0)
		return BACKUP_E_ALTERED;
	(void)rd_bytes(&rd, LENGTHS_AT);
	for (size_t i = 0; i < BACKUP_PARTS; i++) {
		lengths[i] = rd_u32(&rd);
		if (lengths[i] > most[i])
			return BACKUP_E_ALTERED;
		whole += lengths[i] + BACKUP_MARK_SIZE;
	}
	return n < whole ? BACKUP_E_CUT : n > whole ? BACKUP_E_ALTERED : 0;
}

int backup_look(const uint8_t *file, size_t n)
{
	size_t lengths[BACKUP_PARTS];

	return read_head(lengths, file, n);
}

/* Where the reading of the stream is. */
struct opening {
	crypto_secretstream_xchacha20poly1305_state stream;
	const uint8_t *file, *at;
	size_t part;
};

static int open_part(struct opening *o, uint8_t *to, size_t n)
{
	uint8_t tag;

	if (crypto_secretstream_xchacha20poly1305_pull(&o->stream, to, NULL,
		&tag, o->at, n + BACKUP_MARK_SIZE, o->file, BACKUP_HEAD_SIZE) ||
	    tag != tag_of(o->part))
		return BACKUP_E_ALTERED;
	o->at += n + BACKUP_MARK_SIZE;
	o->part++;
	return 0;
}

static int open_text(struct opening *o, char **out, size_t n)
{
	char *text = malloc(n + 1);
	int r;

	if (!text)
		return -ENOMEM;
	r = open_part(o, (uint8_t *)text, n);
	text[n] = '\0';
	if (r)
		free(text);
	else
		*out = text;
	return r;
}

static int open_secret(struct opening *o, struct secret **out, size_t n)
{
	uint8_t *bytes = sodium_malloc(n + 1); /* not 0 */
	int r;

	if (!bytes)
		return -ENOMEM;
	r = open_part(o, bytes, n);
	if (!r)
		r = secret_from(out, bytes, n);
	sodium_free(bytes); /* which wipes */
	return r;
}

static int open_parts(
    struct backup *out, struct opening *o, const size_t lengths[BACKUP_PARTS])
{
	struct backup b = { .n_codex = lengths[0], .n_tombstones = lengths[1] };
	int r = open_text(o, &b.codex, lengths[0]);

	if (!r)
		r = open_text(o, &b.tombstones, lengths[1]);
	if (!r)
		r = open_secret(o, &b.keyring, lengths[2]);
	if (r)
		backup_deinit(&b);
	else
		*out = b;
	return r;
}

int backup_open(struct backup *out, const uint8_t *file, size_t n,
    const struct secret *passphrase)
{
	CLEANUP(keys_clear) struct keys keys;
	struct opening o = { .file = file, .at = file + BACKUP_HEAD_SIZE };
	size_t lengths[BACKUP_PARTS];
	int r = read_head(lengths, file, n);

	if (!r)
		r = keys_make(&keys, file + SALT_AT, passphrase);
	if (r)
		return r;
	if (sodium_memcmp(keys.proof, file + PROOF_AT, PROOF_SIZE) != 0)
		return BACKUP_E_PASSPHRASE;
	if (crypto_secretstream_xchacha20poly1305_init_pull(
		&o.stream, file + STREAM_AT, keys.stream))
		return BACKUP_E_ALTERED;
	r = open_parts(out, &o, lengths);
	state_clear(&o.stream);
	return r;
}
