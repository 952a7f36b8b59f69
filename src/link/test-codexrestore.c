#include "link/codexrestore.h"
#include "base/test-valgrind.h"
#include "link/test-codexplace.h"
#include "wire/backup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LATER = NOW + 1000 };

static void backup_of(struct backup *out, const struct place *p)
{
	struct codexstore s;

	*out = (struct backup){ .n_codex = 0 };
	assert_int_equal(open_at(&s, p, CODEXSTORE_CHANGE, NULL), 0);
	assert_int_equal(
	    codextext_write(&out->codex, &out->n_codex, &s.codex), 0);
	assert_int_equal(tombstones_write(&out->tombstones, &out->n_tombstones,
			     &s.tombstones),
	    0);
	assert_int_equal(keyring_write(&out->keyring, s.keyring), 0);
	codexstore_close(&s);
}

/* @stop: before anything is written */
static int try_restore_stopping(const struct place *p, const struct backup *b,
    struct codexrestore_told *told, bool stop, struct fault *fault)
{
	struct codexrestore_from from = { .keyring = NULL };
	struct codexstore s;
	int r = open_at(&s, p, CODEXSTORE_RESTORE, fault);

	if (!r)
		r = codexrestore_read(&from, b, "backup", fault);
	if (!r)
		r = codexrestore_merge(&s, &from, told, fault);
	if (!r && stop)
		(void)raise(SIGSTOP);
	if (!r)
		r = codexstore_commit(&s, fault);
	codexrestore_from_deinit(&from);
	codexstore_close(&s);
	return r;
}

static int try_restore(const struct place *p, const struct backup *b,
    struct codexrestore_told *told, struct fault *fault)
{
	return try_restore_stopping(p, b, told, false, fault);
}

static void restore(const struct place *p, const struct backup *b,
    struct codexrestore_told *told)
{
	struct fault fault = FAULT_NONE;

	if (try_restore(p, b, told, &fault))
		fail_msg("%s", fault.text);
}

/* A change of the tether at @p, by its peers' names. */
static void kill_peer(const struct place *p, const char *name)
{
	struct codexstore s;
	struct codex_peer *peer;

	assert_int_equal(open_at(&s, p, CODEXSTORE_CHANGE, NULL), 0);
	peer = codex_peer_find(&s.codex, name);
	assert_non_null(peer);
	assert_int_equal(
	    codexstore_bury(&s, peer, &peer->key, true, LATER, NULL), 0);
	codex_peer_remove(&s.codex, peer);
	assert_int_equal(codexstore_commit(&s, NULL), 0);
	codexstore_close(&s);
}

static void add(const struct place *p, const char *name, uint8_t number)
{
	struct codexstore s;
	struct codex_peer peer = test_peer(name, number);

	assert_int_equal(open_at(&s, p, CODEXSTORE_CHANGE, NULL), 0);
	peer.shared = true;
	share(&s, &peer.key);
	assert_int_equal(codex_peer_add(&s.codex, &peer), 0);
	assert_int_equal(codexstore_commit(&s, NULL), 0);
	codexstore_close(&s);
}

/* As `peer rotate --overlap 0`. */
static void turn(const struct place *p, const char *name, uint8_t key)
{
	struct codexstore s;
	struct codex_peer *peer;

	assert_int_equal(open_at(&s, p, CODEXSTORE_CHANGE, NULL), 0);
	peer = codex_peer_find(&s.codex, name);
	assert_non_null(peer);
	assert_int_equal(
	    codexstore_bury(&s, peer, &peer->key, false, LATER, NULL), 0);
	peer->key = test_key(key);
	if (peer->shared)
		share(&s, &peer->key);
	assert_int_equal(codexstore_commit(&s, NULL), 0);
	codexstore_close(&s);
}

static void set_disabled(const struct place *p, const char *name, bool to)
{
	struct codexstore s;

	assert_int_equal(open_at(&s, p, CODEXSTORE_CHANGE, NULL), 0);
	codex_peer_find(&s.codex, name)->disabled = to;
	assert_int_equal(codexstore_commit(&s, NULL), 0);
	codexstore_close(&s);
}

/* "phone+ car-": the peers, each with whether it has access. */
static const char *peers_of(const struct place *p)
{
	static char text[200];
	struct codexstore s;
	struct fault fault = FAULT_NONE;
	size_t n = 0;

	if (open_at(&s, p, CODEXSTORE_READ, &fault))
		fail_msg("%s", fault.text);
	text[0] = '\0';
	for (size_t i = 0; i < s.codex.n_peers; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%c",
		    i ? " " : "", s.codex.peers[i].name,
		    s.codex.peers[i].disabled ? '-' : '+');
	codexstore_close(&s);
	return text;
}

#define AS_IT_WAS "phone+ Laptop+ car-"

