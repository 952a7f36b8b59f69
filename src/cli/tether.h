/* cli/tether.h: inside of `pharos tether`: what its verbs share.
 */
#pragma once
#include "cli/verb.h"
#include "link/codexstore.h"

/* Where the tether's files are, and who keeps the tunnel as they say. */
struct tether_common {
	char *codex, *state, *control;
};
#define TETHER_ROWS(config, member)                                            \
	{ .name = "codex",                                                     \
		.metavar = "FILE",                                             \
		.help = "names, policy and public keys",                       \
		.initial = CODEXSTORE_CODEX,                                   \
		.offset = offsetof(config, member.codex),                      \
		.type = OPTION_TEXT },                                         \
	    { .name = "state",                                                 \
		    .metavar = "DIR",                                          \
		    .help = "private key, tombstones and counters",            \
		    .initial = CODEXSTORE_STATE,                               \
		    .offset = offsetof(config, member.state),                  \
		    .type = OPTION_TEXT },                                     \
	    TETHER_CONTROL_ROW(config, member.control)
#define TETHER_CONTROL_ROW(config, member)                                     \
	{                                                                      \
		.name = "control", .metavar = "PATH", .flags = OPTION_RARE,    \
		.help = "pharos-tether's control socket",                      \
		.initial = CODEXSTORE_CONTROL,                                 \
		.offset = offsetof(config, member), .type = OPTION_TEXT        \
	}

/** tether_open() - codexstore_open(), at the places of @common */
MUST_USE int tether_open(struct codexstore *out,
    const struct tether_common *common, enum codexstore_use use,
    struct fault *fault);
/** tether_tell() - (after codexstore_commit(), as a verb's last deed, with what
 * is shown once shown) let go of the lock, tell pharos-tether, and say on
 * standard error whether the change is in force. Without one that keeps these
 * files it is taken when one does.
 * Return: 0; -errno with @fault: it is written, and not in force. */
MUST_USE int tether_tell(struct codexstore *s,
    const struct tether_common *common, struct fault *fault);

/** tether_word() - the one word that a verb takes; @what: "NAME"
 * Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int tether_word(const char **out, char *const *words, const char *what,
    struct fault *fault);
/** tether_peer() - the peer that the one word names
 * Return: 0; OPTION_E_BAD, -ENOENT; with @fault. */
MUST_USE int tether_peer(struct codex_peer **out, const struct codexstore *s,
    char *const *words, struct fault *fault);
/** tether_zones() - the zones of these names, as a peer has them
 * Return: 0; -ENOENT with @fault. */
MUST_USE int tether_zones(uint64_t *out, const struct codex *c,
    const struct option_list *names, struct fault *fault);
/** tether_now() - seconds since 1970 */
int64_t tether_now(void);
/** tether_end() - of --expires and the like: "30d", a time, or "never" (0)
 * Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int tether_end(
    int64_t *out, const char *option, const char *text, struct fault *fault);
/** tether_usable() - may @key become a peer's? It is nobody's and not dead.
 * Return: 0; -EEXIST; with @fault. */
MUST_USE int tether_usable(
    const struct codexstore *s, const struct wgkey *key, struct fault *fault);

extern const struct verb tether_verbs;
extern const struct verb tether_init_verb, tether_import_verb;
extern const struct verb tether_backup_verb, tether_restore_verb,
    tether_doctor_verb;
extern const struct verb tether_add_verb, tether_list_verb, tether_show_verb,
    tether_revoke_verb, tether_rotate_verb, tether_expire_verb,
    tether_enable_verb, tether_disable_verb, tether_qr_verb, tether_export_verb;
extern const struct verb tether_zone_add_verb, tether_zone_remove_verb,
    tether_zone_list_verb;
extern const struct verb tether_status_verb, tether_up_verb, tether_down_verb,
    tether_apply_verb;
