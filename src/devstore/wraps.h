/* devstore/wraps.h: answers that wait under a token of their own, to be taken
 * once (X-Vault-Wrap-TTL, sys/wrapping/unwrap, sys/wrapping/lookup).
 *
 * Whoever unwraps and is refused knows that somebody else was there before. Any
 * other use of the token spends it too.
 */
#pragma once
#include "devstore/ask.h"

enum { WRAPS_MOST = 64 };

struct wraps;
/** wraps_new() - @keep: borrowed; NULL: in memory alone */
MUST_USE int wraps_new(
    struct wraps **out, void (*random)(void *to, size_t n), struct keep *keep);
void wraps_free(struct wraps *w);
/** wraps_restore() - one that was kept */
MUST_USE int wraps_restore(struct wraps *w, const struct keep_row *row);
/** wraps_wanted() - read the header
 * @ttl_s: 0: nothing is to be wrapped
 * Return: 0; -EINVAL: the reply says what is wrong, or that there is no room.
 */
MUST_USE int wraps_wanted(const struct wraps *w, struct reply *reply,
    const char *ttl, int64_t *ttl_s);
/** wraps_put() - take the answer in @reply away and leave its wrapping token;
 * what failed or has no content stays as it is
 * Return: 0; -ENOMEM. */
MUST_USE int wraps_put(struct wraps *w, const struct ask *a, int64_t ttl_s,
    const char *request_id);
/** wraps_spend() - is @token one of a wrapped answer? It is no more. */
bool wraps_spend(struct wraps *w, const char *token);
void wraps_sweep(struct wraps *w, int64_t now_ms);
/** wraps_handle_unwrap(), wraps_handle_lookup() - of sys/wrapping/
 * @token: of the request's header, or NULL
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int wraps_handle_unwrap(
    struct wraps *w, struct ask *a, const char *token);
void wraps_handle_lookup(struct wraps *w, struct ask *a, const char *token);
