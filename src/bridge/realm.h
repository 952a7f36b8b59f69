/* bridge/realm.h: one cluster that the bridge serves: its CA, its tunnels, its
 * part of the store, and what passes between them. The flags make one realm;
 * nothing in here knows of another.
 */
#pragma once
#include "bridge/config.h"
#include "bridge/proxy.h"
#include "bridge/sealed.h"
#include "net/egress.h"
#include "net/uplink.h"

struct realm {
	const struct config *config;
	struct loop *loop;
	struct egress *egress;
	struct policy policy;
	struct store *store;
	struct proxy *proxy;
	struct sealed *sealed;
	struct httpd *outside; /* the tunnel's streams: CONNECT, pass-through */
	struct httpd *inside;  /* sealed sessions */
	struct uplink *uplink;
};

/** realm_open() - load what @config names (borrowed until realm_close()), and
 * begin to dial
 * Return: 0; -errno with @fault. */
MUST_USE int realm_open(struct realm **out, struct loop *loop,
    const struct config *config, struct fault *fault);
/** realm_close() - everything is cut; NULL is fine */
void realm_close(struct realm *r);
/** realm_reload() - certificate, key and CAs anew, if all are good; tunnels and
 * sessions stay; @ctx: a realm. Return: 0; -errno with @fault. */
MUST_USE int realm_reload(void *ctx, struct fault *fault);
/** realm_drain() - no new tunnels and requests; those that run may end; @ctx: a
 * realm
 * realm_busy() - does a tunnel still live? */
void realm_drain(void *ctx);
bool realm_busy(void *ctx);
/** realm_ready() - NULL, or why it is of no use now; @ctx: a realm */
const char *realm_ready(void *ctx);
