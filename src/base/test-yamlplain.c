#include "base/yamlplain.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const char document[] =
    "schema: 1\n"
    "name: \"a b # c: 'd'\"\n"
    "at: 2026-11-21T21:00:00Z\n"
    "key: e59di5KKK319GlEOW0XRxHD8oSgDDGfWgIHAbbsvTj8=\n"
    "key2: +59di5KKK319GlEOW0XRxHD8oSgDDGfWgIHAbbsvTj8=\n"
    "key3: /59di5KKK319GlEOW0XRxHD8oSgDDGfWgIHAbbsvTj8=\n"
    "networks: [\"10.88.0.0/16\", \"fd00::/64\"]\n"
    "none: []\n"
    "zones:\n"
    "- name: \"admin\"\n"
    "  services: [\"tcp/22@ssh\"]\n"
    "peers:\n"
    "- name: x\n"
    "  yes: true\n"
    "- name: y\n"
    "after: 1\n";

/* Every entry with its places. */
static int on_entry(
    void *context, const struct yaml_entry *e, struct fault *fault)
{
	FILE *to = context;

	(void)fault;
	fprintf(to, "%s.%s@%zu:%zu%s", e->block ? e->block : "",
	    e->key.text ? e->key.text : "", e->key.at.line, e->key.at.column,
	    e->is_list ? "[" : "");
	for (size_t i = 0; i < e->n_values; i++)
		fprintf(to, " %s@%zu:%zu", e->values[i].text,
		    e->values[i].at.line, e->values[i].at.column);
	fputs("\n", to);
	return 0;
}

typedef int (*parser)(const struct yaml_source *source, yaml_on_entry on_entry,
    void *context, struct fault *fault);

static char *told_by(parser parse, const char *text, size_t n)
{
	const struct yaml_source source = { "f", text, n };
	struct fault fault = FAULT_NONE;
	char *told = NULL;
	size_t size;
	FILE *to = open_memstream(&told, &size);
	int r;

	assert_non_null(to);
	r = parse(&source, on_entry, to, &fault);
	if (r)
		fprintf(to, "refused: %s\n", fault.text);
	fclose(to);
	return told;
}

/* A comment behind it makes it libyaml's. */
static char *told_by_libyaml(const char *text, size_t n)
{
	static const char comment[] = "# a comment\n";
	CLEANUP(free_p) char *all = malloc(n + sizeof(comment));
	struct yaml_source source = { "f", all, n + sizeof(comment) - 1 };

	assert_non_null(all);
	memcpy(all, text, n);
	memcpy(all + n, comment, sizeof(comment));
	assert_false(yamlplain_is(&source, true));
	return told_by(yaml_parse_blocks, all, source.n);
}

static bool is_plain(const char *text, size_t n)
{
	const struct yaml_source source = { "f", text, n };

	return yamlplain_is(&source, true);
}

static void expect_same(const char *text, size_t n)
{
	CLEANUP(free_p) char *ours = told_by(yamlplain_parse, text, n);
	CLEANUP(free_p) char *theirs = told_by_libyaml(text, n);

	if (strcmp(ours, theirs) != 0)
		fail_msg("of\n%.*s\nwe tell\n%s\nand libyaml\n%s", (int)n, text,
		    ours, theirs);
}

static void what_we_write_is_plain(void **state)
{
	(void)state;
	assert_true(is_plain(document, sizeof(document) - 1));
	expect_same(document, sizeof(document) - 1);
}

/* With any byte in place of any other, and cut anywhere: whatever is still
 * plain says to libyaml what it says to us. */
static void what_is_plain_is_the_same_to_libyaml(void **state)
{
	static const char bytes[] =
	    " \n\t\"'\\:-#[]{},&*!|>%@`?=~^a0nN\x80\x01";
	char text[sizeof(document)];
	size_t plain = 0;

	(void)state;
	for (size_t at = 0; at < sizeof(document) - 1; at++)
		for (size_t i = 0; i < sizeof(bytes); i++) {
			memcpy(text, document, sizeof(document));
			text[at] = bytes[i];
			if (!is_plain(text, sizeof(document) - 1))
				continue;
			plain++;
			expect_same(text, sizeof(document) - 1);
		}
	assert_true(plain > 100);
	for (size_t n = 1; n < sizeof(document) - 1; n++)
		if (is_plain(document, n))
			expect_same(document, n);
}

