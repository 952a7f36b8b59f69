/* broker/verdicts.h: what the cluster has said of pods' tokens: how long it is
 * believed, and what is forgotten when there is no room. Pure: hashes and a
 * time in, verdicts out.
 *
 * A token is known by its SHA-256; the token itself is never kept.
 */
#pragma once
#include "wire/kube.h"

struct verdicts;

enum verdict_kind {
	VERDICT_GOOD,	 /* of a pod that is there */
	VERDICT_REFUSED, /* the cluster does not take it for us */
	VERDICT_NO_POD,	 /* the cluster takes it, but it is no pod's */
};
enum { VERDICT_WORDS_MOST = 160 };
struct verdict {
	enum verdict_kind kind;
	char pod_uid[KUBE_UID_MOST + 1]; /* VERDICT_GOOD */
	char words[VERDICT_WORDS_MOST];	 /* the cluster's, for a refusal; "" */
};

struct verdicts_key {
	uint8_t hash[32];
};
/** verdicts_key() - @token: NUL-terminated */
void verdicts_key(struct verdicts_key *out, const char *token);

struct verdicts_rules {
	size_t most; /* remembered */
	uint64_t good_ms, refused_ms;
	uint64_t grace_ms; /* a good one, after good_ms */
};

/** verdicts_new() - @rules is copied; Return: 0; -ENOMEM. */
MUST_USE int verdicts_new(
    struct verdicts **out, const struct verdicts_rules *rules);
/** verdicts_free() - NULL is fine */
void verdicts_free(struct verdicts *v);

/** verdicts_keep() - said at @now_ms, in place of what was said before
 * @ends_ms: when the token itself ends; nothing is believed for longer
 * At the limit the refusal that was last used first is forgotten, and only
 * without any the good one: so strangers cannot push out pods. Without memory
 * it is not remembered. */
void verdicts_keep(struct verdicts *v, const struct verdicts_key *key,
    const struct verdict *verdict, uint64_t now_ms, uint64_t ends_ms);
/** verdicts_find() - what is believed at @now_ms
 * verdicts_lean() - the same while nobody can be asked: also a good one whose
 * grace has not ended
 * Return: NULL: ask; else borrowed until the next call of this module. */
const struct verdict *verdicts_find(
    struct verdicts *v, const struct verdicts_key *key, uint64_t now_ms);
const struct verdict *verdicts_lean(
    struct verdicts *v, const struct verdicts_key *key, uint64_t now_ms);

size_t verdicts_count(const struct verdicts *v);
