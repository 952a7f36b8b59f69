/* link/kubeconfig.c: kubectl's files, read by name.
 *
 * A kubeconfig is three lists of named things (contexts, clusters, users) and
 * the name of the current context. Several files are one configuration: each
 * name is looked for file by file, and the first file that has it decides all
 * of it. So a lookup is: in which file, at which node; and the file comes
 * along, because its folder is where relative paths begin.
 *
 * Each field is then read by a row of a table: what it is called, and how its
 * value is taken (as it is, as a path, as base64). What is refused is a row as
 * well. Nothing is guessed: a value of a wrong kind is told with file, line and
 * column.
 */
#include "link/kubeconfig.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/text.h"
#include "base/yamltree.h"
#include <stdio.h>
#include <unistd.h>

struct files {
	struct yamltree *trees[KUBECONFIG_FILES_MOST];
	size_t n;
};

/* Something of a name, and the file that has it. */
struct place {
	struct yamltree_node node; /* nowhere when there is none */
	char *folder;		   /* owned */
};

static void files_clear(struct files *f)
{
	while (f->n)
		yamltree_free(f->trees[--f->n]);
}

static void place_clear(struct place *p)
{
	free(p->folder);
}

static int no_memory(struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

static int refuse(struct yamltree_node n, const char *hint, const char *what,
    struct fault *fault)
{
	struct yaml_place at = yamltree_at(n);

	return yaml_refuse(fault, &at, hint, "%s", what);
}

/* ---- the files ---------------------------------------------------------- */

static int files_add(struct files *f, const char *file, struct fault *fault)
{
	int r;

	if (f->n == N_ELEMS(f->trees))
		return fault_set(fault, -EINVAL, NULL,
		    "KUBECONFIG: more than %d files", KUBECONFIG_FILES_MOST);
	r = yamltree_read(&f->trees[f->n], file, fault);
	if (!r)
		f->n++;
	return r;
}

/* Each that is there, of a list by colons. */
static int files_add_list(
    struct files *f, const char *list, struct fault *fault)
{
	CLEANUP(free_p) char *copy = strdup(list);
	char *left = copy, *file;
	int r = copy ? 0 : no_memory(fault);

	while (!r && (file = strsep(&left, ":")))
		if (*file && !access(file, F_OK))
			r = files_add(f, file, fault);
	return r;
}

static int files_open(
    struct files *f, const struct kubeconfig_order *order, struct fault *fault)
{
	const char *list = order->variable("KUBECONFIG");
	const char *home = order->variable("HOME");
	CLEANUP(free_p) char *usual = NULL;

	if (order->file)
		return files_add(f, order->file, fault);
	if (list && *list)
		return files_add_list(f, list, fault);
	if (!home || !*home)
		return 0;
	if (asprintf(&usual, "%s/.kube/config", home) < 0)
		return no_memory(fault);
	return access(usual, F_OK) ? 0 : files_add(f, usual, fault);
}

/* ---- looking up --------------------------------------------------------- */

static int folder_of(char **out, const char *file)
{
	const char *slash = strrchr(file, '/');

	*out = slash ? strndup(file, (size_t)(slash - file) + 1) : strdup("");
	return *out ? 0 : -ENOMEM;
}

/* The item of @list with that name; nowhere when there is none. */
static int find_item(struct yamltree_node *out, struct yamltree_node list,
    const char *name, struct fault *fault)
{
	struct yamltree_node item;
	const char *text;

	*out = (struct yamltree_node){ list.tree, 0 };
	if (yamltree_kind(list) == YAMLTREE_NOTHING)
		return 0;
	if (yamltree_kind(list) != YAMLTREE_LIST)
		return refuse(list, NULL, "expected a list", fault);
	for (size_t i = 0; (item = yamltree_item(list, i)).index; i++) {
		text = yamltree_text(yamltree_get(item, "name"));
		if (!text)
			return refuse(item, NULL, "expected a name", fault);
		if (strcmp(text, name))
			continue;
		if (out->index)
			return refuse(item, "Rename or remove one of them.",
			    "this name comes twice in the list", fault);
		*out = item;
	}
	return 0;
}

/* @list: "contexts", "clusters", "users"; @member: what its items hold. */
struct wanted {
	const char *list, *member, *name;
};

static int find(struct place *out, const struct files *f,
    const struct wanted *want, struct fault *fault)
{
	struct yamltree_node item;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		r = find_item(&item,
		    yamltree_get(yamltree_root(f->trees[i]), want->list),
		    want->name, fault);
		if (r)
			return r;
		if (!item.index)
			continue;
		out->node = yamltree_get(item, want->member);
		if (yamltree_kind(out->node) != YAMLTREE_MAP)
			return refuse(item, NULL,
			    "expected names with values in it", fault);
		return folder_of(&out->folder, yamltree_at(item).file)
			   ? no_memory(fault)
			   : 0;
	}
	return fault_set(fault, -EINVAL, NULL,
	    "kubeconfig: there is no '%.80s' under %s", want->name, want->list);
}

