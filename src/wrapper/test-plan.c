/* What may be asked of the wrapper, and what it says to the rest. */
#include "wrapper/plan.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* An order from words; secrets are split at blanks. */
struct typed {
	const char *secrets, *map, *on_rotate, *dir;
	enum plan_deliver deliver;
	long poll_ms;
};

static int make(struct plan **out, const struct typed *t, struct fault *f)
{
	CLEANUP(free_p) char *copy = strdup(t->secrets);
	char *words[PLAN_SECRETS_MAX + 2], *rest = copy, *word;
	char *maps[1] = { NULL };
	struct plan_order order = {
		.secrets = words,
		.maps = maps,
		.n_maps = t->map != NULL,
		.deliver = t->deliver,
		.folder = t->dir,
		.on_rotate = t->on_rotate ? t->on_rotate : "none",
		.poll_ms = t->poll_ms,
	};
	CLEANUP(free_p) char *map = t->map ? strdup(t->map) : NULL;

	maps[0] = map;
	while ((word = strsep(&rest, " ")))
		if (*word && order.n_secrets < N_ELEMS(words))
			words[order.n_secrets++] = word;
	return plan_new(out, &order, f);
}

#define FILE_TO(d) .deliver = PLAN_DELIVER_FILE, .dir = (d)

static const struct {
	const char *label;
	struct typed typed;
	const char *refusal; /* a part of the text; NULL: accepted */
} asked[] = {
	{ "one path, one field", { "secret/db", "password=PW" }, NULL },
	{ "data/ in the path", { "secret/data/db", "password=PW" }, NULL },
	{ "two paths", { "secret/a secret/b", "x=X,y=Y;z=Z" }, NULL },
	{ "a field with blanks and dots", { "s/a", "tls key.pem=KEY" }, NULL },
	{ "one field twice", { "s/a", "x=X,x=Y" }, NULL },
	{ "no path", { "", "x=X" }, "no secret is asked for" },
	{ "leading slash", { "/secret/a", "x=X" }, "is not a path" },
	{ "trailing slash", { "secret/a/", "x=X" }, "is not a path" },
	{ "empty segment", { "secret//a", "x=X" }, "is not a path" },
	{ "dot segment", { "secret/./a", "x=X" }, "is not a path" },
	{ "parent segment", { "secret/../sys", "x=X" }, "is not a path" },
	{ "parent at the end", { "secret/..", "x=X" }, "is not a path" },
	{ "dots in a name", { "secret/..a/b.c", "x=X" }, NULL },
	{ "control character", { "secret/a\tb", "x=X" }, "is not a path" },
	{ "no map", { "s/a", NULL }, "there is none for: 's/a'" },
	{ "map of the second is missing", { "s/a s/b", "x=X" },
	    "there is none for: 's/b'" },
	{ "one map too many", { "s/a", "x=X;y=Y" }, "more maps than" },
	{ "no equals sign", { "s/a", "password" }, "no '=' in: 'password'" },
	{ "no field", { "s/a", "=X" }, "not a field" },
	{ "no name", { "s/a", "x=" }, "not a name" },
	{ "name with a dash", { "s/a", "x=A-B" }, "not a name" },
	{ "name with a digit first", { "s/a", "x=1A" }, "not a name" },
	{ "name with a slash", { "s/a", "x=a/b" }, "not a name" },
	{ "second equals sign", { "s/a", "x=A=B" }, "not a name" },
	{ "empty entry", { "s/a", "x=X,,y=Y" }, "no '=' in: ''" },
	{ "name twice", { "s/a s/b", "x=X;y=X" }, "twice: 'X'" },
	{ "a name of ours", { "s/a", "x=PHAROS_JWT_FILE" }, "belongs to" },
	{ "file without folder", { "s/a", "x=X", .deliver = PLAN_DELIVER_FILE },
	    "needs --dir" },
	{ "folder without file", { "s/a", "x=X", .dir = "/run/x" },
	    "for --deliver file only" },
	{ "unknown reaction", { "s/a", "x=X", "reload" }, "unknown" },
	{ "signal that cannot be handled",
	    { "s/a", "x=X", "signal:KILL", FILE_TO("/r") }, "not a signal" },
	{ "signal that does not exist",
	    { "s/a", "x=X", "signal:FOO", FILE_TO("/r") }, "not a signal" },
	{ "hook without words", { "s/a", "x=X", "exec:  ", FILE_TO("/r") },
	    "no command" },
};

static void test_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(asked); i++) {
		CLEANUP(plan_freep) struct plan *p = NULL;
		struct fault f = FAULT_NONE;
		int r = make(&p, &asked[i].typed, &f);

		if (r != (asked[i].refusal ? -EINVAL : 0))
			fail_msg("%s: %d %s", asked[i].label, r, f.text);
		if (!r)
			continue;
		if (!strstr(f.text, asked[i].refusal) || !*f.hint)
			fail_msg(
			    "%s: '%s' '%s'", asked[i].label, f.text, f.hint);
	}
}

