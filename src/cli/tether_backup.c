/* pharos tether backup, restore: all of a tether as one encrypted file. */
#include "base/file.h"
#include "cli/passphrase.h"
#include "cli/tether.h"
#include "link/codexrestore.h"
#include "wire/backup.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct config {
	struct tether_common common;
	char *passphrase_file;
	bool dry_run;
};

#define PASSPHRASE_ROW                                                         \
	{                                                                      \
		.name = "passphrase-file", .metavar = "FILE",                  \
		.help = "the passphrase; without it, it is asked for",         \
		.detail = "A file that only its owner may read. The end of "   \
			  "its line does not count.",                          \
		.offset = offsetof(struct config, passphrase_file),            \
		.type = OPTION_TEXT                                            \
	}

static const struct option_row backup_rows[] = {
	TETHER_ROWS(struct config, common),
	PASSPHRASE_ROW,
};

static const struct option_row restore_rows[] = {
	TETHER_ROWS(struct config, common),
	PASSPHRASE_ROW,
	{ .name = "dry-run",
	    .help = "say what would become of the tether",
	    .initial = "false",
	    .offset = offsetof(struct config, dry_run),
	    .type = OPTION_BOOL },
};

/* ---- backup -------------------------------------------------------------- */

static int texts_of(
    struct backup *out, const struct codexstore *s, struct fault *fault)
{
	int r = codextext_write(&out->codex, &out->n_codex, &s->codex);

	if (!r)
		r = tombstones_write(
		    &out->tombstones, &out->n_tombstones, &s->tombstones);
	if (!r)
		r = keyring_write(&out->keyring, s->keyring);
	return r ? fault_set(fault, r, NULL, "out of memory") : 0;
}

/* The lock is held meanwhile, so that the three are of one moment. */
static int read_tether(
    struct backup *out, const struct config *c, struct fault *fault)
{
	struct codexstore s;
	int r = tether_open(&s, &c->common, CODEXSTORE_CHANGE, fault);

	if (!r)
		r = texts_of(out, &s, fault);
	codexstore_close(&s);
	return r;
}

static int write_new(const char *path, const uint8_t *bytes, size_t n)
{
	CLEANUP(close_p)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write(fd, bytes, n);
	if (!r && fsync(fd))
		r = -errno;
	if (r)
		(void)unlink(path);
	return r;
}

static int backup(const struct config *c, const char *path,
    const struct secret *passphrase, struct fault *fault)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	CLEANUP(free_p) uint8_t *file = NULL;
	size_t n;
	int r = read_tether(&b, c, fault);

	if (r)
		return r;
	r = backup_seal(&file, &n, &b, passphrase);
	if (r)
		return fault_set(fault, r, NULL,
		    "no memory is left; the passphrase's hash takes 64 MiB");
	r = write_new(path, file, n);
	if (r)
		return fault_set(fault, r,
		    r == -EEXIST ? "Give another name: a backup is never "
				   "overwritten."
				 : NULL,
		    "cannot write %s: %s", path, strerror(-r));
	printf("%s has the whole tether, with its private key. Without the "
	       "passphrase it is of no use to anybody.\n",
	    path);
	return 0;
}

static int run_backup(
    const void *config, char *const *words, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *passphrase = NULL;
	const struct config *c = config;
	const struct passphrase_order order = { .path = c->passphrase_file,
		.least = BACKUP_PASSPHRASE_LEAST,
		.most = BACKUP_PASSPHRASE_MOST,
		.twice = true };
	const char *path;
	int r = tether_word(&path, words, "FILE", fault);

	if (!r)
		r = passphrase_get(&passphrase, &order, fault);
	return r ? r : backup(c, path, passphrase, fault);
}

static const struct option_table backup_table = {
	.program = "pharos tether backup",
	.about = "Write the whole tether into one encrypted file.",
	.synopsis = "FILE [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = backup_rows,
	.n_rows = N_ELEMS(backup_rows),
	.takes_words = true,
};

const struct verb tether_backup_verb = {
	.name = "backup",
	.about = "write the tether into one encrypted file",
	.table = &backup_table,
	.config_size = sizeof(struct config),
	.run = run_backup,
};

