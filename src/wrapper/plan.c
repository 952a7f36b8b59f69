/* Theory. The operator gives paths, maps and two choices: how values reach the
 * command (env, file, fd) and what happens when one changes (none, signal,
 * restart, exec). Not all pairs make sense: the environment and the open
 * descriptors of a running process cannot be changed from outside, so with
 * those a new value can only come with a new process. The table `pairs` says
 * so once; everything else here is reading words with stated limits.
 *
 * Items are kept sorted by secret because maps are read in that order; fetch
 * and handoff rely on it to report one secret at a time.
 */
#include "wrapper/plan.h"
#include "wire/vaultpath.h"
#include <assert.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>

const char *const plan_deliver_names[] = { "env", "file", "fd", NULL };
static_assert(N_ELEMS(plan_deliver_names) == PLAN_DELIVER_COUNT + 1,
    "a name for each way of delivery");

/* NULL: allowed. Else: why not. */
static const char *const pairs[PLAN_DELIVER_COUNT][PLAN_ROTATE_COUNT] = {
	[PLAN_DELIVER_ENV] = {
		[PLAN_ROTATE_SIGNAL] = "the environment of a running process "
				       "cannot be changed",
		[PLAN_ROTATE_EXEC] = "the environment of a running process "
				     "cannot be changed",
	},
	[PLAN_DELIVER_FD] = {
		[PLAN_ROTATE_SIGNAL] = "the descriptors of a running process "
				       "cannot be changed",
		[PLAN_ROTATE_EXEC] = "the descriptors of a running process "
				     "cannot be changed",
	},
};

/* What a command can be told with. Not KILL and STOP, which no process handles,
 * nor CHLD, which says something else. */
