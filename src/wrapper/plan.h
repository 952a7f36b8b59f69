/* wrapper/plan.h: what was asked for, checked, as a list of deliveries.
 *
 * Pure: words in, a plan or a fault out; no file, no network. A plan is made
 * once at start and never changes.
 *
 * Grammar
 *   path   as the store knows it, "secret/app/db" or "secret/data/app/db"
 *          (wire/vaultpath.h), not a folder
 *   map    field=NAME[,field=NAME…][;map of the next path…]
 *   NAME   [A-Za-z_][A-Za-z0-9_]*; the variable that the command finds, and
 *          with files also the file's name
 * Maps go to paths in order; there are as many of them as paths.
 */
#pragma once
#include "base/fault.h"

enum {
	PLAN_SECRETS_MAX = 64,
	PLAN_ITEMS_MAX = 256,
	PLAN_PATH_MOST = 512,
	PLAN_FIELD_MOST = 128,
	PLAN_NAME_MOST = 128,
	PLAN_HOOK_WORDS_MAX = 32,
};

enum plan_deliver {
	PLAN_DELIVER_ENV,  /* NAME holds the value */
	PLAN_DELIVER_FILE, /* NAME holds the path of a file in DIR */
	PLAN_DELIVER_FD,   /* NAME holds /proc/self/fd/N, a sealed memfd */
	PLAN_DELIVER_COUNT
};

enum plan_rotate {
	PLAN_ROTATE_NONE,
	PLAN_ROTATE_SIGNAL,
	PLAN_ROTATE_RESTART,
	PLAN_ROTATE_EXEC,
	PLAN_ROTATE_COUNT
};

extern const char *const plan_deliver_names[]; /* NULL-terminated */

/* One value: @field of secret number @secret, delivered as @name. */
struct plan_item {
	size_t secret;
	char *field, *name;
};

struct plan {
	char **paths;
	size_t n_paths;
	struct plan_item *items; /* sorted by secret */
	size_t n_items;
	enum plan_deliver deliver;
	char *folder; /* for files; else NULL */
	enum plan_rotate rotate;
	int signal;  /* PLAN_ROTATE_SIGNAL */
	char **hook; /* PLAN_ROTATE_EXEC: words, NULL-terminated */
	size_t n_hook;
	bool poll; /* new versions are looked for */
};

/* What the operator typed; borrowed for the call. */
struct plan_order {
	char *const *secrets;
	size_t n_secrets;
	char *const *maps; /* each may hold several, split by ';' */
	size_t n_maps;
	enum plan_deliver deliver;
	const char *folder; /* --dir, or NULL */
	const char *on_rotate;
	long poll_ms; /* 0: never */
};

/** plan_new() - check an order and make the plan
 * @out: owned by the caller: plan_free().
 * Return: 0; -EINVAL with @fault: what is wrong, and what to type; -ENOMEM. */
MUST_USE int plan_new(
    struct plan **out, const struct plan_order *order, struct fault *fault);
void plan_free(struct plan *p);
void plan_freep(struct plan **p);

/** plan_signal_parse() - "HUP" or "SIGHUP"
 * Return: its number; -EINVAL: unknown, or one that no process can handle. */
int plan_signal_parse(const char *name);

/** plan_signal_name() - "HUP" for a number that plan_signal_parse() gave */
const char *plan_signal_name(int number);
