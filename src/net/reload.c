/* net/reload.c
 *
 * A change is seen as events in a folder. Whoever renews a certificate writes
 * two files, and may write each in pieces, so the files are looked at when
 * nothing has happened there for CALM_MS, or after PATIENCE_MS if somebody
 * writes to the folder all the time. They are read only if one of them is
 * another file than at the last reading, or was written to since: other things
 * may lie in that folder.
 *
 * If what is read then is not good (the key is still the old one), the next
 * event brings the next try. So a renewal in two steps may cost one refusal,
 * never a wrong pair.
 *
 * The kernel watches a folder, not its name. So every LOOK_MS, and after each
 * event, the names are looked up: where another folder stands there now (the
 * old one was removed, moved, or a link to it turned), that one is watched from
 * then on. Landlock does not go by names either: who has confined itself may
 * not read in the new folder, and the log says that only a restart helps.
 *
 * Reading waits for nobody: anything but a file is refused here, since a pipe
 * could hold the loop for as long as base/file.h has patience. What is left is
 * a network's file system that hangs.
 */
#include "net/reload.h"
#include "base/log.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CALM_MS = 250, PATIENCE_MS = 2000, LOOK_MS = 5000 };

/* Which file stands there, and as of when. */
struct print {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written, changed;
};

struct folder {
	uv_fs_event_t event;
	struct reload *reload;
	char path[PATH_MAX];
	dev_t device; /* which is watched; 0 and 0: none */
	ino_t inode;
};

struct reload {
	struct loop *loop;
	struct reload_config config;
	struct folder folders[RELOAD_FILES_MOST];
	size_t n_folders, n_closing;
	struct print prints[RELOAD_FILES_MOST];
	struct wheel_timer calm, look;
	uint64_t since_ms; /* the first event that was not looked at */
};

static uint64_t counts[2]; /* done, refused */

struct metric_table *reload_metrics(void)
{
	static const struct metric_row rows[] = {
		{ "pharos_reloads_total", "result=\"done\"",
		    "times that certificates and lists were read again",
		    METRIC_COUNTER, &counts[0] },
		{ "pharos_reloads_total", "result=\"refused\"", NULL,
		    METRIC_COUNTER, &counts[1] },
	};
	static struct metric_table table = { .rows = rows,
		.n_rows = N_ELEMS(rows) };

	return &table;
}

/* ---- has a file changed? */

static void print_of(struct print *out, const char *file)
{
	struct stat st = { 0 };

	memset(out, 0, sizeof(*out));
	if (!file || stat(file, &st))
		return;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->size = st.st_size;
	out->written = st.st_mtim;
	out->changed = st.st_ctim;
}

/* Take the prints as they are now. Return: is one of them another? */
static bool take_prints(struct reload *r)
{
	bool changed = false;

	for (size_t i = 0; i < r->config.n_files; i++) {
		struct print now;

		print_of(&now, r->config.files[i]);
		changed = changed || memcmp(&now, &r->prints[i], sizeof(now));
		r->prints[i] = now;
	}
	return changed;
}

/* ---- reading them again */

static int check_kinds(const struct reload *r, struct fault *fault)
{
	for (size_t i = 0; i < r->config.n_files; i++) {
		const char *file = r->config.files[i];
		struct stat st;

		if (file && !stat(file, &st) && !S_ISREG(st.st_mode))
			return fault_set(fault, -EINVAL,
			    "put a file there; a pipe is read at the start "
			    "only",
			    "%s is not a regular file", file);
	}
	return 0;
}

/* Permissions let us in, and yet it cannot be opened: that is Landlock, whose
 * rules access() does not know. */
static bool is_barred(const char *file)
{
	CLEANUP(close_p)
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 && errno == EACCES && !access(file, R_OK);
}

static bool is_shut_out(const struct reload *r)
{
	for (size_t i = 0; i < r->config.n_files; i++)
		if (r->config.files[i] && is_barred(r->config.files[i]))
			return true;
	return false;
}

static int load(struct reload *r, const char *why)
{
	struct fault fault = FAULT_NONE;
	int code = check_kinds(r, &fault);

	if (!code)
		code = r->config.load(r->config.ctx, &fault);
	if (code && is_shut_out(r))
		(void)snprintf(fault.hint, sizeof(fault.hint),
		    "its folder was made anew, and isolation knows the old "
		    "one: restart, and replace files only");
	counts[code != 0]++;
	if (!code)
		log_info("reloaded", LOG_STR("why", why));
	else
		log_err("reload refused", LOG_STR("why", why),
		    LOG_STR("fault", fault.text), LOG_STR("hint", fault.hint));
	return code;
}

