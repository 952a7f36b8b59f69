/* link/test-wgstage.h: an interface of a driver, brought from state to state;
 * for the tests of both drivers.
 */
#pragma once
#include "link/test-plane.h"
#include "link/wg.h"
#include "net/loop.h"
#include "wire/test-wg.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum {
	STATES = 150,
	LOOK_MS = 20,
	LOOKS_MOST = 1500,
	PORT_OURS = 41001,
	PORT_OTHERS = 41002,
};

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

/* @program: for WG_USER; NULL: the usual one */
static inline int set_up_driver(
    void **state, enum wg_driver driver, const char *program)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct wg_order order;
	struct fault fault = FAULT_NONE;

	assert_non_null(s);
	plane_name(s->name, "w");
	assert_int_equal(loop_new(&s->loop), 0);
	order = order_of(s, driver);
	order.program = program;
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

static inline void close_one(struct stage *s, struct wg *w)
{
	unsigned n = s->closed;

	wg_close(w, on_closed, s);
	wait_until(s, &s->closed, n + 1);
	s->closed = n;
}

/* ---- with another implementation ----------------------------------------- */

struct end {
	struct wgkey key;
	struct secret *own;
	uint16_t port;
};

static inline void prepare(struct end *e, uint16_t port)
{
	assert_int_equal(wgkey_private_new(&e->own), 0);
	wgkey_public(&e->key, e->own);
	e->port = port;
}

/* @me, who knows @other and speaks first if @first. */
static inline void introduce(
    struct stage *s, const struct end *me, const struct end *other, bool first)
{
	struct wgstate desired;
	struct wgpeer *p;

	wgstate_init(&desired);
	memcpy(desired.private_key, secret_bytes(me->own), WGKEY_SIZE);
	desired.port = me->port;
	assert_int_equal(wgstate_add_peer(&desired, &other->key, &p), 0);
	p->preshared[5] = 5;
	if (first) {
		p->endpoint =
		    (struct wgendpoint){ 4, { 127, 0, 0, 1 }, other->port };
		p->keepalive = 1;
	}
	assert_int_equal(wgstate_seal(&desired, NULL), 0);
	(void)bring_to(s, &desired);
	wgstate_deinit(&desired);
}

static inline bool has_heard(struct stage *s, const struct wgkey *of)
{
	const struct wgpeer *p;
	struct wgstate actual;
	bool heard;

	read_state(s, &actual);
	p = wgstate_find(&actual, of);
	heard = p && p->seen.handshake_s && p->seen.received && p->seen.sent;
	wgstate_deinit(&actual);
	return heard;
}

static inline void expect_talk(struct stage *a, const struct wgkey *key_of_b,
    struct stage *b, const struct wgkey *key_of_a)
{
	for (unsigned i = 0; i < LOOKS_MOST; i++) {
		if (has_heard(a, key_of_b) && has_heard(b, key_of_a))
			return;
		(void)poll(NULL, 0, LOOK_MS);
	}
	fail_msg("no handshake");
}

/* On this machine, in both directions; the other one speaks first. */
static inline void shake_hands_with_wireguard_go(struct stage *s)
{
	struct wg_order order = order_of(s, WG_USER);
	struct stage other = { .loop = s->loop };
	struct fault fault = FAULT_NONE;
	struct end here, there;

	plane_name(other.name, "o");
	order.name = other.name;
	if (wg_open(&other.wg, s->loop, &order, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(plane_up("lo"), 0);
	assert_int_equal(plane_up(s->name), 0);
	assert_int_equal(plane_up(other.name), 0);
	prepare(&here, PORT_OURS);
	prepare(&there, PORT_OTHERS);
	introduce(s, &here, &there, false);
	introduce(&other, &there, &here, true);
	expect_talk(s, &there.key, &other, &here.key);
	close_one(s, other.wg);
	secret_free(here.own);
	secret_free(there.own);
}
