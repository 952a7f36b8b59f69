/* A value lives in its descriptor, and in memory only while it is looked at. */
#include "base/secret.h"
#include "wrapper/value.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

static struct value hidden_value(const char *text)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	struct value v = VALUE_NONE;
	bool hidden;
	int fd;

	assert_int_equal(secret_from(&s, text, strlen(text)), 0);
	fd = secret_seal_fd(s, &hidden);
	assert_true(fd >= 0);
	assert_int_equal(value_init(&v, fd, strlen(text), hidden), 0);
	return v;
}

/* As on a kernel without memfd_secret. */
static struct value plain_value(const char *text)
{
	int fd = memfd_create("value", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct value v = VALUE_NONE;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(value_init(&v, fd, strlen(text), false), 0);
	return v;
}

static struct value (*const makers[])(
    const char *) = { hidden_value, plain_value };

static void test_view(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(makers); i++) {
		struct value v = makers[i]("correct horse");
		struct value_view view;

		assert_true(value_locked(&v));
		assert_int_equal(value_open(&view, &v), 0);
		assert_int_equal(view.size, 13);
		assert_memory_equal(view.bytes, "correct horse", 13);
		value_close(&view);
		value_deinit(&v);
		value_deinit(&v);
		assert_int_equal(v.fd, -1);
	}
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(makers); i++) {
		struct value v = makers[i]("");
		struct value_view view;

		assert_int_equal(value_open(&view, &v), 0);
		assert_int_equal(view.size, 0);
		value_close(&view);
		value_deinit(&v);
	}
}

static const struct {
	const char *a, *b;
	int equal;
} compared[] = {
	{ "one", "one", 1 },
	{ "one", "two", 0 },
	{ "one", "one ", 0 },
	{ "", "", 1 },
	{ "", "x", 0 },
};

static void test_equal(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(compared); i++) {
		struct value a = hidden_value(compared[i].a);
		struct value b = plain_value(compared[i].b);

		if (value_equal(&a, &b) != compared[i].equal)
			fail_msg("'%s' and '%s'", compared[i].a, compared[i].b);
		value_deinit(&a);
		value_deinit(&b);
	}
}

/* A size that the descriptor does not have would be a fault at reading. */
static void test_too_short(void **state)
{
	int fd = memfd_create("value", MFD_CLOEXEC);
	struct value v = VALUE_NONE;

	(void)state;
	assert_int_equal(write(fd, "four", 4), 4);
	assert_int_equal(value_init(&v, fd, 5, false), -EINVAL);
	assert_int_equal(v.fd, -1);
	assert_int_equal(close(fd), -1); /* it was closed */
	fd = memfd_create("value", MFD_CLOEXEC);
	assert_int_equal(close(fd), 0);
	assert_int_equal(value_init(&v, fd, 0, false), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_too_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
