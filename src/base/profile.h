/* base/profile.h: puts a program's isolation profile together: its calls, and
 * the files and ports that its options name.
 *
 *   profile_init(&p, calls, N_ELEMS(calls));
 *   profile_beside(&p, config->tls_key);
 *   r = profile_check(&p, fault);
 *   ... isolate_enter(&p.isolate, ...) ...
 *   profile_deinit(&p);
 *
 * What goes wrong on the way is kept and told by profile_check().
 */
#pragma once
#include "base/isolate.h"

enum { PROFILE_PATHS = 64, PROFILE_PORTS = 64 };

struct profile {
	struct isolate_profile isolate;
	int error;
	struct isolate_path paths[PROFILE_PATHS];
	char *owned[PROFILE_PATHS]; /* texts behind paths[] */
	size_t n_owned;
	uint16_t ports[PROFILE_PORTS];
};

/** profile_init() - Landlock and the filter on, no capability, no port, no path
 * but devices that hold nothing
 * @calls: borrowed */
void profile_init(struct profile *p, const struct isolate_calls *const *calls,
    size_t n_calls);
void profile_deinit(struct profile *p);
/** profile_check() - did all of it fit?
 * Return: 0; -E2BIG or -ENOMEM with @fault. */
MUST_USE int profile_check(const struct profile *p, struct fault *fault);

/** profile_path() - @path: borrowed */
void profile_path(
    struct profile *p, const char *path, enum isolate_access access);
/** profile_beside() - read what stands in the folder of @file, as it is named
 * and, if it is a link, where it is in truth: a certificate is replaced by
 * renaming, and a rule holds for what stands there now
 * @file: NULL or "": nothing */
void profile_beside(struct profile *p, const char *file);
/** profile_copy() - the same, copied; profile_folder() - of @file, as it is
 * named; copied */
void profile_copy(
    struct profile *p, const char *path, enum isolate_access access);
void profile_folder(
    struct profile *p, const char *file, enum isolate_access access);
/** profile_socket() - remove the unix socket @path and make it again; copied */
void profile_socket(struct profile *p, const char *path);
/** profile_port() - connect to TCP port @port; 0: nothing */
void profile_port(struct profile *p, uint16_t port);

/** profile_resolver() - what looking up host names reads, and TCP port 53 */
void profile_resolver(struct profile *p);
/** profile_system_cas() - where the system's CA certificates are */
void profile_system_cas(struct profile *p);
