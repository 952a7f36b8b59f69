#include "base/yaml.h"
#include "base/file.h"
#include "base/text.h"
#include "base/yamlplain.h"
#include <stdarg.h>
#include <yaml.h>

/* libyaml turns bytes into events; the grammar here has four rules, and one
 * function each:
 *
 *   stream   = STREAM-START [ DOCUMENT-START document DOCUMENT-END ] STREAM-END
 *   document = MAPPING-START { entry } MAPPING-END  |  an empty scalar
 *   entry    = SCALAR value
 *   value    = SCALAR  |  SEQUENCE-START { SCALAR } SEQUENCE-END
 *
 * and, where the caller asks for blocks, in the document itself:
 *
 *   value    = SEQUENCE-START { MAPPING-START { entry } MAPPING-END }
 *              SEQUENCE-END
 *
 * The depth of the input costs nothing: the first
 * event that a rule does not know is refused where it stands. An entry's texts
 * live in one arena of duplicated strings until its handler has returned.
 * Cost: libyaml's scan of at most YAML_FILE_MOST bytes, one copy of each text;
 * a tenth of that for a file in the plainest form (base/yamlplain.h).
 */

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; empty before the first */
	const char *name;
	yaml_on_entry on_entry;
	void *context;
	struct fault *fault;
	bool takes_blocks;
	const char *block; /* the list of blocks that is being read, or NULL */
};

/* The entry that is being read. Texts are owned; n is how many there are. */
struct gathering {
	struct yaml_item key;
	struct yaml_item *items;
	size_t n;
	bool is_list;
};

static void item_clear(struct yaml_item *item)
{
	char *text;

	memcpy(&text, &item->text, sizeof(text));
	free(text);
	item->text = NULL;
}

static void gathering_clear(struct gathering *g)
{
	item_clear(&g->key);
	for (size_t i = 0; i < g->n; i++)
		item_clear(&g->items[i]);
	free(g->items);
	*g = (struct gathering){ .items = NULL };
}

int yaml_refuse(struct fault *fault, const struct yaml_place *at,
    const char *hint, const char *fmt, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(fault, -EINVAL, hint, "%s:%zu:%zu: %s", at->file,
	    at->line, at->column, text);
}

static int no_memory(const char *name, struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "%s: out of memory", name);
}

static struct yaml_place place_of(const struct reader *r, yaml_mark_t mark)
{
	return (struct yaml_place){ .file = r->name,
		.line = mark.line + 1,
		.column = mark.column + 1 };
}

static int refuse_event(struct reader *r, const char *hint, const char *what)
{
	struct yaml_place at = place_of(r, r->event.start_mark);

	return yaml_refuse(r->fault, &at, hint, "%s", what);
}

static int refuse_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct yaml_place at = place_of(r, p->problem_mark);

	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(r->name, r->fault);
	if (p->error == YAML_READER_ERROR)
		return fault_set(r->fault, -EINVAL, "The file must be UTF-8.",
		    "%s: at byte %zu: %s", r->name, p->problem_offset,
		    p->problem);
	return yaml_refuse(r->fault, &at, NULL, "not YAML: %s%s%s", p->problem,
	    p->context ? ", " : "", p->context ? p->context : "");
}

/* Move to the next event; anchors, aliases and tags are refused here, once. */
static int next(struct reader *r)
{
	const yaml_event_t *e = &r->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		return refuse_syntax(r);
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor || e->type == YAML_ALIAS_EVENT)
		return refuse_event(r, "Write the value out.",
		    "anchors and aliases are not understood here");
	if (tag)
		return refuse_event(r, "Write the value without its tag.",
		    "tags are not understood here");
	return 0;
}

