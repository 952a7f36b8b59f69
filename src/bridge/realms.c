/* bridge/realms.c: which realms there are.
 *
 * An entry is there for each credential that was found, whether it could be
 * used or not: its file's print says if there is anything new to try. So a file
 * that is no good is said to be so once, and again when it has changed, another
 * is gone that may have been in its way, or somebody asks for a reload.
 *
 * Files are looked at by the clock and not by the kernel's word: credentials
 * come seldom, may lie on any file system, and two seconds matter to nobody.
 * What cannot be read at some moment (a folder that is being replaced) takes
 * nothing away: only who reads the folder and does not find the file knows that
 * it is gone.
 */
#include "bridge/realms.h"
#include "base/log.h"
#include "bridge/meter.h"
#include "net/beaconc.h"
#include "net/loop.h"
#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/stat.h>

/* Which file stands there, and as of when. */
struct print {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written, changed;
};

struct entry {
	TAILQ_ENTRY(entry) of_realms;
	char path[PATH_MAX]; /* "": the realm of the options */
	char label[REALM_LABEL_MOST + 1];
	struct print print;
	struct realm *realm; /* NULL: it is no good */
	struct meter meter;
	bool seen;
};

TAILQ_HEAD(entries, entry);

struct realms {
	struct loop *loop;
	const struct config *config;
	struct metric_registry *registry;
	struct egress *egress;
	struct entries entries;
	size_t n_entries;
	struct wheel_timer timer;
	uint64_t served, broken, left_out;
	struct metric_row rows[3];
	struct metric_table table;
	struct fault fault; /* of the last that was no good */
};

/* ---- one realm ----------------------------------------------------------- */

static void entry_close(struct entry *e)
{
	meter_close(&e->meter);
	realm_close(STEAL(e->realm));
}

static void entry_free(struct realms *rs, struct entry *e)
{
	entry_close(e);
	TAILQ_REMOVE(&rs->entries, e, of_realms);
	rs->n_entries--;
	free(e);
}

static int entry_open(struct realms *rs, struct entry *e,
    const struct credential *credential, struct fault *fault)
{
	const struct realm_order order = {
		.config = rs->config,
		.egress = rs->egress,
		.label = e->label,
		.credential = credential,
	};
	int r = realm_open(&e->realm, rs->loop, &order, fault);

	if (!r)
		meter_open(&e->meter, rs->registry, e->realm);
	return r;
}

static struct entry *entry_new(struct realms *rs, const char *path)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	(void)snprintf(e->path, sizeof(e->path), "%s", path);
	TAILQ_INSERT_TAIL(&rs->entries, e, of_realms);
	rs->n_entries++;
	return e;
}

/* ---- a credential's file ------------------------------------------------- */

static int print_of(struct print *out, const char *file)
{
	struct stat st;

	if (stat(file, &st))
		return -errno;
	memset(out, 0, sizeof(*out));
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->size = st.st_size;
	out->written = st.st_mtim;
	out->changed = st.st_ctim;
	return 0;
}

/* The file's name without ".json", of characters that need no quoting. */
static void label_of(char to[REALM_LABEL_MOST + 1], const char *path)
{
	const char *name = strrchr(path, '/');
	size_t n = strlen(name ? ++name : (name = path));

	if (n > 5 && !strcmp(name + n - 5, ".json"))
		n -= 5;
	if (n > REALM_LABEL_MOST)
		n = REALM_LABEL_MOST;
	for (size_t i = 0; i < n; i++)
		to[i] =
		    strchr("\"\\{}", name[i]) || name[i] < ' ' ? '_' : name[i];
	to[n] = '\0';
}

static bool label_is_free(const struct realms *rs, const struct entry *mine)
{
	const struct entry *e;

	TAILQ_FOREACH (e, &rs->entries, of_realms)
		if (e != mine && !strcmp(e->label, mine->label))
			return false;
	return true;
}

