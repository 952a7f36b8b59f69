/* net/beaconc.h: one visit to one beacon: dial, outer TLS, HELLO, WAIT, PAIRED.
 *
 * Gives the paired leg to its owner, or says why there is none and how long to
 * wait. Back-off and the choice among several beacons are net/route.h's.
 * doc/wire/beacon.md has the states. While waiting, the beacon pings and the
 * visit answers; silence for three intervals ends it.
 */
#pragma once
#include "base/fault.h"
#include "net/leg.h"
#include "net/tls.h"
#include "wire/frame.h"

struct beaconc;

struct beaconc_config {
	const char *target;	   /* "host:port" of the beacon */
	struct tls_context *outer; /* beaconc_outer_context() */
	enum frame_role role;
	uint8_t hash[FRAME_HASH];
	const struct identity *identity; /* proves the leg; NULL: bare */
	bool require_proven;
	bool shed; /* agree to shed outer TLS (net/tls.h), which the leg is then
		      ready for if the other two agree */
	const char *name; /* client name TLV, or NULL */
};

struct beaconc_events {
	/* registered; again when the position (held back by the cap) changes */
	void (*waiting)(void *ctx, uint32_t position);
	/* last call: the leg is the callee's; it carries the peer's bytes */
	void (*paired)(
	    void *ctx, struct leg *leg, const uint8_t pair[FRAME_ID]);
	/* last call: @code is FRAME_ERROR_* from the beacon or 0; @retry_ms: at
	 * least this long (clamped to 60 s), 0: no word on it. @fault has
	 * -ENXIO where the beacon knows nobody at our info hash */
	void (*failed)(void *ctx, const struct fault *fault, unsigned code,
	    uint32_t retry_ms);
};

/** beaconc_open() - begin; @config is copied, what it points to must live until
 * the last event
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int beaconc_open(struct beaconc **out, struct loop *loop,
    const struct beaconc_config *config, const struct beaconc_events *events,
    void *ctx, struct fault *fault);
/** beaconc_cancel() - no event comes after */
void beaconc_cancel(struct beaconc *b);

/* How a client trusts a beacon: the system's roots, a CA file, or a pin. */
struct beaconc_trust {
	const char *ca_file; /* --beacon-ca */
	const char *pin_hex; /* --beacon-pin: SHA-256 of the SPKI */
};
MUST_USE int beaconc_outer_context(struct tls_context **out,
    const struct beaconc_trust *trust, struct fault *fault);
