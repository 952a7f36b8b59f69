#include "base/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

/* What the entries were, as "key=value" and "key=[a|b]", a space apart. */
struct seen {
	char text[2048];
	int stop; /* returned by the handler; 0: go on */
};

static int on_entry(
    void *context, const struct yaml_entry *entry, struct fault *fault)
{
	struct seen *seen = context;
	size_t at = strlen(seen->text);
	FILE *to = fmemopen(seen->text + at, sizeof(seen->text) - at, "w");

	(void)fault;
	assert_non_null(to);
	fprintf(to, "%s%s%s", at ? " " : "", entry->block ? entry->block : "",
	    entry->block ? "." : "");
	if (!entry->key.text)
		fprintf(
		    to, "%zu:%zu", entry->key.at.line, entry->key.at.column);
	else
		fprintf(
		    to, "%s=%s", entry->key.text, entry->is_list ? "[" : "");
	for (size_t i = 0; i < entry->n_values; i++)
		fprintf(to, "%s%s", i ? "|" : "", entry->values[i].text);
	fprintf(to, "%s", entry->is_list ? "]" : "");
	fclose(to);
	return seen->stop;
}

static int parse(
    const char *text, size_t n, struct seen *seen, struct fault *fault)
{
	struct yaml_source source = { .name = "f.yaml", .bytes = text, .n = n };

	return yaml_parse(&source, on_entry, seen, fault);
}

static const struct {
	const char *label, *text, *seen;
} good[] = {
	{ "nothing", "", "" },
	{ "a comment", "# hello\n", "" },
	{ "an empty document", "---\n", "" },
	{ "an empty document that ends", "---\n...\n", "" },
	{ "one entry", "a: b\n", "a=b" },
	{ "two entries, no last newline", "a: b\nc: d", "a=b c=d" },
	{ "numbers and truth values are text", "a: 0x10\nb: yes\n",
	    "a=0x10 b=yes" },
	{ "quotes", "a: 'x: y'\nb: \"p\\\"q\"\n", "a=x: y b=p\"q" },
	{ "a quoted empty value", "a: ''\n", "a=" },
	{ "a quoted null is text", "a: 'null'\n", "a=null" },
	{ "a block of text", "a: |\n  x\n  y\n", "a=x\ny\n" },
	{ "flow list", "a: [b, 'c,d']\n", "a=[b|c,d]" },
	{ "block list", "a:\n- b\n- c\n", "a=[b|c]" },
	{ "empty list", "a: []\n", "a=[]" },
	{ "flow mapping at the top", "{a: b, c: [d]}", "a=b c=[d]" },
	{ "byte order mark",
	    "\xef\xbb\xbf"
	    "a: b\n",
	    "a=b" },
	{ "the same key twice is the handler's", "a: b\na: c\n", "a=b a=c" },
	{ "UTF-8", "a: \xc3\xa9\n", "a=\xc3\xa9" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		struct seen seen = { .stop = 0 };
		struct fault fault = FAULT_NONE;

		print_message("# %s\n", good[i].label);
		assert_int_equal(
		    parse(good[i].text, strlen(good[i].text), &seen, &fault),
		    0);
		assert_string_equal(seen.text, good[i].seen);
	}
}

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
	const char *label, *text;
	size_t n;
	const char *fault; /* how the message begins */
} bad[] = {
	{ "a scalar for a document", BYTES("hello\n"),
	    "f.yaml:1:1: expected names with values" },
	{ "a list for a document", BYTES("- a\n"),
	    "f.yaml:1:1: expected names with values" },
	{ "a mapping for a value", BYTES("a:\n  b: c\n"),
	    "f.yaml:2:3: nesting" },
	{ "a flow mapping for a value", BYTES("a: {b: c}\n"),
	    "f.yaml:1:4: nesting" },
	{ "a list in a list", BYTES("a: [[b]]\n"), "f.yaml:1:5: nesting" },
	{ "a mapping in a list", BYTES("a:\n- b: c\n"), "f.yaml:2:3: nesting" },
	{ "a list for a name", BYTES("? [a]\n: b\n"),
	    "f.yaml:1:3: a name must be plain text" },
	{ "no value", BYTES("a:\nb: c\n"), "f.yaml:1:3: no value" },
	{ "null", BYTES("a: null\n"), "f.yaml:1:4: no value" },
	{ "tilde", BYTES("a: ~\n"), "f.yaml:1:4: no value" },
	{ "no value in a list", BYTES("a:\n-\n- b\n"), "f.yaml:2:2: no value" },
	{ "an anchor", BYTES("a: &x b\n"), "f.yaml:1:4: anchors" },
	{ "an alias", BYTES("a: *x\n"), "f.yaml:1:4: anchors" },
	{ "a tag", BYTES("a: !!str b\n"), "f.yaml:1:4: tags" },
	{ "a tagged mapping", BYTES("!x\na: b\n"), "f.yaml:1:1: tags" },
	{ "two documents", BYTES("a: b\n---\nc: d\n"),
	    "f.yaml:2:1: a second document" },
	{ "an escaped zero byte", BYTES("a: \"b\\0c\"\n"),
	    "f.yaml:1:4: a value holds a zero byte" },
	{ "a zero byte", BYTES("a: b\0c\n"), "f.yaml: at byte 4:" },
	{ "not UTF-8", BYTES("a: \xff\n"), "f.yaml: at byte 3:" },
	{ "an open quote", BYTES("a: \"b\nc: d\n"), "f.yaml:3:1: not YAML" },
	{ "a tab for indentation", BYTES("a:\n\t- b\n"),
	    "f.yaml:2:1: not YAML" },
	{ "an open list", BYTES("a: [b\n"), "f.yaml:2:1: not YAML" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct seen seen = { .stop = 0 };
		struct fault fault = FAULT_NONE;

		print_message("# %s\n", bad[i].label);
		assert_int_equal(
		    parse(bad[i].text, bad[i].n, &seen, &fault), -EINVAL);
		if (strncmp(fault.text, bad[i].fault, strlen(bad[i].fault)))
			assert_string_equal(fault.text, bad[i].fault);
	}
}