int realms_read_credential(
    struct credential *out, const char *path, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	int r = secret_read_file(&text, path, CREDENTIAL_TEXT_MOST);

	if (r) {
		file_fault(fault, r, path, CREDENTIAL_TEXT_MOST);
		return r < 0 ? r : -EINVAL;
	}
	r = credential_read(out, secret_bytes(text), secret_size(text), fault);
	return r ? fault_wrap(fault, "credential %s", path), r : 0;
}

/* A realm that is there goes on with what has come, or is opened anew. */
static int follow(struct realms *rs, struct entry *e,
    const struct credential *credential, struct fault *fault)
{
	int r = e->realm ? realm_log_in(e->realm, credential) : REALM_E_OTHER;

	if (r != REALM_E_OTHER)
		return r;
	if (e->realm)
		log_info("credential names another place",
		    LOG_STR("realm", e->label));
	entry_close(e);
	return entry_open(rs, e, credential, fault);
}

static int load(struct realms *rs, struct entry *e, struct fault *fault)
{
	struct credential credential = { .n_beacons = 0 };
	int r = realms_read_credential(&credential, e->path, fault);

	if (!r && !label_is_free(rs, e))
		r = fault_set(fault, -EINVAL, "give one of them another name",
		    "credential %s: there is another of that name", e->path);
	if (!r)
		r = follow(rs, e, &credential, fault);
	credential_deinit(&credential);
	return r;
}

static void look_at(struct realms *rs, struct entry *e)
{
	struct fault fault = FAULT_NONE;
	struct print now;
	int r;

	if (print_of(&now, e->path) || !memcmp(&now, &e->print, sizeof(now)))
		return;
	e->print = now;
	r = load(rs, e, &fault);
	if (!r) {
		log_info("credential read", LOG_STR("realm", e->label),
		    LOG_STR("file", e->path));
		return;
	}
	if (!fault.code)
		fault_set(&fault, r, NULL, "credential %s: %s", e->path,
		    strerror(r < 0 ? -r : EINVAL));
	rs->fault = fault;
	log_err(e->realm ? "credential is no good; the one before it is used"
			 : "credential is no good",
	    LOG_STR("realm", e->label), LOG_STR("fault", fault.text),
	    LOG_STR("hint", fault.hint));
}

/* ---- which files there are ----------------------------------------------- */

static void found(void *ctx, const char *path)
{
	struct realms *rs = ctx;
	struct entry *e;

	TAILQ_FOREACH (e, &rs->entries, of_realms)
		if (!strcmp(e->path, path))
			break;
	if (!e && rs->n_entries >= REALMS_MOST) {
		rs->left_out++;
		return;
	}
	if (!e) {
		e = entry_new(rs, path);
		if (!e)
			return; /* at the next look */
		label_of(e->label, path);
	}
	e->seen = true;
	look_at(rs, e);
}

static int is_credential(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 &&
	       !strcmp(d->d_name + n - 5, ".json");
}

typedef void (*path_fn)(void *ctx, const char *path);

/* In the order of their names, so that it does not change which are left out.
 */
static int each_below(const char *folder, path_fn fn, void *ctx)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, is_credential, alphasort);
	char path[PATH_MAX];

	for (int i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder,
			names[i]->d_name) < (int)sizeof(path))
			fn(ctx, path);
		free(names[i]);
	}
	free(names);
	return n < 0 ? -errno : 0;
}

/* @given cannot be looked at, for @error: what was found by it stays, but for a
 * file that is known to be gone. */
static void keep(struct realms *rs, const char *given, int error)
{
	struct entry *e;
	size_t n = strlen(given);

	TAILQ_FOREACH (e, &rs->entries, of_realms)
		if (!strncmp(e->path, given, n) &&
		    (e->path[n] == '/' || (!e->path[n] && error != -ENOENT)))
			e->seen = true;
}

