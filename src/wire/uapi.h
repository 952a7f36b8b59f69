/* wire/uapi.h: the text that WireGuard's user space processes speak on their
 * socket (cross-platform user space API): requests out, answers in.
 *
 *   get=1 LF LF                    key=value LF ... errno=0 LF LF
 *   set=1 LF key=value LF ... LF   errno=N LF LF
 *
 * A process reads a request line by line and does each at once, so a plan that
 * fails has been done in part; read the state again and plan again.
 */
#pragma once
#include "wire/wgplan.h"

enum {
	UAPI_LINE_MOST = 256, /* of what we read, with its LF */
	UAPI_BLOCK = 4096,    /* most bytes that a sink is given at once */
};

/* Takes a part of a request. Return: 0; -errno: nothing more is written. */
typedef int (*uapi_sink)(void *ctx, const void *bytes, size_t n);

#define UAPI_GET "get=1\n\n"

/** uapi_write_plan() - the request that does all of @p
 * @scratch: UAPI_BLOCK bytes, that will have held keys: wiped at the end
 * Return: 0; what @sink returned. */
MUST_USE int uapi_write_plan(
    const struct wgplan *p, char *scratch, uapi_sink sink, void *ctx);

enum {
	UAPI_E_FORM = 1, /* not an answer as the API has it */
	UAPI_E_FULL,	 /* more peers or prefixes than WGSTATE_*_MOST */
};

struct uapi_reader {
	struct wgstate *into; /* NULL: the answer to a set */
	struct wgpeer *peer;  /* the one whose lines come; NULL: the device's */
	char line[UAPI_LINE_MOST];
	size_t n;
	bool verdict_seen, done;
	int verdict; /* -errno of the process, or 0 */
};

/** uapi_reader_init() - @into: made with wgstate_init(), or NULL
 * uapi_reader_wipe() - what it still holds of a line */
void uapi_reader_init(struct uapi_reader *r, struct wgstate *into);
void uapi_reader_wipe(struct uapi_reader *r);
/** uapi_reader_feed() - bytes of the answer, cut anywhere
 * r->done is set with its last byte; r->verdict then says how it went, and
 * `into` is filled but not sealed. Keys that we do not know are passed over.
 * Return: 0; UAPI_E_*; -ENOMEM. After a failure only wipe it. */
MUST_USE int uapi_reader_feed(
    struct uapi_reader *r, const char *bytes, size_t n);
