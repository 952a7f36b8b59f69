/* wire/credential.h: the file by which a bridge is let in at a store, for one
 * cluster: where the store is, which part of it, the AppRole's two halves, and
 * the beacons to wait at.
 *
 * `pharos source register --credential FILE` writes it, 0600; pharos-bridge
 * reads it, and has nothing else on disk. doc/wire/store.md has its members.
 */
#pragma once
#include "base/secret.h"
#include "wire/joinstring.h"
#include "wire/space.h"
#include "wire/storeaddress.h"

enum {
	CREDENTIAL_ID_MOST = 256,    /* of a role id, a secret id */
	CREDENTIAL_TEXT_MOST = 8192, /* bytes of the file */
};

struct credential {
	char address[STOREADDRESS_MOST + 1]; /* "https://store:8200" */
	struct space space;
	char role_id[CREDENTIAL_ID_MOST + 1]; /* names it; not a secret */
	struct secret *secret_id;	      /* owned */
	char beacon[JOINSTRING_BEACONS_MOST][JOINSTRING_ADDRESS_MOST + 1];
	size_t n_beacons; /* 1 and more; the order means nothing */
};
void credential_deinit(struct credential *c); /* repeatable */

/** credential_write() - the file's bytes
 * Return: 0; -EINVAL: @c is none that could be read; -ENOMEM. */
MUST_USE int credential_write(struct secret **out, const struct credential *c);
/** credential_read() - strict: no member more, none less
 * @text: of at most CREDENTIAL_TEXT_MOST bytes
 * @out: credential_deinit() it.
 * Return: 0; -EINVAL with @fault, which names the member; -ENOMEM. */
MUST_USE int credential_read(
    struct credential *out, const void *text, size_t n, struct fault *fault);
