/* net/reload.h: files that are read again while a daemon runs: certificates,
 * keys, lists.
 *
 * By SIGHUP (reload_now()), or by itself when one of them has changed. The
 * folders of the files are watched, not the files: a file is replaced by
 * renaming, or by turning a symbolic link as Kubernetes does. What is read is
 * checked first and used only if all of it is good; otherwise the old stays in
 * use, one line in the log says why, and a counter counts it. Only regular
 * files are read again; a folder that is removed and made anew is found again.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "net/loop.h"

struct reload;

enum { RELOAD_FILES_MOST = 16 };

/* Read everything, check it, and only then take it into use.
 * Return: 0; -errno with @fault: nothing has changed. */
typedef int (*reload_fn)(void *ctx, struct fault *fault);

struct reload_config {
	const char *const *files; /* borrowed; NULL: not given, skipped */
	size_t n_files;
	reload_fn load;
	void *ctx;
};

/** reload_open() - begin to watch
 * A folder that cannot be watched is a warning: reload_now() works.
 * Return: 0; -ENOMEM. */
MUST_USE int reload_open(
    struct reload **out, struct loop *loop, const struct reload_config *config);
void reload_close(struct reload *r);
/** reload_now() - read the files, changed or not
 * Return: 0; -errno: it was refused, and logged. */
int reload_now(struct reload *r);
/** reload_metrics() - how often, and with what result; one in a process */
struct metric_table *reload_metrics(void);
