/* The six words at the bridge: messages, and sessions that come from the
 * meeting. */
#include "bridge/parley.h"
#include "bridge/test-desk.h"
#include "wire/bootwords.h"

/* ---- messages alone ------------------------------------------------------ */

static void fill(uint8_t to[32], uint8_t with)
{
	memset(to, with, 32);
}

/* Both ends of one session. */
static void ends(struct words *broker, struct parley *bridge)
{
	uint8_t exported[32], nonce[32];

	fill(exported, 7);
	fill(nonce, 1);
	words_init(broker, WORDS_BROKER, exported, nonce);
	fill(nonce, 2);
	parley_init(bridge, exported, nonce);
}

static char *message(enum bootwords_kind kind, const uint8_t bytes[32])
{
	struct bootwords w = { .kind = kind };
	char *text;

	memcpy(w.bytes, bytes, sizeof(w.bytes));
	assert_int_equal(bootwords_write(&text, &w), 0);
	return text;
}

static char *commitment_of(const struct words *w)
{
	uint8_t bytes[WORDS_COMMITMENT];

	words_commitment(bytes, w);
	return message(BOOTWORDS_COMMITMENT, bytes);
}

static int hear(struct parley *p, char *text)
{
	struct fault fault = FAULT_NONE;
	int r = parley_hear(p, text, strlen(text), "the CA", &fault);

	assert_int_equal(r, fault.code < 0 ? BOOT_MALFORMED : fault.code);
	free(text);
	return r;
}

static void both_sides_have_the_same_words(void **state)
{
	char here[WORDS_TEXT + 1], there[WORDS_TEXT + 1];
	struct bootwords said;
	struct words broker;
	struct parley p;

	(void)state;
	ends(&broker, &p);
	assert_int_equal(hear(&p, commitment_of(&broker)), 0);
	assert_int_equal(bootwords_read(&said, BOOTWORDS_COMMITMENT, p.answer,
			     strlen(p.answer), NULL),
	    0);
	assert_int_equal(words_committed(&broker, said.bytes), 0);
	assert_int_equal(hear(&p, message(BOOTWORDS_NONCE, broker.nonce)), 0);
	assert_int_equal(bootwords_read(&said, BOOTWORDS_ANSWER, p.answer,
			     strlen(p.answer), NULL),
	    0);
	assert_string_equal(said.ca, "the CA");
	assert_int_equal(words_revealed(&broker, said.bytes), 0);
	bootwords_deinit(&said);
	words_text(here, &p.words);
	words_text(there, &broker);
	assert_string_equal(here, there);
	parley_deinit(&p);
	parley_deinit(&p);
}

static void what_does_not_fit_is_refused(void **state)
{
	uint8_t bytes[32];
	struct words broker;
	struct parley p;

	(void)state;
	ends(&broker, &p);
	words_commitment(bytes, &p.words); /* sent back */
	assert_int_equal(
	    hear(&p, message(BOOTWORDS_COMMITMENT, bytes)), BOOT_WORDS);
	ends(&broker, &p);
	assert_int_equal(hear(&p, commitment_of(&broker)), 0);
	fill(bytes, 3); /* chosen afterwards */
	assert_int_equal(hear(&p, message(BOOTWORDS_NONCE, bytes)), BOOT_WORDS);
	assert_int_equal(p.words.state, WORDS_REFUSED);
	parley_deinit(&p);
}

static void what_is_out_of_turn_is_malformed(void **state)
{
	struct words broker;
	struct parley p;

	(void)state;
	ends(&broker, &p);
	assert_int_equal(
	    hear(&p, message(BOOTWORDS_NONCE, broker.nonce)), BOOT_MALFORMED);
	assert_int_equal(hear(&p, strdup("")), BOOT_MALFORMED);
	assert_int_equal(hear(&p, commitment_of(&broker)), 0);
	assert_int_equal(hear(&p, commitment_of(&broker)), BOOT_MALFORMED);
	parley_deinit(&p);
}

/* ---- sessions ------------------------------------------------------------ */

static struct guest *comes(int i)
{
	struct guest *g = &guest[i];
	uint8_t exported[32], nonce[32];