static void look_into(struct realms *rs, const char *folder)
{
	int r = each_below(folder, found, rs);

	if (!r)
		return;
	fault_set(
	    &rs->fault, r, NULL, "credentials in %s: %s", folder, strerror(-r));
	keep(rs, folder, r);
}

bool realms_is_folder(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Those that are no good are tried again: what was in their way may be gone. */
static void try_again(struct realms *rs)
{
	struct entry *e;

	TAILQ_FOREACH (e, &rs->entries, of_realms)
		if (!e->realm)
			e->print = (struct print){ .inode = 0 };
}

static void sweep(struct realms *rs)
{
	struct entry *e, *next;

	for (e = TAILQ_FIRST(&rs->entries); e; e = next) {
		next = TAILQ_NEXT(e, of_realms);
		if (e->seen)
			continue;
		log_info("credential is gone", LOG_STR("realm", e->label),
		    LOG_STR("file", e->path));
		entry_free(rs, e);
		try_again(rs);
	}
}

static void count(struct realms *rs)
{
	const struct entry *e;

	rs->served = 0;
	TAILQ_FOREACH (e, &rs->entries, of_realms)
		rs->served += e->realm != NULL;
	rs->broken = rs->n_entries - rs->served;
}

void realms_each(const struct config *config,
    void (*fn)(void *ctx, const char *path), void *ctx)
{
	for (size_t i = 0; i < config->credential.n_items; i++)
		if (realms_is_folder(config->credential.items[i]))
			(void)each_below(config->credential.items[i], fn, ctx);
		else
			fn(ctx, config->credential.items[i]);
}

/* A file that an option names has to be there, a folder's may come later. */
static void look_for(struct realms *rs, const char *file)
{
	struct print now;
	int r = print_of(&now, file);

	if (!r) {
		found(rs, file);
		return;
	}
	fault_set(&rs->fault, r, NULL, "credential %s: %s", file, strerror(-r));
	keep(rs, file, r); /* it may have been a folder */
}

static void look(struct realms *rs)
{
	const struct option_list *given = &rs->config->credential;
	uint64_t left_out = rs->left_out;
	struct entry *e;

	TAILQ_FOREACH (e, &rs->entries, of_realms)
		e->seen = false;
	rs->left_out = 0;
	for (size_t i = 0; i < given->n_items; i++)
		if (realms_is_folder(given->items[i]))
			look_into(rs, given->items[i]);
		else
			look_for(rs, given->items[i]);
	sweep(rs);
	count(rs);
	if (rs->left_out > left_out)
		log_err("too many credentials; some are not served",
		    LOG_INT("served", REALMS_MOST),
		    LOG_UINT("left_out", rs->left_out));
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct realms *rs = CONTAINER_OF(t, struct realms, timer);

	(void)now;
	look(rs);
	loop_after(rs->loop, &rs->timer, REALMS_LOOK_MS, on_timer);
}

/* ---- opening ------------------------------------------------------------- */

static void metrics_init(struct realms *rs)
{
	const struct metric_row rows[] = {
		{ "pharos_bridge_realms", NULL, "realms that are served",
		    METRIC_GAUGE, &rs->served },
		{ "pharos_bridge_realms_broken", NULL,
		    "credentials that are no good", METRIC_GAUGE, &rs->broken },
		{ "pharos_bridge_realms_left_out", NULL,
		    "credentials over the limit", METRIC_GAUGE, &rs->left_out },
	};

	_Static_assert(sizeof(rows) == sizeof(rs->rows), "a row each");
	memcpy(rs->rows, rows, sizeof(rows));
	rs->table = (struct metric_table){ .rows = rs->rows,
		.n_rows = N_ELEMS(rs->rows) };
	metric_add(rs->registry, &rs->table);
}

static int open_one(struct realms *rs, struct fault *fault)
{
	struct entry *e = entry_new(rs, "");
	int r = e ? entry_open(rs, e, NULL, fault) : -ENOMEM;

	count(rs);
	return r;
}

static bool folder_is_given(const struct realms *rs)
{
	const struct option_list *given = &rs->config->credential;

	for (size_t i = 0; i < given->n_items; i++)
		if (realms_is_folder(given->items[i]))
			return true;
	return false;
}

static int open_credentials(struct realms *rs, struct fault *fault)
{
	look(rs);
	loop_after(rs->loop, &rs->timer, REALMS_LOOK_MS, on_timer);
	if (rs->served || folder_is_given(rs))
		return 0;
	*fault = rs->fault;
	return fault->code;
}

/* Once for all realms, and while somebody looks: later, when a certificate
 * comes from the store, nobody may. */
static int check_beacon_ca(const struct config *config, struct fault *fault)
{
	const struct beaconc_trust beacons = {
		.ca_file = config->uplink.beacon_ca,
		.pin_hex = config->uplink.beacon_pin,
	};
	CLEANUP(tls_context_freep) struct tls_context *outer = NULL;

	return config->uplink.mode == UPLINK_BEACON
		   ? beaconc_outer_context(&outer, &beacons, fault)
		   : 0;
}

static int open_all(struct realms *rs, struct fault *fault)
{
	const struct config *config = rs->config;
	int r = egress_open(
	    &rs->egress, rs->loop, config->uplink.egress_proxy, fault);

	if (!r && (config->credential.n_items || config->store_token_file))
		r = check_beacon_ca(config, fault);
	if (r)
		return r;
	return config->credential.n_items ? open_credentials(rs, fault)
					  : open_one(rs, fault);
}

int realms_open(struct realms **out, struct loop *loop,
    const struct config *config, struct metric_registry *registry,
    struct fault *fault)
{
	struct realms *rs = calloc(1, sizeof(*rs));
	int r;

	if (!rs)
		return -ENOMEM;
	rs->loop = loop;
	rs->config = config;
	rs->registry = registry;
	TAILQ_INIT(&rs->entries);
	metrics_init(rs);
	r = open_all(rs, fault);
	if (r)
		realms_close(rs);
	else
		*out = rs;
	return r;
}

void realms_close(struct realms *rs)
{
	if (!rs)
		return;
	loop_cancel(rs->loop, &rs->timer);
	while (!TAILQ_EMPTY(&rs->entries))
		entry_free(rs, TAILQ_FIRST(&rs->entries));
	metric_drop(rs->registry, &rs->table);
	egress_close(rs->egress, rs->loop);
	free(rs);
}

/* ---- the daemon's -------------------------------------------------------- */

int realms_reload(void *ctx, struct fault *fault)
{
	struct realms *rs = ctx;
	struct entry *e;
	int worst = 0;

	try_again(rs);
	if (rs->config->credential.n_items)
		look(rs);
	TAILQ_FOREACH (e, &rs->entries, of_realms) {
		int r = e->realm ? realm_reload(e->realm, fault) : 0;

		worst = r ? r : worst;
	}
	return worst;
}

void realms_drain(void *ctx)
{
	struct realms *rs = ctx;
	struct entry *e;

	loop_cancel(rs->loop, &rs->timer);
	TAILQ_FOREACH (e, &rs->entries, of_realms)
		if (e->realm)
			realm_drain(e->realm);
}

bool realms_busy(void *ctx)
{
	const struct realms *rs = ctx;
	const struct entry *e;

	TAILQ_FOREACH (e, &rs->entries, of_realms)
		if (e->realm && realm_busy(e->realm))
			return true;
	return false;
}

const char *realms_ready(void *ctx)
{
	const struct realms *rs = ctx;
	const struct entry *e;
	const char *why = NULL;

	TAILQ_FOREACH (e, &rs->entries, of_realms) {
		const char *its =
		    e->realm ? realm_ready(e->realm) : rs->fault.text;

		if (!its)
			return NULL;
		why = why ? why : its;
	}
	return why ? why : "there is no credential yet";
}
