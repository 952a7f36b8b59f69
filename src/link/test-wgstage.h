/* link/test-wgstage.h: an interface of a driver, brought from state to state;
 * for the tests of both drivers.
 */
#pragma once
#include "link/test-plane.h"
#include "link/wg.h"
#include "net/loop.h"
#include "wire/test-wg.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { STATES = 150 };

struct stage {
	struct loop *loop;
	struct wg *wg;
	unsigned again, failed, closed;
	struct fault why;
	char name[IF_NAMESIZE];
};

static inline void on_again(void *ctx)
{
	((struct stage *)ctx)->again++;
}

static inline void on_failed(void *ctx, const struct fault *why)
{
	struct stage *s = ctx;

	s->failed++;
	s->why = *why;
}

static inline void on_closed(void *ctx)
{
	((struct stage *)ctx)->closed++;
}

static inline struct wg_order order_of(struct stage *s, enum wg_driver driver)
{
	return (struct wg_order){ .driver = driver,
		.name = s->name,
		.again = on_again,
		.failed = on_failed,
		.ctx = s };
}

static inline int set_up_driver(void **state, enum wg_driver driver)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct wg_order order;
	struct fault fault = FAULT_NONE;

	assert_non_null(s);
	plane_name(s->name, "w");
	assert_int_equal(loop_new(&s->loop), 0);
	order = order_of(s, driver);
	if (wg_open(&s->wg, s->loop, &order, &fault))
		fail_msg("%s", fault.text);
	*state = s;
	return 0;
}

static inline void wait_until(
    struct stage *s, const unsigned *count, unsigned n)
{
	while (*count < n)
		loop_wait(s->loop);
}

static inline int tear_down(void **state)
{
	struct stage *s = *state;

	wg_close(s->wg, on_closed, s);
	wait_until(s, &s->closed, 1);
	loop_free(s->loop);
	free(s);
	return 0;
}

static inline void read_state(struct stage *s, struct wgstate *out)
{
	struct fault fault = FAULT_NONE;

	if (wg_read(s->wg, out, &fault))
		fail_msg("%s", fault.text);
}

/* Return: how many operations that took. */
static inline size_t bring_to(struct stage *s, const struct wgstate *desired)
{
	struct fault fault = FAULT_NONE;
	struct wgstate actual;
	struct wgplan p;
	size_t n;

	read_state(s, &actual);
	assert_int_equal(wgplan_make(&p, desired, &actual), 0);
	if (wg_apply(s->wg, &p, &fault))
		fail_msg("%s", fault.text);
	n = p.n_ops;
	wgplan_deinit(&p);
	wgstate_deinit(&actual);
	return n;
}

static inline void expect(
    struct stage *s, const struct wgstate *desired, unsigned n)
{
	struct wgstate actual;
	const char *what;

	read_state(s, &actual);
	what = state_differs(desired, &actual);
	if (what)
		fail_msg("state %u: %s is not as desired", n, what);
	wgstate_deinit(&actual);
}

static inline void every_state_is_reached_from_every_other(void **state)
{
	struct stage *s = *state;
	uint64_t seed = 88172645463325252U;

	for (unsigned i = 0; i < STATES; i++) {
		struct wgstate desired;

		world_state(&desired, &seed);
		/* its own key is one that a process will not have as a peer */
		desired.private_key[0] |= 8;
		(void)bring_to(s, &desired);
		expect(s, &desired, i);
		assert_int_equal(bring_to(s, &desired), 0);
		wgstate_deinit(&desired);
	}
}
