/* The sweep over src/base: one scenario for each exported function that
 * allocates. text, rd, wr, hex, fault, log and nearest never do. */
#include "failalloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/metric.h"
#include "base/option.h"
#include "base/secret.h"
#include "base/table.h"
#include "base/wheel.h"
#include "base/yaml.h"
#include "base/yamltree.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/failalloc-XXXXXX"; /* holds "key: value\n" */

static int run_pool_new(void)
{
	struct pool *p = NULL;
	int r;

	fail_begin();
	r = pool_new(&p, 8, 2);
	fail_end();
	INVARIANT(!r == !!p);
	pool_free(p);
	return r;
}

/* A buffer that holds "0123456789" in blocks of 8, and no free block. */
static void fill(struct buf *b, struct pool **pool)
{
	INVARIANT(!pool_new(pool, 8, 0));
	buf_init(b, *pool, 100);
	INVARIANT(!buf_append(b, "0123456789", 10));
}

static void check_and_empty(struct buf *b, struct pool *pool, const char *want)
{
	char got[101];
	size_t n = buf_take(b, got, 100);

	INVARIANT(n == strlen(want) && !memcmp(got, want, n));
	pool_free(pool); /* which checks that no block is out */
}

static int run_buf_append(void)
{
	struct pool *pool;
	struct buf b;
	int r;

	fill(&b, &pool);
	fail_begin();
	r = buf_append(&b, "abcdefghijklmnopqrstuvwxyz", 26);
	fail_end();
	INVARIANT(buf_used(&b) == (r ? 10 : 36));
	if (r)
		INVARIANT(!buf_append(&b, "abcdefghijklmnopqrstuvwxyz", 26));
	check_and_empty(&b, pool, "0123456789abcdefghijklmnopqrstuvwxyz");
	return r;
}

static int run_buf_space(void)
{
	struct pool *pool;
	uint8_t *at;
	struct buf b;
	size_t n;

	fill(&b, &pool);
	INVARIANT(!buf_append(&b, "abcdef", 6)); /* to the end of the block */
	fail_begin();
	at = buf_space(&b, &n);
	fail_end();
	if (at)
		buf_commit(&b, 0);
	check_and_empty(&b, pool, "0123456789abcdef");
	return at ? 0 : -ENOMEM;
}

static int run_wheel_new(void)
{
	struct wheel *w = NULL;
	int r;

	fail_begin();
	r = wheel_new(&w, 7);
	fail_end();
	INVARIANT(!r == !!w);
	wheel_free(w);
	return r;
}

static void drop(struct table_node *n, void *ctx)
{
	table_remove(ctx, n);
}

/* Enough nodes that the table grows while it is being filled. */
static int run_table_add(void)
{
	static struct table_node nodes[200];
	static uint16_t keys[N_ELEMS(nodes)];
	struct table t;
	int worst = 0;

	table_init(&t, N_ELEMS(nodes));
	for (size_t i = 0; i < N_ELEMS(nodes); i++) {
		int r;

		keys[i] = (uint16_t)i;
		fail_begin();
		r = table_add(&t, &nodes[i], &keys[i], sizeof(keys[i]));
		fail_end();
		if (!r)
			continue;
		worst = r;
		INVARIANT(!table_find(&t, &keys[i], sizeof(keys[i])));
		INVARIANT(!table_add(&t, &nodes[i], &keys[i], 2));
	}
	INVARIANT(table_count(&t) == N_ELEMS(nodes));
	for (size_t i = 0; i < N_ELEMS(nodes); i++)
		INVARIANT(table_find(&t, &keys[i], 2) == &nodes[i]);
	table_each(&t, drop, &t);
	return worst;
}

static int run_secret_new(void)
{
	struct secret *s = NULL;
	int r;

	fail_begin();
	r = secret_new(&s, 10);
	fail_end();
	INVARIANT(!r == !!s);
	secret_free(s);
	return r;
}

static int run_secret_from(void)
{
	struct secret *s = NULL;
	int r;

	fail_begin();
	r = secret_from(&s, "value", 5);
	fail_end();
	INVARIANT(!r == !!s);
	secret_free(s);
	return r;
}

static int run_secret_read_file(void)
{
	struct secret *s = NULL;
	int r;

	fail_begin();
	r = secret_read_file(&s, path, 100);
	fail_end();
	INVARIANT(!r == !!s);
	secret_free(s);
	return r;
}

static int run_file_read(void)
{
	char *text = NULL;
	int r;

	fail_begin();
	r = file_read(&text, NULL, path, 100);
	fail_end();
	INVARIANT(!r == !!text);
	free(text);
	return r;
}

static int run_metric_print(void)
{
	static const uint64_t value = 7;
	static char help[20000]; /* so that the text has to grow on its way */
	const struct metric_row row = {
		.name = "m", .help = help, .kind = METRIC_GAUGE, .value = &value
	};
	struct metric_table table = { .rows = &row, .n_rows = 1 };
	struct metric_registry reg = { 0 };
	char *text = NULL;
	size_t n;
	int r;

	memset(help, 'h', sizeof(help) - 1);
	metric_add(&reg, &table);
	fail_begin();
	r = metric_print(&reg, &text, &n);
	fail_end();
	INVARIANT(!r == !!text);
	INVARIANT(r || n > sizeof(help));
	free(text);
	return r;
}

