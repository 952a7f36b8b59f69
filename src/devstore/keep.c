/* devstore/keep.c: changes collected, written together, read again.
 *
 * One table: kind, owner, name, value. A change names its row; the last one of
 * a request counts. They wait in memory until the request is done, and go into
 * the file in one transaction. Only then is the request answered: so whatever
 * was answered with success is in the file, and whoever is killed in between
 * has either all of a request or nothing of it. When it cannot be written, the
 * file is as it was; the engine then makes its rooms again from the file, so
 * memory says no more than the file does.
 *
 * SQLite in its write-ahead mode, with one opener: no shared memory, one write
 * a request. It is not flushed to the disk each time, which on many takes
 * longer than all the rest: what was answered outlives this process, however it
 * ends; a machine that loses its power may lose the last moments, and no more.
 * The log stands beside the file (FILE-wal); it is empty after an orderly end,
 * and after a crash the next start takes over what is in it. This is for
 * development: values stand in the file in clear text.
 */
#include "devstore/keep.h"
#include "base/secret.h"
#include "wire/json.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x70686473, PATH_SIZE = 4096 }; /* "phds" */

static const char *const kind_name[] = {
	[KEEP_SPACE] = "namespace",
	[KEEP_POLICY] = "policy",
	[KEEP_MOUNT] = "mount",
	[KEEP_KV_CONFIG] = "kv-config",
	[KEEP_KV_SECRET] = "kv-secret",
	[KEEP_JWT_CONFIG] = "jwt-config",
	[KEEP_JWT_ROLE] = "jwt-role",
	[KEEP_APPROLE_ROLE] = "approle-role",
	[KEEP_SECRET_ID] = "secret-id",
	[KEEP_PKI_CA] = "pki-ca",
	[KEEP_PKI_ROLE] = "pki-role",
	[KEEP_PKI_CERT] = "pki-cert",
	[KEEP_TOKEN] = "token",
	[KEEP_WRAP] = "wrap",
};
_Static_assert(N_ELEMS(kind_name) == KEEP_KINDS, "a kind without a name");

enum change_verb { CHANGE_PUT, CHANGE_REMOVE, CHANGE_DROP };

struct change {
	enum change_verb verb;
	enum keep_kind kind;
	char owner[KEEP_OWNER_SIZE + 1];
	char *name, *value; /* value: of CHANGE_PUT */
	size_t n;	    /* bytes of value */
};

struct keep {
	char path[PATH_SIZE];
	sqlite3 *db;
	sqlite3_stmt *verb[CHANGE_DROP + 1];
	struct change *change;
	size_t n, room;
	bool due;  /* one of them is a reason to write */
	int error; /* a change could not be taken down */
};

/* ---- what went wrong ---------------------------------------------------- */

