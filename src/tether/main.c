/* pharos-tether: keeps a private door into this host: WireGuard, its peers, and
 * the rules of who reaches what. See pharos-tether(8). */
#include "base/log.h"
#include "link/codexstore.h"
#include "net/daemon.h"
#include "tether/admin.h"
#include "tether/meter.h"
#include "tether/profile.h"
#include <malloc.h>
#include <stdio.h>

enum { PATH_SIZE = CODEXSTORE_PATH_MOST + 32, LARGE_BLOCK = 128 * 1024 };

/* What a change of the tether changes; see link/codexstore.h. */
enum { FILES = 3 };
struct files {
	char keyring[PATH_SIZE], tombstones[PATH_SIZE];
	const char *all[FILES];
};

static void name_files(struct files *f, const struct config *config)
{
	(void)snprintf(
	    f->keyring, sizeof(f->keyring), "%s/keyring", config->state);
	(void)snprintf(f->tombstones, sizeof(f->tombstones), "%s/tombstones",
	    config->state);
	f->all[0] = config->codex;
	f->all[1] = f->keyring;
	f->all[2] = f->tombstones;
}

static int reload(void *ctx, struct fault *fault)
{
	return keeper_heed(ctx, fault);
}

static const char *ready(void *ctx)
{
	const struct tunnel *t = keeper_tunnel(ctx);
	const struct fault *why = tunnel_fault(t);

	if (why)
		return why->text;
	return tunnel_is_up(t) ? NULL : "told to be down";
}

/* Isolated, so that what is started later can be started as well at first. */
static int keep(
    struct keeper *keeper, struct daemon *daemon, struct fault *fault)
{
	const struct wg *wg;
	int r = keeper_open(keeper, fault);

	if (r)
		return r;
	wg = tunnel_wg(keeper_tunnel(keeper));
	log_info("serving",
	    LOG_STR("interface", keeper_facts(keeper)->interface),
	    LOG_UINT("port", keeper_facts(keeper)->port),
	    LOG_STR("carrier", wg_carrier(wg)),
	    LOG_UINT("peers", keeper_facts(keeper)->n_peers));
	return daemon_run(daemon);
}

static int serve(struct loop *loop, struct keeper *keeper,
    const struct config *config, struct fault *fault)
{
	CLEANUP(profile_deinit) struct profile profile;
	struct metric_registry metrics = { .first = NULL };
	struct meter meter;
	struct admin *admin = NULL;
	struct files files;
	struct daemon *daemon = NULL;
	struct daemon_config d = {
		.common = &config->common,
		.health_address = config->health_address,
		.metrics = &metrics,
		.ready = ready,
		.ctx = keeper,
		.reload = reload,
		.files = files.all,
		.n_files = N_ELEMS(files.all),
		.profile = &profile.isolate,
	};
	int r = tether_profile(&profile, config, fault);

	name_files(&files, config);
	if (!r && config_control(config))
		r = admin_open(
		    &admin, loop, keeper, config_control(config), fault);
	meter_init(&meter, keeper, admin, &metrics);
	if (!r)
		r = daemon_open(&daemon, loop, &d, fault);
	if (!r)
		r = keep(keeper, daemon, fault);
	daemon_close(daemon);
	admin_close(admin);
	return r;
}

static int run(struct loop *loop, const void *from, struct fault *fault)
{
	const struct config *config = from;
	CLEANUP(keeper_freep) struct keeper *keeper = NULL;
	int r = keeper_new(&keeper, loop, config, fault);

	if (r)
		return r;
	r = serve(loop, keeper, config, fault);
	if (r)
		keeper_fall_back(keeper);
	return r;
}

/* A codex of thousands of peers is read, brought to the machine and forgotten:
 * memory for it goes back to the system if all threads share one heap and large
 * blocks are never a part of it. */
static void keep_memory_small(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	const struct daemon_program program = {
		.options = &config_options,
		.log_name = "tether",
		.config = &config,
		.common = &config.common,
		.check = config_check,
		.run = run,
	};

	keep_memory_small();
	return daemon_main(&program, argc, argv);
}
