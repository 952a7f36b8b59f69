/* base/yamltree.h: a whole YAML document as a tree, for files whose form others
 * have decided: a kubeconfig.
 *
 * One document, of mappings, lists and scalars; JSON is YAML too. An alias
 * stands for what its anchor holds. Refused with file:line:column and a reason:
 * a name that comes twice in a mapping, merge keys (<<), names that are not
 * plain text, zero bytes, a second document, more than the limits. Bytes and
 * scalars are wiped when they are freed; what libyaml keeps while it reads is
 * not ours to wipe.
 */
#pragma once
#include "base/yaml.h"

enum {
	YAMLTREE_FILE_MOST = 1024 * 1024, /* bytes of a file */
	YAMLTREE_NAMES_MOST = 1024,	  /* of one mapping */
};

struct yamltree;

/* Somewhere in a tree, or nowhere; a plain value, valid as long as the tree.
 * Every function takes nowhere and says that there is nothing. */
struct yamltree_node {
	const struct yamltree *tree;
	int index; /* libyaml's, from 1; 0: nowhere */
};

/** yamltree_read() - the file's document; an empty file is an empty mapping
 * Return: 0; -EINVAL: not what is described above; -EFBIG; -ENOMEM; -errno of
 * the file; all with @fault. */
MUST_USE int yamltree_read(
    struct yamltree **out, const char *file, struct fault *fault);
/** yamltree_parse() - the same, of bytes */
MUST_USE int yamltree_parse(struct yamltree **out,
    const struct yaml_source *source, struct fault *fault);
void yamltree_free(struct yamltree *t);
void yamltree_freep(struct yamltree **t);

struct yamltree_node yamltree_root(const struct yamltree *t);
/** yamltree_get() - what mapping @n has under @name; nowhere when @n is no
 * mapping or has no such name */
struct yamltree_node yamltree_get(struct yamltree_node n, const char *name);
/** yamltree_item() - of a list, from 0; nowhere past its end */
struct yamltree_node yamltree_item(struct yamltree_node n, size_t i);

enum yamltree_kind {
	YAMLTREE_NOTHING, /* nowhere, or a plain null, ~ or nothing at all */
	YAMLTREE_TEXT,
	YAMLTREE_LIST,
	YAMLTREE_MAP,
};
enum yamltree_kind yamltree_kind(struct yamltree_node n);
/** yamltree_text() - of a YAMLTREE_TEXT; else NULL */
const char *yamltree_text(struct yamltree_node n);
/** yamltree_at() - where it stands; of nowhere, where the file begins */
struct yaml_place yamltree_at(struct yamltree_node n);