	guest_comes(g);
	assert_int_equal(tls_leg_export(g->leg, WORDS_EXPORTER, exported), 0);
	fill(nonce, 9);
	words_init(&g->words, WORDS_BROKER, exported, nonce);
	guest_speaks(g);
	return g;
}

static void posts(struct guest *g, char *text)
{
	guest_posts(g, "POST", BOOTWORDS_PATH, text, strlen(text));
	free(text);
	turns();
}

static void commits(struct guest *g)
{
	struct bootwords said;

	posts(g, commitment_of(&g->words));
	assert_int_equal(g->status, 200);
	assert_int_equal(bootwords_read(&said, BOOTWORDS_COMMITMENT, g->said,
			     strlen(g->said), NULL),
	    0);
	assert_int_equal(words_committed(&g->words, said.bytes), 0);
}

/* Return: the CA that the bridge says; to be freed. */
static char *reveals(struct guest *g)
{
	struct bootwords said;

	posts(g, message(BOOTWORDS_NONCE, g->words.nonce));
	assert_int_equal(g->status, 200);
	assert_int_equal(bootwords_read(&said, BOOTWORDS_ANSWER, g->said,
			     strlen(g->said), NULL),
	    0);
	assert_int_equal(words_revealed(&g->words, said.bytes), 0);
	return said.ca;
}

/* A whole session; the words that its broker shows. */
static void meets(int i, const struct ask *a, char words[WORDS_TEXT + 1])
{
	struct guest *g = comes(i);

	commits(g);
	free(reveals(g));
	words_text(words, &g->words);
	g->calls = 0;
	guest_asks(g, a);
}

static void a_broker_without_a_ca_waits_with_the_words_that_it_shows(
    void **state)
{
	char words[WORDS_TEXT + 1], *said, *is;
	struct guest *g = comes(0);

	(void)state;
	commits(g);
	said = reveals(g);
	assert_int_equal(pki_cert_pem(&is, ca.cert), 0);
	assert_string_equal(said, is);
	free(said);
	free(is);
	words_text(words, &g->words);
	g->calls = 0;
	guest_asks(g, &(struct ask){ .around = "" });
	expect(g, BOOT_APPROVAL, "write", "the words");
	assert_int_equal(store.record.n_words, 1);
	assert_string_equal(store.record.words[0].text, words);
	assert_string_equal(store.record.words[0].pod, "broker-1");
	assert_int_equal(store.record.state, REGISTRATION_PENDING);
	assert_true(g->gone);
}

static void two_replicas_wait_each_with_its_own(void **state)
{
	char words[2][WORDS_TEXT + 1];

	(void)state;
	meets(0, &(struct ask){ .pod = "broker-1" }, words[0]);
	meets(1, &(struct ask){ .pod = "broker-2" }, words[1]);
	assert_int_equal(store.record.n_words, 2);
	for (int i = 0; i < 2; i++)
		assert_string_equal(store.record.words[i].text, words[i]);
	assert_string_not_equal(words[0], words[1]);
	meets(2, &(struct ask){ .pod = "broker-1" }, words[0]);
	assert_int_equal(store.record.n_words, 2);
	assert_string_equal(store.record.words[1].text, words[0]);
}

/* Approved, or never asked for it: who has words is not signed for. */
static void nothing_is_signed_in_a_session_with_words(void **state)
{
	char words[WORDS_TEXT + 1];

	(void)state;
	meets(0, &(struct ask){ .around = "" }, words);
	assert_int_equal(
	    registration_approve(&store.record, words, loop_wall(loop)), 0);
	meets(1, &(struct ask){ .around = "" }, words);
	assert_string_equal(store.done, "write write");
	assert_int_equal(guest[1].answer.code, BOOT_APPROVAL);
	activate(&store.record);
	store.version++;
	meets(2, &(struct ask){ .around = "" }, words);
	assert_string_equal(store.done, "write write");
	assert_int_equal(guest[2].answer.code, BOOT_APPROVAL);
}

/* He has made words with us, and shows a token that is for his session with
 * the broker. */
