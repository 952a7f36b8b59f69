/* broker/compare.h: the broker's half of making six words (wire/bootwords.h),
 * in a session with whoever it is: the two requests that go before the one for
 * a certificate.
 */
#pragma once
#include "net/http.h"
#include "wire/boot.h"
#include "wire/words.h"
#include <openssl/types.h>

struct compare;

/* What was agreed on: nothing that may be trusted, until a person has seen the
 * same words on the other side. */
struct compare_result {
	struct words words; /* WORDS_AGREED */
	X509 *ca; /* which the other side says is the bridge's; and its own
		     certificate is that CA's, of a bridge */
};

struct compare_events {
	/* one of them, once, from the loop; all is borrowed for the call */
	void (*agreed)(void *ctx, const struct compare_result *result);
	void (*refused)(void *ctx, const struct boot_answer *answer);
	void (*failed)(void *ctx, const struct fault *fault);
};

/** compare_begin() - @conn: HTTP/2 over TLS, open; stays open. @ms: for each of
 * the two
 * Return: 0; -errno with @fault; -ENOMEM: no event comes. */
MUST_USE int compare_begin(struct compare **out, struct http_conn *conn,
    unsigned ms, const struct compare_events *events, void *ctx,
    struct fault *fault);
/** compare_cancel() - no event comes; NULL is fine */
void compare_cancel(struct compare *c);
