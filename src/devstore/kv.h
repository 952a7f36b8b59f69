/* devstore/kv.h: one mount of the KV engine, version 2.
 *
 * data/ (read a version, write with check-and-set, delete), metadata/ (read,
 * write, list, delete), delete/, undelete/, destroy/, config. Values are kept
 * as their JSON text in struct secret. A secret keeps its newest versions, ten
 * unless told otherwise.
 */
#pragma once
#include "devstore/ask.h"

enum {
	KV_SECRETS_MOST = 512, /* of a mount */
	KV_VERSIONS_MOST = 32, /* of a secret; more is not to be had */
	KV_VERSIONS_USUAL = 10,
	KV_VALUE_MOST = 256 * 1024, /* bytes of JSON text of one version */
};

struct kv;
/** kv_new() - @at: where its secrets are kept; copied */
MUST_USE int kv_new(struct kv **out, const struct keep_at *at);
void kv_free(struct kv *k);
/** kv_handle() - @from: the first segment below the mount
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int kv_handle(struct kv *k, struct ask *a, size_t from);
/** kv_restore() - a secret, or the mount's settings, that were kept */
MUST_USE int kv_restore(
    struct kv *k, enum keep_kind kind, const struct keep_row *row);
/** kv_holds() - is there a secret at that path already? (a write is then an
 * update, else a create) */
bool kv_holds(const struct kv *k, const struct vault_path *p, size_t from);
