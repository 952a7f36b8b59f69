/* wire/keyring.c: one secret holds all.
 *
 * In memory: the private key in a secret of its own, since it is asked for as
 * one; then the pre-shared keys as pairs of 64 bytes, the peer's key and what
 * is shared with it, ascending by the peer's, in one piece of locked memory
 * that doubles when it is full.
 *
 * On disk:
 *
 *   pharos-keyring 1
 *   private KEY
 *   shared PEER KEY
 *
 * each line as it would be written, in that order. The text is a secret too,
 * and is cut up in place, never copied to where it could stay.
 */
#include "wire/keyring.h"
#include <sodium.h>
#include <stdio.h>

#define FIRST_LINE "pharos-keyring 1\n"
#define PRIVATE	   "private "
#define SHARED	   "shared "

enum {
	PRIVATE_LINE = sizeof(PRIVATE) - 1 + WGKEY_TEXT_SIZE + 1,
	SHARED_LINE =
	    sizeof(SHARED) - 1 + WGKEY_TEXT_SIZE + 1 + WGKEY_TEXT_SIZE + 1,
	ROOM_AT_FIRST = 16,
};

struct pair {
	struct wgkey peer;
	uint8_t shared[WGKEY_SIZE];
};

struct keyring {
	struct secret *private_key;
	struct pair *pairs; /* of sodium_malloc(); ascending by peer */
	size_t n, room;
};

int keyring_new(struct keyring **out, const struct secret *private_key)
{
	CLEANUP(keyring_freep) struct keyring *k = calloc(1, sizeof(*k));
	int r;

	INVARIANT(secret_size(private_key) == WGKEY_SIZE);
	if (!k)
		return -ENOMEM;
	r = secret_from(&k->private_key, secret_bytes(private_key), WGKEY_SIZE);
	if (!r)
		*out = STEAL(k);
	return r;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	secret_free(k->private_key);
	sodium_free(k->pairs); /* which wipes */
	free(k);
}

void keyring_freep(struct keyring **k)
{
	keyring_free(*k);
}

const struct secret *keyring_private(const struct keyring *k)
{
	return k->private_key;
}

size_t keyring_count(const struct keyring *k)
{
	return k->n;
}

const struct wgkey *keyring_peer(const struct keyring *k, size_t i)
{
	INVARIANT(i < k->n);
	return &k->pairs[i].peer;
}

/* ---- pre-shared keys ----------------------------------------------------- */

