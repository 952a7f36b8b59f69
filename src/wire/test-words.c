#include "wire/words.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct pair {
	struct words broker, bridge;
};

static void fill(uint8_t to[32], unsigned value)
{
	memset(to, (int)value, 32);
}

/* Two ends; @a and @b: the sessions that they see. */
static struct pair ends(unsigned a, unsigned b)
{
	uint8_t exported[WORDS_EXPORTED], nonce[WORDS_NONCE];
	struct pair p;

	fill(exported, a);
	fill(nonce, 1);
	words_init(&p.broker, WORDS_BROKER, exported, nonce);
	fill(exported, b);
	fill(nonce, 2);
	words_init(&p.bridge, WORDS_BRIDGE, exported, nonce);
	return p;
}

static void commit_both(struct pair *p)
{
	uint8_t commitment[WORDS_COMMITMENT];

	words_commitment(commitment, &p->broker);
	assert_int_equal(words_committed(&p->bridge, commitment), 0);
	words_commitment(commitment, &p->bridge);
	assert_int_equal(words_committed(&p->broker, commitment), 0);
}

static void reveal_both(struct pair *p)
{
	assert_int_equal(words_revealed(&p->bridge, p->broker.nonce), 0);
	assert_int_equal(words_revealed(&p->broker, p->bridge.nonce), 0);
}

/* Computed apart from this program, from the description in doc/wire/boot.md.
 */
static void both_sides_show_the_same_six_words(void **state)
{
	char one[WORDS_TEXT + 1], two[WORDS_TEXT + 1];
	struct pair p = ends(0, 0);
	uint8_t commitment[WORDS_COMMITMENT];

	(void)state;
	for (unsigned i = 0; i < WORDS_EXPORTED; i++)
		p.broker.exported[i] = p.bridge.exported[i] = (uint8_t)i;
	words_commitment(commitment, &p.broker);
	assert_memory_equal(commitment, "\xce\xe0\xeb\x75\x8a\x1a\xeb\x32", 8);
	commit_both(&p);
	reveal_both(&p);
	assert_int_equal(p.broker.state, WORDS_AGREED);
	assert_int_equal(p.bridge.state, WORDS_AGREED);
	words_text(one, &p.broker);
	words_text(two, &p.bridge);
	assert_string_equal(one, "fago keno dili fomi malo migi");
	assert_string_equal(one, two);
	assert_int_equal(strlen(one), WORDS_TEXT);
}

/* Who is in the middle has two sessions. That both commitments fit needs him to
 * know each side's exporter, and he does; the words differ all the same. */
static void two_sessions_show_other_words(void **state)
{
	char one[WORDS_TEXT + 1], two[WORDS_TEXT + 1];
	struct pair near = ends(7, 7), far = ends(8, 8);

	(void)state;
	commit_both(&near);
	reveal_both(&near);
	commit_both(&far);
	reveal_both(&far);
	words_text(one, &near.broker);
	words_text(two, &far.bridge);
	assert_string_not_equal(one, two);
}

static void what_is_carried_from_one_session_to_another_is_refused(void **state)
{
	uint8_t commitment[WORDS_COMMITMENT];
	struct pair p = ends(7, 8);

	(void)state;
	words_commitment(commitment, &p.bridge);
	assert_int_equal(words_committed(&p.broker, commitment), 0);
	assert_int_equal(words_revealed(&p.broker, p.bridge.nonce), -EACCES);
	assert_int_equal(p.broker.state, WORDS_REFUSED);
}

static void a_nonce_chosen_afterwards_is_refused(void **state)
{
	struct pair p = ends(7, 7);
	uint8_t nonce[WORDS_NONCE];

	(void)state;
	commit_both(&p);
	fill(nonce, 3);
	assert_int_equal(words_revealed(&p.broker, nonce), -EACCES);
	assert_int_equal(p.broker.state, WORDS_REFUSED);
	assert_int_equal(words_revealed(&p.broker, p.bridge.nonce), -EPERM);
}

static void an_echo_is_refused(void **state)
{
	uint8_t commitment[WORDS_COMMITMENT];
	struct pair p = ends(7, 7), q = ends(7, 7);

	(void)state;
	words_commitment(commitment, &p.broker);
	assert_int_equal(words_committed(&p.broker, commitment), -EPERM);
	assert_int_equal(p.broker.state, WORDS_REFUSED);
	/* and a nonce of ours does not fit as theirs: the side is hashed too */
	words_commitment(commitment, &q.bridge);
	assert_int_equal(words_committed(&q.broker, commitment), 0);
	assert_int_equal(words_revealed(&q.broker, q.broker.nonce), -EACCES);
}

