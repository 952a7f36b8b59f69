/* base/yaml.h: the small part of YAML that a configuration file needs: one
 * document, one mapping, each value a scalar or a flat list of scalars.
 *
 * Everything else is refused with file:line:column and a reason: nesting,
 * anchors and aliases, tags, a second document, a missing value, NUL bytes.
 * libyaml reads the syntax; a scalar is text here, whoever asks for it decides
 * whether it is a number. Duplicate keys are the reader's to refuse: it knows
 * what it has seen.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include <stdio.h>

enum {
	YAML_FILE_MOST = 256 * 1024, /* bytes of a file */
	YAML_ITEMS_MOST = 1024,	     /* in a list */
	YAML_BLOCKS_FILE_MOST = 16 * 1024 * 1024,
	YAML_BLOCKS_MOST = 65536, /* in a list of blocks */
};

struct yaml_place {
	const char *file;    /* as messages name it */
	size_t line, column; /* from 1 */
};

struct yaml_item {
	const char *text;
	struct yaml_place at;
};

struct yaml_entry {
	struct yaml_item key;
	const struct yaml_item *values;
	size_t n_values; /* 1 unless is_list */
	bool is_list;
	const char *block; /* yaml_parse_blocks(): the list it is in, or NULL */
};

/** yaml_on_entry - one `key: value`; all of @entry is borrowed for the call
 * Return: 0; anything else ends the reading and is returned by it. */
typedef int (*yaml_on_entry)(
    void *context, const struct yaml_entry *entry, struct fault *fault);

/** yaml_read() - call @on_entry for each entry of @file, in its order
 * An empty file has no entries.
 * Return: 0; -EINVAL: not what is described above, or not such a file; -EFBIG;
 * -ENOMEM; -errno of the file, all with @fault; or what @on_entry returned. */
MUST_USE int yaml_read(const char *file, yaml_on_entry on_entry, void *context,
    struct fault *fault);
/** yaml_parse() - the same, of @n bytes; @name stands for the file */
struct yaml_source {
	const char *name;
	const void *bytes;
	size_t n;
};
MUST_USE int yaml_parse(const struct yaml_source *source,
    yaml_on_entry on_entry, void *context, struct fault *fault);

/** yaml_parse_blocks() - the same of larger documents, of at most
 * YAML_BLOCKS_FILE_MOST bytes, in which a list of the first level may also hold
 * blocks: mappings as above. Such a list comes as an entry with an empty list;
 * then each block as an entry without a name and without values, whose place is
 * where it begins, and its own entries, which say in which list they are. */
MUST_USE int yaml_parse_blocks(const struct yaml_source *source,
    yaml_on_entry on_entry, void *context, struct fault *fault);

/** yaml_refuse() - fill @fault with "file:line:column: text" and @hint (or
 * NULL) Return: -EINVAL. */
int yaml_refuse(struct fault *fault, const struct yaml_place *at,
    const char *hint, const char *fmt, ...) PRINTF_LIKE(4, 5);

/** yaml_text_ok() - text_printable() from end to end, so that YAML may hold it
 * between quotes as it is */
bool yaml_text_ok(const char *text);
/** yaml_print_text() - in double quotes; @text is yaml_text_ok() */
void yaml_print_text(FILE *to, const char *text);
