#include "link/codexstore.h"
#include "base/file.h"
#include "base/test-valgrind.h"
#include "link/test-codexplace.h"
#include "wire/ipam.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <cmocka.h>

static mode_t mode_of(const struct place *p, const char *name)
{
	char path[PATH_ROOM];
	struct stat st;

	path_in(path, p, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void what_is_written_is_read_and_secrets_are_private(void **state)
{
	struct place p;
	struct codexstore s;

	(void)state;
	place_new(&p);
	make_usual(&p);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_READ, NULL), 0);
	assert_int_equal(s.codex.generation, 1);
	assert_int_equal(s.codex.n_peers, 3);
	assert_false(s.edited);
	assert_non_null(keyring_shared(s.keyring, &s.codex.peers[0].key));
	codexstore_close(&s);
	assert_int_equal(mode_of(&p, "etc/tether.yaml"), 0644);
	assert_int_equal(mode_of(&p, "state"), 0700);
	assert_int_equal(mode_of(&p, "state/keyring"), 0600);
	assert_int_equal(mode_of(&p, "state/tombstones"), 0600);
	place_remove(&p);
}

static void a_tether_is_not_made_over_another(void **state)
{
	struct place p;
	struct codexstore s;
	struct fault fault = FAULT_NONE;

	(void)state;
	place_new(&p);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_CHANGE, &fault), -ENOENT);
	codexstore_close(&s);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_READ, &fault), -ENOENT);
	codexstore_close(&s);
	make_usual(&p);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_MAKE, &fault), -EEXIST);
	codexstore_close(&s);
	place_remove(&p);
}

/* ---- the dead ------------------------------------------------------------ */

/* Revoke the first peer; drop the old key of the second. */
static void kill_two(struct codexstore *s)
{
	struct codex_peer *phone = &s->codex.peers[0];
	struct codex_peer *laptop = &s->codex.peers[1];

	assert_int_equal(
	    codexstore_bury(s, phone, &phone->key, true, NOW, NULL), 0);
	assert_int_equal(
	    codexstore_bury(s, laptop, &laptop->key, false, NOW, NULL), 0);
	codex_turn_take(laptop);
	codex_peer_remove(&s->codex, phone);
}

static void an_old_codex_brings_nobody_back(void **state)
{
	CLEANUP(free_p) char *old = NULL;
	const struct wgkey turned = test_key(103);
	struct ipam_taken taken;
	struct prefix next;
	struct place p;
	struct codexstore s;

	(void)state;
	place_new(&p);
	make_usual(&p);
	assert_int_equal(file_read(&old, NULL, p.codex, 100000), 0);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_CHANGE, NULL), 0);
	kill_two(&s);
	assert_int_equal(codexstore_commit(&s, NULL), 0);
	assert_int_equal(keyring_count(s.keyring), 0);
	codexstore_close(&s);
	put_file(p.codex, old);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_READ, NULL), 0);
	assert_true(s.edited);
	assert_int_equal(s.codex.generation, 2);
	assert_int_equal(s.codex.n_peers, 2);
	assert_string_equal(s.codex.peers[0].name, "Laptop");
	assert_true(wgkey_equal(&s.codex.peers[0].key, &turned));
	assert_int_equal(codexstore_taken(&taken, &s), 0);
	assert_int_equal(ipam_next(&next, &s.codex.v4, &taken), 0);
	assert_int_equal(next.address[3], 5); /* 2 is dead, 3 and 4 are not */
	ipam_taken_deinit(&taken);
	codexstore_close(&s);
	place_remove(&p);
}

/* ---- files that are wrong ------------------------------------------------ */

static const struct {
	const char *label, *file, *text; /* text NULL: it is away */
	const char *says;
} wrong[] = {
	{ "tombstones cut", "state/tombstones", "pharos-tombst", "tombstones" },
	{ "no tombstones", "state/tombstones", NULL, "tombstones" },
	{ "no keyring", "state/keyring", NULL, "keyring" },
	{ "a keyring of nonsense", "state/keyring", "x\n", "keyring:1: " },
	{ "another's keyring", "state/keyring",
	    "pharos-keyring 1\nprivate "
	    "eBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWlo=\n",
	    "not that of the private key" },
	{ "a generation of nonsense", "state/generation", "x\n", "number" },
	{ "a codex of nonsense", "etc/tether.yaml", "port: x\n",
	    "tether.yaml:1:" },
	{ "an empty codex", "etc/tether.yaml", "", "empty" },
};