static void nothing_happens_out_of_turn(void **state)
{
	uint8_t commitment[WORDS_COMMITMENT];
	struct pair p = ends(7, 7);

	(void)state;
	assert_int_equal(words_revealed(&p.broker, p.bridge.nonce), -EPERM);
	assert_int_equal(p.broker.state, WORDS_COMMITTED);
	commit_both(&p);
	words_commitment(commitment, &p.bridge);
	assert_int_equal(words_committed(&p.broker, commitment), -EPERM);
	assert_int_equal(p.broker.state, WORDS_REVEALED);
	reveal_both(&p);
	assert_int_equal(words_committed(&p.broker, commitment), -EPERM);
	assert_int_equal(words_revealed(&p.broker, p.bridge.nonce), -EPERM);
	assert_int_equal(p.broker.state, WORDS_AGREED);
}

static const struct {
	const char *label, *typed;
	bool want;
} typed_rows[] = {
	{ "as shown", "fago keno dili fomi malo migi", true },
	{ "with hyphens", "fago-keno-dili-fomi-malo-migi", true },
	{ "with commas", "fago, keno, dili, fomi, malo, migi\n", true },
	{ "upper case", "FAGO Keno dili fomi malo migi", true },
	{ "nothing between", "fagokenodilifomimalomigi", true },
	{ "one letter", "fago keno dili fomi malo miga", false },
	{ "five words", "fago keno dili fomi malo", false },
	{ "seven words", "fago keno dili fomi malo migi fago", false },
	{ "another order", "keno fago dili fomi malo migi", false },
	{ "nothing", "", false },
	{ "something between", "fago.keno.dili.fomi.malo.migi", false },
};

static void what_was_typed_is_compared(void **state)
{
	struct pair p = ends(0, 0);

	(void)state;
	for (unsigned i = 0; i < WORDS_EXPORTED; i++)
		p.broker.exported[i] = p.bridge.exported[i] = (uint8_t)i;
	commit_both(&p);
	reveal_both(&p);
	for (size_t i = 0; i < N_ELEMS(typed_rows); i++)
		if (words_same(&p.bridge, typed_rows[i].typed) !=
		    typed_rows[i].want)
			fail_msg("%s", typed_rows[i].label);
}

static void what_was_read_is_as_shown(void **state)
{
	static const char shown[] = "fago keno dili fomi malo migi";
	static const struct {
		const char *label, *typed;
	} none[] = {
		{ "nothing", "" },
		{ "hyphens alone", " - , " },
		{ "five words", "fago keno dili fomi malo" },
		{ "a syllable more", "fago keno dili fomi malo migi fa" },
		{ "a consonant that is none", "fago keno dili fomi malo pigi" },
		{ "a vowel that is none", "fago keno dili fomi malo mugi" },
		{ "vowels first", "ofag keno dili fomi malo migi" },
		{ "a dot between", "fago.keno dili fomi malo migi" },
	};
	char text[WORDS_TEXT + 1] = "as before";

	(void)state;
	for (size_t i = 0; i < N_ELEMS(none); i++)
		if (words_read(text, none[i].typed) != -EINVAL ||
		    strcmp(text, "as before") != 0)
			fail_msg("%s", none[i].label);
	assert_int_equal(
	    words_read(text, "FA-GOKENO, dili\nfomi malo migi,"), 0);
	assert_string_equal(text, shown);
	assert_int_equal(words_read(text, "nono nono nono nono nono nono"), 0);
	assert_string_equal(text, "nono nono nono nono nono nono");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_show_the_same_six_words),
		cmocka_unit_test(two_sessions_show_other_words),
		cmocka_unit_test(
		    what_is_carried_from_one_session_to_another_is_refused),
		cmocka_unit_test(a_nonce_chosen_afterwards_is_refused),
		cmocka_unit_test(an_echo_is_refused),
		cmocka_unit_test(nothing_happens_out_of_turn),
		cmocka_unit_test(what_was_typed_is_compared),
		cmocka_unit_test(what_was_read_is_as_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
