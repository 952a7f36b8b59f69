#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { BLOCK = 8, KEEP = 2 };

struct fixture {
	struct pool *pool;
	struct buf buf;
};

static int setup(void **state)
{
	static struct fixture f;

	*state = &f;
	if (pool_new(&f.pool, BLOCK, KEEP))
		return -1;
	buf_init(&f.buf, f.pool, 100);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	buf_deinit(&f->buf);
	pool_freep(&f->pool); /* which checks that nothing is lent */
	return 0;
}

static void check_all(struct buf *b, const char *want)
{
	char got[200] = "";
	size_t n = buf_take(b, got, sizeof(got) - 1);

	assert_int_equal(n, strlen(want));
	assert_string_equal(got, want);
	assert_int_equal(buf_used(b), 0);
}

static void pool_keeps_no_more_than_stated(void **state)
{
	struct fixture *f = *state;
	struct pool_block *blocks[KEEP + 1];

	for (size_t i = 0; i < N_ELEMS(blocks); i++)
		blocks[i] = pool_take(f->pool);
	assert_int_equal(pool_lent(f->pool), KEEP + 1);
	assert_int_equal(pool_kept(f->pool), 0);
	for (size_t i = 0; i < N_ELEMS(blocks); i++)
		pool_give(f->pool, blocks[i]);
	pool_give(f->pool, NULL);
	assert_int_equal(pool_lent(f->pool), 0);
	assert_int_equal(pool_kept(f->pool), KEEP);
	assert_int_equal(pool_block_size(f->pool), BLOCK);
}

static void a_trimmed_pool_keeps_nothing_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct pool_block *lent = pool_take(f->pool);
	struct pool_block *kept = pool_take(f->pool);

	pool_give(f->pool, kept);
	assert_int_equal(pool_kept(f->pool), 1);
	pool_trim(f->pool);
	assert_int_equal(pool_kept(f->pool), 0);
	assert_int_equal(pool_lent(f->pool), 1);
	pool_give(f->pool, lent);
	assert_ptr_equal(pool_take(f->pool), lent);
	pool_give(f->pool, lent);
}

static void a_kept_block_comes_back_empty(void **state)
{
	struct fixture *f = *state;
	struct pool_block *b = pool_take(f->pool);

	b->start = 3;
	b->end = 5;
	pool_give(f->pool, b);
	b = pool_take(f->pool);
	assert_int_equal(b->start, 0);
	assert_int_equal(b->end, 0);
	assert_null(b->next);
	assert_int_equal(pool_kept(f->pool), 0);
	pool_give(f->pool, b);
}

static void bytes_come_out_in_order_over_blocks(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(buf_append(&f->buf, "abc", 3), 0);
	assert_int_equal(buf_append(&f->buf, "defghijklmnopqrstu", 18), 0);
	assert_int_equal(buf_append(&f->buf, "", 0), 0);
	assert_int_equal(buf_used(&f->buf), 21);
	assert_int_equal(buf_room(&f->buf), 79);
	assert_int_equal(pool_lent(f->pool), 3);
	check_all(&f->buf, "abcdefghijklmnopqrstu");
}

static void a_drained_buffer_holds_no_block(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(buf_append(&f->buf, "0123456789", 10), 0);
	buf_drop(&f->buf, 9);
	assert_int_equal(pool_lent(f->pool), 1);
	buf_drop(&f->buf, 1);
	assert_int_equal(pool_lent(f->pool), 0);
	buf_drop(&f->buf, 0);
	assert_int_equal(buf_append(&f->buf, "again", 5), 0);
	check_all(&f->buf, "again");
}

static void past_the_limit_nothing_is_taken(void **state)
{
	struct fixture *f = *state;

	buf_init(&f->buf, f->pool, 10);
	assert_int_equal(buf_append(&f->buf, "01234567", 8), 0);
	assert_int_equal(buf_append(&f->buf, "abc", 3), -ENOBUFS);
	assert_int_equal(buf_used(&f->buf), 8);
	assert_int_equal(buf_append(&f->buf, "ab", 2), 0);
	assert_int_equal(buf_room(&f->buf), 0);
	assert_int_equal(buf_append(&f->buf, "c", 1), -ENOBUFS);
	assert_int_equal(buf_append(&f->buf, "c", SIZE_MAX), -ENOBUFS);
	check_all(&f->buf, "01234567ab");
}

/* As read(2) would. */
static void write_to(uint8_t *at, const char *text)
{
	while (*text)
		*at++ = (uint8_t)*text++;
}

static void space_is_written_in_place_up_to_the_limit(void **state)
{
	struct fixture *f = *state;
	uint8_t *at;
	size_t n;

	buf_init(&f->buf, f->pool, 10);
	at = buf_space(&f->buf, &n);
	assert_int_equal(n, BLOCK);
	write_to(at, "01234567");
	buf_commit(&f->buf, 5);
	at = buf_space(&f->buf, &n);
	assert_int_equal(n, 3); /* the rest of the block */
	write_to(at, "567");
	buf_commit(&f->buf, 3);
	at = buf_space(&f->buf, &n);
	assert_int_equal(n, 2); /* what the limit leaves */
	write_to(at, "89");
	buf_commit(&f->buf, 2);
	assert_null(buf_space(&f->buf, &n));
	check_all(&f->buf, "0123456789");
}

