/* bridge/realm.h: one cluster that the bridge serves: its CA, its tunnels, its
 * part of the store, and what passes between them. Nothing in here knows of
 * another.
 *
 * What it is comes from files that the options name, or from the store
 * (bridge/registry.h). In the second case it begins to be met once it has a
 * certificate and there is a registration, and whoever that shuts out is cut.
 */
#pragma once
#include "bridge/config.h"
#include "bridge/proxy.h"
#include "bridge/registry.h"
#include "bridge/sealed.h"
#include "net/egress.h"
#include "net/uplink.h"
#include "wire/credential.h"

enum { REALM_LABEL_MOST = 64 };

struct realm_order {
	const struct config *config; /* both borrowed until realm_close() */
	const struct egress *egress;
	const char *label; /* for log and metrics; "": the only one */
	const struct credential *credential; /* NULL: by the options alone */
};

struct realm {
	const struct config *config;
	struct loop *loop;
	const struct egress *egress;
	char label[REALM_LABEL_MOST + 1];
	struct credential credential; /* without its secret; or empty */
	struct policy policy;
	struct store *store;
	struct proxy *proxy;
	struct sealed *sealed;
	struct httpd *outside; /* the tunnel's streams: CONNECT, pass-through */
	struct httpd *inside;  /* sealed sessions */
	struct uplink *uplink; /* NULL: not yet */
	struct registry *registry; /* NULL: out of files */
	struct issuer *issuer;	   /* with a registry */
	struct boot *boot;
	struct meeting *meeting; /* with a registry, over beacons; its sessions
				    are of the */
	struct boot *parlour;
	struct fault fault; /* why it cannot be met; code 0: it can */
	uint64_t shut_out;  /* handshakes and tunnels of who is revoked */
};

/** realm_open() - load what @order names, and begin to dial, or to ask the
 * store
 * Return: 0; -errno with @fault. */
MUST_USE int realm_open(struct realm **out, struct loop *loop,
    const struct realm_order *order, struct fault *fault);
/** realm_close() - everything is cut; NULL is fine */
void realm_close(struct realm *r);
/** realm_reload() - certificate, key, CAs and token anew, if all are good;
 * tunnels and sessions stay. Return: 0; -errno with @fault. */
MUST_USE int realm_reload(struct realm *r, struct fault *fault);
/** realm_log_in() - @credential has come in place of the one it was opened with
 * Return: 0: it logs in by that from now on; REALM_E_OTHER: it names another
 * store, place or beacon, so the realm has to be opened anew; -ENOMEM. */
enum { REALM_E_OTHER = 1 };
MUST_USE int realm_log_in(struct realm *r, const struct credential *credential);
/** realm_drain() - no new tunnels and requests; those that run may end
 * realm_busy() - does a tunnel still live? */
void realm_drain(struct realm *r);
bool realm_busy(const struct realm *r);
/** realm_ready() - NULL, or why it is of no use now */
const char *realm_ready(const struct realm *r);
