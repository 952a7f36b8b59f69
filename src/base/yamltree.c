/* base/yamltree.c: libyaml's loader, checked once, and read by name.
 *
 * libyaml builds the document as an array of nodes that name each other by
 * index, without recursion, and an alias becomes the index of what its anchor
 * holds: so an alias costs nothing, and a cycle is possible. We never walk down
 * by ourselves; a reader goes as deep as the names that it asks for.
 *
 * check() looks at every mapping of the array once, before anybody reads: names
 * are scalars, no name comes twice, and there are at most YAMLTREE_NAMES_MOST.
 * Looking for a name is then a walk over its mapping, and finds the only one.
 *
 * Cost: libyaml's scan of at most YAMLTREE_FILE_MOST bytes; for each mapping
 * the square of its names, which the limit bounds.
 */
#include "base/yamltree.h"
#include "base/file.h"
#include "base/secret.h"
#include <yaml.h>

struct yamltree {
	yaml_document_t document;
	bool loaded;
	char *name;
};

/* ---- reading ------------------------------------------------------------ */

/* libyaml takes the document without const, but only to read. */
static yaml_node_t *node_of(struct yamltree_node n)
{
	void *document;

	if (!n.tree || !n.index)
		return NULL;
	document = (void *)(uintptr_t)&n.tree->document;
	return yaml_document_get_node(document, n.index);
}

static const char *scalar_of(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value
					   : NULL;
}

static const char *name_at(const struct yamltree *t, int index)
{
	return scalar_of(node_of((struct yamltree_node){ t, index }));
}

struct yamltree_node yamltree_root(const struct yamltree *t)
{
	return (struct yamltree_node){ t,
		t->document.nodes.top > t->document.nodes.start };
}

struct yamltree_node yamltree_get(struct yamltree_node n, const char *name)
{
	const yaml_node_t *at = node_of(n);
	const yaml_node_pair_t *pair;

	if (!at || at->type != YAML_MAPPING_NODE)
		return (struct yamltree_node){ n.tree, 0 };
	for (pair = at->data.mapping.pairs.start;
	     pair < at->data.mapping.pairs.top; pair++)
		if (!strcmp(name_at(n.tree, pair->key), name))
			return (struct yamltree_node){ n.tree, pair->value };
	return (struct yamltree_node){ n.tree, 0 };
}

struct yamltree_node yamltree_item(struct yamltree_node n, size_t i)
{
	const yaml_node_t *at = node_of(n);

	if (!at || at->type != YAML_SEQUENCE_NODE ||
	    i >= (size_t)(at->data.sequence.items.top -
			  at->data.sequence.items.start))
		return (struct yamltree_node){ n.tree, 0 };
	return (
	    struct yamltree_node){ n.tree, at->data.sequence.items.start[i] };
}

static bool is_null(const yaml_node_t *n)
{
	const char *text = scalar_of(n);

	return text && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

enum yamltree_kind yamltree_kind(struct yamltree_node n)
{
	const yaml_node_t *at = node_of(n);

	if (!at || is_null(at))
		return YAMLTREE_NOTHING;
	if (at->type == YAML_MAPPING_NODE)
		return YAMLTREE_MAP;
	return at->type == YAML_SEQUENCE_NODE ? YAMLTREE_LIST : YAMLTREE_TEXT;
}

const char *yamltree_text(struct yamltree_node n)
{
	return yamltree_kind(n) == YAMLTREE_TEXT ? scalar_of(node_of(n)) : NULL;
}

struct yaml_place yamltree_at(struct yamltree_node n)
{
	const yaml_node_t *at = node_of(n);

	return (struct yaml_place){ .file = n.tree->name,
		.line = at ? at->start_mark.line + 1 : 1,
		.column = at ? at->start_mark.column + 1 : 1 };
}

/* ---- checking ----------------------------------------------------------- */

static int check_name(const struct yamltree *t, const yaml_node_pair_t *first,
    const yaml_node_pair_t *pair, struct fault *fault)
{
	const char *name = name_at(t, pair->key);
	struct yaml_place at =
	    yamltree_at((struct yamltree_node){ t, pair->key });

	if (!name)
		return yaml_refuse(
		    fault, &at, NULL, "a name must be plain text");
	if (!strcmp(name, "<<"))
		return yaml_refuse(fault, &at, "Write the values out.",
		    "merge keys are not understood here");
	for (; first < pair; first++)
		if (!strcmp(name_at(t, first->key), name))
			return yaml_refuse(fault, &at, "Remove one of them.",
			    "'%.80s' comes twice", name);
	return 0;
}

static int check_mapping(
    const struct yamltree *t, int index, struct fault *fault)
{
	const struct yamltree_node n = { t, index };
	const yaml_node_t *at = node_of(n);
	const yaml_node_pair_t *first = at->data.mapping.pairs.start;
	struct yaml_place place = yamltree_at(n);
	int r = 0;

	if (at->data.mapping.pairs.top - first > YAMLTREE_NAMES_MOST)
		return yaml_refuse(fault, &place, NULL,
		    "more than %d names in a mapping", YAMLTREE_NAMES_MOST);
	for (const yaml_node_pair_t *pair = first;
	     !r && pair < at->data.mapping.pairs.top; pair++)
		r = check_name(t, first, pair, fault);
	return r;
}

static int check_scalar(
    const struct yamltree *t, int index, struct fault *fault)
{
	const struct yamltree_node n = { t, index };
	const yaml_node_t *at = node_of(n);
	struct yaml_place place = yamltree_at(n);

	if (strlen(scalar_of(at)) == at->data.scalar.length)
		return 0;
	return yaml_refuse(fault, &place, NULL, "a value holds a zero byte");
}

/* Scalars first: a name is compared as text. */
static int check(const struct yamltree *t, struct fault *fault)
{
	const yaml_node_t *start = t->document.nodes.start;
	int n = (int)(t->document.nodes.top - start);
	int r = 0;

	for (int i = 0; !r && i < n; i++)
		if (start[i].type == YAML_SCALAR_NODE)
			r = check_scalar(t, i + 1, fault);
	for (int i = 0; !r && i < n; i++)
		if (start[i].type == YAML_MAPPING_NODE)
			r = check_mapping(t, i + 1, fault);
	if (!r && n && start[0].type != YAML_MAPPING_NODE &&
	    !is_null(&start[0]))
		return fault_set(fault, -EINVAL, NULL,
		    "%s: expected names with values", t->name);
	return r;
}

/* ---- loading ------------------------------------------------------------ */

static int no_memory(const char *name, struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "%s: out of memory", name);
}

