/* A configuration file from anywhere. What the reader takes, it takes again
 * after it was printed by us. */
#include "fuzz.h"
#include "base/yamlplain.h"

struct seen {
	FILE *to;
	bool printable; /* all texts may stand between quotes as they are */
};

static void print_item(struct seen *seen, const struct yaml_item *item)
{
	if (yaml_text_ok(item->text))
		yaml_print_text(seen->to, item->text);
	else
		seen->printable = false;
}

static int on_entry(
    void *context, const struct yaml_entry *entry, struct fault *fault)
{
	struct seen *seen = context;

	(void)fault;
	INVARIANT(entry->is_list || entry->n_values == 1);
	INVARIANT(entry->n_values <= YAML_ITEMS_MOST);
	INVARIANT(entry->key.at.line && entry->key.at.column);
	fputs("? ", seen->to);
	print_item(seen, &entry->key);
	fputs(entry->is_list ? "\n: [" : "\n: ", seen->to);
	for (size_t i = 0; i < entry->n_values; i++) {
		if (i)
			fputs(", ", seen->to);
		print_item(seen, &entry->values[i]);
	}
	fputs(entry->is_list ? "]\n" : "\n", seen->to);
	return 0;
}

static int parse(const void *bytes, size_t n, char **printed, bool *printable)
{
	struct yaml_source source = { .name = "f", .bytes = bytes, .n = n };
	struct fault fault = FAULT_NONE;
	struct seen seen = { .printable = true };
	size_t size;
	int r;

	seen.to = open_memstream(printed, &size);
	INVARIANT(seen.to);
	r = yaml_parse(&source, on_entry, &seen, &fault);
	fclose(seen.to);
	INVARIANT(!r || (fault.code == r && fault.text[0]));
	*printable = seen.printable;
	return r;
}

/* What is plain says the same to libyaml, which reads it with a comment. */
static void try_plain(const uint8_t *bytes, size_t n)
{
	static const char comment[] = "# comment";
	const struct yaml_source source = { "f", bytes, n };
	CLEANUP(free_p) uint8_t *other = malloc(n + sizeof(comment));
	CLEANUP(free_p) char *first = NULL;
	CLEANUP(free_p) char *second = NULL;
	bool printable;

	INVARIANT(other);
	if (!yamlplain_is(&source, false))
		return;
	memcpy(other, bytes, n);
	memcpy(other + n, comment, sizeof(comment));
	INVARIANT(!parse(bytes, n, &first, &printable));
	INVARIANT(!parse(other, n + sizeof(comment) - 1, &second, &printable));
	INVARIANT(!strcmp(first, second));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *first = NULL;
	CLEANUP(free_p) char *second = NULL;
	bool printable;

	try_plain(bytes, n);
	if (parse(bytes, n, &first, &printable) || !printable)
		return 0;
	INVARIANT(!parse(first, strlen(first), &second, &printable));
	INVARIANT(printable && !strcmp(first, second));
	return 0;
}
