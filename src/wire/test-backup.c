#include "wire/backup.h"
#include "base/hex.h"
#include "base/test-valgrind.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define PASSPHRASE "correct horse battery"

static struct secret *secret_of(const char *text)
{
	struct secret *s;

	assert_int_equal(secret_from(&s, text, strlen(text)), 0);
	return s;
}

static void parts_new(struct backup *b)
{
	*b = (struct backup){ .codex = strdup("the codex\n"),
		.n_codex = 10,
		.tombstones = strdup("dead\n"),
		.n_tombstones = 5,
		.keyring = secret_of("the keys\n") };
	assert_non_null(b->codex);
	assert_non_null(b->tombstones);
}

/* Argon2id is what takes the time: one file serves all tests. */
struct sealed {
	uint8_t *file;
	size_t n;
};

static int seal(void **state)
{
	CLEANUP(secret_freep) struct secret *passphrase = secret_of(PASSPHRASE);
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	struct sealed *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	parts_new(&b);
	assert_int_equal(backup_seal(&s->file, &s->n, &b, passphrase), 0);
	*state = s;
	return 0;
}

static int unseal(void **state)
{
	struct sealed *s = *state;

	free(s->file);
	free(s);
	return 0;
}

static int open_with(const uint8_t *file, size_t n, const char *words)
{
	CLEANUP(secret_freep) struct secret *passphrase = secret_of(words);
	CLEANUP(backup_deinit) struct backup b = { .n_codex = 0 };
	int r = backup_open(&b, file, n, passphrase);

	if (r)
		return r;
	assert_int_equal(b.n_codex, 10);
	assert_string_equal(b.codex, "the codex\n");
	assert_int_equal(b.n_tombstones, 5);
	assert_string_equal(b.tombstones, "dead\n");
	assert_true(secret_equal(b.keyring, "the keys\n", 9));
	return 0;
}

static void what_is_sealed_opens_under_its_passphrase_alone(void **state)
{
	const struct sealed *s = *state;

	assert_int_equal(s->n,
	    BACKUP_HEAD_SIZE + BACKUP_PARTS * BACKUP_MARK_SIZE + 10 + 5 + 9);
	assert_int_equal(open_with(s->file, s->n, PASSPHRASE), 0);
	assert_int_equal(
	    open_with(s->file, s->n, PASSPHRASE " "), BACKUP_E_PASSPHRASE);
	assert_int_equal(open_with(s->file, s->n, ""), BACKUP_E_PASSPHRASE);
	for (size_t i = 0; i + 5 <= s->n; i++)
		assert_memory_not_equal(s->file + i, "codex", 5);
}

static void a_cut_is_told_at_every_length(void **state)
{
	const struct sealed *s = *state;

	assert_int_equal(backup_look(s->file, 0), BACKUP_E_KIND);
	for (size_t n = 1; n < s->n; n++)
		if (backup_look(s->file, n) != BACKUP_E_CUT)
			fail_msg("cut to %zu: %d", n, backup_look(s->file, n));
	assert_int_equal(backup_look(s->file, s->n), 0);
}

/* Of the head, each bit without the passphrase; of the rest some, for each
 * takes the passphrase's hash. */
static void an_altered_bit_is_told_wherever_it_is(void **state)
{
	const struct sealed *s = *state;
	CLEANUP(free_p) uint8_t *file = malloc(s->n + 1);
	const size_t step = test_in_valgrind() ? 1000 : 11;

	assert_non_null(file);
	memcpy(file, s->file, s->n);
	for (size_t i = 0; i < 8UL * BACKUP_HEAD_SIZE; i++) {
		int r;

		file[i / 8] ^= (uint8_t)(1U << i % 8);
		r = backup_look(file, s->n);
		if (r != (i < 8UL * 14	    ? BACKUP_E_KIND
			     : i < 8UL * 16 ? BACKUP_E_VERSION
					    : BACKUP_E_ALTERED))
			fail_msg("bit %zu: %d", i, r);
		file[i / 8] ^= (uint8_t)(1U << i % 8);
	}
	for (size_t i = BACKUP_HEAD_SIZE; i < s->n; i += step) {
		file[i] ^= 1;
		if (open_with(file, s->n, PASSPHRASE) != BACKUP_E_ALTERED)
			fail_msg("byte %zu", i);
		file[i] ^= 1;
	}
	file[s->n] = 0;
	assert_int_equal(backup_look(file, s->n + 1), BACKUP_E_ALTERED);
}

/* Each part is bound to its place and to the head of its file. */
static void parts_of_two_files_do_not_mix(void **state)
{
	const struct sealed *s = *state;
	struct sealed *other;
	void *more;

	if (test_in_valgrind())
		return; /* where each hash takes seconds */
	assert_int_equal(seal(&more), 0);
	other = more;
	assert_int_equal(other->n, s->n);
	assert_memory_not_equal(other->file + 16, s->file + 16, 16);
	memcpy(other->file + BACKUP_HEAD_SIZE, s->file + BACKUP_HEAD_SIZE,
	    s->n - BACKUP_HEAD_SIZE);
	assert_int_equal(
	    open_with(other->file, other->n, PASSPHRASE), BACKUP_E_ALTERED);
	assert_int_equal(unseal(&more), 0);
}

/* One from the day the format was fixed: a later program reads it too. */
#define GOLDEN                                                                 \
	"706861726f732d6261636b757020310a2561e03f17e3326f804129246543b99f"     \
	"93082bde119760842973ba3cd00d2e18e1f360f740bc2b3e0000000a00000005"     \
	"00000009d36ea45854a92ebc03765df1c1716798cad4918ed58340df782c4831"     \
	"15276a9b10428561a1786372434f0f5f988e02c11247e79e5f98e83c7b085894"     \
	"b2b49b551a54a758d3198d259da886a886199f016dfcaf9cd9e270d1c493851e"     \
	"12defb4d5d77d9f9dc84e16843cc5e763e5dd88e990290ae9eebcddb6f47a4"

static void a_file_of_the_first_version_opens(void **state)
{
	uint8_t file[sizeof(GOLDEN) / 2];

	(void)state;
	assert_int_equal(hex_decode(file, sizeof(file), GOLDEN), 0);
	assert_int_equal(open_with(file, sizeof(file), PASSPHRASE), 0);
}

static void what_is_no_backup_is_named(void **state)
{
	static const struct {
		const char *label, *text;
		int code;
	} rows[] = {
		{ "a text", "[Interface]\n", BACKUP_E_KIND },
		{ "nearly", "pharos-backup!1\n", BACKUP_E_KIND },
		{ "of a version to come", "pharos-backup 2\n and more",
		    BACKUP_E_VERSION },
		{ "a head alone", "pharos-backup 1\n", BACKUP_E_CUT },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (backup_look((const uint8_t *)rows[i].text,
			strlen(rows[i].text)) != rows[i].code)
			fail_msg("%s", rows[i].label);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_sealed_opens_under_its_passphrase_alone),
		cmocka_unit_test(a_cut_is_told_at_every_length),
		cmocka_unit_test(an_altered_bit_is_told_wherever_it_is),
		cmocka_unit_test(parts_of_two_files_do_not_mix),
		cmocka_unit_test(a_file_of_the_first_version_opens),
		cmocka_unit_test(what_is_no_backup_is_named),
	};

	return cmocka_run_group_tests(tests, seal, unseal);
}