static int refuse_syntax(
    const yaml_parser_t *p, const char *name, struct fault *fault)
{
	struct yaml_place at = { .file = name,
		.line = p->problem_mark.line + 1,
		.column = p->problem_mark.column + 1 };

	if (p->error == YAML_MEMORY_ERROR || !p->problem) /* it may forget */
		return no_memory(name, fault);
	if (p->error == YAML_READER_ERROR)
		return fault_set(fault, -EINVAL, "The file must be UTF-8.",
		    "%s: at byte %zu: %s", name, p->problem_offset, p->problem);
	return yaml_refuse(fault, &at, NULL, "not YAML: %s%s%s", p->problem,
	    p->context ? ", " : "", p->context ? p->context : "");
}

/* Is there nothing behind the first document? */
static int check_end(yaml_parser_t *p, const char *name, struct fault *fault)
{
	yaml_document_t more;
	bool some;

	if (!yaml_parser_load(p, &more))
		return refuse_syntax(p, name, fault);
	some = yaml_document_get_root_node(&more);
	yaml_document_delete(&more);
	return some ? fault_set(fault, -EINVAL, "Keep the first one only.",
			  "%s: has a second document", name)
		    : 0;
}

static int load(
    struct yamltree *t, const struct yaml_source *source, struct fault *fault)
{
	yaml_parser_t parser;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return no_memory(source->name, fault);
	yaml_parser_set_input_string(&parser, source->bytes, source->n);
	t->loaded = yaml_parser_load(&parser, &t->document);
	if (!t->loaded)
		r = refuse_syntax(&parser, source->name, fault);
	else if (yaml_document_get_root_node(&t->document))
		r = check_end(&parser, source->name, fault);
	yaml_parser_delete(&parser);
	return r ? r : check(t, fault);
}

int yamltree_parse(struct yamltree **out, const struct yaml_source *source,
    struct fault *fault)
{
	CLEANUP(yamltree_freep) struct yamltree *t = NULL;
	int r;

	if (source->n > YAMLTREE_FILE_MOST)
		return fault_set(fault, -EFBIG, NULL,
		    "%s: larger than %d KiB, the most that is read",
		    source->name, YAMLTREE_FILE_MOST / 1024);
	t = calloc(1, sizeof(*t));
	if (t)
		t->name = strdup(source->name);
	if (!t || !t->name)
		return no_memory(source->name, fault);
	r = load(t, source, fault);
	if (!r)
		*out = STEAL(t);
	return r;
}

int yamltree_read(struct yamltree **out, const char *file, struct fault *fault)
{
	CLEANUP(free_p) char *bytes = NULL;
	struct yaml_source source = { .name = file, .bytes = "" };
	int r = file_read(&bytes, &source.n, file, YAMLTREE_FILE_MOST);

	if (r == -ENOMEM)
		return no_memory(file, fault);
	if (r && r != FILE_E_EMPTY) {
		file_fault(fault, r, file, YAMLTREE_FILE_MOST);
		return r < 0 ? r : -EINVAL;
	}
	if (bytes)
		source.bytes = bytes;
	r = yamltree_parse(out, &source, fault);
	if (bytes)
		secret_wipe(bytes, source.n);
	return r;
}

void yamltree_free(struct yamltree *t)
{
	if (!t)
		return;
	for (yaml_node_t *n = t->document.nodes.start;
	     t->loaded && n < t->document.nodes.top; n++)
		if (n->type == YAML_SCALAR_NODE)
			secret_wipe(
			    n->data.scalar.value, n->data.scalar.length);
	if (t->loaded)
		yaml_document_delete(&t->document);
	free(t->name);
	free(t);
}

void yamltree_freep(struct yamltree **t)
{
	yamltree_free(*t);
}
