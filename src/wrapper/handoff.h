/* wrapper/handoff.h: what the supervising process and the fetching process say
 * to each other, over a pair of SOCK_SEQPACKET sockets.
 *
 *   supervisor -> fetcher   one JOB
 *   fetcher -> supervisor   for each task but SKIP: VALUE* SECRET, or a FAULT
 *                           with its index; SESSION at most once; then DONE, or
 *                           a FAULT with index HANDOFF_WHOLE. Nothing is said
 *                           after DONE; a fetcher that lingers gives its token
 *                           up at the store, and then ends
 *
 * A value never crosses as bytes: a VALUE names it and passes a descriptor
 * (memfd_secret where the kernel has it). Each message is one packet of at most
 * HANDOFF_MOST bytes, `u8 version | u8 type | body`, numbers big-endian. A text
 * is u16 length, bytes and a NUL that the length counts.
 *
 * Reading and writing are pure; handoff_send() and handoff_receive() are the
 * only calls to the system.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "wrapper/plan.h"

enum {
	HANDOFF_VERSION = 1,
	HANDOFF_MOST = 160 * 1024, /* a JOB with everything at its limit */
	HANDOFF_REPLY_MOST = 2048,
	HANDOFF_TEXT_MOST = 4096,  /* file names, addresses, role, mount */
	HANDOFF_TOKEN_MOST = 8192, /* bytes of a session's token */
	HANDOFF_LEASE_MOST = 512,
	HANDOFF_VALUE_MOST = 1024 * 1024, /* bytes of one value */
	HANDOFF_WHOLE = PLAN_SECRETS_MAX, /* index of a fault: all of it */
};

enum handoff_verb {
	HANDOFF_SKIP,
	HANDOFF_READ,  /* its values, whatever the version */
	HANDOFF_CHECK, /* its values if it is not the version that is known */
	HANDOFF_RENEW, /* its lease; values if that cannot be renewed */
	HANDOFF_VERB_COUNT
};

/* Texts are borrowed: by a writer from the caller, by a reader from the bytes.
 * "" stands for what is not given; never NULL. */
struct handoff_task {
	enum handoff_verb verb;
	const char *path;
	const char *lease;  /* of what is held now */
	uint64_t version;   /* of what is held now */
	uint32_t increment; /* seconds to ask for at a renewal */
	size_t first_item;  /* number of its first value in the plan */
	size_t n_fields;
	uint64_t made; /* when that version was; see struct handoff_reply */
};

struct handoff_job {
	const char *broker, *broker_ca, *bridge_ca;
	const char *jwt_file, *token_file, *broker_token_file;
	const char *role, *auth_mount;
	const char *egress_url, *egress_from, *egress_except; /* "": none */
	uint32_t deadline_ms;
	bool sandbox; /* isolate the process */
	bool session; /* a session's token comes along, as descriptor */
	bool session_hidden;
	uint32_t session_size;
	uint32_t renew_s;  /* renew it too, for so long; 0: no */
	bool keep_session; /* hand one back; else give it up at the end */
	bool all; /* nothing counts if a task fails: keep nothing then */
	struct handoff_task tasks[PLAN_SECRETS_MAX];
	size_t n_tasks;
	const char *fields[PLAN_ITEMS_MAX]; /* of all tasks, in order */
	size_t n_fields;
};

enum handoff_type {
	HANDOFF_JOB = 1,
	HANDOFF_VALUE,
	HANDOFF_SECRET,
	HANDOFF_SESSION,
	HANDOFF_FAULT,
	HANDOFF_DONE,
};

/* Where it failed, from here to there. */
enum handoff_hop {
	HANDOFF_HOP_HERE,    /* a file, memory, the process itself */
	HANDOFF_HOP_BROKER,  /* reaching the broker, and TLS with it */
	HANDOFF_HOP_CONNECT, /* the broker would not open the way */
	HANDOFF_HOP_SEALED,  /* TLS with the bridge */
	HANDOFF_HOP_LOGIN,
	HANDOFF_HOP_PATH, /* reading a secret */
	HANDOFF_HOP_COUNT
};
const char *handoff_hop_name(enum handoff_hop hop); /* "sealed session" */

struct handoff_reply {
	enum handoff_type type;
	union {
		struct {
			size_t item;
			size_t size;
			bool hidden; /* in memfd_secret */
		} value;	     /* with a descriptor */
		struct {
			size_t index;
			uint64_t version;
			const char *lease; /* "" if none */
			uint32_t lease_s;
			bool renewable;
			bool unchanged; /* no VALUE came before it */
			/* a hash of the time at which the store made that
			 * version; 0: not told */
			uint64_t made;
		} secret;
		struct {
			size_t size;
			bool hidden;
			uint32_t lease_s; /* 0: it does not end */
			bool renewable;
			bool fresh; /* from a login of this job */
		} session;	    /* with a descriptor, the token */
		struct {
			size_t index; /* of the secret, or HANDOFF_WHOLE */
			enum handoff_hop hop;
			bool retry;	   /* may work later */
			uint32_t retry_ms; /* not before; 0: no word */
			const char *text, *hint;
		} fault;
		struct {
			bool lingers; /* it gives its token up yet */
		} done;
	} u;
};

/** handoff_copy_lease() - a lease's id, cut to HANDOFF_LEASE_MOST */
void handoff_copy_lease(char to[HANDOFF_LEASE_MOST + 1], const char *lease);

enum { HANDOFF_E_FORMAT = 1 };

/** handoff_write_job(), handoff_write_reply() - into @to of @room bytes
 * @used: set to the size.
 * Return: 0; -ENOBUFS: does not fit; -EINVAL: something is past its limit. */
MUST_USE int handoff_write_job(
    const struct handoff_job *job, void *to, size_t room, size_t *used);
MUST_USE int handoff_write_reply(
    const struct handoff_reply *reply, void *to, size_t room, size_t *used);
/** handoff_read_job(), handoff_read_reply() - from one packet
 * Return: 0; HANDOFF_E_FORMAT: short, long, unknown or past a limit. */
MUST_USE int handoff_read_job(
    struct handoff_job *out, const void *bytes, size_t n);
MUST_USE int handoff_read_reply(
    struct handoff_reply *out, const void *bytes, size_t n);

/** handoff_send() - one packet, with descriptor @pass (borrowed) or -1
 * Return: 0; -errno. */
MUST_USE int handoff_send(int fd, const void *bytes, size_t n, int pass);
/** handoff_receive() - one packet, without waiting
 * @passed: the descriptor that came with it (close-on-exec, the caller's) or -1
 * Return: its size; 0: the other side has ended; -EAGAIN; -EBADMSG: too large,
 * or more than one descriptor; -errno. */
MUST_USE ssize_t handoff_receive(int fd, void *to, size_t room, int *passed);