/* ---- fields ------------------------------------------------------------- */

enum how {
	AS_TEXT,   /* to a char * */
	AS_PATH,   /* the same, from the file's folder */
	AS_PEM,	   /* the same, what a file holds */
	AS_DATA,   /* the same, base64 */
	AS_KEY,	   /* to a struct secret *, what a file holds */
	AS_SECRET, /* the same, as it is */
	AS_HIDDEN, /* the same, base64 */
	REFUSED,   /* unless it is "false" or nothing */
};

struct field {
	const char *name;
	enum how how;
	size_t offset;	   /* into struct kube_access */
	const char *words; /* REFUSED: why not */
};

#define TO(member) .offset = offsetof(struct kube_access, member)

/* Of two rows for one member the later one wins, as in kubectl. */
static const struct field cluster_fields[] = {
	{ "server", AS_TEXT, TO(server) },
	{ "tls-server-name", AS_TEXT, TO(server_name) },
	{ "certificate-authority", AS_PEM, TO(ca_pem) },
	{ "certificate-authority-data", AS_DATA, TO(ca_pem) },
	{ "proxy-url", AS_TEXT, TO(proxy) },
	{ "insecure-skip-tls-verify", REFUSED,
	    .words = "Whoever answers would be believed: give the cluster's "
		     "certificate-authority." },
};

static const struct field user_fields[] = {
	{ "client-certificate", AS_PEM, TO(cert_pem) },
	{ "client-certificate-data", AS_DATA, TO(cert_pem) },
	{ "client-key", AS_KEY, TO(key_pem) },
	{ "client-key-data", AS_HIDDEN, TO(key_pem) },
	{ "token", AS_SECRET, TO(token) },
	{ "tokenFile", AS_PATH, TO(token_file) },
	{ "username", REFUSED,
	    .words = "Clusters take no passwords since version 1.19." },
	{ "auth-provider", REFUSED,
	    .words = "kubectl has none since version 1.26: use an exec plugin "
		     "of your provider." },
	{ "as", REFUSED, .words = "Use a context without impersonation." },
	{ "as-uid", REFUSED, .words = "Use a context without impersonation." },
};

static int path_of(char **out, const char *folder, const char *path)
{
	bool whole = *path == '/';

	return asprintf(out, "%s%s", whole ? "" : folder, path) < 0 ? -ENOMEM
								    : 0;
}

static int take_path(
    char **to, const struct place *p, const char *path, struct fault *fault)
{
	free(STEAL(*to));
	return path_of(to, p->folder, path) ? no_memory(fault) : 0;
}

static int take_text(char **to, const char *text, struct fault *fault)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : no_memory(fault);
}

static int take_pem(
    char **to, const struct place *p, const char *name, struct fault *fault)
{
	CLEANUP(free_p) char *file = NULL;

	return path_of(&file, p->folder, name) ? no_memory(fault)
					       : kube_take_pem(to, file, fault);
}

