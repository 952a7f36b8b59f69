/* cli/tether_hand.h: inside of `pharos tether`: how a device gets its
 * configuration: as a QR code in the terminal, or as files.
 *
 *   tether_hand_make()   what they hold
 *   tether_hand_write()  the files, before anything is committed; a name that
 *                        is taken fails
 *   tether_hand_undo()   and away again, when the commit failed
 *   tether_hand_print()  without files: the terminal
 */
#pragma once
#include "cli/tether.h"
#include "wire/mobileconfig.h"

struct tether_hand {
	char *conf, *png, *svg, *ios, *macos; /* paths; NULL: not wanted */
};
#define TETHER_HAND_ROWS(config, member)                                       \
	{ .name = "conf",                                                      \
		.metavar = "FILE",                                             \
		.help = "write the configuration there",                       \
		.detail = "A file for wg-quick(8) and every WireGuard app. "   \
			  "Like those of --png and --svg it is new, mode "     \
			  "0600; with a file nothing is drawn in the "         \
			  "the terminal.",                                     \
		.offset = offsetof(config, member.conf),                       \
		.type = OPTION_TEXT },                                         \
	    { .name = "png",                                                   \
		    .metavar = "FILE",                                         \
		    .help = "write a picture of the QR code there",            \
		    .offset = offsetof(config, member.png),                    \
		    .type = OPTION_TEXT },                                     \
	{                                                                      \
		.name = "svg", .metavar = "FILE", .help = "the same, as SVG",  \
		.offset = offsetof(config, member.svg), .type = OPTION_TEXT    \
	}

/* Of verbs that have the device's private key in hand. */
#define TETHER_PROFILE_ROWS(config, member)                                    \
	{ .name = "mobileconfig",                                              \
		.metavar = "FILE",                                             \
		.help = "a profile for an iPhone or iPad",                     \
		.detail = "A configuration profile of Apple's, for the "       \
			  "WireGuard app. It has the private key, so it "      \
			  "cannot be made of a key that the device has.",      \
		.offset = offsetof(config, member.ios),                        \
		.type = OPTION_TEXT },                                         \
	{                                                                      \
		.name = "mobileconfig-macos", .metavar = "FILE",               \
		.help = "the same, for a Mac",                                 \
		.offset = offsetof(config, member.macos), .type = OPTION_TEXT  \
	}

/* What is handed over. */
struct tether_handed {
	struct secret *text;	    /* of wg-quick; owned, as the profiles */
	struct secret *ios, *macos; /* NULL: not wanted */
};
void tether_handed_clear(struct tether_handed *h);

/** tether_hand_order() - the configuration of @peer, whose key is @key
 * @private_key: NULL: the device has it */
struct wgquick_order tether_hand_order(const struct codexstore *s,
    const struct codex_peer *peer, const struct secret *private_key);
/** tether_hand_make() - what @hand wants
 * @out: tether_handed_clear() it, also after a failure
 * Return: 0; -EINVAL; -ENODATA; -ENOMEM; with @fault. */
MUST_USE int tether_hand_make(struct tether_handed *out,
    const struct tether_hand *hand, const struct wgquick_order *order,
    struct fault *fault);
/** tether_hand_write() - Return: 0; -EEXIST; -errno; none is left then. */
MUST_USE int tether_hand_write(const struct tether_hand *hand,
    const struct tether_handed *what, struct fault *fault);
void tether_hand_undo(const struct tether_hand *hand);
/** tether_hand_print() - nothing, where files were wanted
 * Return: 0; -errno with @fault. */
MUST_USE int tether_hand_print(const struct tether_hand *hand,
    const struct tether_handed *what, struct fault *fault);
