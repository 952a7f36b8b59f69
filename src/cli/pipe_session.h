/* cli/pipe_session.h: the connections of a running `pharos pipe`, which both of
 * its verbs have alike: counted while they are open, joined once both legs are
 * there, ended one by one or all at once.
 *
 * A session begins with one leg, the verb's own until the other is there, and
 * what the verb does to get the other. It is embedded in an object of the
 * verb's and lives until `gone` is called.
 */
#pragma once
#include "net/loop.h"
#include "net/pump.h"
#include <sys/queue.h>

enum {
	PIPE_CONNECTIONS_MOST = 1024,	  /* at once, of one process */
	PIPE_HALF_CLOSED_MS = 10 * 60000, /* one end has come, and silence */
};

/* What is carried, and how often not; for /metrics. */
struct pipe_counts {
	uint64_t open;		     /* now, with those not joined yet */
	uint64_t carried;	     /* joined so far */
	uint64_t failed;	     /* no stream, or no target */
	uint64_t refused;	     /* a name that is not offered */
	uint64_t full;		     /* over PIPE_CONNECTIONS_MOST */
	uint64_t reset;		     /* of those carried: not ended in order */
	uint64_t to_peer, from_peer; /* bytes */
};

struct pipe_session;

/* All of a process. */
struct pipe_sessions {
	TAILQ_HEAD(, pipe_session) all;
	struct loop *loop;
	struct pipe_counts counts;
	/* a joined one has ended, by itself and counted; `gone` follows.
	 * @result: a is the local leg */
	void (*ended)(struct pipe_session *s, const struct pump_result *result);
	/* it is in no list any more: let go of what is the verb's, free it */
	void (*gone)(struct pipe_session *s);
};

struct pipe_session {
	TAILQ_ENTRY(pipe_session) of_all;
	struct pipe_sessions *sessions;
	struct pump *pump; /* once it is joined */
	uint64_t since;	   /* loop_now() */
};

/** pipe_sessions_full() - is one more too many? Then it is counted as such */
bool pipe_sessions_full(struct pipe_sessions *all);
/** pipe_sessions_end() - cut all that are left */
void pipe_sessions_end(struct pipe_sessions *all);

/** pipe_session_begin() - @leg is not read until it is joined; if it goes
 * before, the session ends
 * @s: zeroed. @leg: still the caller's. */
void pipe_session_begin(
    struct pipe_session *s, struct pipe_sessions *all, struct leg *leg);
/** pipe_session_join() - carry bytes from now on; both legs are taken
 * The session may end in this call. */
void pipe_session_join(
    struct pipe_session *s, struct leg *local, struct leg *peer);
/** pipe_session_end() - cut it, if it is joined; `gone` is called */
void pipe_session_end(struct pipe_session *s);
/** pipe_session_cut() - did it end otherwise than in order? */
bool pipe_session_cut(const struct pump_result *result);
/** pipe_session_ms() - since it began */
uint64_t pipe_session_ms(const struct pipe_session *s);