/* A key as kubectl takes it: whoever may read it. */
static int take_key(struct secret **to, const struct place *p, const char *name,
    struct fault *fault)
{
	CLEANUP(free_p) char *file = NULL;
	int r = path_of(&file, p->folder, name);

	secret_free(STEAL(*to));
	if (r)
		return no_memory(fault);
	r = secret_read_token(to, file, KUBE_PEM_MOST);
	if (r)
		file_fault(fault, r, file, KUBE_PEM_MOST);
	return r > 0 ? -EINVAL : r;
}

/* base64 with line ends, as people wrap it. @out: NUL-terminated. */
static int decode(
    char **out, size_t *n, struct yamltree_node value, struct fault *fault)
{
	const char *text = yamltree_text(value);
	size_t most = strlen(text) / 4 * 3 + 3;
	char *bytes = malloc(most + 1);
	ssize_t got;

	if (!bytes)
		return no_memory(fault);
	got = base64_read(BASE64_LINES, bytes, most, text, strlen(text));
	if (got <= 0 || memchr(bytes, '\0', (size_t)got)) {
		secret_wipe(bytes, most);
		free(bytes);
		return refuse(value, NULL, "expected base64 of PEM", fault);
	}
	bytes[got] = '\0';
	*n = (size_t)got;
	*out = bytes;
	return 0;
}

static int take_data(char **to, struct yamltree_node value, struct fault *fault)
{
	char *bytes = NULL;
	size_t n = 0;
	int r = decode(&bytes, &n, value, fault);

	if (r)
		return r;
	free(*to);
	*to = bytes;
	return 0;
}

static int take_secret(
    struct secret **to, const char *bytes, size_t n, struct fault *fault)
{
	secret_free(STEAL(*to));
	return secret_from(to, bytes, n) ? no_memory(fault) : 0;
}

static int take_hidden(
    struct secret **to, struct yamltree_node value, struct fault *fault)
{
	char *bytes = NULL;
	size_t n = 0;
	int r = decode(&bytes, &n, value, fault);

	if (r)
		return r;
	r = take_secret(to, bytes, n, fault);
	secret_wipe(bytes, n);
	free(bytes);
	return r;
}

static int take_field(struct kube_access *to, const struct place *p,
    const struct field *field, struct fault *fault)
{
	struct yamltree_node value = yamltree_get(p->node, field->name);
	const char *text = yamltree_text(value);
	void *member = (char *)to + field->offset;

	if (yamltree_kind(value) == YAMLTREE_NOTHING)
		return 0;
	if (field->how == REFUSED)
		return text && (!strcmp(text, "false") || !*text)
			   ? 0
			   : refuse(yamltree_get(p->node, field->name),
				 field->words, "not supported", fault);
	if (!text)
		return refuse(value, NULL, "expected a text", fault);
	if (!*text)
		return 0;
	switch (field->how) {
	case AS_TEXT:
		return take_text(member, text, fault);
	case AS_PATH:
		return take_path(member, p, text, fault);
	case AS_PEM:
		return take_pem(member, p, text, fault);
	case AS_DATA:
		return take_data(member, value, fault);
	case AS_KEY:
		return take_key(member, p, text, fault);
	case AS_SECRET:
		return take_secret(member, text, strlen(text), fault);
	default:
		return take_hidden(member, value, fault);
	}
}

static int take_fields(struct kube_access *to, const struct place *p,
    const struct field *fields, size_t n, struct fault *fault)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		r = take_field(to, p, &fields[i], fault);
		if (r && r != -ENOMEM && fault->text[0] &&
		    !strstr(fault->text, fields[i].name))
			fault_wrap(fault, "kubeconfig: %s", fields[i].name);
	}
	return r;
}

/* ---- a plugin ----------------------------------------------------------- */

