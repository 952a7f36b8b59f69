/* net/tlsleg.h: a TLS leg from the inside; for the files that make it: tls.c
 * (TLS both ways) and tlsshed.c (TLS shed, one way or both).
 */
#pragma once
#include "net/legkind.h"
#include "net/tlsbio.h"
#include "net/tlscontext.h"

enum tls_way_out {
	WAY_OPEN,
	WAY_SHEDDING, /* raw after our close_notify, which SSL cannot write yet
		       */
	WAY_RAW,
	WAY_ASKED,    /* ended after our close_notify, likewise */
	WAY_NOTIFIED, /* once `out` is sent on, the leg below ends */
	WAY_FINISHED,
};
/* ENDED: the peer's close_notify has been read */
enum tls_way_in { WAY_IN_TLS, WAY_IN_ENDED, WAY_IN_RAW };

struct tls_leg {
	struct leg leg;
	struct tlsbio wire;
	struct tls_context *context;
	SSL *ssl; /* NULL once both ways are raw */
	struct tls_verdict verdict;
	enum tls_way_out way_out;
	enum tls_way_in way_in;
	bool may_shed;	  /* both ends have agreed on it */
	bool raw_full;	  /* WAY_RAW: the leg below takes no more now */
	bool sheds_below; /* the leg below has left protection to us, */
	bool seen_below;  /* and bytes that came without have proved good */
	bool broken;	  /* SSL has failed; it is not called any more */
	bool write_waits; /* SSL wants the rest of a message first */
	bool owner_is_gone;
	struct wheel_timer linger_timer;
	struct loop_lingerer lingerer;
};

static inline struct tls_leg *tls_leg_of(struct leg *leg)
{
	return CONTAINER_OF(leg, struct tls_leg, leg);
}

/** tlsleg_move() - the only writer of way_out */
void tlsleg_move(struct tls_leg *t, enum tls_way_out to);
/** tlsleg_settle() - what follows from whatever has just happened
 * tlsleg_want_below() - the part of it that concerns reading */
void tlsleg_settle(struct tls_leg *t);
void tlsleg_want_below(struct tls_leg *t);
/** tlsleg_fail_below() - the leg below has failed with @code, or, 0, ended
 * before its time */
void tlsleg_fail_below(struct tls_leg *t, int code);
/** tlsleg_destroy() - all but the leg below, and what the wire holds */
void tlsleg_destroy(struct tls_leg *t);

/* ---- tlsshed.c: the verbs of net/leg.h that shed, and, where a way is raw,
 * those that read and write */
bool tlsshed_out(struct leg *leg);
bool tlsshed_in(struct leg *leg);
struct leg *tlsshed_bare(struct leg *leg);
ssize_t tlsshed_read(struct tls_leg *t, void *to, size_t n);
ssize_t tlsshed_write(struct tls_leg *t, const void *bytes, size_t n);
/** tlsshed_settle() - give SSL up when neither way needs it any more */
void tlsshed_settle(struct tls_leg *t);
