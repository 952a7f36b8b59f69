/* cli/fileset.h: new files that come into being together, or not at all.
 *
 *   fileset_open()    the folder; made where it is missing
 *   fileset_add()     each file's bytes wait under a name of their own
 *   fileset_commit()  all get their names, none of which was taken
 *   fileset_close()   what was not committed is removed again, and the folders
 *                     that were made for it
 *
 * Nothing is ever overwritten: a name that is taken fails the whole set. A file
 * gets its name when its bytes are on the disk, so no reader meets half of one.
 * Only a process that is killed between leaves something: files that begin with
 * a dot and that nothing refers to.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <signal.h>

enum { FILESET_MOST = 16, FILESET_NAME_MOST = 80 };

struct fileset_file {
	char name[FILESET_NAME_MOST + 1], waiting[FILESET_NAME_MOST + 16];
	bool named;
};

struct fileset {
	const char *folder; /* borrowed */
	int fd;		    /* of the folder */
	size_t n_made;	    /* of its last components, made here */
	struct fileset_file files[FILESET_MOST];
	size_t n_files;
	sigset_t signals; /* that were blocked before */
	bool open, committed;
};

/** fileset_open() - @folder is borrowed until fileset_close(), which follows
 * also when this failed. SIGHUP, SIGINT and SIGTERM wait until then.
 * @make: make it, mode 0700, and its parents, mode 0755, where missing
 * Return: 0; -errno with @fault. */
MUST_USE int fileset_open(
    struct fileset *set, const char *folder, bool make, struct fault *fault);
/** fileset_add() - one file, whole
 * @name: without a slash, at most FILESET_NAME_MOST characters
 * @mode: exactly this one, whatever the umask
 * Return: 0; -EEXIST: the name is taken; -errno; all with @fault. */
struct fileset_content {
	const char *name;
	const void *bytes;
	size_t n;
	mode_t mode;
};
MUST_USE int fileset_add(struct fileset *set,
    const struct fileset_content *content, struct fault *fault);
/** fileset_commit() - name them all
 * Return: 0; -EEXIST: a name was taken meanwhile; -errno. With a failure none
 * of them is there. */
MUST_USE int fileset_commit(struct fileset *set, struct fault *fault);
/** fileset_close() - repeatable; on zeros it does nothing */
void fileset_close(struct fileset *set);
