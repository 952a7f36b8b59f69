/* wire/wgquick.h: the configuration file of wg-quick(8): written for a peer,
 * and read of a host that is to become a tether.
 */
#pragma once
#include "wire/codex.h"

enum {
	WGQUICK_TEXT_MOST = 8 * 1024 * 1024,
	WGQUICK_WRITTEN_MOST = 1024, /* bytes of one for a peer */
};

/* For a peer of @codex. */
struct wgquick_order {
	const struct codex *codex;
	const struct codex_peer *peer;
	const struct secret *private_key; /* NULL: the device has it */
	const uint8_t *shared;		  /* NULL: it has none */
};
/** wgquick_write() - the peer's file
 * Return: 0; -EINVAL with @fault: the codex has no endpoint; -ENOMEM. */
MUST_USE int wgquick_write(struct secret **out,
    const struct wgquick_order *order, struct fault *fault);

/* What a host's file says of a peer. */
struct wgquick_peer {
	char name[WGNAME_PEER_MOST + 1]; /* of a comment; or empty */
	struct wgkey key;
	struct prefix v4, v6;  /* one host; family 0: not said */
	struct secret *shared; /* owned; or NULL */
	int64_t expires;       /* seconds since 1970; 0: never, or not said */
	bool disabled;
};
struct wgquick_host {
	struct secret *private_key; /* owned */
	struct prefix v4, v6;	    /* its addresses; family 0: not said */
	uint16_t port;		    /* 0: not said */
	uint16_t mtu;		    /* 0: not said */
	struct wgquick_peer *peers; /* owned */
	size_t n_peers;
};
void wgquick_host_deinit(struct wgquick_host *h); /* repeatable */

/** wgquick_read() - a host's file, as people, PiVPN and wg-easy write it
 * A peer's name comes from the comment that those two put there. What starts
 * commands (PostUp and its like) is refused: nothing here would run them. What
 * is unknown, comes twice or is a peer's default route is refused too.
 * @text: of @n bytes; @name: of the file, for @fault
 * Return: 0; -EINVAL with @fault, which names the line; -ENOMEM. */
struct wgquick_source {
	const char *name;
	const char *text;
	size_t n;
};
MUST_USE int wgquick_read(struct wgquick_host *out,
    const struct wgquick_source *source, struct fault *fault);