/* A plain scalar that other readers of YAML take for "no value". */
static bool is_null(const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;

	return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

static int take_scalar(struct reader *r, struct yaml_item *out)
{
	const char *text = (const char *)r->event.data.scalar.value;
	char *copy;

	if (strlen(text) != r->event.data.scalar.length)
		return refuse_event(r, NULL, "a value holds a zero byte");
	if (is_null(&r->event))
		return refuse_event(
		    r, "Give a value, or remove the line.", "no value");
	copy = strdup(text);
	if (!copy)
		return no_memory(r->name, r->fault);
	*out = (struct yaml_item){ .text = copy,
		.at = place_of(r, r->event.start_mark) };
	return 0;
}

static int take_item(struct reader *r, struct gathering *g)
{
	struct yaml_item *more;
	int err;

	if (r->event.type != YAML_SCALAR_EVENT)
		return refuse_event(r,
		    g->is_list ? "A list holds plain values only."
			       : "Every name stands at the left margin.",
		    "nesting is not understood here");
	if (g->n == YAML_ITEMS_MOST)
		return refuse_event(r, NULL, "more than 1024 items in a list");
	more = reallocarray(g->items, g->n + 1, sizeof(*more));
	if (!more)
		return no_memory(r->name, r->fault);
	g->items = more;
	err = take_scalar(r, &g->items[g->n]);
	if (!err)
		g->n++;
	return err;
}

/* At the first event in a list. */
static int read_list(struct reader *r, struct gathering *g)
{
	g->is_list = true;
	while (r->event.type != YAML_SEQUENCE_END_EVENT) {
		int err = take_item(r, g);

		if (!err)
			err = next(r);
		if (err)
			return err;
	}
	return 0;
}

static int tell_entry(struct reader *r, const struct gathering *g)
{
	struct yaml_entry entry = { .key = g->key,
		.values = g->items,
		.n_values = g->n,
		.is_list = g->is_list,
		.block = r->block };

	return r->on_entry(r->context, &entry, r->fault);
}

static int read_blocks(struct reader *r, struct gathering *g);

/* At the event behind the name. */
static int read_value(struct reader *r, struct gathering *g)
{
	int err;

	if (r->event.type == YAML_SEQUENCE_START_EVENT) {
		err = next(r);
		if (err)
			return err;
		if (r->takes_blocks && !r->block &&
		    r->event.type == YAML_MAPPING_START_EVENT)
			return read_blocks(r, g);
		err = read_list(r, g);
	} else {
		err = take_item(r, g);
	}
	return err ? err : tell_entry(r, g);
}

static int read_entry(struct reader *r, struct gathering *g)
{
	int err;

	if (r->event.type != YAML_SCALAR_EVENT)
		return refuse_event(r, "Write `name: value`, one a line.",
		    "a name must be plain text");
	err = take_scalar(r, &g->key);
	if (!err)
		err = next(r);
	return err ? err : read_value(r, g);
}

/* At the start of a mapping, to its end. */
static int read_mapping(struct reader *r)
{
	for (;;) {
		struct gathering g = { .items = NULL };
		int err = next(r);

		if (err || r->event.type == YAML_MAPPING_END_EVENT)
			return err;
		err = read_entry(r, &g);
		gathering_clear(&g);
		if (err)
			return err;
	}
}

static int read_block(struct reader *r)
{
	const struct gathering begin = { .key.at =
					     place_of(r, r->event.start_mark) };
	int err;

	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse_event(
		    r, NULL, "a list holds blocks or plain values, not both");
	err = tell_entry(r, &begin);
	if (!err)
		err = read_mapping(r);
	return err ? err : next(r);
}

/* At the start of the first block, to the end of the list. */
static int read_blocks(struct reader *r, struct gathering *g)
{
	int err;

	g->is_list = true;
	err = tell_entry(r, g);
	r->block = g->key.text;
	for (size_t n = 0; !err && r->event.type != YAML_SEQUENCE_END_EVENT;
	     n++)
		err = n < YAML_BLOCKS_MOST
			  ? read_block(r)
			  : refuse_event(
				r, NULL, "more than 65536 blocks in a list");
	r->block = NULL;
	return err;
}

static int read_document(struct reader *r)
{
	int err = next(r);

	if (err)
		return err;
	if (r->event.type == YAML_SCALAR_EVENT && is_null(&r->event))
		return next(r);
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return refuse_event(r, "Write `name: value`, one a line.",
		    "expected names with values");
	err = read_mapping(r);
	return err ? err : next(r);
}

static int read_stream(struct reader *r)
{
	int err = next(r);

	if (!err)
		err = next(r);
	if (err || r->event.type == YAML_STREAM_END_EVENT)
		return err;
	err = read_document(r);
	if (!err)
		err = next(r);
	if (err || r->event.type == YAML_STREAM_END_EVENT)
		return err;
	return refuse_event(r, "Keep the first document only.",
	    "a second document begins here");
}

static int parse(
    struct reader *r, const struct yaml_source *source, size_t most)
{
	int err;

	if (source->n > most)
		return fault_set(r->fault, -EFBIG, NULL,
		    "%s: larger than %zu KiB, the most that is read",
		    source->name, most / 1024);
	if (yamlplain_is(source, r->takes_blocks))
		return yamlplain_parse(
		    source, r->on_entry, r->context, r->fault);
	if (!yaml_parser_initialize(&r->parser))
		return no_memory(source->name, r->fault);
	yaml_parser_set_input_string(&r->parser, source->bytes, source->n);
	err = read_stream(r);
	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
	return err;
}

int yaml_parse(const struct yaml_source *source, yaml_on_entry on_entry,
    void *context, struct fault *fault)
{
	struct reader r = { .name = source->name,
		.on_entry = on_entry,
		.context = context,
		.fault = fault };

	return parse(&r, source, YAML_FILE_MOST);
}

int yaml_parse_blocks(const struct yaml_source *source, yaml_on_entry on_entry,
    void *context, struct fault *fault)
{
	struct reader r = { .name = source->name,
		.on_entry = on_entry,
		.context = context,
		.fault = fault,
		.takes_blocks = true };

	return parse(&r, source, YAML_BLOCKS_FILE_MOST);
}

int yaml_read(const char *file, yaml_on_entry on_entry, void *context,
    struct fault *fault)
{
	CLEANUP(free_p) char *bytes = NULL;
	struct yaml_source source = { .name = file };
	int err = file_read(&bytes, &source.n, file, YAML_FILE_MOST);

	if (err == FILE_E_EMPTY)
		return 0;
	if (err == -ENOMEM)
		return no_memory(file, fault);
	if (err) {
		file_fault(fault, err, file, YAML_FILE_MOST);
		return ERR_FOLD(err) == err ? err : -EINVAL;
	}
	source.bytes = bytes;
	return yaml_parse(&source, on_entry, context, fault);
}

bool yaml_text_ok(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t n = text_printable(text, left);

		if (!n)
			return false;
		text += n;
		left -= n;
	}
	return true;
}

void yaml_print_text(FILE *to, const char *text)
{
	INVARIANT(yaml_text_ok(text));
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		fputc(*text, to);
	}
	fputc('"', to);
}
