/* A line is looked at once, by line_read(), which both the check and the
 * reading use: so what was checked is what is read. It is copied into a buffer
 * of one line, and cut into texts there.
 *
 *   line   = [ "- " | "  " ] name ":" [ " " value ] LF
 *   value  = word | quoted | "[" [ quoted { ", " quoted } ] "]"
 *
 * What may follow what: a name without a value begins a list of blocks, and the
 * next line has "- "; "  " goes on with a block; a line without either is the
 * document's. A word begins with a letter, a digit, "+" or "/", ends in a
 * letter, a digit or "=", and has no blank: no other reader of YAML sees
 * anything else in it.
 */
#include "base/yamlplain.h"

enum {
	LINE_MOST = 4096,
	NAME_MOST = 64,
	ITEMS_MOST = 128,
	MARGIN = 2, /* of "- " and "  " */
};

enum place { DOCUMENT, BEGINS_BLOCK, IN_BLOCK };

struct line {
	enum place place;
	const char *name;
	size_t n_items;
	size_t columns[ITEMS_MOST];
	struct yaml_item items[ITEMS_MOST];
	bool is_list;
	bool is_empty;	/* no value */
	size_t n_bytes; /* with its end */
	char text[LINE_MOST + 1];
};

/* ---- one line ------------------------------------------------------------ */

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

static bool is_in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_in_word(char c)
{
	return is_alphanumeric(c) || (c && strchr("+/=:._-", c));
}

static bool is_in_quotes(char c)
{
	return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

static bool take_item(struct line *l, char *at)
{
	if (l->n_items == ITEMS_MOST)
		return false;
	l->columns[l->n_items] = (size_t)(at - l->text) + 1;
	l->items[l->n_items++].text = at;
	return true;
}

/* Other readers take these for "no value". */
static bool is_null(const char *word)
{
	return !strcmp(word, "null") || !strcmp(word, "Null") ||
	       !strcmp(word, "NULL");
}

static bool take_word(struct line *l, char *at)
{
	char *end = at;

	if (!is_alphanumeric(*at) && *at != '+' && *at != '/')
		return false;
	while (is_in_word(*end))
		end++;
	return !*end && (is_alphanumeric(end[-1]) || end[-1] == '=') &&
	       !is_null(at) && take_item(l, at);
}

/* Return: behind the closing quote, which becomes the end of the text; NULL */
static char *take_quoted(struct line *l, char *at)
{
	char *end = at;

	if (*at != '"')
		return NULL;
	do {
		end++;
	} while (is_in_quotes(*end));
	if (*end != '"' || !take_item(l, at))
		return NULL;
	l->items[l->n_items - 1].text = at + 1;
	*end = '\0';
	return end + 1;
}

static bool take_list(struct line *l, char *at)
{
	l->is_list = true;
	if (!strcmp(at, "[]"))
		return true;
	do {
		at = take_quoted(l, at + 1);
	} while (at && *at == ',' && *++at == ' ');
	return at && !strcmp(at, "]");
}

static bool take_value(struct line *l, char *at)
{
	char *end;

	if (*at == '[')
		return take_list(l, at);
	if (*at != '"')
		return take_word(l, at);
	end = take_quoted(l, at);
	return end && !*end;
}

static enum place place_of(const char *text)
{
	if (!strncmp(text, "- ", MARGIN))
		return BEGINS_BLOCK;
	return strncmp(text, "  ", MARGIN) != 0 ? DOCUMENT : IN_BLOCK;
}

static bool take_line(struct line *l)
{
	char *name, *end;

	l->place = place_of(l->text);
	l->n_items = 0;
	l->is_list = false;
	l->name = name = l->text + (l->place == DOCUMENT ? 0 : MARGIN);
	if (*name < 'a' || *name > 'z')
		return false;
	for (end = name; is_in_name(*end);)
		end++;
	if (*end != ':' || end - name > NAME_MOST)
		return false;
	*end = '\0';
	l->is_empty = !end[1];
	return !is_null(name) &&
	       (l->is_empty || (end[1] == ' ' && take_value(l, end + 2)));
}

/* Return: is it a plain one? The texts are @l's until the next. */
static bool line_read(struct line *l, const char *at, size_t left)
{
	const char *end = memchr(at, '\n', left);
	size_t n = end ? (size_t)(end - at) : 0;

	if (!end || n > LINE_MOST || memchr(at, '\0', n))
		return false;
	memcpy(l->text, at, n);
	l->text[n] = '\0';
	l->n_bytes = n + 1;
	return take_line(l);
}

/* ---- all of them --------------------------------------------------------- */

/* May @l stand behind a line like that? */
static bool may_follow(const struct line *l, enum place after, bool list_begins)
{
	switch (l->place) {
	case DOCUMENT:
		return !list_begins;
	case BEGINS_BLOCK:
		return !l->is_empty && (list_begins || after != DOCUMENT);
	case IN_BLOCK:
		return !l->is_empty && after != DOCUMENT;
	}
	return false;
}

bool yamlplain_is(const struct yaml_source *source, bool blocks)
{
	struct line l;
	enum place after = DOCUMENT;
	bool list_begins = false;
	size_t n_blocks = 0;

	for (size_t at = 0; at < source->n; at += l.n_bytes) {
		if (!line_read(
			&l, (const char *)source->bytes + at, source->n - at) ||
		    !may_follow(&l, after, list_begins))
			return false;
		after = l.place;
		list_begins = l.place == DOCUMENT && l.is_empty;
		n_blocks += l.place == BEGINS_BLOCK;
		if ((list_begins && !blocks) || n_blocks > YAML_BLOCKS_MOST)
			return false;
	}
	return source->n && !list_begins;
}

struct telling {
	const char *name; /* of the file */
	yaml_on_entry on_entry;
	void *context;
	struct fault *fault;
	char block[NAME_MOST + 1];
	size_t line;
};

static int tell_block(const struct telling *t)
{
	const struct yaml_entry begin = {
		.key.at = { t->name, t->line, MARGIN + 1 }, .block = t->block
	};

	return t->on_entry(t->context, &begin, t->fault);
}

static int tell(struct telling *t, struct line *l)
{
	struct yaml_entry entry = {
		.key = { l->name,
		    { t->name, t->line, (size_t)(l->name - l->text) + 1 } },
		.values = l->items,
		.n_values = l->n_items,
		.is_list = l->is_list || l->is_empty,
		.block = l->place == DOCUMENT ? NULL : t->block,
	};
	int r = 0;

	for (size_t i = 0; i < l->n_items; i++)
		l->items[i].at =
		    (struct yaml_place){ t->name, t->line, l->columns[i] };
	if (l->place == BEGINS_BLOCK)
		r = tell_block(t);
	if (!r)
		r = t->on_entry(t->context, &entry, t->fault);
	if (l->is_empty)
		memcpy(t->block, l->name, strlen(l->name) + 1);
	return r;
}

int yamlplain_parse(const struct yaml_source *source, yaml_on_entry on_entry,
    void *context, struct fault *fault)
{
	struct telling t = { source->name, on_entry, context, fault, "", 1 };
	struct line l;
	int r = 0;

	for (size_t at = 0; !r && at < source->n; at += l.n_bytes, t.line++) {
		INVARIANT(line_read(
		    &l, (const char *)source->bytes + at, source->n - at));
		r = tell(&t, &l);
	}
	return r;
}
