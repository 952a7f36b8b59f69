/* bridge/meeting.h: where a broker finds us that was given a beacon's address
 * and no join string: at fingerprint_meeting(), with bare legs.
 *
 * We wait there while the registration is pending and its window is open, at
 * each beacon of the realm. What comes is a stranger until a boot session has
 * judged it (bridge/boot.h).
 */
#pragma once
#include "net/uplink.h"
#include "wire/registration.h"

struct meeting;

enum {
	MEETING_LEGS = 4, /* that wait at each beacon; it has room for 16
			     of a hash. Whoever takes one has it replaced
			     at once, 30 times, and then every second */
	MEETING_SHAKES_MOST = 16, /* handshakes at once; the oldest makes room
				   */
	MEETING_SHAKE_MS = 10000,
	MEETING_LOOK_MS = 60000, /* the window ends by a clock that can be set
				  */
	MEETING_REST_MS = 5000,	 /* after what failed for want of memory, or of
				    a good CA file */
};

struct meeting_config {
	const struct uplink_config *uplink; /* of the realm: its beacons, and
					       whom of them to trust; borrowed
					       for the call, strings until
					       meeting_close() */
	struct uplink_guests guests;	    /* who take what comes */
	const char *realm; /* for the log; borrowed; NULL: there is one */
};
/** meeting_open() - nobody is met yet
 * Return: 0; -ENOMEM. */
MUST_USE int meeting_open(struct meeting **out, struct loop *loop,
    const struct meeting_config *config);
/** meeting_close() - NULL is fine */
void meeting_close(struct meeting *m);
/** meeting_show() - our certificate, the first or a newer one; counted up
 * Return: 0; -errno with @fault: the one before is shown still. */
MUST_USE int meeting_show(
    struct meeting *m, const struct identity *identity, struct fault *fault);
/** meeting_follow() - the record is another
 * @record: NULL: there is none */
void meeting_follow(struct meeting *m, const struct registration *record);
/** meeting_stop() - nobody more is met, whatever the record says */
void meeting_stop(struct meeting *m);

struct meeting_counts {
	uint64_t open;	    /* 1 while we wait there */
	uint64_t legs;	    /* that somebody has taken */
	uint64_t failed;    /* of these, handshakes that failed */
	uint64_t displaced; /* or made room */
};
/** meeting_counts() - stays until meeting_close() */
const struct meeting_counts *meeting_counts(const struct meeting *m);
