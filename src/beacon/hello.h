/* beacon/hello.h: is this HELLO good, and what does it say?
 */
#pragma once
#include "beacon/session.h"

struct hello {
	struct switchboard_hello board; /* but for the source */
	bool sheds; /* it may shed outer TLS, and sees the session that we see:
		       no TLS of somebody else's is in between */
};
/** hello_judge() - @bytes is a whole frame that came over @leg, a TLS leg
 * @why: (on HELLO_E_REFUSED) what to answer
 * Return: 0; HELLO_E_REFUSED; -ENOMEM. */
enum { HELLO_E_REFUSED = 1 };
struct hello_bytes {
	const uint8_t *bytes;
	size_t n;
	const char *source;  /* for the log */
	struct known *known; /* as in prove_claim */
};
MUST_USE int hello_judge(const struct allow *allow, const struct leg *leg,
    const struct hello_bytes *in, struct hello *out,
    struct session_refusal *why);
/** hello_allowed() - is the hash served here? If not, @why is what to answer */
bool hello_allowed(const struct allow *allow, const uint8_t hash[FRAME_HASH],
    struct session_refusal *why);
/** hello_fault() - what to answer to bytes of which frame_need() or
 * frame_read() said @code */
void hello_fault(int code, struct session_refusal *why);