static void who_is_in_between_leaves_no_words(void **state)
{
	char words[WORDS_TEXT + 1];

	(void)state;
	meets(0, &(struct ask){ .audience = "pharos-boot:v1:x" }, words);
	expect(&guest[0], BOOT_TOKEN, "", "relayed");
	assert_int_equal(store.record.n_words, 0);
}

static void false_messages_end_the_session(void **state)
{
	uint8_t bytes[32] = { 0 };

	(void)state;
	commits(comes(0));
	posts(&guest[0], message(BOOTWORDS_NONCE, bytes));
	assert_int_equal(guest[0].answer.code, BOOT_WORDS);
	assert_int_equal(guest[0].status, 403);
	assert_true(guest[0].gone);
	posts(comes(1), message(BOOTWORDS_NONCE, bytes));
	assert_int_equal(guest[1].answer.code, BOOT_MALFORMED);
	assert_true(guest[1].gone);
	assert_int_equal(boot_counts(boot)->ended[BOOT_WORDS], 1);
	assert_int_equal(boot_counts(boot)->ended[BOOT_MALFORMED], 1);
	assert_string_equal(store.done, "");
}

static void the_order_of_the_three_is_fixed(void **state)
{
	(void)state;
	guest_asks(comes(0), &(struct ask){ .around = "" });
	assert_int_equal(guest[0].status, 404);
	assert_true(guest[0].gone);
	commits(comes(1));
	guest_asks(&guest[1], &(struct ask){ .around = "" });
	assert_int_equal(guest[1].status, 404);
	commits(comes(2));
	free(reveals(&guest[2]));
	posts(&guest[2], commitment_of(&guest[2].words));
	assert_int_equal(guest[2].status, 404);
	assert_true(guest[2].gone);
	assert_string_equal(store.done, "");
}

static void a_message_too_large_is_refused(void **state)
{
	char *text = malloc(BOOTWORDS_MOST + 2);

	(void)state;
	memset(text, ' ', BOOTWORDS_MOST + 1);
	text[BOOTWORDS_MOST + 1] = '\0';
	posts(comes(0), text);
	assert_int_equal(guest[0].answer.code, BOOT_MALFORMED);
}

static void each_silence_has_a_deadline(void **state)
{
	(void)state;
	for (int said = 0; said < 3; said++) {
		struct guest *g = comes(said);

		if (said)
			commits(g);
		if (said == 2)
			free(reveals(g));
		pass(BOOT_STAGE_MS - 1);
		assert_int_equal(boot_counts(boot)->open, 1);
		pass(1);
		assert_int_equal(boot_counts(boot)->open, 0);
		assert_true(g->gone);
	}
	assert_int_equal(boot_counts(boot)->broken, 3);
}

/* Outsiders take all sessions and say nothing: the broker joins all the same.
 */
static void who_is_silent_for_longest_makes_room(void **state)
{
	char words[WORDS_TEXT + 1];

	(void)state;
	for (int i = 0; i < BOOT_SESSIONS_MOST; i++)
		comes(i);
	commits(&guest[1]);
	meets(BOOT_SESSIONS_MOST, &(struct ask){ .around = "" }, words);
	assert_int_equal(guest[BOOT_SESSIONS_MOST].answer.code, BOOT_APPROVAL);
	assert_int_equal(boot_counts(boot)->displaced, 1);
	assert_int_equal(boot_counts(boot)->refused, 0);
	assert_true(guest[0].gone);
	assert_false(guest[1].gone);
}

static int at_the_meeting(void **state)
{
	config = (struct boot_config){ .welcome = on_welcome, .meeting = true };
	return group_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_have_the_same_words),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(what_is_out_of_turn_is_malformed),
		TEST(a_broker_without_a_ca_waits_with_the_words_that_it_shows),
		TEST(two_replicas_wait_each_with_its_own),
		TEST(nothing_is_signed_in_a_session_with_words),
		TEST(who_is_in_between_leaves_no_words),
		TEST(false_messages_end_the_session),
		TEST(the_order_of_the_three_is_fixed),
		TEST(a_message_too_large_is_refused),
		TEST(each_silence_has_a_deadline),
		TEST(who_is_silent_for_longest_makes_room),
	};

	return cmocka_run_group_tests(tests, at_the_meeting, clear_away);
}
