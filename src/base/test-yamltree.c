#include "base/yamltree.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static int parse_bytes(
    struct yamltree **t, const char *text, size_t n, struct fault *fault)
{
	const struct yaml_source source = {
		.name = "f.yaml", .bytes = text, .n = n
	};

	return yamltree_parse(t, &source, fault);
}

static struct yamltree *parse(const char *text)
{
	struct yamltree *t = NULL;
	struct fault fault = FAULT_NONE;

	if (parse_bytes(&t, text, strlen(text), &fault))
		fail_msg("%s", fault.text);
	return t;
}

static void test_reading(void **state)
{
	CLEANUP(yamltree_freep)
	struct yamltree *t = parse("a: 1\n"
				   "list:\n"
				   "- name: x\n"
				   "  deep: {b: [c, \"d e\"]}\n"
				   "- name: y\n"
				   "none: ~\n"
				   "quoted: \"~\"\n"
				   "empty:\n");
	struct yamltree_node root = yamltree_root(t), list, item;

	(void)state;
	assert_int_equal(yamltree_kind(root), YAMLTREE_MAP);
	assert_string_equal(yamltree_text(yamltree_get(root, "a")), "1");
	list = yamltree_get(root, "list");
	assert_int_equal(yamltree_kind(list), YAMLTREE_LIST);
	item = yamltree_get(yamltree_get(yamltree_item(list, 0), "deep"), "b");
	assert_string_equal(yamltree_text(yamltree_item(item, 1)), "d e");
	assert_int_equal(yamltree_at(item).line, 4);
	assert_int_equal(yamltree_at(item).column, 13);
	assert_string_equal(yamltree_at(item).file, "f.yaml");
	assert_int_equal(
	    yamltree_kind(yamltree_get(root, "none")), YAMLTREE_NOTHING);
	assert_int_equal(
	    yamltree_kind(yamltree_get(root, "empty")), YAMLTREE_NOTHING);
	assert_string_equal(yamltree_text(yamltree_get(root, "quoted")), "~");
}

/* From nowhere one comes nowhere, and nothing is said of it. */
static void test_nowhere(void **state)
{
	CLEANUP(yamltree_freep) struct yamltree *t = parse("a: [b]\n");
	struct yamltree_node root = yamltree_root(t);
	struct yamltree_node list = yamltree_get(root, "a");
	const struct yamltree_node nowhere[] = {
		yamltree_get(root, "b"),
		yamltree_get(list, "b"),
		yamltree_item(list, 1),
		yamltree_item(root, 0),
		yamltree_get(yamltree_get(root, "x"), "y"),
		yamltree_item(yamltree_get(root, "x"), 0),
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(nowhere); i++) {
		assert_int_equal(yamltree_kind(nowhere[i]), YAMLTREE_NOTHING);
		assert_null(yamltree_text(nowhere[i]));
		assert_int_equal(yamltree_at(nowhere[i]).line, 1);
	}
	assert_null(yamltree_text(root));
	assert_null(yamltree_text(list));
}

static void test_forms(void **state)
{
	CLEANUP(yamltree_freep)
	struct yamltree *json = parse("{\"a\":{\"b\":[\"c\"]}}");
	CLEANUP(yamltree_freep)
	struct yamltree *alias = parse("x: &it {b: c}\ny: *it\n");
	CLEANUP(yamltree_freep)
	struct yamltree *cycle = parse("&all {a: *all}");
	struct yamltree_node n = yamltree_get(yamltree_root(json), "a");

	(void)state;
	n = yamltree_item(yamltree_get(n, "b"), 0);
	assert_string_equal(yamltree_text(n), "c");
	n = yamltree_get(yamltree_get(yamltree_root(alias), "y"), "b");
	assert_string_equal(yamltree_text(n), "c");
	n = yamltree_get(yamltree_get(yamltree_root(cycle), "a"), "a");
	assert_int_equal(yamltree_kind(n), YAMLTREE_MAP);
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "\n", "# nothing\n", "---\n",
		"~\n" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		CLEANUP(yamltree_freep)
		struct yamltree *t = parse(texts[i]);

		assert_null(yamltree_text(yamltree_get(yamltree_root(t), "a")));
	}
}

static const struct {
	const char *text, *want;
} bad[] = {
	{ "a: [", "f.yaml:2:1: not YAML: " },
	{ "a: b\na: c\n", "f.yaml:2:1: 'a' comes twice" },
	{ "x:\n- {b: 1, c: 2, b: 3}\n", "f.yaml:2:16: 'b' comes twice" },
	{ "{[a]: b}", "f.yaml:1:2: a name must be plain text" },
	{ "<<: {a: b}", "f.yaml:1:1: merge keys" },
	{ "a: \"b\\0c\"", "f.yaml:1:4: a value holds a zero byte" },
	{ "\"a\\0\": b", "f.yaml:1:1: a value holds a zero byte" },
	{ "a: b\n---\nc: d\n", "f.yaml: has a second document" },
	{ "- a\n", "f.yaml: expected names with values" },
	{ "text", "f.yaml: expected names with values" },
	{ "a: *b", "f.yaml:1:4: not YAML: found undefined alias" },
	{ "a: \xff", "f.yaml: at byte 3: " },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct yamltree *t = NULL;
		struct fault fault = FAULT_NONE;
		int r =
		    parse_bytes(&t, bad[i].text, strlen(bad[i].text), &fault);

		if (r != -EINVAL || t ||
		    strncmp(fault.text, bad[i].want, strlen(bad[i].want)))
			fail_msg("%s: %d %s", bad[i].text, r, fault.text);
	}
}

static void test_limits(void **state)
{
	size_t n = (YAMLTREE_NAMES_MOST + 1) * (size_t)8, used = 0;
	char *names = malloc(n), *large = malloc(YAMLTREE_FILE_MOST + 1);
	struct fault fault = FAULT_NONE;
	struct yamltree *t = NULL;

	(void)state;
	assert_true(names && large);
	for (int i = 0; i < YAMLTREE_NAMES_MOST; i++)
		used += (size_t)sprintf(names + used, "%d: \n", i);
	t = parse(names);
	yamltree_free(STEAL(t));
	sprintf(names + used, "x: \n");
	assert_int_equal(
	    parse_bytes(&t, names, strlen(names), &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "more than 1024 names"));
	memset(large, '#', YAMLTREE_FILE_MOST + 1);
	assert_int_equal(
	    parse_bytes(&t, large, YAMLTREE_FILE_MOST + 1, &fault), -EFBIG);
	free(names);
	free(large);
}

static void test_files(void **state)
{
	struct fault fault = FAULT_NONE;
	struct yamltree *t = NULL;

	(void)state;
	assert_int_equal(
	    yamltree_read(&t, "/nonexistent/file", &fault), -ENOENT);
	assert_non_null(strstr(fault.text, "/nonexistent/file"));
	assert_int_equal(yamltree_read(&t, "/", &fault), -EINVAL);
	yamltree_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_nowhere),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