static void space_that_is_not_used_goes_back(void **state)
{
	struct fixture *f = *state;
	size_t n;

	assert_non_null(buf_space(&f->buf, &n));
	assert_int_equal(pool_lent(f->pool), 1);
	buf_commit(&f->buf, 0);
	assert_int_equal(pool_lent(f->pool), 0);

	assert_int_equal(buf_append(&f->buf, "0123456789abcdef", 16), 0);
	assert_non_null(buf_space(&f->buf, &n));
	assert_int_equal(pool_lent(f->pool), 3);
	buf_commit(&f->buf, 0);
	assert_int_equal(pool_lent(f->pool), 2);
	buf_commit(&f->buf, 0);
	check_all(&f->buf, "0123456789abcdef");
}

static void peek_shows_what_stands_together(void **state)
{
	struct fixture *f = *state;
	size_t n = 7;

	assert_null(buf_peek(&f->buf, &n));
	assert_int_equal(n, 0);
	assert_int_equal(buf_append(&f->buf, "0123456789", 10), 0);
	buf_drop(&f->buf, 2);
	assert_memory_equal(buf_peek(&f->buf, &n), "234567", 6);
	assert_int_equal(n, 6);
	buf_drop(&f->buf, 6);
	assert_memory_equal(buf_peek(&f->buf, &n), "89", 2);
	assert_int_equal(n, 2);
}

static void take_gives_what_there_is(void **state)
{
	struct fixture *f = *state;
	char got[20];

	assert_int_equal(buf_take(&f->buf, got, sizeof(got)), 0);
	assert_int_equal(buf_append(&f->buf, "0123456789", 10), 0);
	assert_int_equal(buf_take(&f->buf, got, 9), 9);
	assert_memory_equal(got, "012345678", 9);
	assert_int_equal(buf_take(&f->buf, got, sizeof(got)), 1);
	assert_int_equal(got[0], '9');
}

static void a_copy_leaves_the_bytes_where_they_are(void **state)
{
	struct fixture *f = *state;
	char got[64] = "";

	assert_int_equal(buf_copy(&f->buf, got, sizeof(got)), 0);
	assert_int_equal(buf_append(&f->buf, "0123456789abcdefghijk", 21), 0);
	buf_drop(&f->buf, 2);
	assert_int_equal(buf_copy(&f->buf, got, 3), 3);
	assert_memory_equal(got, "234", 3);
	assert_int_equal(buf_copy(&f->buf, got, 64), 19); /* over blocks */
	assert_memory_equal(got, "23456789abcdefghijk", 19);
	assert_int_equal(buf_used(&f->buf), 19);
	check_all(&f->buf, "23456789abcdefghijk");
}

static void deinit_is_repeatable(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(buf_append(&f->buf, "0123456789", 10), 0);
	buf_deinit(&f->buf);
	buf_deinit(&f->buf);
	assert_int_equal(pool_lent(f->pool), 0);
	assert_int_equal(buf_used(&f->buf), 0);
}

/* Against a plain array: many appends and takes of every size. */
static void any_mix_of_sizes_keeps_the_bytes(void **state)
{
	struct fixture *f = *state;
	uint8_t next_in = 0, next_out = 0, bytes[40];

	for (unsigned i = 0; i < 10000; i++) {
		size_t in = i * 7 % 37, out = i * 11 % 41, n;

		for (size_t j = 0; j < in; j++)
			bytes[j] = (uint8_t)(next_in + j);
		if (!buf_append(&f->buf, bytes, in))
			next_in = (uint8_t)(next_in + in);
		n = buf_take(&f->buf, bytes, out);
		for (size_t j = 0; j < n; j++)
			assert_int_equal(bytes[j], next_out++);
		assert_true(buf_used(&f->buf) <= 100);
		assert_true(
		    pool_lent(f->pool) <= buf_used(&f->buf) / BLOCK + 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define BUF_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		BUF_TEST(pool_keeps_no_more_than_stated),
		BUF_TEST(a_trimmed_pool_keeps_nothing_and_goes_on),
		BUF_TEST(a_kept_block_comes_back_empty),
		BUF_TEST(bytes_come_out_in_order_over_blocks),
		BUF_TEST(a_drained_buffer_holds_no_block),
		BUF_TEST(past_the_limit_nothing_is_taken),
		BUF_TEST(space_is_written_in_place_up_to_the_limit),
		BUF_TEST(space_that_is_not_used_goes_back),
		BUF_TEST(peek_shows_what_stands_together),
		BUF_TEST(take_gives_what_there_is),
		BUF_TEST(a_copy_leaves_the_bytes_where_they_are),
		BUF_TEST(deinit_is_repeatable),
		BUF_TEST(any_mix_of_sizes_keeps_the_bytes),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
