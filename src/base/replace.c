#include "base/replace.h"
#include "base/file.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	CLEANUP(close_p) int fd = -1;

	(void)snprintf(folder, sizeof(folder), "%.*s",
	    slash ? (int)(slash - path) : 0, path);
	if (!slash || slash == path)
		(void)snprintf(folder, sizeof(folder), slash ? "/" : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int write_waiting(
    const char *waiting, const void *bytes, size_t n, mode_t mode)
{
	CLEANUP(close_p)
	int fd = open(waiting,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = file_write(fd, bytes, n);
	if (!r && (fchmod(fd, mode) || fsync(fd)))
		r = -errno;
	return r;
}

int replace_file(const char *path, const void *bytes, size_t n, mode_t mode)
{
	char waiting[PATH_MAX];
	int r = snprintf(waiting, sizeof(waiting), "%s.new", path);

	if (r < 0 || (size_t)r >= sizeof(waiting))
		return -ENAMETOOLONG;
	r = write_waiting(waiting, bytes, n, mode);
	if (!r && rename(waiting, path))
		r = -errno;
	if (r) {
		(void)unlink(waiting);
		return r;
	}
	return sync_folder_of(path);
}