static void test_handler_ends_it(void **state)
{
	struct seen seen = { .stop = 7 };

	(void)state;
	assert_int_equal(parse(BYTES("a: b\nc: d\n"), &seen, NULL), 7);
	assert_string_equal(seen.text, "a=b");
}

static void test_limits(void **state)
{
	CLEANUP(free_p) char *text = malloc(YAML_FILE_MOST + 1);
	struct fault fault = FAULT_NONE;
	struct seen *seen = calloc(1, sizeof(*seen));
	size_t n;

	(void)state;
	assert_non_null(text);
	assert_non_null(seen);
	memset(text, '#', YAML_FILE_MOST + 1);
	assert_int_equal(parse(text, YAML_FILE_MOST, seen, &fault), 0);
	assert_int_equal(parse(text, YAML_FILE_MOST + 1, seen, &fault), -EFBIG);

	n = (size_t)sprintf(text, "a:\n");
	for (int i = 0; i <= YAML_ITEMS_MOST; i++)
		n += (size_t)sprintf(text + n, "- x\n");
	assert_int_equal(parse(text, n, seen, &fault), -EINVAL);
	assert_string_equal(
	    fault.text, "f.yaml:1026:3: more than 1024 items in a list");
	free(seen);
}

static void test_file(void **state)
{
	char path[] = "/tmp/test-yaml-XXXXXX";
	struct seen seen = { .stop = 0 };
	struct fault fault = FAULT_NONE;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(yaml_read(path, on_entry, &seen, &fault), 0);
	assert_int_equal(write(fd, "a: b\n", 5), 5);
	close(fd);
	assert_int_equal(yaml_read(path, on_entry, &seen, &fault), 0);
	assert_string_equal(seen.text, "a=b");
	unlink(path);
	assert_int_equal(yaml_read(path, on_entry, &seen, &fault), -ENOENT);
	assert_non_null(strstr(fault.text, path));
	assert_int_equal(
	    yaml_read("/dev/zero", on_entry, &seen, &fault), -EINVAL);
}

/* Whatever is printed reads back as it was. */
/* ---- blocks ---- */