/* The texts of a list, or of its items' @member. */
static int take_words(char ***out, struct yamltree_node list,
    const char *member, struct fault *fault)
{
	char **words = calloc(KUBECONFIG_WORDS_MOST + 1, sizeof(*words));
	size_t i = 0;
	int r = 0;

	*out = words;
	if (!words)
		return no_memory(fault);
	for (; !r && yamltree_item(list, i).index; i++) {
		struct yamltree_node item = yamltree_item(list, i);
		struct yamltree_node value =
		    member ? yamltree_get(item, member) : item;
		const char *text = yamltree_text(value);

		if (i == KUBECONFIG_WORDS_MOST)
			return refuse(list, NULL, "too long a list", fault);
		if (!text)
			return refuse(item, NULL,
			    member ? "expected name and value"
				   : "expected a text",
			    fault);
		r = take_text(&words[i], text, fault);
	}
	return r;
}

static int take_interactive(
    struct kube_plugin *p, struct yamltree_node exec, struct fault *fault)
{
	static const char *const modes[] = { "Never", "IfAvailable", "Always" };
	struct yamltree_node value = yamltree_get(exec, "interactiveMode");
	const char *text = yamltree_text(value);
	bool beta = p->api && strstr(p->api, "/v1beta1");

	p->interactive = KUBE_IF_AVAILABLE;
	if (!text && beta)
		return 0;
	for (size_t i = 0; text && i < N_ELEMS(modes); i++)
		if (!strcmp(text, modes[i])) {
			p->interactive = (enum kube_interactive)i;
			return 0;
		}
	return refuse(text ? value : exec, NULL,
	    "interactiveMode: expected Never, IfAvailable or Always", fault);
}

static int take_api(
    struct kube_plugin *p, struct yamltree_node exec, struct fault *fault)
{
	struct yamltree_node value = yamltree_get(exec, "apiVersion");
	const char *text = yamltree_text(value);

	if (!text || (strcmp(text, "client.authentication.k8s.io/v1") &&
			 strcmp(text, "client.authentication.k8s.io/v1beta1")))
		return refuse(text ? value : exec,
		    "Update the plugin, and have it write this entry again.",
		    "apiVersion: expected client.authentication.k8s.io/v1 or "
		    "v1beta1",
		    fault);
	return take_text(&p->api, text, fault);
}

static int take_command(
    struct kube_plugin *p, const struct place *user, struct fault *fault)
{
	struct yamltree_node exec = yamltree_get(user->node, "exec");
	const char *text = yamltree_text(yamltree_get(exec, "command"));
	const char *hint = yamltree_text(yamltree_get(exec, "installHint"));
	const char *info =
	    yamltree_text(yamltree_get(exec, "provideClusterInfo"));
	int r;

	if (!text)
		return refuse(exec, NULL, "exec: expected a command", fault);
	p->wants_cluster = info && !strcmp(info, "true");
	if (strchr(text, '/'))
		r = take_path(&p->command, user, text, fault);
	else
		r = take_text(&p->command, text, fault);
	if (!r && hint)
		r = take_text(&p->hint, hint, fault);
	return r;
}

static int take_plugin(
    struct kube_access *to, const struct place *user, struct fault *fault)
{
	struct yamltree_node exec = yamltree_get(user->node, "exec");
	struct yamltree_node env = yamltree_get(exec, "env");
	struct kube_plugin *p;
	int r;

	if (yamltree_kind(exec) == YAMLTREE_NOTHING)
		return 0;
	p = to->plugin = calloc(1, sizeof(*p));
	if (!p)
		return no_memory(fault);
	r = take_api(p, exec, fault);
	if (!r)
		r = take_interactive(p, exec, fault);
	if (!r)
		r = take_command(p, user, fault);
	if (!r)
		r = take_words(
		    &p->args, yamltree_get(exec, "args"), NULL, fault);
	if (!r)
		r = take_words(&p->names, env, "name", fault);
	return r ? r : take_words(&p->values, env, "value", fault);
}

/* A plugin may want its own configuration passed on, which we cannot. */
static int check_extensions(const struct kube_access *a,
    const struct place *cluster, struct fault *fault)
{
	struct yamltree_node item;

	if (!a->plugin || !a->plugin->wants_cluster)
		return 0;
	if (find_item(&item, yamltree_get(cluster->node, "extensions"),
		"client.authentication.k8s.io/exec", fault))
		return fault->code;
	return item.index ? refuse(item, "Use another user of this cluster.",
				"a configuration for the exec plugin cannot be "
				"passed on here",
				fault)
			  : 0;
}

