/* wire/keyring.h: the secrets of a tether: the host's private key, and the
 * pre-shared keys by the public key of the peer; and the text of their file.
 *
 * All of them lie in one piece of locked memory (base/secret.h), however many
 * peers there are.
 */
#pragma once
#include "base/fault.h"
#include "wire/codex.h"

/* A peer may have two keys while one takes the other's place. */
enum {
	KEYRING_SHARED_MOST = 2 * CODEX_PEERS_MOST,
	KEYRING_TEXT_MOST = 128 + KEYRING_SHARED_MOST * 100,
};

struct keyring;

/** keyring_new() - with a private key, of WGKEY_SIZE bytes, and nothing else
 * Return: 0; -ENOMEM. */
MUST_USE int keyring_new(
    struct keyring **out, const struct secret *private_key);
void keyring_free(struct keyring *k);
void keyring_freep(struct keyring **k);

/** keyring_private() - borrowed */
const struct secret *keyring_private(const struct keyring *k);
/** keyring_shared() - the pre-shared key of @peer: WGKEY_SIZE bytes, borrowed
 * until the keyring changes; NULL: it has none */
const uint8_t *keyring_shared(
    const struct keyring *k, const struct wgkey *peer);
/** keyring_serves() - is what @peer shares there, also of a key that waits? */
bool keyring_serves(const struct keyring *k, const struct codex_peer *peer);
/** keyring_count() - of the pre-shared keys; keyring_peer() - with whom the
 * one at @i is, from 0 */
size_t keyring_count(const struct keyring *k);
const struct wgkey *keyring_peer(const struct keyring *k, size_t i);
/** keyring_put() - @shared: in place of one that @peer had
 * Return: 0; -ENOBUFS: there are KEYRING_SHARED_MOST; -ENOMEM. */
MUST_USE int keyring_put(
    struct keyring *k, const struct wgkey *peer, const struct secret *shared);
/** keyring_drop() - forget what @peer had */
void keyring_drop(struct keyring *k, const struct wgkey *peer);

/** keyring_read() - @text: of the file; @name: its, for @fault
 * Return: 0; -EINVAL; -ENOMEM; with @fault, which has no secret. */
MUST_USE int keyring_read(struct keyring **out, const struct secret *text,
    const char *name, struct fault *fault);
/** keyring_write() - Return: 0; -ENOMEM. */
MUST_USE int keyring_write(struct secret **out, const struct keyring *k);