static int code_of(int sqlite)
{
	switch (sqlite & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static int explain(const struct keep *k, int sqlite, struct fault *fault)
{
	int r = code_of(sqlite);

	switch (r) {
	case -EBUSY:
		return fault_set(fault, r,
		    "end that process, or give another --store",
		    "%s: another process has it open", k->path);
	case -EBADMSG:
		return fault_set(fault, r,
		    "put a copy of before in its place, or begin with another "
		    "--store",
		    "%s: not a store's file, or damaged: %s", k->path,
		    sqlite3_errmsg(k->db));
	case -ENOSPC:
		return fault_set(fault, r, "make room on its file system",
		    "%s: no room to write", k->path);
	case -EROFS:
		return fault_set(fault, r, "it must be a file to write in",
		    "%s: cannot be written", k->path);
	default:
		return fault_set(
		    fault, r, NULL, "%s: %s", k->path, sqlite3_errmsg(k->db));
	}
}

static int run(struct keep *k, const char *sql, struct fault *fault)
{
	int r = sqlite3_exec(k->db, sql, NULL, NULL, NULL);

	return r ? explain(k, r, fault) : 0;
}

/* ---- opening ------------------------------------------------------------ */

/* Ours alone, and there, before SQLite opens it with a mode of its own. */
static int file_claim(const struct keep *k, struct fault *fault)
{
	CLEANUP(close_p)
	int fd = open(k->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return fault_set(fault, -errno, "give another --store",
		    "%s: cannot be opened for writing: %s", k->path,
		    strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fault_set(fault, -EINVAL, "give another --store",
		    "%s: not a regular file", k->path);
	if (st.st_mode & 077)
		return fault_set(fault, -EPERM,
		    "chmod 600, since tokens and "
		    "values stand in it",
		    "%s: others may read or write it (mode %03o)", k->path,
		    st.st_mode & 0777u);
	return 0;
}

/* The one row and column that @sql answers. */
static int ask_number(
    struct keep *k, const char *sql, int *number, struct fault *fault)
{
	sqlite3_stmt *s;
	int r = sqlite3_prepare_v2(k->db, sql, -1, &s, NULL);

	if (!r && sqlite3_step(s) == SQLITE_ROW)
		*number = sqlite3_column_int(s, 0);
	if (!r)
		r = sqlite3_finalize(s);
	return r ? explain(k, r, fault) : 0;
}

static int check_whole(struct keep *k, struct fault *fault)
{
	sqlite3_stmt *s;
	const char *word = "";
	int r =
	    sqlite3_prepare_v2(k->db, "PRAGMA quick_check(1)", -1, &s, NULL);

	if (r)
		return explain(k, r, fault);
	if (sqlite3_step(s) == SQLITE_ROW)
		word = (const char *)sqlite3_column_text(s, 0);
	r = word && !strcmp(word, "ok") ? 0 : SQLITE_CORRUPT;
	if (r)
		explain(k, r, fault);
	sqlite3_finalize(s);
	return r ? -EBADMSG : 0;
}

static int format_write(struct keep *k, struct fault *fault)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
	    "BEGIN; PRAGMA application_id=%d; PRAGMA user_version=%d;"
	    "CREATE TABLE row(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL,"
	    " owner TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
	    " UNIQUE(kind, owner, name)) STRICT;"
	    "COMMIT",
	    APPLICATION_ID, KEEP_FORMAT);
	return run(k, sql, fault);
}

static int format_check(struct keep *k, struct fault *fault)
{
	int tables = 0, program = 0, format = 0;
	int r = ask_number(k, "PRAGMA application_id", &program, fault);

	if (!r)
		r = ask_number(
		    k, "SELECT count(*) FROM sqlite_schema", &tables, fault);
	if (!r && !tables && !program)
		return format_write(k, fault);
	if (!r)
		r = ask_number(k, "PRAGMA user_version", &format, fault);
	if (r)
		return r;
	if (program != APPLICATION_ID)
		return fault_set(fault, -EINVAL, "give another --store",
		    "%s: a database of another program", k->path);
	if (format != KEEP_FORMAT)
		return fault_set(fault, -EINVAL,
		    "start the version of pharos-devstore that wrote it",
		    "%s: of format %d, expected is %d", k->path, format,
		    KEEP_FORMAT);
	return check_whole(k, fault);
}

#define WHOSE "kind = ?1 AND owner = ?2 AND name = ?3"

static int prepare(struct keep *k, struct fault *fault)
{
	static const char put[] = "INSERT INTO row(kind, owner, name, value)"
				  " VALUES(?1, ?2, ?3, ?4)"
				  " ON CONFLICT(kind, owner, name)"
				  " DO UPDATE SET value = excluded.value";
	static const char remove[] = "DELETE FROM row WHERE " WHOSE;
	static const char *const sql[] = {
		[CHANGE_PUT] = put,
		[CHANGE_REMOVE] = remove,
		[CHANGE_DROP] = "DELETE FROM row WHERE owner = ?2",
	};

	for (size_t i = 0; i < N_ELEMS(sql); i++) {
		int r =
		    sqlite3_prepare_v2(k->db, sql[i], -1, &k->verb[i], NULL);

		if (r)
			return explain(k, r, fault);
	}
	return 0;
}

/* The lock is taken with the first look at the file. What is removed is
 * overwritten. */
static int database_open(struct keep *k, struct fault *fault)
{
	int stay = 1; /* emptied at the end and not removed, so nothing has to
		       * be opened or removed once the program is isolated */
	int r = sqlite3_open_v2(
	    k->path, &k->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	if (r)
		return explain(k, r, fault);
	sqlite3_extended_result_codes(k->db, 1);
	r = run(k,
	    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF;"
	    "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
	    "PRAGMA secure_delete=ON; PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=1048576;"
	    "BEGIN IMMEDIATE; COMMIT",
	    fault);
	if (!r)
		sqlite3_file_control(
		    k->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &stay);
	if (!r)
		r = format_check(k, fault);
	if (!r)
		r = prepare(k, fault);
	return r;
}

int keep_open(struct keep **out, const char *path, struct fault *fault)
{
	struct keep *k = calloc(1, sizeof(*k));
	int n, r;

	if (!k)
		return -ENOMEM;
	/* a name with a slash in it is a file's, never one of SQLite's own */
	n = snprintf(
	    k->path, sizeof(k->path), "%s%s", *path == '/' ? "" : "./", path);
	r = n < (int)sizeof(k->path) ? file_claim(k, fault)
				     : fault_set(fault, -ENAMETOOLONG, NULL,
					   "--store: the path is too long");
	if (!r)
		r = database_open(k, fault);
	if (r)
		keep_close(k);
	else
		*out = k;
	return r;
}

static void change_clear(struct change *c)
{
	if (c->value)
		secret_wipe(c->value, c->n);
	if (c->name) /* a token's row is named by it */
		secret_wipe(c->name, strlen(c->name));
	free(c->value);
	free(c->name);
}

static void changes_clear(struct keep *k)
{
	for (size_t i = 0; i < k->n; i++)
		change_clear(&k->change[i]);
	k->n = 0;
	k->due = false;
	k->error = 0;
}

void keep_close(struct keep *k)
{
	if (!k)
		return;
	changes_clear(k);
	free(k->change);
	for (size_t i = 0; i < N_ELEMS(k->verb); i++)
		sqlite3_finalize(k->verb[i]);
	sqlite3_close(k->db);
	free(k);
}

bool keep_is_empty(const struct keep *k)
{
	sqlite3_stmt *s;
	bool empty = true;

	if (sqlite3_prepare_v2(
		k->db, "SELECT 1 FROM row LIMIT 1", -1, &s, NULL))
		return false;
	empty = sqlite3_step(s) == SQLITE_DONE;
	sqlite3_finalize(s);
	return empty;
}

/* ---- taking changes down ------------------------------------------------ */

static struct change *change_new(struct keep *k)
{
	size_t room = k->room ? 2 * k->room : 64;
	struct change *more;

	if (k->n < k->room)
		return &k->change[k->n++];
	if (k->n == KEEP_CHANGES_MOST)
		return NULL;
	more = realloc(k->change, room * sizeof(*more));
	if (!more)
		return NULL;
	k->change = more;
	k->room = room;
	return &k->change[k->n++];
}

static struct change *change_add(const struct keep_at *at,
    enum change_verb verb, enum keep_kind kind, const char *name)
{
	struct keep *k = at->keep;
	struct change *c = change_new(k);

	if (!c) {
		k->error = k->n == KEEP_CHANGES_MOST ? -ENOBUFS : -ENOMEM;
		return NULL;
	}
	*c = (struct change){ .verb = verb, .kind = kind };
	memcpy(c->owner, at->owner, sizeof(c->owner));
	c->name = strdup(name);
	if (!c->name)
		k->error = -ENOMEM;
	return c;
}

static int value_set(struct change *c, const json_t *value)
{
	size_t n = value ? json_dumpb(value, NULL, 0, JSON_COMPACT) : 0;

	c->value = n ? malloc(n) : NULL;
	if (!c->value)
		return -ENOMEM;
	c->n = n;
	json_dumpb(value, c->value, n, JSON_COMPACT);
	return 0;
}

void keep_put(const struct keep_at *at, enum keep_kind kind, const char *name,
    json_t *value)
{
	struct change *c;

	if (at->keep) {
		at->keep->due = true;
		c = change_add(at, CHANGE_PUT, kind, name);
		if (c && value_set(c, value))
			at->keep->error = -ENOMEM;
	}
	json_decref(value);
}

void keep_remove(
    const struct keep_at *at, enum keep_kind kind, const char *name)
{
	if (!at->keep)
		return;
	at->keep->due = true;
	change_add(at, CHANGE_REMOVE, kind, name);
}

void keep_forget(
    const struct keep_at *at, enum keep_kind kind, const char *name)
{
	if (at->keep && at->keep->n < KEEP_CHANGES_MOST / 2)
		change_add(at, CHANGE_REMOVE, kind, name);
}

void keep_drop(const struct keep_at *at)
{
	INVARIANT(*at->owner || !at->keep);
	if (!at->keep)
		return;
	at->keep->due = true;
	change_add(at, CHANGE_DROP, KEEP_KINDS, "");
}

/* ---- writing ------------------------------------------------------------ */

static int change_write(struct keep *k, const struct change *c)
{
	sqlite3_stmt *s = k->verb[c->verb];
	int r = sqlite3_bind_text(s, 2, c->owner, -1, SQLITE_STATIC);

	if (!r && c->verb != CHANGE_DROP)
		r = sqlite3_bind_text(
		    s, 1, kind_name[c->kind], -1, SQLITE_STATIC);
	if (!r && c->verb != CHANGE_DROP)
		r = sqlite3_bind_text(s, 3, c->name, -1, SQLITE_STATIC);
	if (!r && c->verb == CHANGE_PUT)
		r = sqlite3_bind_text(s, 4, c->value, (int)c->n, SQLITE_STATIC);
	if (!r)
		r = sqlite3_step(s) == SQLITE_DONE ? 0 : SQLITE_ERROR;
	if (r == SQLITE_ERROR)
		r = sqlite3_reset(s);
	else
		sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return r;
}

static int changes_write(struct keep *k, struct fault *fault)
{
	int r = sqlite3_exec(k->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	for (size_t i = 0; i < k->n && !r; i++)
		r = change_write(k, &k->change[i]);
	if (!r)
		r = sqlite3_exec(k->db, "COMMIT", NULL, NULL, NULL);
	if (!r)
		return 0;
	r = explain(k, r, fault);
	if (!sqlite3_get_autocommit(k->db))
		sqlite3_exec(k->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int keep_commit(struct keep *k, struct fault *fault)
{
	int r;

	if (!k || !k->due)
		return 0;
	r = k->error;
	if (r)
		fault_set(fault, r, NULL, "%s: %s", k->path,
		    r == -ENOBUFS ? "too many changes at once" : "no memory");
	else
		r = changes_write(k, fault);
	changes_clear(k);
	return r;
}

void keep_discard(struct keep *k)
{
	if (k)
		changes_clear(k);
}

/* ---- reading ------------------------------------------------------------ */

static int row_read(sqlite3_stmt *s, keep_row_fn fn, void *ctx)
{
	const char *text = (const char *)sqlite3_column_text(s, 3);
	JSON *value =
	    text ? json_read_object(
		       text, (size_t)sqlite3_column_bytes(s, 3), JSON_ALLOW_NUL)
		 : NULL;
	struct keep_row row = {
		.owner = (const char *)sqlite3_column_text(s, 1),
		.name = (const char *)sqlite3_column_text(s, 2),
		.value = value,
	};

	if (!row.owner || !row.name || !value)
		return -EINVAL;
	return fn(ctx, &row);
}

int keep_each(struct keep *k, enum keep_kind kind, keep_row_fn fn, void *ctx,
    struct fault *fault)
{
	sqlite3_stmt *s;
	int r = sqlite3_prepare_v2(k->db,
	    "SELECT seq, owner, name, value FROM row WHERE kind = ?1"
	    " ORDER BY seq",
	    -1, &s, NULL);
	int step, bad = 0;

	if (r)
		return explain(k, r, fault);
	step = sqlite3_bind_text(s, 1, kind_name[kind], -1, SQLITE_STATIC);
	while (!bad && (step = sqlite3_step(s)) == SQLITE_ROW)
		bad = row_read(s, fn, ctx);
	if (bad == -EINVAL)
		fault_set(fault, bad,
		    "put a copy of before in its place, or begin with another "
		    "--store",
		    "%s: damaged: row %lld (%s) cannot be understood", k->path,
		    (long long)sqlite3_column_int64(s, 0), kind_name[kind]);
	else if (bad)
		fault_set(fault, bad, NULL, "%s: %s", k->path, strerror(-bad));
	else if (step != SQLITE_DONE)
		bad = explain(k, step, fault);
	sqlite3_finalize(s);
	return bad;
}