static void what_is_wrong_is_named_and_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(wrong); i++) {
		char path[PATH_ROOM];
		struct place p;
		struct codexstore s;
		struct fault fault = FAULT_NONE;
		int r;

		place_new(&p);
		make_usual(&p);
		path_in(path, &p, wrong[i].file);
		if (wrong[i].text)
			put_file(path, wrong[i].text);
		else
			assert_int_equal(unlink(path), 0);
		r = open_at(&s, &p, CODEXSTORE_CHANGE, &fault);
		if (r >= 0 || r != fault.code ||
		    !strstr(fault.text, wrong[i].says))
			fail_msg("%s: %d %s", wrong[i].label, r, fault.text);
		codexstore_close(&s);
		place_remove(&p);
	}
}

static void a_keyring_that_others_read_is_refused(void **state)
{
	char path[PATH_ROOM];
	struct place p;
	struct codexstore s;
	struct fault fault = FAULT_NONE;

	(void)state;
	place_new(&p);
	make_usual(&p);
	path_in(path, &p, "state/keyring");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(open_at(&s, &p, CODEXSTORE_READ, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "read or written by others"));
	codexstore_close(&s);
	place_remove(&p);
}

/* ---- a crash at every system call ---------------------------------------- */

static int add_new(struct codexstore *s)
{
	struct codex_peer peer = test_peer("new", 9);

	peer.shared = true;
	share(s, &peer.key);
	return codex_peer_add(&s->codex, &peer);
}

/* In the child: one change. */
static int change(const struct place *p, bool revoke)
{
	struct codexstore s;
	int r = open_at(&s, p, CODEXSTORE_CHANGE, NULL);

	if (!r && revoke)
		kill_two(&s);
	else if (!r)
		r = add_new(&s);
	if (!r)
		r = codexstore_commit(&s, NULL);
	codexstore_close(&s);
	return r;
}

static int change_revoke(const struct place *p)
{
	(void)raise(SIGSTOP);
	return change(p, true);
}

static int change_add(const struct place *p)
{
	(void)raise(SIGSTOP);
	return change(p, false);
}

/* Old: three peers with their keys. New: as the change says. */
static void check_whole(const struct place *p, bool revoke, size_t at)
{
	const struct wgkey old_key = test_key(3);
	struct codexstore s;
	struct fault fault = FAULT_NONE;
	bool old;

	if (open_at(&s, p, CODEXSTORE_CHANGE, &fault))
		fail_msg("killed before call %zu: %s", at, fault.text);
	if (s.edited)
		fail_msg("killed before call %zu: edited", at);
	if (revoke) {
		old = codex_peer_find(&s.codex, "phone") != NULL;
		assert_int_equal(s.codex.n_peers, old ? 3 : 2);
		assert_int_equal(
		    codex_peer_of_key(&s.codex, &old_key) != NULL, old);
		assert_int_equal(s.tombstones.n, old ? 0 : 2);
	} else {
		old = codex_peer_find(&s.codex, "new") == NULL;
		assert_int_equal(s.codex.n_peers, old ? 3 : 4);
		assert_int_equal(s.tombstones.n, 0);
	}
	if (codexstore_commit(&s, &fault))
		fail_msg("killed before call %zu: %s", at, fault.text);
	codexstore_close(&s);
}

static void a_crash_at_any_call_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	if (test_in_valgrind()) {
		print_message("skipped: valgrind traces by itself\n");
		return;
	}
	for (int revoke = 0; revoke < 2; revoke++) {
		bool more = true;
		size_t at;

		for (at = 1; more; at++) {
			struct place p;

			place_new(&p);
			make_usual(&p);
			more = run_and_kill(
			    revoke ? change_revoke : change_add, &p, at);
			check_whole(&p, revoke, at);
			place_remove(&p);
		}
		assert_true(at > 40); /* four files came into being */
	}
}

/* A disk that is full after any number of bytes: nothing is lost. */
static void a_full_disk_leaves_the_old_or_the_new(void **state)
{
	(void)state;
	for (rlim_t most = 0; most < 1600; most += 1 + most / 8) {
		const struct rlimit limit = { most, most };
		struct place p;
		int status;
		pid_t child;

		place_new(&p);
		make_usual(&p);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			(void)signal(SIGXFSZ, SIG_IGN);
			if (setrlimit(RLIMIT_FSIZE, &limit))
				_exit(77);
			_exit(change(&p, false) ? 4 : 0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_true(!WEXITSTATUS(status) || WEXITSTATUS(status) == 4);
		check_whole(&p, false, (size_t)most);
		place_remove(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_written_is_read_and_secrets_are_private),
		cmocka_unit_test(a_tether_is_not_made_over_another),
		cmocka_unit_test(an_old_codex_brings_nobody_back),
		cmocka_unit_test(what_is_wrong_is_named_and_left),
		cmocka_unit_test(a_keyring_that_others_read_is_refused),
		cmocka_unit_test(a_crash_at_any_call_leaves_the_old_or_the_new),
		cmocka_unit_test(a_full_disk_leaves_the_old_or_the_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
