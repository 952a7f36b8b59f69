/* broker/bootplan.h: when the broker asks for a certificate, and what it is
 * waiting for meanwhile: a pure core.
 *
 * No socket, no clock, no random number of its own. The owner (broker/boot.c)
 * asks bootplan_wait_ms() when to begin, does what each stage is for, and
 * reports what came of it. A stage that lasts longer than its deadline is a
 * failure.
 *
 *   RESTING     nothing to do: the certificate is good for long enough, or the
 *               last try has failed and the next one is not due
 *   LOOKING     the cluster: has a person said whom to follow?
 *   ASKING      the cluster: its UID, its keys, its discovery document
 *   MEETING     a connection to the bridge
 *   SHAKING     TLS with the bridge
 *   COMPARING   what six words are made of
 *   VOUCHING    the cluster: a token for this session and this key
 *   AWAITING    the bridge's answer
 *   CONFIRMING  a person, who compares the words on both sides
 *
 * LOOKING, COMPARING and CONFIRMING are for a broker that knows no CA. Once it
 * is introduced to one it begins anew, without them.
 */
#pragma once
#include "wire/boot.h"
#include "wire/words.h"

enum bootplan_stage {
	BOOTPLAN_RESTING,
	BOOTPLAN_LOOKING,
	BOOTPLAN_ASKING,
	BOOTPLAN_MEETING,
	BOOTPLAN_SHAKING,
	BOOTPLAN_COMPARING,
	BOOTPLAN_VOUCHING,
	BOOTPLAN_AWAITING,
	BOOTPLAN_CONFIRMING,
	BOOTPLAN_STAGES
};
/** bootplan_text() - "TLS with the bridge", for messages */
const char *bootplan_text(enum bootplan_stage stage);
/** bootplan_deadline_ms() - of a stage; 0: RESTING has none of its own */
unsigned bootplan_deadline_ms(enum bootplan_stage stage);

enum {
	/* rests after failures: the ceiling grows from the one to the other */
	BOOTPLAN_REST_LEAST_MS = 1000,
	BOOTPLAN_REST_MOST_MS = 30000,
	/* the bridge says that a person has to do something: it is tried again
	 * all the same, since nobody comes and tells us that he has */
	BOOTPLAN_PERSON_MS = 60000,
	/* a certificate's end is a date, and clocks are set: so long at most
	 * until it is looked at again */
	BOOTPLAN_LOOK_MS = 60000,
};

struct bootplan {
	enum bootplan_stage stage; /* read it; the verbs below set it */
	unsigned failures;	   /* in a row; an answer of the bridge is none
				    */
	uint64_t rest_until;	   /* after a try, however it ended */
	bool by_words;		   /* no CA is known yet */
	bool sends_keys;	   /* the next request holds the cluster's keys:
			   until one was signed, and again once one was refused,
			   since the registration may be pending then */
	int64_t signed_at, ends;   /* of the certificate, seconds since 1970;
				      0: there is none */
};
/** bootplan_init() - nothing there, and nothing tried yet */
void bootplan_init(struct bootplan *p, bool by_words);

/** bootplan_wait_ms() - in RESTING
 * @now: ms, as for the verbs below; @wall: seconds since 1970
 * Return: 0: begin; else ask again then. */
uint64_t bootplan_wait_ms(const struct bootplan *p, uint64_t now, int64_t wall);
/** bootplan_begin() - from RESTING
 * Return: the stage: LOOKING by words; ASKING; MEETING where keys are not
 * needed. */
enum bootplan_stage bootplan_begin(struct bootplan *p);
/** bootplan_next() - what this stage was for is done: on to the next one, which
 * is not RESTING. Return: it. */
enum bootplan_stage bootplan_next(struct bootplan *p);
/** bootplan_introduced() - from LOOKING, CONFIRMING: a CA is known from now on
 * bootplan_lapsed() - from CONFIRMING: these words are too old
 * Then it rests, and is to begin at once. */
void bootplan_introduced(struct bootplan *p);
void bootplan_lapsed(struct bootplan *p);

/** bootplan_failed() - from every stage but RESTING: no answer came
 * bootplan_refused() - from COMPARING, AWAITING: the bridge has said no
 * @retry_s: what it said about another try; 0: a person first
 * @random: uniform over all of uint32_t
 * Return: ms until the next try. */
uint64_t bootplan_failed(struct bootplan *p, uint64_t now, uint32_t random);
uint64_t bootplan_refused(
    struct bootplan *p, unsigned retry_s, uint64_t now, uint32_t random);
/** bootplan_signed() - from AWAITING. However short its life: the next try is
 * not before a second is over
 * @ends: the certificate's, after @wall */
void bootplan_signed(
    struct bootplan *p, uint64_t now, int64_t wall, int64_t ends);

/** bootplan_due() - has a renewal's time come? That is at two thirds of the
 * certificate's life since it was signed; true without one
 * bootplan_expired() - is there a certificate whose time is over? */
bool bootplan_due(const struct bootplan *p, int64_t wall);
bool bootplan_expired(const struct bootplan *p, int64_t wall);
