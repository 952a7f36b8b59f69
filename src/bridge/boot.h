/* bridge/boot.h: boot sessions: a broker that has nothing but the join string
 * asks for its certificate (doc/wire/boot.md).
 *
 * Each is a leg on which TLS is up by BOOT_ALPN, and one request on it. Whether
 * it is let in, bridge/judge.h says by the record; what that changes is written
 * before a certificate is signed. Who lacks nothing but a person's approval is
 * held for a while, and let in when it comes.
 *
 * Sessions that come from the meeting (bridge/meeting.h) know no CA. They make
 * the six words first (bridge/parley.h), and are never signed for.
 */
#pragma once
#include "net/leg.h"
#include "wire/boot.h"

struct boot;
struct issuer;
struct loop;
struct registry;

enum {
	BOOT_SESSIONS_MOST = 16, /* at once; a leg over it is reset. From the
				    meeting, where anybody can come, the session
				    goes that has waited longest for a request
				    */
	BOOT_HOLD_MS = 10000,	 /* for a person's approval */
	BOOT_HELD_MOST = 8,	 /* sessions; others are answered at once */
	BOOT_HELD_RETRY_S = 1,	 /* told to who was held */
	BOOT_STAGE_MS = 10000,	 /* for the request's head, its body, the record
				    to be written, the certificate to be signed,
				    and the answer to be read, each */
	BOOT_JUDGED_MOST = 4,	 /* times, when others write the record */
	/* requests that are judged: so many at once, then one a step; nobody's
	 * source is known here, so it is one bucket for all */
	BOOT_REQUESTS_BURST = 32,
	BOOT_REQUESTS_STEP_MS = 500,
};

struct boot_config {
	struct registry *registry; /* both borrowed until boot_free() */
	struct issuer *issuer;
	bool meeting; /* sessions come from there */
	/* who came over @target is the cluster: he was signed for, or waits for
	 * approval; for route_welcome(). NULL: nobody asks */
	void (*welcome)(void *ctx, const char *target);
	void *ctx;
};
/** boot_new() - Return: 0; -ENOMEM. */
MUST_USE int boot_new(
    struct boot **out, struct loop *loop, const struct boot_config *config);
/** boot_free() - sessions are cut; NULL is fine */
void boot_free(struct boot *b);
/** boot_guest() - begin a session on @leg, which is taken: TLS, OPEN
 * @ctx: a struct boot; see struct uplink_guests. @target: for the log */
void boot_guest(void *ctx, struct leg *leg, const char *target);
/** boot_record() - the record is another: who is held is judged again */
void boot_record(struct boot *b);

struct boot_counts {
	uint64_t open;			 /* sessions now */
	uint64_t held;			 /* of these, for approval */
	uint64_t ended[BOOT_CODE_COUNT]; /* by what was answered */
	uint64_t refused;		 /* legs over BOOT_SESSIONS_MOST */
	uint64_t displaced; /* sessions of the meeting that made room */
	uint64_t broken; /* ended without an answer: late, gone, no request */
	uint64_t again;	 /* judged again: somebody else wrote the record */
};
/** boot_counts() - stays until boot_free() */
const struct boot_counts *boot_counts(const struct boot *b);