/* ---- what a restore makes ------------------------------------------------ */

static void what_was_changed_is_as_it_was(void **state)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	struct codexrestore_told told = { .n_dead = 0 };
	struct codexstore s;
	struct place p;

	(void)state;
	place_new(&p);
	make_usual(&p);
	backup_of(&b, &p);
	add(&p, "new", 9);
	restore(&p, &b, &told);
	assert_string_equal(peers_of(&p), AS_IT_WAS);
	assert_int_equal(told.n_left, 1);
	assert_int_equal(told.n_dead + told.n_turned, 0);
	assert_false(told.unconfirmed);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_READ, NULL), 0);
	assert_int_equal(s.codex.generation, 3); /* it never goes back */
	assert_false(s.edited);
	assert_int_equal(keyring_count(s.keyring), 1);
	codexstore_close(&s);
	place_remove(&p);
}

static void who_was_revoked_stays_dead(void **state)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	struct codexrestore_told told = { .n_dead = 0 };
	struct place p;

	(void)state;
	place_new(&p);
	make_usual(&p);
	backup_of(&b, &p);
	kill_peer(&p, "phone");
	restore(&p, &b, &told);
	assert_string_equal(peers_of(&p), "Laptop+ car-");
	assert_int_equal(told.n_dead, 1);
	/* nor another device under that name, by the old address */
	add(&p, "phone", 12);
	restore(&p, &b, &told);
	assert_string_equal(peers_of(&p), "Laptop+ car-");
	place_remove(&p);
}

static void the_dead_of_the_backup_die_here_too(void **state)
{
	CLEANUP(backup_deinit) struct backup before = { .n_codex = 0 };
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	struct codexrestore_told told = { .n_dead = 0 };
	struct place p;

	(void)state;
	place_new(&p);
	make_usual(&p);
	backup_of(&before, &p);
	kill_peer(&p, "phone");
	backup_of(&b, &p);
	place_empty(&p);
	restore(&p, &b, &told);
	restore(&p, &before, &told);
	assert_string_equal(peers_of(&p), "Laptop- car-");
	place_remove(&p);
}

static void who_turned_keeps_the_new_key(void **state)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	const struct wgkey new_key = test_key(40);
	struct codexrestore_told told = { .n_dead = 0 };
	struct codexstore s;
	struct place p;

	(void)state;
	place_new(&p);
	make_usual(&p);
	backup_of(&b, &p);
	turn(&p, "phone", 40);
	restore(&p, &b, &told);
	assert_int_equal(told.n_turned, 1);
	assert_int_equal(told.n_dead, 0);
	assert_string_equal(peers_of(&p), AS_IT_WAS);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_READ, NULL), 0);
	assert_true(wgkey_equal(&s.codex.peers[0].key, &new_key));
	assert_int_equal(s.codex.peers[0].zones, 3);
	assert_non_null(keyring_shared(s.keyring, &new_key));
	codexstore_close(&s);
	place_remove(&p);
}

/* ---- hosts that remember, and others ------------------------------------- */

static void break_codex(const struct place *p)
{
	put_file(p->codex, "port: x\n");
}

static void lose_codex(const struct place *p)
{
	assert_int_equal(unlink(p->codex), 0);
}

static void lose_tombstones(const struct place *p)
{
	char path[PATH_ROOM];

	path_in(path, p, "state/tombstones");
	assert_int_equal(unlink(path), 0);
}

static void break_keyring(const struct place *p)
{
	char path[PATH_ROOM];

	path_in(path, p, "state/keyring");
	put_file(path, "nonsense\n");
	assert_int_equal(chmod(path, 0600), 0);
}

static void go_back(const struct place *p)
{
	char path[PATH_ROOM];

	path_in(path, p, "state/generation");
	put_file(path, "0\n");
	lose_codex(p);
}

static const struct {
	const char *label;
	void (*spoil)(const struct place *p);
	const char *peers;
} hosts[] = {
	{ "a codex of nonsense", break_codex, AS_IT_WAS },
	{ "no codex", lose_codex, AS_IT_WAS },
	{ "no tombstones", lose_tombstones, "phone- Laptop- car-" },
	{ "a keyring of nonsense", break_keyring, "phone- Laptop- car-" },
	{ "a host from before the backup", go_back, "phone- Laptop- car-" },
	{ "an empty host", place_empty, "phone- Laptop- car-" },
};

static void who_does_not_remember_gives_nobody_access(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(hosts); i++) {
		CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
		struct codexrestore_told told = { .n_dead = 0 };
		struct place p;

		place_new(&p);
		make_usual(&p);
		backup_of(&b, &p);
		hosts[i].spoil(&p);
		restore(&p, &b, &told);
		if (strcmp(peers_of(&p), hosts[i].peers) != 0 ||
		    told.unconfirmed == !strcmp(hosts[i].peers, AS_IT_WAS))
			fail_msg("%s: %s", hosts[i].label, peers_of(&p));
		/* a second one confirms nobody */
		restore(&p, &b, &told);
		if (strcmp(peers_of(&p), hosts[i].peers) != 0)
			fail_msg("%s, again: %s", hosts[i].label, peers_of(&p));
		place_remove(&p);
	}
}

