/* wire/backup.h: a whole tether as one encrypted file: codex, tombstones and
 * keyring, under a passphrase.
 */
#pragma once
#include "wire/codextext.h"
#include "wire/keyring.h"
#include "wire/tombstone.h"

enum {
	BACKUP_PARTS = 3,
	BACKUP_HEAD_SIZE = 116, /* bytes before the first part */
	BACKUP_MARK_SIZE = 17,	/* that each part is longer for its cipher */
	BACKUP_MOST = BACKUP_HEAD_SIZE + BACKUP_PARTS * BACKUP_MARK_SIZE +
		      CODEXTEXT_MOST + TOMBSTONES_TEXT_MOST + KEYRING_TEXT_MOST,
	BACKUP_PASSPHRASE_LEAST = 8, /* bytes */
	BACKUP_PASSPHRASE_MOST = 1024,
};

enum {
	BACKUP_E_KIND = 1,   /* not a backup of a tether */
	BACKUP_E_VERSION,    /* of a version that is not known here */
	BACKUP_E_CUT,	     /* its end is missing */
	BACKUP_E_ALTERED,    /* not as it was written */
	BACKUP_E_PASSPHRASE, /* another one was used */
};
/** backup_says() - what a BACKUP_E_* means, after the file's name and ": " */
const char *backup_says(int code);

/* The texts of the three files. */
struct backup {
	char *codex, *tombstones; /* owned, of free(); with a NUL behind */
	size_t n_codex, n_tombstones;
	struct secret *keyring; /* owned */
};
void backup_deinit(struct backup *b); /* repeatable */

/** backup_seal() - the file of @b; no two are the same
 * @out: on the heap
 * Return: 0; -ENOMEM: also for the 64 MiB that the passphrase's hash takes. */
MUST_USE int backup_seal(uint8_t **out, size_t *n, const struct backup *b,
    const struct secret *passphrase);
/** backup_open() - back again
 * @file: @n bytes, of any content
 * @out: backup_deinit() it
 * Return: 0; BACKUP_E_*; -ENOMEM. */
MUST_USE int backup_open(struct backup *out, const uint8_t *file, size_t n,
    const struct secret *passphrase);
/** backup_look() - what can be said without the passphrase
 * Return: 0: it is whole as far as is seen; BACKUP_E_*. */
MUST_USE int backup_look(const uint8_t *file, size_t n);
