/* Theory. A value exists in memory only where it is being delivered. With env
 * and fd that is the new process, between fork and exec: the supervisor itself
 * never maps the bytes. With files it is the supervisor, for the time of one
 * write into tmpfs.
 *
 * A folder of one delivery is called "..pharos-" and eight hex digits. Names of
 * values cannot start with a dot (plan.h), so the two never meet. What a killed
 * wrapper left behind is swept at the next delivery, after the swap: every such
 * folder but the one that ..data names.
 *
 * All file calls are relative to a descriptor of DIR that is opened once a
 * delivery without following a link in its last part; files are made with
 * O_EXCL and O_NOFOLLOW. So whoever may write in DIR can deny delivery but not
 * divert a value to another place.
 */
#include "wrapper/deliver.h"
#include "base/file.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FOLDER_PREFIX "..pharos-"
#define CURRENT	      "..data"
#define CURRENT_NEXT  "..data_next"

enum { FOLDER_NAME = sizeof(FOLDER_PREFIX) + 8 };

static int failed(struct fault *f, const struct plan *p, const char *what)
{
	int code = -errno;

	return fault_set(f, code,
	    code == -ENOSPC ? "make the folder's file system larger"
			    : "check that the folder belongs to the wrapper's "
			      "user and can be written to",
	    "%s in %.200s: %s", what, p->folder, strerror(-code));
}