static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "ABRT", SIGABRT },
	{ "ALRM", SIGALRM },
	{ "BUS", SIGBUS },
	{ "CONT", SIGCONT },
	{ "FPE", SIGFPE },
	{ "HUP", SIGHUP },
	{ "ILL", SIGILL },
	{ "INT", SIGINT },
	{ "PIPE", SIGPIPE },
	{ "POLL", SIGPOLL },
	{ "PROF", SIGPROF },
	{ "PWR", SIGPWR },
	{ "QUIT", SIGQUIT },
	{ "SEGV", SIGSEGV },
	{ "SYS", SIGSYS },
	{ "TERM", SIGTERM },
	{ "TRAP", SIGTRAP },
	{ "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },
	{ "URG", SIGURG },
	{ "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 },
	{ "VTALRM", SIGVTALRM },
	{ "WINCH", SIGWINCH },
	{ "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ },
};

static int bad(
    struct fault *f, const char *hint, const char *what, const char *word)
{
	return fault_set(f, -EINVAL, hint, "%s: '%.200s'", what, word);
}

/* NULL: a path to read. Else: why not. */
static const char *path_problem(const char *path)
{
	struct vault_path parsed;
	int r = vault_path_plain(&parsed, path);

	if (r)
		return vault_path_problem(r);
	if (strlen(path) > PLAN_PATH_MOST)
		return "it is too long";
	return parsed.folder ? "it ends in a slash" : NULL;
}

int plan_signal_parse(const char *name)
{
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (size_t i = 0; i < N_ELEMS(signals); i++)
		if (!strcmp(signals[i].name, name))
			return signals[i].number;
	return -EINVAL;
}

const char *plan_signal_name(int number)
{
	for (size_t i = 0; i < N_ELEMS(signals); i++)
		if (signals[i].number == number)
			return signals[i].name;
	INVARIANT(false); /* it is not one that plan_signal_parse() gave */
	return NULL;
}

static bool name_ok(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	for (const char *c = s; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_')
			return false;
	return strlen(s) <= PLAN_NAME_MOST;
}

static bool field_ok(const char *s)
{
	for (const char *c = s; *c; c++)
		if (iscntrl((unsigned char)*c))
			return false;
	return *s && strlen(s) <= PLAN_FIELD_MOST;
}

static int check_name(const struct plan *p, const char *name, struct fault *f)
{
	if (!name_ok(name))
		return bad(f,
		    "a name starts with a letter or '_' and goes on with "
		    "letters, digits and '_'",
		    "--map: not a name for the command", name);
	if (!strncmp(name, "PHAROS_", 7))
		return bad(f, "take a name that does not start with PHAROS_",
		    "--map: this name belongs to Pharos", name);
	for (size_t i = 0; i < p->n_items; i++)
		if (!strcmp(p->items[i].name, name))
			return bad(f, "give each value a name of its own",
			    "--map: this name is there twice", name);
	return 0;
}

/* "field=NAME"; the word is cut up in place. */
static int add_item(struct plan *p, size_t secret, char *word, struct fault *f)
{
	char *equals = strchr(word, '=');
	struct plan_item *item = &p->items[p->n_items];
	int r;

	if (!equals)
		return bad(f,
		    "write field=NAME, for instance password=PGPASSWORD",
		    "--map: no '=' in", word);
	*equals = '\0';
	if (!field_ok(word))
		return bad(f,
		    "write field=NAME, for instance password=PGPASSWORD",
		    "--map: not a field of a secret", word);
	r = check_name(p, equals + 1, f);
	if (r)
		return r;
	if (p->n_items == PLAN_ITEMS_MAX)
		return bad(f, "a wrapper delivers at most 256 values",
		    "--map: too many values, at", word);
	*item = (struct plan_item){ .secret = secret };
	item->field = strdup(word);
	item->name = strdup(equals + 1);
	p->n_items++; /* plan_free() frees what is there */
	return item->field && item->name ? 0 : -ENOMEM;
}

static int add_map(struct plan *p, size_t secret, char *map, struct fault *f)
{
	char *rest = map, *word;
	int r = 0;

	if (secret >= p->n_paths)
		return fault_set(f, -EINVAL,
		    "give one map a path, in order, split by ';'",
		    "--map: more maps than --secret paths (%zu)", p->n_paths);
	while (!r && (word = strsep(&rest, ",")))
		r = add_item(p, secret, word, f);
	return r;
}

static int add_maps(
    struct plan *p, const struct plan_order *order, struct fault *f)
{
	size_t secret = 0;
	int r = 0;

	for (size_t i = 0; !r && i < order->n_maps; i++) {
		CLEANUP(free_p) char *copy = strdup(order->maps[i]);
		char *rest = copy, *map;

		if (!copy)
			return -ENOMEM;
		while (!r && (map = strsep(&rest, ";")))
			r = add_map(p, secret++, map, f);
	}
	if (!r && secret < p->n_paths)
		return bad(f, "give one map a path, in order, split by ';'",
		    "--map: there is none for", p->paths[secret]);
	return r;
}

static int add_paths(
    struct plan *p, const struct plan_order *order, struct fault *f)
{
	if (!order->n_secrets)
		return fault_set(f, -EINVAL, "name one with --secret PATH",
		    "no secret is asked for");
	if (order->n_secrets > PLAN_SECRETS_MAX)
		return fault_set(f, -EINVAL, "a wrapper reads at most 64 paths",
		    "--secret: too many paths (%zu)", order->n_secrets);
	for (size_t i = 0; i < order->n_secrets; i++) {
		const char *problem = path_problem(order->secrets[i]);

		if (problem)
			return fault_set(f, -EINVAL,
			    "write it as the store knows it, without a leading "
			    "'/' or 'v1/', for instance secret/app/db",
			    "--secret: '%.200s' is not a path: %s",
			    order->secrets[i], problem);
		p->paths[i] = strdup(order->secrets[i]);
		if (!p->paths[i])
			return -ENOMEM;
		p->n_paths++;
	}
	return 0;
}

/* Words at blanks; no shell, so that it works where there is none. */
static int read_hook(struct plan *p, const char *text, struct fault *f)
{
	CLEANUP(free_p) char *copy = strdup(text);
	char *rest = copy, *word;

	p->hook = calloc(PLAN_HOOK_WORDS_MAX + 1, sizeof(*p->hook));
	if (!copy || !p->hook)
		return -ENOMEM;
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (p->n_hook == PLAN_HOOK_WORDS_MAX)
			return bad(f, "put a long command into a script",
			    "--on-rotate: more than 32 words", text);
		p->hook[p->n_hook] = strdup(word);
		if (!p->hook[p->n_hook++])
			return -ENOMEM;
	}
	if (!p->n_hook)
		return bad(
		    f, "write exec:COMMAND", "--on-rotate: no command", text);
	return 0;
}

static int read_signal(struct plan *p, const char *name, struct fault *f)
{
	p->signal = plan_signal_parse(name);
	if (p->signal < 0)
		return bad(f, "for instance signal:HUP or signal:USR1",
		    "--on-rotate: not a signal that a command can handle",
		    name);
	return 0;
}

static int read_rotate(struct plan *p, const char *text, struct fault *f)
{
	if (!strcmp(text, "none")) {
		p->rotate = PLAN_ROTATE_NONE;
		return 0;
	}
	if (!strcmp(text, "restart")) {
		p->rotate = PLAN_ROTATE_RESTART;
		return 0;
	}
	if (!strncmp(text, "signal:", 7)) {
		p->rotate = PLAN_ROTATE_SIGNAL;
		return read_signal(p, text + 7, f);
	}
	if (!strncmp(text, "exec:", 5)) {
		p->rotate = PLAN_ROTATE_EXEC;
		return read_hook(p, text + 5, f);
	}
	return bad(f, "one of none, signal:NAME, restart, exec:COMMAND",
	    "--on-rotate: unknown", text);
}

static int check_pair(
    const struct plan *p, const struct plan_order *order, struct fault *f)
{
	const char *why = pairs[p->deliver][p->rotate];

	if (why)
		return fault_set(f, -EINVAL,
		    "use --deliver file, or --on-rotate restart",
		    "--deliver %s does not go with --on-rotate %.100s: %s",
		    plan_deliver_names[p->deliver], order->on_rotate, why);
	if (p->deliver == PLAN_DELIVER_FILE && !order->folder)
		return fault_set(f, -EINVAL,
		    "name a folder in memory, for instance --dir /run/secrets",
		    "--deliver file needs --dir");
	if (p->deliver != PLAN_DELIVER_FILE && order->folder)
		return fault_set(f, -EINVAL,
		    "leave --dir out, or use --deliver file",
		    "--dir is for --deliver file only");
	return 0;
}

static int fill(struct plan *p, const struct plan_order *order, struct fault *f)
{
	int r;

	p->deliver = order->deliver;
	p->paths = calloc(PLAN_SECRETS_MAX, sizeof(*p->paths));
	p->items = calloc(PLAN_ITEMS_MAX, sizeof(*p->items));
	if (!p->paths || !p->items)
		return -ENOMEM;
	r = add_paths(p, order, f);
	if (!r)
		r = add_maps(p, order, f);
	if (!r)
		r = read_rotate(p, order->on_rotate, f);
	if (!r)
		r = check_pair(p, order, f);
	if (r)
		return r;
	if (order->folder && !(p->folder = strdup(order->folder)))
		return -ENOMEM;
	/* Without a way to tell the command, only files are worth a look. */
	p->poll = order->poll_ms > 0 && (p->rotate != PLAN_ROTATE_NONE ||
					    p->deliver == PLAN_DELIVER_FILE);
	return 0;
}

int plan_new(
    struct plan **out, const struct plan_order *order, struct fault *fault)
{
	CLEANUP(plan_freep) struct plan *p = calloc(1, sizeof(*p));
	int r = p ? fill(p, order, fault) : -ENOMEM;

	if (r == -ENOMEM)
		return fault_set(fault, r, NULL, "no memory for the plan");
	if (r)
		return r;
	*out = STEAL(p);
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_paths; i++)
		free(p->paths[i]);
	for (size_t i = 0; i < p->n_items; i++) {
		free(p->items[i].field);
		free(p->items[i].name);
	}
	for (size_t i = 0; i < p->n_hook; i++)
		free(p->hook[i]);
	free(p->paths);
	free(p->items);
	free(p->hook);
	free(p->folder);
	free(p);
}

void plan_freep(struct plan **p)
{
	plan_free(*p);
}