int reload_now(struct reload *r)
{
	loop_cancel(r->loop, &r->calm);
	(void)take_prints(r);
	return load(r, "signal");
}

/* ---- watching */

static void on_event(
    uv_fs_event_t *event, const char *name, int events, int status);

/* Return: 0; -errno, also when there is no such folder. */
static int watch(struct folder *f)
{
	struct stat st;
	int code;

	(void)uv_fs_event_stop(&f->event);
	f->device = 0;
	f->inode = 0;
	if (stat(f->path, &st))
		return -errno;
	code = uv_fs_event_start(&f->event, on_event, f->path, 0);
	if (code)
		return code;
	f->device = st.st_dev;
	f->inode = st.st_ino;
	return 0;
}

static bool is_watched(const struct folder *f)
{
	struct stat st;

	return !stat(f->path, &st) && st.st_dev == f->device &&
	       st.st_ino == f->inode;
}

/* Something has happened: one may have been removed, and its successor may
 * even have its number. So all are watched anew, before the prints are taken.
 */
static void on_calm(struct wheel_timer *t, uint64_t now_ms)
{
	struct reload *r = CONTAINER_OF(t, struct reload, calm);

	(void)now_ms;
	for (size_t i = 0; i < r->n_folders; i++)
		(void)watch(&r->folders[i]); /* on_look() tries again */
	if (take_prints(r))
		(void)load(r, "a file has changed");
}

static void await_calm(struct reload *r)
{
	uint64_t now = loop_now(r->loop), due = now + CALM_MS;

	if (!wheel_armed(&r->calm))
		r->since_ms = now;
	if (due > r->since_ms + PATIENCE_MS)
		due = r->since_ms + PATIENCE_MS;
	loop_after(r->loop, &r->calm, due > now ? due - now : 0, on_calm);
}

static void on_event(
    uv_fs_event_t *event, const char *name, int events, int status)
{
	(void)name;
	(void)events;
	(void)status;
	await_calm(((struct folder *)event->data)->reload);
}

static void on_look(struct wheel_timer *t, uint64_t now_ms)
{
	struct reload *r = CONTAINER_OF(t, struct reload, look);

	(void)now_ms;
	for (size_t i = 0; i < r->n_folders; i++)
		if (!is_watched(&r->folders[i]) && !watch(&r->folders[i]))
			await_calm(r);
	loop_after(r->loop, &r->look, LOOK_MS, on_look);
}

static void add_folder(struct reload *r, const char *file)
{
	struct folder *f = &r->folders[r->n_folders];
	char copy[PATH_MAX];
	int code;

	if (snprintf(copy, sizeof(copy), "%s", file) >= (int)sizeof(copy))
		return; /* no such file can have been read */
	(void)snprintf(f->path, sizeof(f->path), "%s", dirname(copy));
	for (size_t i = 0; i < r->n_folders; i++)
		if (!strcmp(r->folders[i].path, f->path))
			return;
	f->reload = r;
	code = uv_fs_event_init(loop_uv(r->loop), &f->event);
	INVARIANT(!code); /* it only fills in the handle */
	f->event.data = f;
	r->n_folders++;
	code = watch(f);
	if (code)
		log_warn("folder is not watched", LOG_STR("folder", f->path),
		    LOG_STR("fault", uv_strerror(code)),
		    LOG_STR("hint", "send SIGHUP when a file in it changes"));
}

int reload_open(
    struct reload **out, struct loop *loop, const struct reload_config *config)
{
	struct reload *r = calloc(1, sizeof(*r));

	INVARIANT(config->n_files <= RELOAD_FILES_MOST);
	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->config = *config;
	for (size_t i = 0; i < config->n_files; i++)
		if (config->files[i])
			add_folder(r, config->files[i]);
	(void)take_prints(r);
	loop_after(loop, &r->look, LOOK_MS, on_look);
	*out = r;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct reload *r = ((struct folder *)handle->data)->reload;

	if (--r->n_closing == 0)
		free(r);
}

void reload_close(struct reload *r)
{
	if (!r)
		return;
	loop_cancel(r->loop, &r->calm);
	loop_cancel(r->loop, &r->look);
	r->n_closing = r->n_folders;
	if (!r->n_folders) {
		free(r);
		return;
	}
	for (size_t i = 0; i < r->n_folders; i++)
		uv_close((uv_handle_t *)&r->folders[i].event, on_closed);
}