static void whom_the_host_disabled_stays_so(void **state)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	struct codexrestore_told told = { .n_dead = 0 };
	struct place p;

	(void)state;
	place_new(&p);
	make_usual(&p);
	backup_of(&b, &p);
	set_disabled(&p, "phone", true);
	set_disabled(&p, "car", false);
	restore(&p, &b, &told);
	assert_string_equal(peers_of(&p), "phone- Laptop+ car-");
	place_remove(&p);
}

static void refuses(
    const struct place *p, const struct backup *b, int code, const char *says)
{
	struct codexrestore_told told = { .n_dead = 0 };
	struct fault fault = FAULT_NONE;
	int r = try_restore(p, b, &told, &fault);

	if (r != code || fault.code != code || !strstr(fault.text, says))
		fail_msg("%s: %d %s", says, r, fault.text);
}

static void what_does_not_fit_is_refused(void **state)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	CLEANUP(backup_deinit) struct backup other = { .n_codex = 0 };
	struct place p, q;
	char path[PATH_ROOM];

	(void)state;
	place_new(&p);
	place_new(&q);
	make_usual(&p);
	make_usual(&q);
	backup_of(&b, &p);
	backup_of(&other, &q);
	refuses(&q, &b, -EEXIST, "another tether");
	secret_free(b.keyring);
	b.keyring = STEAL(other.keyring);
	refuses(&p, &b, -EINVAL, "not those of its codex");
	b.codex[0] = '[';
	refuses(&p, &b, -EINVAL, "backup:1:");
	path_in(path, &p, "state/tombstones");
	put_file(path, "nonsense\n");
	refuses(&p, &b, -EINVAL, "tombstones:1");
	assert_string_equal(peers_of(&q), AS_IT_WAS);
	place_remove(&p);
	place_remove(&q);
}

/* ---- a crash at every system call ---------------------------------------- */

static const struct backup *to_restore;

static int restore_in_child(const struct place *p)
{
	struct codexrestore_told told = { .n_dead = 0 };

	return try_restore_stopping(p, to_restore, &told, true, NULL);
}

/* The old: phone has another key, new is there, car was revoked. The new: as
 * the backup has it, but for them. */
static void check_either(const struct place *p, size_t at)
{
	const char *peers = peers_of(p);
	struct codexrestore_told told = { .n_dead = 0 };

	if (strcmp(peers, "phone+ Laptop+ new+") != 0 &&
	    strcmp(peers, "phone+ Laptop+") != 0)
		fail_msg("killed before call %zu: %s", at, peers);
	restore(p, to_restore, &told);
	assert_string_equal(peers_of(p), "phone+ Laptop+");
}

static void check_nothing_or_new(const struct place *p, size_t at)
{
	struct codexrestore_told told = { .n_dead = 0 };
	struct codexstore s;
	int r = open_at(&s, p, CODEXSTORE_READ, NULL);

	if (r && r != -ENOENT)
		fail_msg("killed before call %zu: %d", at, r);
	codexstore_close(&s);
	restore(p, to_restore, &told);
	assert_string_equal(peers_of(p), "phone- Laptop- car-");
}

static void crash_everywhere(bool on_empty)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	bool more = true;
	size_t at;

	for (at = 1; more; at++) {
		struct place p;

		place_new(&p);
		make_usual(&p);
		backup_of(&b, &p);
		to_restore = &b;
		if (on_empty) {
			place_empty(&p);
		} else {
			turn(&p, "phone", 40);
			add(&p, "new", 9);
			kill_peer(&p, "car");
		}
		more = run_and_kill(restore_in_child, &p, at);
		(on_empty ? check_nothing_or_new : check_either)(&p, at);
		place_remove(&p);
		backup_deinit(&b);
	}
	assert_true(at > 40);
}

static void a_crash_at_any_call_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	if (test_in_valgrind()) {
		print_message("skipped: valgrind traces by itself\n");
		return;
	}
	crash_everywhere(false);
	crash_everywhere(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_changed_is_as_it_was),
		cmocka_unit_test(who_was_revoked_stays_dead),
		cmocka_unit_test(the_dead_of_the_backup_die_here_too),
		cmocka_unit_test(who_turned_keeps_the_new_key),
		cmocka_unit_test(who_does_not_remember_gives_nobody_access),
		cmocka_unit_test(whom_the_host_disabled_stays_so),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(a_crash_at_any_call_leaves_the_old_or_the_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
