/* net/uplink.h: the tunnels of a program that has a certificate: load it, open
 * the route, keep the tunnels, tell what becomes of them, and know what a
 * status page shows. The bridge's and the broker's way to each other; they
 * differ in the configuration only.
 */
#pragma once
#include "base/fault.h"
#include "net/papers.h"
#include "net/tunnelset.h"

struct uplink;

enum uplink_what {
	UPLINK_UP,     /* a tunnel is up */
	UPLINK_GONE,   /* one that was up is gone */
	UPLINK_WORKS,  /* a target works, for the first time or again */
	UPLINK_WAITS,  /* the same at a beacon where we listen: registered */
	UPLINK_FAILED, /* a target, or a handshake over it, failed */
	UPLINK_WHATS
};
/** uplink_what_text() - "tunnel up", for logs */
const char *uplink_what_text(enum uplink_what what);

/* What becomes of tunnels and targets; all of it is borrowed for the call. */
struct uplink_news {
	enum uplink_what what;
	const char *target;	   /* "host:port" */
	const char *peer;	   /* UP, GONE: its name; else "" */
	const struct fault *fault; /* GONE, FAILED; else NULL */
	size_t up;		   /* tunnels that are up now */
};
typedef void (*uplink_told_fn)(void *ctx, const struct uplink_news *news);
/** uplink_log() - (programs) write @news to the log; an uplink_told_fn
 * @ctx: a text that each line has as `realm`; or NULL */
void uplink_log(void *ctx, const struct uplink_news *news);

/* Peers that have no certificate yet, and come for one: sessions of a protocol
 * of their own. */
struct uplink_guests {
	const char *alpn; /* constant; NULL: none are let in */
	/* @leg: TLS, OPEN, the callee's: how many there are at once, and for
	 * how long, is his to bound. @target: for the log; of the call. */
	void (*fn)(void *ctx, struct leg *leg, const char *target);
	void *ctx;
};

struct uplink_config {
	/* who we are, and who the peer must be */
	const char *cert_file, *key_file, *ca_file;
	const struct identity *identity; /* instead of these, one in memory;
					    borrowed for the call */
	X509 *ca; /* instead, of the identity to come by uplink_prepare() and
		     uplink_renew(): it listens, where it does, but dials
		     nothing and lets nobody in before */
	const char *info_hash; /* as typed; must be that of the CA; or NULL */
	enum role role, peer_role;
	const char *const *peer_names; /* borrowed until uplink_close(); 0 of
					  them: any */
	size_t n_peer_names;
	/* as in struct tunnel_trust; called until uplink_close() */
	bool (*admit)(void *admit_ctx, const char *name);
	void *admit_ctx;
	enum tls_end end;
	struct httpd *handlers; /* this end serves requests; NULL: it sends */
	struct uplink_guests guests; /* TLS_SERVER */

	/* how the two meet; beacon.* is filled in for ROUTE_BEACON */
	struct route_config route;
	const char *beacon_ca, *beacon_pin;
	unsigned most; /* tunnels at once; 0: as in tunnel_set_config */

	/* called from the loop; the uplink is not closed from it */
	uplink_told_fn told; /* NULL: uplink_log() */
	void *ctx;
};

/** uplink_open() - load the files, and begin
 * @config: borrowed for the call, handlers until uplink_close().
 * Return: 0; -errno with @fault. */
MUST_USE int uplink_open(struct uplink **out, struct loop *loop,
    const struct uplink_config *config, struct fault *fault);
/** uplink_close() - tunnels are cut; NULL is fine */
void uplink_close(struct uplink *u);

/** uplink_prepare() - read the files that @config names again, or take its
 * identity, and check them
 * uplink_renew() - use what came of it (it is taken) for tunnels from now on
 * @config: but for the contents of the files, or the identity, as at
 * uplink_open().
 * Return: 0; -errno with @fault. */
MUST_USE int uplink_prepare(struct papers **out, const struct uplink *u,
    const struct uplink_config *config, struct fault *fault);
void uplink_renew(struct uplink *u, struct papers *fresh);

/** uplink_borrow(), uplink_return() - as of the set (net/tunnelset.h): a leg
 * for another session, where peers dial us and keep a number of tunnels */
void uplink_borrow(
    struct uplink *u, tunnel_set_lent_fn fn, void *ctx, unsigned ms);
void uplink_return(struct uplink *u, unsigned target);
/** uplink_cut() - as tunnel_set_cut(): tunnels to whom @admit does not let in
 * any more; for who shuts somebody out while his tunnels live */
size_t uplink_cut(
    struct uplink *u, bool (*admit)(void *ctx, const char *name), void *ctx);
/** uplink_drain() - the orderly way out: as tunnel_set_drain()
 * uplink_busy() - as tunnel_set_busy(): is there something to wait for? */
void uplink_drain(struct uplink *u, unsigned ms);
bool uplink_busy(const struct uplink *u);

/** uplink_pick() - a tunnel to send on, or NULL
 * uplink_up() - how many are up
 * uplink_last_fault() - why there is none; "" if unknown; borrowed */
struct http_conn *uplink_pick(struct uplink *u);
size_t uplink_up(const struct uplink *u);
const char *uplink_last_fault(const struct uplink *u);
/** uplink_waiting() - legs on their way or registered at beacons */
size_t uplink_waiting(const struct uplink *u);

/* A tunnel that is up, for status pages. */
struct uplink_line {
	const char *peer, *target; /* borrowed until the loop's next turn */
	uint64_t age_ms;
};
/** uplink_lines() - fill in at most @most
 * Return: how many. */
size_t uplink_lines(
    const struct uplink *u, struct uplink_line *lines, size_t most);
struct route *uplink_route(const struct uplink *u);
/** uplink_identity() - NULL while it is to come
 * uplink_expiry() - of our certificate, seconds since 1970; 0: none yet */
const struct identity *uplink_identity(const struct uplink *u);
int64_t uplink_expiry(const struct uplink *u);