static int open_folder(const struct plan *p)
{
	return open(p->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int deliver_check(const struct plan *p, bool allow_disk, struct fault *fault)
{
	CLEANUP(close_p) int fd = -1;
	struct statfs fs;

	if (p->deliver != PLAN_DELIVER_FILE)
		return 0;
	if (mkdir(p->folder, 0700) && errno != EEXIST)
		return fault_set(fault, -errno,
		    "make the folder above it, or choose another --dir",
		    "--dir: cannot make %.200s: %s", p->folder,
		    strerror(errno));
	fd = open_folder(p);
	if (fd < 0)
		return fault_set(fault, -errno,
		    "--dir must be a folder, not a link or a file",
		    "--dir: cannot open %.200s: %s", p->folder,
		    strerror(errno));
	if (fstatfs(fd, &fs))
		return failed(fault, p, "--dir: cannot look at files");
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC || allow_disk)
		return 0;
	return fault_set(fault, -EINVAL,
	    "use a folder on tmpfs (in Kubernetes an emptyDir with medium "
	    "Memory), or accept values on disk with --allow-disk",
	    "--dir: %.200s is not in memory", p->folder);
}

static int put_value(int fd, const struct value *v)
{
	struct value_view view;
	int r = value_open(&view, v);

	if (r)
		return r;
	r = file_write(fd, view.bytes, view.size);
	value_close(&view);
	return r;
}

static int put_file(int folder, const char *name, const struct value *v)
{
	CLEANUP(close_p)
	int fd = openat(folder, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);

	return fd < 0 ? -errno : put_value(fd, v);
}

static int put_files(int dir, const char *name, const struct deliver *d)
{
	CLEANUP(close_p) int folder = -1;
	int r = 0;

	if (mkdirat(dir, name, 0700))
		return -errno;
	folder =
	    openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	for (size_t i = 0; !r && i < d->plan->n_items; i++)
		r = put_file(folder, d->plan->items[i].name, &d->values[i]);
	return r;
}

/* Names in a folder, without the folder's own; @fn may remove them. */
static void each_name(int dir, void (*fn)(int dir, const char *name))
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = again < 0 ? NULL : fdopendir(again);
	struct dirent *e;

	if (!list) {
		close_p(&again);
		return;
	}
	while ((e = readdir(list)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			fn(dir, e->d_name);
	closedir(list);
}

static void remove_file(int dir, const char *name)
{
	(void)unlinkat(dir, name, 0);
}

static void remove_folder(int dir, const char *name)
{
	CLEANUP(close_p)
	int folder =
	    openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder >= 0)
		each_name(folder, remove_file);
	(void)unlinkat(dir, name, AT_REMOVEDIR);
}

/* What ..data names; "" if nothing of ours. */
static void current_folder(int dir, char name[FOLDER_NAME])
{
	ssize_t n = readlinkat(dir, CURRENT, name, FOLDER_NAME);

	if (n != FOLDER_NAME - 1)
		n = 0;
	name[n] = '\0';
}

static void sweep_one(int dir, const char *name)
{
	char current[FOLDER_NAME];

	current_folder(dir, current);
	if (!strncmp(name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) &&
	    strcmp(name, current) != 0)
		remove_folder(dir, name);
}

static int new_name(char name[FOLDER_NAME])
{
	uint32_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	snprintf(name, FOLDER_NAME, FOLDER_PREFIX "%08x", random);
	return 0;
}

static int swap(int dir, const char *name)
{
	if (unlinkat(dir, CURRENT_NEXT, 0) && errno != ENOENT)
		return -errno;
	if (symlinkat(name, dir, CURRENT_NEXT) ||
	    renameat(dir, CURRENT_NEXT, dir, CURRENT))
		return -errno;
	return 0;
}

/* DIR/NAME -> ..data/NAME; there already after the first delivery. */
static int put_link(int dir, const char *name)
{
	char target[sizeof(CURRENT) + 1 + PLAN_NAME_MOST];
	char seen[sizeof(target)];
	ssize_t n;

	snprintf(target, sizeof(target), CURRENT "/%s", name);
	if (!symlinkat(target, dir, name))
		return 0;
	if (errno != EEXIST)
		return -errno;
	n = readlinkat(dir, name, seen, sizeof(seen));
	if (n == (ssize_t)strlen(target) && !memcmp(seen, target, (size_t)n))
		return 0;
	errno = EEXIST; /* something else of that name: not ours to take */
	return -EEXIST;
}

static int put_links(int dir, const struct plan *p, struct fault *fault)
{
	for (size_t i = 0; i < p->n_items; i++) {
		const char *name = p->items[i].name;

		if (!put_link(dir, name))
			continue;
		if (errno == EEXIST)
			return fault_set(fault, -EEXIST,
			    "remove it, or choose another --dir",
			    "'%s' in %.200s is there already and is not ours",
			    name, p->folder);
		return failed(fault, p, "cannot make a link");
	}
	return 0;
}

static int put_all(int dir, const struct deliver *d, struct fault *fault)
{
	char name[FOLDER_NAME];
	int r = new_name(name);

	if (!r)
		r = put_files(dir, name, d);
	if (r) {
		errno = -r;
		r = failed(fault, d->plan, "cannot write a value");
	}
	if (!r)
		r = put_links(dir, d->plan, fault);
	if (!r && swap(dir, name))
		r = failed(fault, d->plan, "cannot swap the values");
	if (r)
		remove_folder(dir, name);
	return r;
}

int deliver_files(const struct deliver *d, struct fault *fault)
{
	CLEANUP(close_p) int dir = open_folder(d->plan);
	int r;

	if (dir < 0)
		return failed(fault, d->plan, "cannot open the folder");
	r = put_all(dir, d, fault);
	if (!r)
		each_name(dir, sweep_one);
	return r;
}

void deliver_clear(const struct plan *p)
{
	CLEANUP(close_p) int dir = -1;

	if (p->deliver != PLAN_DELIVER_FILE)
		return;
	dir = open_folder(p);
	if (dir < 0)
		return;
	for (size_t i = 0; i < p->n_items; i++)
		if (!put_link(dir, p->items[i].name))
			(void)unlinkat(dir, p->items[i].name, 0);
	(void)unlinkat(dir, CURRENT, 0);
	each_name(dir, sweep_one);
}

/* A memfd that can be read and no longer changed, kept open over exec. */
static int sealed_fd(const char *name, const struct value *v)
{
	enum { NOEXEC_SEAL = 8 }; /* MFD_NOEXEC_SEAL, Linux 6.3 */
	CLEANUP(close_p)
	int fd = memfd_create(name, MFD_ALLOW_SEALING | NOEXEC_SEAL);
	int r;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	r = put_value(fd, v);
	if (r)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		return -errno;
	r = fd;
	fd = -1;
	return r;
}

static int env_text(char **out, const char *name, const struct value *v)
{
	struct value_view view;
	size_t start = strlen(name) + 1;
	char *text;
	int r = value_open(&view, v);

	if (r)
		return r;
	text = malloc(start + view.size + 1);
	if (!text || memchr(view.bytes, '\0', view.size)) {
		r = text ? -EINVAL : -ENOMEM;
		free(text);
	} else {
		sprintf(text, "%s=", name);
		memcpy(text + start, view.bytes, view.size);
		text[start + view.size] = '\0';
		*out = text;
	}
	value_close(&view);
	return r;
}

static int one_variable(char **out, const struct deliver *d, size_t i)
{
	const char *name = d->plan->items[i].name;
	int fd;

	if (d->plan->deliver == PLAN_DELIVER_ENV)
		return env_text(out, name, &d->values[i]);
	if (d->plan->deliver == PLAN_DELIVER_FILE)
		return asprintf(out, "%s=%s/%s", name, d->plan->folder, name) <
			       0
			   ? -ENOMEM
			   : 0;
	fd = sealed_fd(name, &d->values[i]);
	if (fd < 0)
		return fd;
	return asprintf(out, "%s=/proc/self/fd/%d", name, fd) < 0 ? -ENOMEM : 0;
}

static bool is_delivered(const struct plan *p, const char *variable)
{
	for (size_t i = 0; i < p->n_items; i++) {
		size_t n = strlen(p->items[i].name);

		if (!strncmp(variable, p->items[i].name, n) &&
		    variable[n] == '=')
			return true;
	}
	return false;
}

int deliver_environment(const struct deliver *d, char ***out)
{
	size_t n = 0, used = 0, first;
	char **list;
	int r = 0;

	while (environ[n])
		n++;
	list = calloc(n + d->plan->n_items + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (!is_delivered(d->plan, environ[i]))
			list[used++] = environ[i];
	first = used;
	for (size_t i = 0; !r && i < d->plan->n_items; i++)
		r = one_variable(&list[used++], d, i);
	if (!r) {
		*out = list;
		return 0;
	}
	while (used > first)
		free(list[--used]);
	free(list);
	return r;
}