/* ---- restore ------------------------------------------------------------- */

static int refuse(struct fault *fault, int code, const char *path)
{
	if (code == -ENOMEM)
		return fault_set(fault, code, NULL,
		    "no memory is left; the passphrase's hash takes 64 MiB");
	return fault_set(fault, -EINVAL,
	    code == BACKUP_E_PASSPHRASE ? "Nothing was changed. Try again."
					: "Nothing was changed. Take another "
					  "copy of it, or another backup.",
	    "%s: %s", path, backup_says(code));
}

struct found {
	char *bytes; /* owned */
	size_t n;
};

static int read_backup(struct found *out, const char *path, struct fault *fault)
{
	int r = file_read(&out->bytes, &out->n, path, BACKUP_MOST);

	if (r) {
		file_fault(fault, r, path, BACKUP_MOST);
		return r > 0 ? -EINVAL : r;
	}
	r = backup_look((const uint8_t *)out->bytes, out->n);
	return r ? refuse(fault, r, path) : 0;
}

static int open_backup(struct codexrestore_from *out, const struct found *found,
    const char *path, const struct secret *passphrase, struct fault *fault)
{
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	int r = backup_open(
	    &b, (const uint8_t *)found->bytes, found->n, passphrase);

	return r ? refuse(fault, r, path)
		 : codexrestore_read(out, &b, path, fault);
}

static void tell_count(size_t n, const char *one, const char *many)
{
	if (n == 1)
		printf("  1 %s\n", one);
	else if (n)
		printf("  %zu %s\n", n, many);
}

static void tell(const struct codexstore *s,
    const struct codexrestore_told *told, bool dry_run)
{
	printf("%s %s %zu peers.\n", s->codex_path,
	    dry_run ? "would have" : "has", s->codex.n_peers);
	tell_count(told->n_dead,
	    "of the backup was revoked since, and stays so",
	    "of the backup were revoked since, and stay so");
	tell_count(told->n_turned, "has another key since, and keeps it",
	    "have another key since, and keep it");
	tell_count(told->n_left, "came after the backup, and is a peer no more",
	    "came after the backup, and are peers no more");
	if (told->unconfirmed && s->codex.n_peers)
		printf("This host does not know who was revoked since the "
		       "backup, so each is disabled until you say:\n"
		       "  pharos tether peer enable NAME\n");
}

static int restore(
    const struct config *c, struct codexrestore_from *from, struct fault *fault)
{
	struct codexrestore_told told;
	struct codexstore s;
	int r = tether_open(&s, &c->common, CODEXSTORE_RESTORE, fault);

	if (!r)
		r = codexrestore_merge(&s, from, &told, fault);
	if (!r && !c->dry_run)
		r = codexstore_commit(&s, fault);
	if (!r)
		tell(&s, &told, c->dry_run);
	if (!r && !c->dry_run)
		r = tether_tell(&s, &c->common, fault);
	codexstore_close(&s);
	return r;
}

static int run_restore(
    const void *config, char *const *words, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *passphrase = NULL;
	const struct config *c = config;
	const struct passphrase_order order = { .path = c->passphrase_file,
		.least = 1,
		.most = BACKUP_PASSPHRASE_MOST };
	struct codexrestore_from from = { .keyring = NULL };
	struct found found = { .n = 0 };
	const char *path;
	int r = tether_word(&path, words, "FILE", fault);

	if (!r)
		r = read_backup(&found, path, fault);
	if (!r)
		r = passphrase_get(&passphrase, &order, fault);
	if (!r)
		r = open_backup(&from, &found, path, passphrase, fault);
	free(found.bytes);
	if (!r)
		r = restore(c, &from, fault);
	codexrestore_from_deinit(&from);
	return r;
}

static const struct option_table restore_table = {
	.program = "pharos tether restore",
	.about = "Put a backup's tether in the place of this host's.",
	.synopsis = "FILE [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = restore_rows,
	.n_rows = N_ELEMS(restore_rows),
	.takes_words = true,
};

const struct verb tether_restore_verb = {
	.name = "restore",
	.about = "put a backup in the place of this tether",
	.table = &restore_table,
	.config_size = sizeof(struct config),
	.run = run_restore,
};