/* Where @peer stands or would stand. */
static size_t place_of(const struct keyring *k, const struct wgkey *peer)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(&k->pairs[middle].peer, peer, sizeof(*peer)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool stands_at(
    const struct keyring *k, size_t at, const struct wgkey *peer)
{
	return at < k->n && wgkey_equal(&k->pairs[at].peer, peer);
}

const uint8_t *keyring_shared(const struct keyring *k, const struct wgkey *peer)
{
	size_t at = place_of(k, peer);

	return stands_at(k, at, peer) ? k->pairs[at].shared : NULL;
}

bool keyring_serves(const struct keyring *k, const struct codex_peer *peer)
{
	return !peer->shared ||
	       (keyring_shared(k, &peer->key) &&
		   (!peer->next.pending || keyring_shared(k, &peer->next.key)));
}

static int make_room(struct keyring *k)
{
	size_t room = k->room ? 2 * k->room : ROOM_AT_FIRST;
	struct pair *more;

	if (k->n == KEYRING_SHARED_MOST)
		return -ENOBUFS;
	if (k->n < k->room)
		return 0;
	more = sodium_malloc(room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (sodium_mlock(more, room * sizeof(*more))) {
		sodium_free(more);
		return -ENOMEM;
	}
	if (k->n)
		memcpy(more, k->pairs, k->n * sizeof(*more));
	sodium_free(k->pairs);
	k->pairs = more;
	k->room = room;
	return 0;
}

int keyring_put(
    struct keyring *k, const struct wgkey *peer, const struct secret *shared)
{
	size_t at = place_of(k, peer);
	int r;

	INVARIANT(secret_size(shared) == WGKEY_SIZE);
	if (!stands_at(k, at, peer)) {
		r = make_room(k);
		if (r)
			return r;
		memmove(&k->pairs[at + 1], &k->pairs[at],
		    (k->n - at) * sizeof(*k->pairs));
		k->pairs[at].peer = *peer;
		k->n++;
	}
	memcpy(k->pairs[at].shared, secret_bytes(shared), WGKEY_SIZE);
	return 0;
}

void keyring_drop(struct keyring *k, const struct wgkey *peer)
{
	const size_t at = place_of(k, peer);

	if (!stands_at(k, at, peer))
		return;
	k->n--;
	memmove(
	    &k->pairs[at], &k->pairs[at + 1], (k->n - at) * sizeof(*k->pairs));
	secret_wipe(&k->pairs[k->n], sizeof(*k->pairs));
}

/* ---- the file ------------------------------------------------------------ */

static int append_key(struct secret *to, const void *bytes, char end)
{
	char text[WGKEY_TEXT_SIZE + 1];
	struct wgkey key;
	int r;

	memcpy(&key, bytes, sizeof(key));
	wgkey_write(text, &key);
	text[WGKEY_TEXT_SIZE] = end;
	r = secret_append(to, text, sizeof(text));
	secret_wipe(text, sizeof(text));
	secret_wipe(&key, sizeof(key));
	return r;
}

static int append_text(struct secret *to, const char *text)
{
	return secret_append(to, text, strlen(text));
}

int keyring_write(struct secret **out, const struct keyring *k)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	int r = secret_new(
	    &text, sizeof(FIRST_LINE) - 1 + PRIVATE_LINE + k->n * SHARED_LINE);

	if (!r)
		r = append_text(text, FIRST_LINE PRIVATE);
	if (!r)
		r = append_key(text, secret_bytes(k->private_key), '\n');
	for (size_t i = 0; !r && i < k->n; i++) {
		r = append_text(text, SHARED);
		if (!r)
			r = append_key(text, &k->pairs[i].peer, ' ');
		if (!r)
			r = append_key(text, k->pairs[i].shared, '\n');
	}
	INVARIANT(r != -ENOBUFS);
	if (!r)
		*out = STEAL(text);
	return r;
}

static int refuse(struct fault *fault, const char *name, size_t line)
{
	return fault_set(fault, -EINVAL, "Put the file back from a backup.",
	    "%s:%zu: not a line of a tether's keyring", name, line);
}

static int no_memory(struct fault *fault)
{
	return fault_set(
	    fault, -ENOMEM, NULL, "no memory that can be locked is left");
}

/* Of the texts, each of a fixed size. */
static bool begins(const char *at, size_t left, const char *with, size_t size)
{
	return left >= size && !memcmp(at, with, strlen(with)) &&
	       at[size - 1] == '\n';
}

/* Return: 0; WGKEY_E_*, EINVAL: not such a line; -ENOMEM. */
static int read_shared(struct keyring *k, const char *line)
{
	const char *peer = line + sizeof(SHARED) - 1;
	const char *key = peer + WGKEY_TEXT_SIZE + 1;
	CLEANUP(secret_freep) struct secret *shared = NULL;
	char text[WGKEY_TEXT_SIZE + 1];
	struct wgkey of;
	int r;

	memcpy(text, peer, WGKEY_TEXT_SIZE);
	text[WGKEY_TEXT_SIZE] = '\0';
	if (key[-1] != ' ' || wgkey_read(&of, text) ||
	    (k->n && memcmp(&k->pairs[k->n - 1].peer, &of, sizeof(of)) >= 0))
		return EINVAL;
	r = wgkey_shared_read(&shared, key, WGKEY_TEXT_SIZE);
	return r ? r : keyring_put(k, &of, shared);
}

static int read_all_shared(struct keyring *k, const char *at, size_t left,
    const char *name, struct fault *fault)
{
	for (size_t line = 3; left; line++) {
		int r = begins(at, left, SHARED, SHARED_LINE)
			    ? read_shared(k, at)
			    : EINVAL;

		if (r)
			return r == -ENOMEM ? no_memory(fault)
					    : refuse(fault, name, line);
		at += SHARED_LINE;
		left -= SHARED_LINE;
	}
	return 0;
}

/* @text: whole lines */
static int read_lines(struct keyring **out, const struct secret *text,
    const char *name, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *private_key = NULL;
	CLEANUP(keyring_freep) struct keyring *k = NULL;
	const char *at = secret_bytes(text);
	size_t left = secret_size(text), first = sizeof(FIRST_LINE) - 1;
	int r;

	if (!begins(at, left, FIRST_LINE, first))
		return refuse(fault, name, 1);
	at += first;
	left -= first;
	if (!begins(at, left, PRIVATE, PRIVATE_LINE))
		return refuse(fault, name, 2);
	r = wgkey_private_read(
	    &private_key, at + sizeof(PRIVATE) - 1, WGKEY_TEXT_SIZE);
	if (r > 0)
		return refuse(fault, name, 2);
	if (!r)
		r = keyring_new(&k, private_key);
	if (r)
		return no_memory(fault);
	r = read_all_shared(
	    k, at + PRIVATE_LINE, left - PRIVATE_LINE, name, fault);
	if (!r)
		*out = STEAL(k);
	return r;
}

/* Who reads a secret's file drops the last line's end. */
int keyring_read(struct keyring **out, const struct secret *text,
    const char *name, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *whole = NULL;
	size_t n = secret_size(text);
	const char *bytes = secret_bytes(text);

	if (n && bytes[n - 1] == '\n')
		return read_lines(out, text, name, fault);
	if (secret_new(&whole, n + 1))
		return no_memory(fault);
	INVARIANT(!secret_append(whole, bytes, n));
	INVARIANT(!append_text(whole, "\n"));
	return read_lines(out, whole, name, fault);
}
