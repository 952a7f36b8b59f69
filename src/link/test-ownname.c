#include "link/ownname.h"
#include "net/loop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void addresses_of(struct ownname_addresses *to, const char *text)
{
	char copy[200], *rest = copy, *one;

	*to = (struct ownname_addresses){ .n = 0 };
	assert_true(strlen(text) < sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	while ((one = strsep(&rest, " ")) != NULL)
		if (*one)
			assert_int_equal(
			    prefix_read_host(&to->items[to->n++], one), 0);
}

static const struct {
	const char *label, *named, *own;
	enum ownname_verdict verdict;
	const char *says;
} rows[] = {
	{ "the same", "5.6.7.8", "10.0.0.2 5.6.7.8", OWNNAME_HERE,
	    "leads here, by 5.6.7.8" },
	{ "both families", "5.6.7.8 2a00:1::8", "5.6.7.8 2a00:1::8",
	    OWNNAME_HERE, "leads here" },
	{ "one from yesterday", "5.6.7.9", "10.0.0.2 5.6.7.8",
	    OWNNAME_ELSEWHERE,
	    "leads to 5.6.7.9, which is not here: this host has 5.6.7.8" },
	{ "IPv6 from yesterday", "5.6.7.8 2a00:1::9", "5.6.7.8 2a00:1::8",
	    OWNNAME_ELSEWHERE, "leads to 2a00:1::9" },
	{ "one of two", "5.6.7.8 5.6.7.9", "5.6.7.8", OWNNAME_ELSEWHERE,
	    "leads to 5.6.7.9" },
	{ "behind a router", "5.6.7.9", "192.168.1.4 fd00::4", OWNNAME_BEHIND,
	    "no address of the internet itself" },
	{ "IPv4 behind a router, IPv6 not", "5.6.7.9 2a00:1::8",
	    "192.168.1.4 2a00:1::8", OWNNAME_BEHIND, "leads to 5.6.7.9" },
	{ "behind that of a provider", "5.6.7.9", "100.64.0.4", OWNNAME_BEHIND,
	    "leads to 5.6.7.9" },
	{ "at home alone", "192.168.1.4", "192.168.1.4", OWNNAME_HERE_ONLY,
	    "network at home" },
	{ "no address of the name", "", "5.6.7.8", OWNNAME_UNKNOWN,
	    "no address was found" },
	{ "no address here", "5.6.7.8", "", OWNNAME_BEHIND, "leads to" },
};

static void each_family_is_judged_by_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct ownname_addresses named, own;
		struct ownname_told told;
		struct fault fault = FAULT_NONE;
		bool warns;

		addresses_of(&named, rows[i].named);
		addresses_of(&own, rows[i].own);
		ownname_judge(&told, &named, &own);
		warns = ownname_say(&fault, "home.example.org:51820", &told);
		if (told.verdict != rows[i].verdict ||
		    warns != (told.verdict != OWNNAME_HERE) ||
		    !strstr(fault.text, rows[i].says) ||
		    warns != (*fault.hint != '\0'))
			fail_msg("%s: %u %s", rows[i].label, told.verdict,
			    fault.text);
	}
}

/* ---- asking -------------------------------------------------------------- */

struct asked {
	struct loop *loop;
	struct ownname_told told;
	int times;
};

static void on_told(void *ctx, const struct ownname_told *told)
{
	struct asked *a = ctx;

	a->told = *told;
	a->times++;
	loop_stop(a->loop);
}

static void an_address_is_its_own_answer(void **state)
{
	static const char *const endpoints[] = { "5.6.7.8:51820",
		"[2a00:1::8]:51820" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(endpoints); i++) {
		CLEANUP(loop_freep) struct loop *loop = NULL;
		struct asked a = { .times = 0 };
		struct ownname *o;

		assert_int_equal(loop_new(&loop), 0);
		a.loop = loop;
		assert_int_equal(ownname_open(&o, loop,
				     &(struct ownname_order){
					 endpoints[i], "wg0", on_told, &a }),
		    0);
		loop_run(loop);
		assert_int_equal(a.times, 1);
		assert_int_equal(a.told.leads_to.family, i ? 6 : 4);
	}
}

static void who_cancels_hears_nothing(void **state)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	struct asked a = { .times = 0 };
	struct ownname *o;

	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	a.loop = loop;
	assert_int_equal(
	    ownname_open(&o, loop,
		&(struct ownname_order){ "5.6.7.8:51820", "wg0", on_told, &a }),
	    0);
	ownname_cancel(o);
	ownname_cancel(NULL);
	for (int i = 0; i < 10; i++)
		loop_turn(loop);
	assert_int_equal(a.times, 0);
}

static void the_loopback_is_no_way_in(void **state)
{
	struct ownname_addresses own;

	(void)state;
	assert_int_equal(ownname_own(&own, "wg0"), 0);
	for (size_t i = 0; i < own.n; i++) {
		assert_int_not_equal(own.items[i].address[0], 127);
		assert_int_equal(
		    own.items[i].bits, prefix_width(&own.items[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_family_is_judged_by_itself),
		cmocka_unit_test(an_address_is_its_own_answer),
		cmocka_unit_test(who_cancels_hears_nothing),
		cmocka_unit_test(the_loopback_is_no_way_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
