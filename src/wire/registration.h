/* wire/registration.h: one cluster's registration: its record in the store's
 * KV, and the four states that it can be in.
 *
 * `pharos source` writes and changes it; the bridge reads it, and changes it by
 * what bridge/judge.h finds. Every write is a check-and-set on the version that
 * was read; who loses reads again.
 */
#pragma once
#include "wire/fingerprint.h"
#include "wire/words.h"

enum registration_state {
	REGISTRATION_PENDING, /* inside its window the fingerprint counts */
	REGISTRATION_ACTIVE,  /* only the stored keys count */
	REGISTRATION_STALE,   /* as active; somebody came with a key that is not
				 stored, and a person has to look */
	REGISTRATION_REVOKED, /* nobody is let in; for ever */
	REGISTRATION_STATE_COUNT,
};
const char *registration_state_text(enum registration_state s); /* "active" */

enum {
	REGISTRATION_SUBJECT_MOST = 22 + 63 + 1 + 253, /* of a ServiceAccount */
	REGISTRATION_POD_MOST = 253,
	REGISTRATION_NAMESPACE_MOST = 128,
	REGISTRATION_OUT_MOST = 64, /* brokers that are shut out, one by one */
	REGISTRATION_NAME_MOST = 64,
	REGISTRATION_SERVICE_MOST = 63,
	REGISTRATION_WORDS_MOST = 8, /* pods whose words wait to be compared;
					the oldest makes room */
};
#define REGISTRATION_SERVICE "pharos-broker"

/* A pod that knows no CA, and the six words of its session. */
struct registration_words {
	char pod[REGISTRATION_NAME_MOST + 1];
	int64_t since;
	char text[WORDS_TEXT + 1];
};

struct registration {
	enum registration_state state;	 /* read it; the verbs below set it */
	char id[FINGERPRINT_DIGITS + 1]; /* the name that it was given: its
					    first fingerprint, canonical */
	char space[REGISTRATION_NAMESPACE_MOST + 1]; /* of the store */
	struct fingerprint fingerprint;		     /* that counts now */
	char subject[REGISTRATION_SUBJECT_MOST + 1]; /* who may be its broker:
				system:serviceaccount:NAMESPACE:NAME */
	char service[REGISTRATION_SERVICE_MOST + 1]; /* of it, that pods call;
				"": REGISTRATION_SERVICE */
	int64_t opened, closes; /* its window; seconds since 1970 */
	bool approval;		/* a person has to approve who comes first */
	bool approved;
	char pod[REGISTRATION_POD_MOST + 1]; /* that waits, or waited, for
						approval; "": none yet */
	int64_t came;			     /* when it did */
	struct registration_words words[REGISTRATION_WORDS_MOST];
	size_t n_words;			    /* in pending; oldest first */
	char uid[FINGERPRINT_UID_MOST + 1]; /* since it is active: what the */
	char issuer[FINGERPRINT_ISSUER_MOST + 1]; /* fingerprint was made of */
	json_t *jwks;				  /* owned; else NULL */
	char out[REGISTRATION_OUT_MOST][REGISTRATION_NAME_MOST + 1];
	size_t n_out;
};

void registration_deinit(struct registration *r); /* repeatable */
/** registration_copy() - @to is as before or from registration_deinit() */
void registration_copy(struct registration *to, const struct registration *r);

/* ---- verbs --------------------------------------------------------------- */

/* What `pharos source register` knows. All borrowed. */
struct registration_order {
	struct fingerprint fingerprint;
	const char *space, *subject;
	int64_t now, ttl_s; /* of the window, more than 0 */
	bool approval;
	const char *service; /* NULL: REGISTRATION_SERVICE */
};
/** registration_open() - a new one, pending
 * @out: registration_deinit() it.
 * Return: 0; -EINVAL with @fault: the namespace, the subject, the Service or
 * the window. */
MUST_USE int registration_open(struct registration *out,
    const struct registration_order *order, struct fault *fault);

/** registration_reopen() - pending once more, from pending or stale, with
 * another window and, for new cluster keys, another fingerprint
 * What was stored of the cluster is forgotten; so is an approval.
 * registration_approve() - let in whoever of its subject comes, from pending,
 * once somebody waits; the window is held open for an hour more at least
 * @words: as a person typed them: needed where somebody waits with words, and
 * then the ones that he waits with; else NULL
 * registration_activate() - from pending: who came is the cluster. From stale:
 * who came signed with a stored key.
 * @facts: in pending, to be stored; else NULL
 * registration_keys() - from active or stale: other keys, read by the bridge
 * itself at the cluster's public issuer, never given by a broker
 * registration_doubt() - from active: a key came that is not stored
 * registration_revoke() - from each but revoked itself
 * Return: 0; -EPERM: not from that state; -EINVAL: the facts or keys are none;
 * -ENOENT: nobody waits; -ENOMEM; REGISTRATION_E_*. Nothing is changed then. */
enum {
	REGISTRATION_E_COMPARE = 1, /* somebody waits with words */
	REGISTRATION_E_NO_WORDS,    /* what was typed are not six words */
	REGISTRATION_E_NOBODY,	    /* nobody waits with words */
	REGISTRATION_E_OTHER,	    /* nobody waits with these */
	REGISTRATION_E_LATE,	    /* who does is older than WORDS_LIFE_S */
};
MUST_USE int registration_reopen(struct registration *r,
    const struct fingerprint *f, int64_t now, int64_t ttl_s);
MUST_USE int registration_approve(
    struct registration *r, const char *words, int64_t now);
MUST_USE int registration_activate(
    struct registration *r, const struct fingerprint_facts *facts);
MUST_USE int registration_keys(
    struct registration *r, const void *jwks, size_t n);
MUST_USE int registration_doubt(struct registration *r);
MUST_USE int registration_revoke(struct registration *r);

/** registration_wait() - in pending: @pod came and has to be approved; the
 * first one stays. Return: is the record another now? */
bool registration_wait(struct registration *r, const char *pod, int64_t now);
/** registration_wait_words() - the same of who knows no CA, with @words as
 * words_text() has written them, in place of any that @pod had; those that are
 * older than WORDS_LIFE_S go */
bool registration_wait_words(
    struct registration *r, const char *pod, const char *words, int64_t now);
/** registration_shut_out() - one broker, by the name in its certificate
 * Return: 0, also when it is already; -EINVAL: no name; -E2BIG. */
MUST_USE int registration_shut_out(struct registration *r, const char *name);
bool registration_is_out(const struct registration *r, const char *name);

/* ---- the record ---------------------------------------------------------- */

/** registration_write() - as the object that the KV entry holds
 * Return: 0; -ENOMEM. The caller counts @out down. */
MUST_USE int registration_write(json_t **out, const struct registration *r);
/** registration_read() - strict: what this version did not write, it does not
 * read
 * @out: registration_deinit() it.
 * Return: 0; -EINVAL with @fault, naming the member. */
MUST_USE int registration_read(
    struct registration *out, const json_t *record, struct fault *fault);
