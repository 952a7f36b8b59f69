/* link/test-codexplace.h: for tests: the files of a tether in a folder of their
 * own, and a change of them that is killed at any point.
 */
#pragma once
#include "link/codexstore.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { NOW = 1795000000, PATH_ROOM = 300 };

struct place {
	char folder[64], codex[PATH_ROOM], state[PATH_ROOM];
};

static inline void path_in(
    char to[PATH_ROOM], const struct place *p, const char *name)
{
	snprintf(to, PATH_ROOM, "%s/%s", p->folder, name);
}

static inline void place_new(struct place *p)
{
	snprintf(p->folder, sizeof(p->folder), "/tmp/test-codexstore.XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	path_in(p->codex, p, "etc/tether.yaml");
	path_in(p->state, p, "state");
}

/* As on a machine that never had a tether. */
static inline void place_empty(const struct place *p)
{
	static const char *const names[] = { "etc/tether.yaml",
		"etc/tether.yaml.new", "state/keyring", "state/keyring.new",
		"state/tombstones", "state/tombstones.new", "state/generation",
		"state/generation.new", "state/lock" };
	char path[PATH_ROOM];

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		path_in(path, p, names[i]);
		(void)unlink(path);
	}
	path_in(path, p, "etc");
	(void)rmdir(path);
	(void)rmdir(p->state);
}

static inline void place_remove(const struct place *p)
{
	place_empty(p);
	assert_int_equal(rmdir(p->folder), 0);
}

static inline int open_at(struct codexstore *s, const struct place *p,
    enum codexstore_use use, struct fault *fault)
{
	const struct codexstore_place place = {
		.codex = p->codex, .state = p->state, .use = use
	};

	return codexstore_open(s, &place, fault);
}

static inline void share(struct codexstore *s, const struct wgkey *key)
{
	CLEANUP(secret_freep) struct secret *shared = NULL;

	assert_int_equal(wgkey_shared_new(&shared), 0);
	assert_int_equal(keyring_put(s->keyring, key, shared), 0);
}

/* The codex of wire/test-codex.h, whose first peer has a pre-shared key. */
static inline void make_usual(const struct place *p)
{
	CLEANUP(secret_freep) struct secret *private_key = NULL;
	struct codexstore s;
	struct fault fault = FAULT_NONE;

	if (open_at(&s, p, CODEXSTORE_MAKE, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(wgkey_private_new(&private_key), 0);
	assert_int_equal(keyring_new(&s.keyring, private_key), 0);
	test_codex(&s.codex);
	s.codex.generation = 0;
	wgkey_public(&s.codex.key, private_key);
	share(&s, &s.codex.peers[0].key);
	if (codexstore_commit(&s, &fault))
		fail_msg("%s", fault.text);
	codexstore_close(&s);
	codexstore_close(&s);
}

static inline void put_file(const char *path, const char *text)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	assert_int_equal(fwrite(text, 1, strlen(text), to), strlen(text));
	assert_int_equal(fclose(to), 0);
}

/* Run @change in a child, and kill it before its system call number @at, from
 * where it raises SIGSTOP on.
 * Return: had it come so far? */
static inline bool run_and_kill(
    int (*change)(const struct place *p), const struct place *p, size_t at)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(77);
		_exit(change(p) ? 4 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	for (size_t n = 0; n < 2 * at; n++) { /* entered, and left */
		assert_int_equal(ptrace(PTRACE_SYSCALL, child, 0, 0), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
	}
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}
