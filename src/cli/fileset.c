#include "cli/fileset.h"
#include "base/file.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file waits as ".NAME.PID.new", opened with O_EXCL and synced. Its name is a
 * second link to it: link(2) refuses a name that is taken, which rename(2)
 * would replace, and works on every file system that we met but FAT. */

static int cannot(
    const struct fileset *set, int code, const char *name, struct fault *fault)
{
	const char *hint =
	    "Check who owns the folder, its mode and the space that is left.";

	if (code == -EEXIST)
		return fault_set(fault, code,
		    "Nothing was written. Move it away, or choose another name "
		    "or folder.",
		    "%s/%s: exists already, and is never overwritten",
		    set->folder, name);
	return fault_set(fault, code, hint, "%s%s%s: %s", set->folder,
	    *name ? "/" : "", name, strerror(-code));
}

/* ---- the folder ---- */

/* Cut the last component off; false when there is none before it. */
static bool cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	while (slash && slash > path && slash[-1] == '/')
		slash--;
	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* Remove the folder @path and its parents, @n folders in all. */
static void unmake(char *path, size_t n)
{
	while (n-- && !rmdir(path) && cut_last(path))
		;
}

/* Make each prefix of @path that ends before a slash, then the whole.
 * @n_made: how many of its last components were made */
static int make_all(char *path, size_t *n_made)
{
	*n_made = 0;
	for (char *at = path + 1;; at++) {
		bool last = !*at;
		int err;

		if (!last && (*at != '/' || at[-1] == '/'))
			continue;
		*at = '\0';
		err = mkdir(path, last ? 0700 : 0755) ? -errno : 0;
		if (err && err != -EEXIST) {
			if (cut_last(path))
				unmake(path, *n_made);
			*n_made = 0;
			return err;
		}
		*n_made = err ? 0 : *n_made + 1;
		if (last)
			return 0;
		*at = '/';
	}
}

/* @path without slashes at its end, which would count as components */
static int copy_path(char to[PATH_MAX], const char *path)
{
	size_t n = strlen(path);

	if (!n)
		return -ENOENT;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	while (n > 1 && path[n - 1] == '/')
		n--;
	memcpy(to, path, n);
	to[n] = '\0';
	return 0;
}

/* A signal that would end the process waits until nothing is half done. */
static void hold_signals(sigset_t *before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigprocmask(SIG_BLOCK, &held, before);
}

int fileset_open(
    struct fileset *set, const char *folder, bool make, struct fault *fault)
{
	char path[PATH_MAX];
	int err;

	*set = (struct fileset){ .folder = folder, .fd = -1 };
	err = copy_path(path, folder);
	if (err)
		return cannot(set, err, "", fault);
	set->open = true;
	hold_signals(&set->signals);
	if (make)
		err = make_all(path, &set->n_made);
	if (err)
		return cannot(set, err, "", fault);
	set->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return set->fd < 0 ? cannot(set, -errno, "", fault) : 0;
}

/* ---- the files ---- */

static int fill(int fd, const struct fileset_content *content)
{
	int r = file_write(fd, content->bytes, content->n);

	if (r)
		return r;
	return fchmod(fd, content->mode) || fsync(fd) ? -errno : 0;
}

static bool is_taken(const struct fileset *set, const char *name)
{
	return !faccessat(set->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

int fileset_add(struct fileset *set, const struct fileset_content *content,
    struct fault *fault)
{
	struct fileset_file *file = &set->files[set->n_files];
	CLEANUP(close_p) int fd = -1;
	int err;

	INVARIANT(set->n_files < FILESET_MOST && !set->committed);
	INVARIANT(!strchr(content->name, '/'));
	if (strlen(content->name) > FILESET_NAME_MOST)
		return cannot(set, -ENAMETOOLONG, content->name, fault);
	if (is_taken(set, content->name))
		return cannot(set, -EEXIST, content->name, fault);
	snprintf(file->name, sizeof(file->name), "%s", content->name);
	snprintf(file->waiting, sizeof(file->waiting), ".%s.%d.new",
	    content->name, (int)getpid());
	fd = openat(set->fd, file->waiting,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return cannot(set, -errno, file->waiting, fault);
	set->n_files++; /* from here on fileset_close() removes it */
	err = fill(fd, content);
	return err ? cannot(set, err, file->name, fault) : 0;
}

static int name_all(struct fileset *set, struct fault *fault)
{
	for (size_t i = 0; i < set->n_files; i++) {
		struct fileset_file *file = &set->files[i];

		if (linkat(set->fd, file->waiting, set->fd, file->name, 0))
			return cannot(set, -errno, file->name, fault);
		file->named = true;
	}
	return fsync(set->fd) ? cannot(set, -errno, "", fault) : 0;
}

int fileset_commit(struct fileset *set, struct fault *fault)
{
	int err = name_all(set, fault);

	for (size_t i = 0; err && i < set->n_files; i++) {
		struct fileset_file *file = &set->files[i];

		if (file->named)
			unlinkat(set->fd, file->name, 0);
		file->named = false;
	}
	set->committed = !err;
	return err;
}

void fileset_close(struct fileset *set)
{
	char path[PATH_MAX];

	if (!set->open)
		return;
	for (size_t i = 0; i < set->n_files; i++)
		unlinkat(set->fd, set->files[i].waiting, 0);
	close_p(&set->fd);
	if (!set->committed && !copy_path(path, set->folder))
		unmake(path, set->n_made);
	sigprocmask(SIG_SETMASK, &set->signals, NULL);
	set->open = false;
}
