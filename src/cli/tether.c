#include "cli/tether.h"
#include "base/nearest.h"
#include "wire/instant.h"
#include <stdio.h>
#include <time.h>

int tether_open(struct codexstore *out, const struct tether_common *common,
    enum codexstore_use use, struct fault *fault)
{
	const struct codexstore_place place = {
		.codex = common->codex, .state = common->state, .use = use
	};
	int r = codexstore_open(out, &place, fault);

	if (!r && out->edited)
		(void)fprintf(stderr,
		    "%s was edited since it was last written; it is taken as "
		    "it is now\n",
		    out->codex_path);
	return r;
}

int tether_word(
    const char **out, char *const *words, const char *what, struct fault *fault)
{
	if (!words[0])
		return fault_set(
		    fault, OPTION_E_BAD, NULL, "%s is missing", what);
	if (words[1])
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "one %s is taken, not also '%.80s'", what, words[1]);
	*out = words[0];
	return 0;
}

int tether_peer(struct codex_peer **out, const struct codexstore *s,
    char *const *words, struct fault *fault)
{
	char hint[FAULT_HINT_MAX] = "`pharos tether peer list` lists them.";
	struct codex_peer *peer;
	struct nearest nearest;
	const char *name = "";
	int r = tether_word(&name, words, "NAME", fault);

	if (r)
		return r;
	peer = codex_peer_find(&s->codex, name);
	if (peer) {
		*out = peer;
		return 0;
	}
	nearest_init(&nearest, name);
	for (size_t i = 0; i < s->codex.n_peers; i++)
		nearest_offer(&nearest, s->codex.peers[i].name);
	if (nearest_best(&nearest))
		(void)snprintf(hint, sizeof(hint), "Did you mean %s?",
		    nearest_best(&nearest));
	return fault_set(
	    fault, -ENOENT, hint, "there is no peer '%.80s'", name);
}

int tether_zones(uint64_t *out, const struct codex *c,
    const struct option_list *names, struct fault *fault)
{
	uint64_t zones = 0;

	for (size_t i = 0; i < names->n_items; i++) {
		const struct codex_zone *zone =
		    codex_zone_find(c, names->items[i]);

		if (!zone)
			return fault_set(fault, -ENOENT,
			    "`pharos tether zone add` makes one.",
			    "there is no zone '%.80s'", names->items[i]);
		zones |= codex_zone_bit(c, zone);
	}
	*out = zones;
	return 0;
}

int64_t tether_now(void)
{
	time_t now = time(NULL);

	return now < 1 ? 1 : (int64_t)now;
}

int tether_end(
    int64_t *out, const char *option, const char *text, struct fault *fault)
{
	int r;

	if (!strcmp(text, "never")) {
		*out = 0;
		return 0;
	}
	r = instant_read_end(out, text, tether_now());
	if (r == INSTANT_E_PAST)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "%s: %s is not to come", option, text);
	return r ? fault_set(fault, OPTION_E_BAD, NULL,
		       "%s: expected a time as 12h, 30d, 2w, "
		       "2026-12-31T00:00:00Z or never, got '%.60s'",
		       option, text)
		 : 0;
}

int tether_usable(
    const struct codexstore *s, const struct wgkey *key, struct fault *fault)
{
	const struct tombstone *dead = tombstones_find(&s->tombstones, key);
	const struct codex_peer *peer = codex_peer_of_key(&s->codex, key);
	char at[INSTANT_TEXT_SIZE + 1];

	if (dead) {
		instant_write(at, dead->at);
		return fault_set(fault, -EEXIST,
		    "Have the device make another key.",
		    "the key was %s's and was revoked at %s; a revoked key "
		    "never comes back",
		    dead->name, at);
	}
	if (wgkey_equal(key, &s->codex.key))
		return fault_set(fault, -EEXIST,
		    "Give the key that the device shows, not this host's.",
		    "the key is this host's own");
	return peer ? fault_set(fault, -EEXIST,
			  "Each device has a key of its own.",
			  "the key is that of peer %s", peer->name)
		    : 0;
}

/* ---- the tree ------------------------------------------------------------ */

static const struct verb *const peer_members[] = {
	&tether_add_verb,
	&tether_list_verb,
	&tether_show_verb,
	&tether_revoke_verb,
	&tether_rotate_verb,
	&tether_expire_verb,
	&tether_enable_verb,
	&tether_disable_verb,
	&tether_qr_verb,
	&tether_export_verb,
};

static const struct verb peer_verbs = {
	.name = "peer",
	.about = "the devices that have access",
	.verbs = peer_members,
	.n_verbs = N_ELEMS(peer_members),
};

static const struct verb *const zone_members[] = {
	&tether_zone_add_verb,
	&tether_zone_remove_verb,
	&tether_zone_list_verb,
};

static const struct verb zone_verbs = {
	.name = "zone",
	.about = "services of this host that peers may have",
	.verbs = zone_members,
	.n_verbs = N_ELEMS(zone_members),
};

static const struct verb *const members[] = {
	&tether_init_verb,
	&peer_verbs,
	&zone_verbs,
	&tether_import_verb,
	&tether_backup_verb,
	&tether_restore_verb,
	&tether_status_verb,
	&tether_up_verb,
	&tether_down_verb,
	&tether_apply_verb,
	&tether_doctor_verb,
};

const struct verb tether_verbs = {
	.name = "tether",
	.about = "a private door into this host",
	.verbs = members,
	.n_verbs = N_ELEMS(members),
};