static const struct {
	const char *label, *text;
	bool blocks;
} others[] = {
	{ "nothing", "", true },
	{ "no line end", "a: b", true },
	{ "a comment", "a: b # c\n", true },
	{ "a blank line", "a: b\n\n", true },
	{ "no value", "a:\n", true },
	{ "no value at the end", "a: b\nc:\n", true },
	{ "null", "a: null\n", true },
	{ "a tilde", "a: ~\n", true },
	{ "an escape", "a: \"\\n\"\n", true },
	{ "single quotes", "a: 'b'\n", true },
	{ "two words", "a: b c\n", true },
	{ "a mapping in a line", "a: b: c\n", true },
	{ "words in brackets", "a: [b]\n", true },
	{ "brackets that stay open", "a: [\"b\"\n", true },
	{ "an anchor", "a: &b c\n", true },
	{ "a marker", "---\na: b\n", true },
	{ "blocks where none are taken", "a:\n- b: c\n", false },
	{ "a block of no list", "- b: c\n", true },
	{ "a line of no block", "a: b\n  c: d\n", true },
	{ "a list and then no block", "a:\nb: c\n", true },
	{ "a list in a block", "a:\n- b:\n", true },
	{ "a block in a block", "a:\n- b: c\n- d:\n  - e: f\n", true },
};

static void what_is_written_otherwise_is_not_plain(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(others); i++) {
		const struct yaml_source source = { "f", others[i].text,
			strlen(others[i].text) };

		if (yamlplain_is(&source, others[i].blocks))
			fail_msg("%s", others[i].label);
	}
}

/* One line of @n bytes, its end counted. */
static bool line_is_plain(size_t n)
{
	CLEANUP(free_p) char *text = malloc(n + 1);

	assert_non_null(text);
	memset(text, 'x', n);
	text[1] = ':';
	text[2] = ' ';
	text[n - 1] = '\n';
	return is_plain(text, n);
}

static bool list_is_plain(size_t items)
{
	CLEANUP(free_p) char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	for (size_t i = 0; i < items; i++)
		fputs(i ? ", \"b\"" : "a: [\"b\"", to);
	fputs("]\n", to);
	fclose(to);
	return is_plain(text, n);
}

static bool blocks_are_plain(size_t blocks)
{
	CLEANUP(free_p) char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	fputs("a:\n", to);
	for (size_t i = 0; i < blocks; i++)
		fputs("- b: c\n", to);
	fclose(to);
	return is_plain(text, n);
}

static void what_is_over_a_limit_is_not_plain(void **state)
{
	(void)state;
	assert_true(line_is_plain(4097));
	assert_false(line_is_plain(4098));
	assert_true(list_is_plain(128));
	assert_false(list_is_plain(129));
	assert_true(blocks_are_plain(YAML_BLOCKS_MOST));
	assert_false(blocks_are_plain(YAML_BLOCKS_MOST + 1));
}

static int stop(void *context, const struct yaml_entry *e, struct fault *fault)
{
	size_t *left = context;

	(void)e;
	(void)fault;
	return (*left)-- ? 0 : -ECANCELED;
}

static void the_handler_may_stop_it_anywhere(void **state)
{
	const struct yaml_source source = { "f", document,
		sizeof(document) - 1 };

	(void)state;
	for (size_t n = 0; n < 19; n++) {
		size_t left = n;

		assert_int_equal(
		    yamlplain_parse(&source, stop, &left, NULL), -ECANCELED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_write_is_plain),
		cmocka_unit_test(what_is_plain_is_the_same_to_libyaml),
		cmocka_unit_test(what_is_written_otherwise_is_not_plain),
		cmocka_unit_test(what_is_over_a_limit_is_not_plain),
		cmocka_unit_test(the_handler_may_stop_it_anywhere),
	};

	return cmocka_run_group_tests_name("yamlplain", tests, NULL, NULL);
}
