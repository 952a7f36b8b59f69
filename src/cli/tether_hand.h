/* cli/tether_hand.h: inside of `pharos tether`: how a device gets its
 * configuration: as a QR code in the terminal, or as files.
 *
 *   tether_hand_write()  the files, before anything is committed; a name that
 *                        is taken fails
 *   tether_hand_undo()   and away again, when the commit failed
 *   tether_hand_print()  without files: the terminal
 */
#pragma once
#include "cli/tether.h"
#include "wire/wgquick.h"

struct tether_hand {
	char *conf, *png, *svg; /* paths; NULL: not wanted */
};
#define TETHER_HAND_ROWS(config, member)                                       \
	{ .name = "conf",                                                      \
		.metavar = "FILE",                                             \
		.help = "write the configuration there",                       \
		.detail = "A file for wg-quick(8) and every WireGuard app. "   \
			  "Like those of --png and --svg it is new, mode "     \
			  "0600; with one of the three nothing is drawn in "   \
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

/** tether_hand_text() - the configuration of @peer, whose key is @key
 * @private_key: NULL: the device has it
 * Return: 0; -EINVAL; -ENOMEM; with @fault. */
MUST_USE int tether_hand_text(struct secret **out, const struct codexstore *s,
    const struct codex_peer *peer, const struct secret *private_key,
    struct fault *fault);
/** tether_hand_write() - Return: 0; -EEXIST; -errno; none is left then. */
MUST_USE int tether_hand_write(const struct tether_hand *hand,
    const struct secret *text, struct fault *fault);
void tether_hand_undo(const struct tether_hand *hand);
/** tether_hand_print() - nothing, where files were wanted
 * Return: 0; -errno with @fault. */
MUST_USE int tether_hand_print(const struct tether_hand *hand,
    const struct secret *text, struct fault *fault);