static const struct {
	const char *label, *text, *seen; /* seen NULL: refused */
	size_t line, column;		 /* where */
	const char *says;
} blocks[] = {
	{ "none", "a: b\n", "a=b", 0, 0, NULL },
	{ "one", "a:\n- b: c\n  d: [e, f]\n", "a=[] a.2:3 a.b=c a.d=[e|f]", 0,
	    0, NULL },
	{ "two, and what follows", "a:\n- b: c\n- b: d\ne: f\n",
	    "a=[] a.2:3 a.b=c a.3:3 a.b=d e=f", 0, 0, NULL },
	{ "two lists of them", "a: [{b: c}]\nd: [{b: c}]\n",
	    "a=[] a.1:5 a.b=c d=[] d.2:5 d.b=c", 0, 0, NULL },
	{ "an empty one", "a: [{}]\n", "a=[] a.1:5", 0, 0, NULL },
	{ "a plain list", "a: [b]\n", "a=[b]", 0, 0, NULL },
	{ "an empty list", "a: []\n", "a=[]", 0, 0, NULL },
	{ "blocks and values", "a:\n- b: c\n- d\n", NULL, 3, 3, "not both" },
	{ "values and blocks", "a:\n- d\n- b: c\n", NULL, 3, 3, "nesting" },
	{ "blocks in a block", "a:\n- b:\n  - c: d\n", NULL, 3, 5, "nesting" },
	{ "a list in a list", "a:\n- [b]\n", NULL, 2, 3, "nesting" },
	{ "a mapping for a list", "a:\n  b: c\n", NULL, 2, 3, "nesting" },
	{ "a list in a block's list", "a:\n- b: [[c]]\n", NULL, 2, 7,
	    "nesting" },
	{ "an anchor in a block", "a:\n- b: &x c\n", NULL, 2, 6, "anchors" },
	{ "no value in a block", "a:\n- b:\n", NULL, 2, 5, "no value" },
};

static void test_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(blocks); i++) {
		struct yaml_source source = { .name = "f.yaml",
			.bytes = blocks[i].text,
			.n = strlen(blocks[i].text) };
		struct seen seen = { .stop = 0 };
		struct fault fault = FAULT_NONE;
		char place[40];
		int r = yaml_parse_blocks(&source, on_entry, &seen, &fault);

		print_message("%s: %s\n", blocks[i].label, fault.text);
		assert_int_equal(r, blocks[i].seen ? 0 : -EINVAL);
		if (blocks[i].seen) {
			assert_string_equal(seen.text, blocks[i].seen);
			continue;
		}
		snprintf(place, sizeof(place),
		    "f.yaml:%zu:%zu: ", blocks[i].line, blocks[i].column);
		assert_int_equal(strncmp(fault.text, place, strlen(place)), 0);
		assert_non_null(strstr(fault.text, blocks[i].says));
	}
}

static int count_entries(
    void *context, const struct yaml_entry *entry, struct fault *fault)
{
	size_t *n = context;

	(void)fault;
	*n += entry->key.text && entry->block ? 1 : 0;
	return 0;
}

static void test_blocks_have_a_limit(void **state)
{
	static const char block[] = "- b: c\n";
	const size_t each = sizeof(block) - 1;
	CLEANUP(free_p)
	char *text = malloc(YAML_BLOCKS_FILE_MOST + 1);
	struct yaml_source source = { .name = "f.yaml", .bytes = text };
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_non_null(text);
	for (size_t more = 0; more < 2; more++) {
		size_t n = 0;

		source.n = strlen(strcpy(text, "a:\n"));
		for (size_t i = 0; i < YAML_BLOCKS_MOST + more; i++) {
			memcpy(text + source.n, block, each);
			source.n += each;
		}
		assert_int_equal(
		    yaml_parse_blocks(&source, count_entries, &n, &fault),
		    more ? -EINVAL : 0);
		assert_int_equal(n, YAML_BLOCKS_MOST);
	}
	assert_non_null(strstr(fault.text, "65536 blocks"));
	source.n = YAML_BLOCKS_FILE_MOST + 1;
	assert_int_equal(
	    yaml_parse_blocks(&source, count_entries, NULL, &fault), -EFBIG);
}

static void test_print(void **state)
{
	static const char *const texts[] = { "", "a", "a b", " a ", "a: b",
		"#a", "'", "\"", "\\", "\\n", "- a", "null", "~", "[", "{a}",
		"%a", "@", "\xc3\xa9", "\xf0\x9f\x98\x80" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		char text[100] = "", expected[100];
		FILE *to = fmemopen(text, sizeof(text), "w");
		struct seen seen = { .stop = 0 };

		assert_true(yaml_text_ok(texts[i]));
		fputs("k: ", to);
		yaml_print_text(to, texts[i]);
		fclose(to);
		assert_int_equal(parse(text, strlen(text), &seen, NULL), 0);
		snprintf(expected, sizeof(expected), "k=%s", texts[i]);
		assert_string_equal(seen.text, expected);
	}
	assert_false(yaml_text_ok("a\nb"));
	assert_false(yaml_text_ok("a\x1b[0m"));
	assert_false(yaml_text_ok("\xff"));
	assert_false(yaml_text_ok("\xef\xbf\xbf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_handler_ends_it),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_blocks_have_a_limit),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
