/* bridge/realms.h: the clusters that the bridge serves, each for itself: one
 * whose files the options name, or one for each credential.
 *
 * Credentials are files, or all `*.json` of a folder. They are looked at every
 * REALMS_LOOK_MS: one that appears is served, one that is gone is cut, and one
 * that was replaced is logged in with, or opened anew where it names another
 * place. A realm that fails harms no other.
 */
#pragma once
#include "base/metric.h"
#include "bridge/config.h"

struct credential;
struct loop;
struct realms;

enum {
	REALMS_MOST = 256, /* more are not served; the log says so, and
			      pharos_bridge_realms_left_out */
	REALMS_LOOK_MS = 2000,
	/* what so many may need: two connections to a store and what libcurl
	 * holds, legs at two beacons, a few tunnels */
	REALMS_DESCRIPTORS = REALMS_MOST * 32,
};

/** realms_open() - begin to serve what @config names (borrowed, and so is
 * @registry, until realms_close())
 * Return: 0; -errno with @fault: the one realm of the options, or all that the
 * options name by their files, cannot be served. */
MUST_USE int realms_open(struct realms **out, struct loop *loop,
    const struct config *config, struct metric_registry *registry,
    struct fault *fault);
/** realms_close() - everything is cut; NULL is fine */
void realms_close(struct realms *rs);

/* For struct daemon_config, with the realms as context. */
/** realms_reload() - certificates, CAs and tokens of all; those that are not
 * good stay as they are. Return: 0; -errno with @fault, of the last of these.
 */
MUST_USE int realms_reload(void *ctx, struct fault *fault);
void realms_drain(void *ctx);
bool realms_busy(void *ctx);
/** realms_ready() - NULL when one of them is of use; else why none is */
const char *realms_ready(void *ctx);

/** realms_is_folder() - does --credential name a folder there? */
bool realms_is_folder(const char *path);
/** realms_read_credential() - the file, which has to be private
 * @out: credential_deinit() it.
 * Return: 0; -errno or -EINVAL with @fault, naming the file. */
MUST_USE int realms_read_credential(
    struct credential *out, const char *path, struct fault *fault);
/** realms_each() - call @fn with each credential file that @config names now,
 * itself or by its folder */
void realms_each(const struct config *config,
    void (*fn)(void *ctx, const char *path), void *ctx);