/* Which ways of delivery go with which reactions. */
static const struct {
	const char *on_rotate;
	bool allowed[PLAN_DELIVER_COUNT]; /* env, file, fd */
	bool poll[PLAN_DELIVER_COUNT];
} pairs[] = {
	{ "none", { true, true, true }, { false, true, false } },
	{ "restart", { true, true, true }, { true, true, true } },
	{ "signal:HUP", { false, true, false }, { false, true, false } },
	{ "exec:/bin/reload -q", { false, true, false },
	    { false, true, false } },
};

static void test_pairs(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(pairs); i++)
		for (int d = 0; d < PLAN_DELIVER_COUNT; d++) {
			CLEANUP(plan_freep) struct plan *p = NULL;
			struct fault f = FAULT_NONE;
			struct typed t = { "s/a", "x=X", pairs[i].on_rotate,
				d == PLAN_DELIVER_FILE ? "/run/x" : NULL,
				(enum plan_deliver)d, 30000 };
			int r = make(&p, &t, &f);

			if (!r != pairs[i].allowed[d] ||
			    (p && p->poll != pairs[i].poll[d]))
				fail_msg("%s with %s: %d %s",
				    pairs[i].on_rotate, plan_deliver_names[d],
				    r, f.text);
			if (r)
				assert_non_null(strstr(f.text, "does not go"));
		}
}

static void test_contents(void **state)
{
	CLEANUP(plan_freep) struct plan *p = NULL;
	struct typed t = { "secret/a secret/b", "x=X,y=Y;z=Z",
		"exec:/bin/reload  --now", "/run/x", PLAN_DELIVER_FILE };

	(void)state;
	assert_int_equal(make(&p, &t, NULL), 0);
	assert_int_equal(p->n_paths, 2);
	assert_string_equal(p->paths[1], "secret/b");
	assert_int_equal(p->n_items, 3);
	assert_int_equal(p->items[1].secret, 0);
	assert_string_equal(p->items[1].field, "y");
	assert_int_equal(p->items[2].secret, 1);
	assert_string_equal(p->items[2].name, "Z");
	assert_int_equal(p->n_hook, 2);
	assert_string_equal(p->hook[1], "--now");
	assert_null(p->hook[2]);
	assert_string_equal(p->folder, "/run/x");
}

static void test_poll_off(void **state)
{
	CLEANUP(plan_freep) struct plan *p = NULL;
	struct typed t = { "s/a", "x=X", "restart" };

	(void)state;
	assert_int_equal(make(&p, &t, NULL), 0);
	assert_false(p->poll);
}

static void test_signals(void **state)
{
	(void)state;
	assert_int_equal(plan_signal_parse("HUP"), SIGHUP);
	assert_int_equal(plan_signal_parse("SIGUSR1"), SIGUSR1);
	assert_string_equal(plan_signal_name(SIGUSR1), "USR1");
	assert_int_equal(plan_signal_parse("STOP"), -EINVAL);
	assert_int_equal(plan_signal_parse("KILL"), -EINVAL);
	assert_int_equal(plan_signal_parse("CHLD"), -EINVAL);
	assert_int_equal(plan_signal_parse("hup"), -EINVAL);
	assert_int_equal(plan_signal_parse(""), -EINVAL);
	assert_int_equal(plan_signal_parse("SIG"), -EINVAL);
}

/* The limits: the last that fits, and one more. */
static void test_limits(void **state)
{
	char path[PLAN_PATH_MOST + 2] = "s/",
				   secrets[PLAN_SECRETS_MAX * 8 + 16] = "";
	char map[PLAN_ITEMS_MAX * 16 + 32] = "";
	struct fault f = FAULT_NONE;
	struct plan *p = NULL;

	(void)state;
	memset(path + 2, 'a', PLAN_PATH_MOST - 2);
	assert_int_equal(make(&p, &(struct typed){ path, "f=A" }, &f), 0);
	plan_free(STEAL(p));
	path[PLAN_PATH_MOST] = 'a';
	assert_int_equal(make(&p, &(struct typed){ path, "f=A" }, &f), -EINVAL);
	assert_non_null(strstr(f.text, "too long"));
	for (int i = 0; i < PLAN_ITEMS_MAX; i++)
		sprintf(map + strlen(map), "%sf=N%d", i ? "," : "", i);
	assert_int_equal(make(&p, &(struct typed){ "s/a", map }, &f), 0);
	plan_free(STEAL(p));
	strcat(map, ",f=LAST");
	assert_int_equal(make(&p, &(struct typed){ "s/a", map }, &f), -EINVAL);
	assert_non_null(strstr(f.text, "too many values"));
	for (int i = 0; i <= PLAN_SECRETS_MAX; i++)
		sprintf(secrets + strlen(secrets), "s/p%d ", i);
	assert_int_equal(
	    make(&p, &(struct typed){ secrets, "f=A" }, &f), -EINVAL);
	assert_non_null(strstr(f.text, "too many paths"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asked),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_poll_off),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
