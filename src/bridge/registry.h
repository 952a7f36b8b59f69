/* bridge/registry.h: one cluster as the store has it: its registration, its CA,
 * our own certificate from it, and the keys by which its pods log in.
 *
 * The record is read every REGISTRY_LOOK_MS. While the store does not answer,
 * the last one that was read goes on counting. Nothing of it is ever on disk: a
 * restart reads all of it again and has a new key certified.
 *
 * The verbs that ask the store take a function, which is called once, from the
 * loop, unless the call is cancelled.
 */
#pragma once
#include "base/metric.h"
#include "bridge/account.h"
#include "pki/identity.h"
#include "wire/registration.h"

struct egress;
struct registry;
struct registry_call;
struct space;

enum {
	REGISTRY_LOOK_MS = 500,
	REGISTRY_ANSWER_MS = 5000, /* for the store to answer a call */
	REGISTRY_CALLS_MOST = 64,  /* writes and signatures under way */
	REGISTRY_REST_MOST_MS = 5000,
	REGISTRY_LEAF_S = 24 * 3600, /* life of what is signed; a role may give
					less */
};

struct registry_events {
	/* the record is another, or none any more; called for the first too */
	void (*record)(void *ctx);
	/* our certificate is there, or a newer one is */
	void (*identity)(void *ctx);
};

struct registry_config {
	const char *realm; /* for the log; borrowed until registry_close() */
	const char *address, *ca_file, *pin_hex; /* as in store_config */
	const struct space *space;
	const char *role_id;		/* AppRole: as in account_config */
	const struct secret *secret_id; /* AppRole */
	const char *token_file;		/* or this */
	const char *name;		/* ours, in the certificate */
	const struct egress *egress; /* borrowed until registry_close(); NULL */
	const struct registry_events *events; /* borrowed */
	void *ctx;
};
/** registry_open() - begin to log in and to look; all else is copied
 * Return: 0; -errno or -EINVAL with @fault: address, file, pin; -ENOMEM. */
MUST_USE int registry_open(struct registry **out, struct loop *loop,
    const struct registry_config *config, struct fault *fault);
/** registry_close() - calls under way are cancelled; NULL is fine */
void registry_close(struct registry *g);

/* ---- what is known; borrowed until the loop's next turn ------------------ */

/** registry_record() - as last read or written; NULL: there is none (yet)
 * registry_version() - of that entry in the store; 0 without one */
const struct registration *registry_record(const struct registry *g);
unsigned long registry_version(const struct registry *g);
/** registry_identity() - our certificate, its key, and the CA: its realm is the
 * cluster's info hash; NULL: not yet. Whoever keeps it counts its parts up:
 * identity_new(). */
const struct identity *registry_identity(const struct registry *g);
/** registry_admits() - may the broker of that name have a tunnel?
 * Return: 0; -EACCES with @fault: the registration is revoked or gone, or the
 * broker is shut out. */
MUST_USE int registry_admits(
    const struct registry *g, const char *broker, struct fault *fault);
/** registry_trouble() - what it waits for, in words; NULL: nothing */
const char *registry_trouble(const struct registry *g);
struct account *registry_account(struct registry *g);

/* ---- changing it --------------------------------------------------------- */

enum { REGISTRY_E_AWAY = 1 }; /* no token now, or too many calls under way */

enum registry_outcome {
	REGISTRY_DONE, /* it is the record now */
	REGISTRY_LOST, /* somebody else wrote before; registry_record() has been
			  read since, so judge again by that */
	REGISTRY_AWAY, /* the store did not answer, or refused; @fault says
			  which. Without an answer it may have been written. */
};
/* The registry is not closed from it. */
typedef void (*registry_written_fn)(
    void *ctx, enum registry_outcome outcome, const struct fault *fault);

struct registry_write {
	const struct registration *record; /* borrowed for the call */
	unsigned long version;		   /* that @record was made from */
	registry_written_fn fn;
	void *ctx;
};
/** registry_write() - check-and-set. When it makes the record active, or gives
 * it other keys, these go to the JWT mount at once, and again until the store
 * has taken them.
 * @out: for registry_cancel(), until @fn is called.
 * Return: 0; REGISTRY_E_AWAY; -ENOMEM. */
MUST_USE int registry_write(struct registry_call **out, struct registry *g,
    const struct registry_write *order);

/* @pem: the leaf, as PEM, borrowed for the call; it is checked to be the CA's,
 * for that name, role and key. NULL with @fault: the store did not answer, or
 * refused. */
typedef void (*registry_signed_fn)(
    void *ctx, const char *pem, const struct fault *fault);

struct registry_sign {
	const char *name; /* of the broker */
	const char *csr;  /* PEM; only its key is used */
	registry_signed_fn fn;
	void *ctx;
};
/** registry_sign() - a broker's certificate, with the names of its Service
 * Return: as registry_write(); -EINVAL: the name, or the request. */
MUST_USE int registry_sign(struct registry_call **out, struct registry *g,
    const struct registry_sign *order);
/** registry_cancel() - the function is not called; NULL is fine. What was sent
 * may be done all the same. */
void registry_cancel(struct registry_call *c);

struct registry_counts {
	uint64_t reads, changes, failures; /* of the record */
	uint64_t away;			   /* 1 while the store is */
	uint64_t writes, lost, signatures, keys_pushed;
};
/** registry_counts() - stays until registry_close() */
const struct registry_counts *registry_counts(const struct registry *g);