/* ---- a context ---------------------------------------------------------- */

static const char *current_of(const struct files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *name = yamltree_text(yamltree_get(
		    yamltree_root(f->trees[i]), "current-context"));

		if (name && *name)
			return name;
	}
	return NULL;
}

static int no_context(const struct files *f, struct fault *fault)
{
	char names[200] = "";
	struct yamltree_node list, item;
	size_t used = 0;

	for (size_t t = 0; t < f->n; t++) {
		list = yamltree_get(yamltree_root(f->trees[t]), "contexts");
		for (size_t i = 0; (item = yamltree_item(list, i)).index; i++) {
			const char *name =
			    yamltree_text(yamltree_get(item, "name"));

			if (name && used + strlen(name) + 3 < sizeof(names))
				used += (size_t)sprintf(names + used, "%s%s",
				    used ? ", " : "", name);
		}
	}
	text_tame(names);
	return fault_set(fault, -EINVAL,
	    used ? "Choose one with --context."
		 : "Is this the file that you meant?",
	    "kubeconfig: there is no current-context%s%s",
	    used ? "; there are: " : "", names);
}

static int take_user(struct kube_access *to, const struct files *f,
    struct yamltree_node context, struct fault *fault)
{
	CLEANUP(place_clear) struct place user = { .folder = NULL };
	struct wanted want = { "users", "user",
		yamltree_text(yamltree_get(context, "user")) };
	int r;

	if (!want.name || !*want.name)
		return 0; /* nobody: the API server has the last word */
	r = find(&user, f, &want, fault);
	if (!r)
		r = take_fields(
		    to, &user, user_fields, N_ELEMS(user_fields), fault);
	return r ? r : take_plugin(to, &user, fault);
}

static int take_cluster(struct kube_access *to, const struct files *f,
    struct yamltree_node context, struct fault *fault)
{
	CLEANUP(place_clear) struct place cluster = { .folder = NULL };
	struct wanted want = { "clusters", "cluster",
		yamltree_text(yamltree_get(context, "cluster")) };
	int r;

	if (!want.name)
		return refuse(context, NULL, "it names no cluster", fault);
	r = find(&cluster, f, &want, fault);
	if (!r)
		r = take_fields(to, &cluster, cluster_fields,
		    N_ELEMS(cluster_fields), fault);
	if (!r && !to->server)
		r = refuse(cluster.node, NULL, "it has no server", fault);
	return r ? r : check_extensions(to, &cluster, fault);
}

static int take_context(struct kube_access *to, const struct files *f,
    const char *name, struct fault *fault)
{
	CLEANUP(place_clear) struct place context = { .folder = NULL };
	struct wanted want = { "contexts", "context", name };
	int r = find(&context, f, &want, fault);

	if (!r && asprintf(&to->from, "context %s of %s", name,
		      yamltree_at(context.node).file) < 0)
		r = no_memory(fault);
	if (!r)
		r = take_user(to, f, context.node, fault);
	return r ? r : take_cluster(to, f, context.node, fault);
}

int kubeconfig_load(struct kube_access *out,
    const struct kubeconfig_order *order, struct fault *fault)
{
	CLEANUP(kube_access_clear) struct kube_access a = { .from = NULL };
	CLEANUP(files_clear) struct files f = { .n = 0 };
	const char *name = order->context;
	int r = files_open(&f, order, fault);

	if (r)
		return r;
	if (!f.n)
		return kube_access_of_pod(
		    out, KUBE_POD_FOLDER, order->variable, fault);
	if (!name)
		name = current_of(&f);
	r = name ? take_context(&a, &f, name, fault) : no_context(&f, fault);
	if (!r)
		r = kube_access_check(&a, fault);
	if (r)
		return r;
	*out = a;
	a = (struct kube_access){ .from = NULL };
	return 0;
}