static int count_entry(
    void *context, const struct yaml_entry *entry, struct fault *fault)
{
	(void)entry;
	(void)fault;
	++*(int *)context;
	return 0;
}

static int run_yaml_parse(void)
{
	static const char text[] = "a: b\nlist: [c, d, 'e', \"f\\n\"]\n";
	struct yaml_source source = {
		.name = "f", .bytes = text, .n = sizeof(text) - 1
	};
	struct fault fault = FAULT_NONE;
	int n = 0, r;

	fail_begin();
	r = yaml_parse(&source, count_entry, &n, &fault);
	fail_end();
	INVARIANT(fault.code == r);
	INVARIANT(r || n == 2);
	return r;
}

static int run_yaml_read(void)
{
	struct fault fault = FAULT_NONE;
	int n = 0, r;

	fail_begin();
	r = yaml_read(path, count_entry, &n, &fault);
	fail_end();
	INVARIANT(fault.code == r);
	INVARIANT(r || n == 1);
	return r;
}

static int run_yamltree_parse(void)
{
	static const char text[] = "a: &x b\nlist: [*x, {d: 'e'}, \"f\\n\"]\n";
	const struct yaml_source source = {
		.name = "f", .bytes = text, .n = sizeof(text) - 1
	};
	struct fault fault = FAULT_NONE;
	struct yamltree *t = NULL;
	int r;

	fail_begin();
	r = yamltree_parse(&t, &source, &fault);
	fail_end();
	INVARIANT(fault.code == r && !r == !!t);
	yamltree_free(t);
	return r;
}

static int run_yamltree_read(void)
{
	struct fault fault = FAULT_NONE;
	struct yamltree *t = NULL;
	int r;

	fail_begin();
	r = yamltree_read(&t, path, &fault);
	fail_end();
	INVARIANT(fault.code == r && !r == !!t);
	yamltree_free(t);
	return r;
}

struct config {
	char *text, *key;
	struct option_list list;
	long number;
};

static const struct option_row rows[] = {
	{ .name = "text",
	    .metavar = "T",
	    .help = "-",
	    .type = OPTION_TEXT,
	    .offset = offsetof(struct config, text) },
	{ .name = "key",
	    .metavar = "K",
	    .help = "-",
	    .type = OPTION_TEXT,
	    .offset = offsetof(struct config, key) },
	{ .name = "list",
	    .metavar = "L",
	    .help = "-",
	    .type = OPTION_LIST,
	    .offset = offsetof(struct config, list) },
	{ .name = "number",
	    .metavar = "N",
	    .help = "-",
	    .type = OPTION_NUMBER,
	    .initial = "5",
	    .most = 10,
	    .offset = offsetof(struct config, number) },
};

static int run_option_load(void)
{
	static char program[] = "failalloc", text[] = "--text=t",
		    config_flag[] = "--config", list[] = "--list=a,b",
		    more[] = "--list=c", word[] = "word";
	const struct option_table table = { .program = program,
		.about = "-",
		.manual = "-",
		.rows = rows,
		.n_rows = N_ELEMS(rows),
		.takes_words = true };
	char *argv[] = { program, word, text, config_flag, path, list, more,
		NULL };
	struct config config = { .text = NULL };
	struct fault fault = FAULT_NONE;
	int rest, r;

	fail_begin();
	r = option_load(
	    &table, N_ELEMS(argv) - 1, argv, &config, &rest, &fault);
	fail_end();
	INVARIANT(fault.code == r);
	INVARIANT(r || (config.list.n_items == 3 && config.key && rest == 6));
	option_clear(&table, &config);
	option_clear(&table, &config);
	return r;
}

static const struct fail_scenario scenarios[] = {
	{ "pool_new", run_pool_new, false },
	{ "buf_append", run_buf_append, false },
	{ "buf_space", run_buf_space, false },
	{ "wheel_new", run_wheel_new, false },
	{ "table_add", run_table_add, false },
	{ "secret_new", run_secret_new, false },
	{ "secret_from", run_secret_from, false },
	{ "secret_read_file", run_secret_read_file, false },
	{ "file_read", run_file_read, false },
	{ "metric_print", run_metric_print, false },
	{ "yaml_parse", run_yaml_parse, false },
	{ "yaml_read", run_yaml_read, false },
	{ "yamltree_parse", run_yamltree_parse, false },
	{ "yamltree_read", run_yamltree_read, false },
	{ "option_load", run_option_load, false },
};

int main(void)
{
	int fd = mkostemp(path, O_CLOEXEC);
	int r;

	INVARIANT(fd >= 0 && write(fd, "key: value\n", 11) == 11);
	close(fd);
	r = fail_sweep(scenarios, N_ELEMS(scenarios));
	unlink(path);
	return r;
}
