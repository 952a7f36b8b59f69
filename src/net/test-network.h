/* net/test-network.h: a network in memory: what is dialled arrives as a leg at
 * the test, or is refused, or is never answered. Tests and simulations only. */
#pragma once
#include "net/dial.h"
#include "net/loop.h"
#include "net/memleg.h"

#include <stdio.h>

enum test_network_answer { TEST_CONNECT, TEST_REFUSE, TEST_MUTE };

struct test_network;

struct test_network_call {
	struct test_network_call *next;
	struct test_network *network;
	struct loop_task task;
	struct dial *dial;
	char target[64];
};

struct test_network {
	struct dial_network base;
	struct loop *loop;
	size_t capacity; /* of each direction of a connection */
	struct test_network_call *calls;
	/* what happens to a dial; NULL: TEST_CONNECT */
	enum test_network_answer (*answer)(void *ctx, const char *target);
	/* make a connection; NULL: a pair in memory */
	void (*connect)(void *ctx, struct leg **near, struct leg **far);
	/* the server's half of a connection; the callee's */
	void (*arrive)(void *ctx, const char *target, struct leg *leg);
	void *ctx;
};

static inline void test_network_answer_call(struct loop_task *t)
{
	struct test_network_call *c =
	    CONTAINER_OF(t, struct test_network_call, task);
	struct test_network *n = c->network;
	struct leg *near = NULL, *far;
	enum test_network_answer answer = TEST_CONNECT;
	struct dial *dial = c->dial;
	struct test_network_call **at = &n->calls;
	char target[64];

	if (n->answer)
		answer = n->answer(n->ctx, c->target);
	if (answer == TEST_MUTE)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	memcpy(target, c->target, sizeof(target));
	free(c);
	if (answer == TEST_CONNECT) {
		if (n->connect)
			n->connect(n->ctx, &near, &far);
		else
			INVARIANT(
			    !memleg_pair(&near, &far, n->loop, n->capacity));
		n->arrive(n->ctx, target, far);
	}
	dial_answer(dial, near);
}

static inline void test_network_connect(
    struct dial_network *base, struct dial *d, const char *target)
{
	struct test_network *n = CONTAINER_OF(base, struct test_network, base);
	struct test_network_call *c = calloc(1, sizeof(*c));

	INVARIANT(c);
	c->network = n;
	c->dial = d;
	(void)snprintf(c->target, sizeof(c->target), "%s", target);
	c->next = n->calls;
	n->calls = c;
	loop_post(n->loop, &c->task, test_network_answer_call);
}

static inline void test_network_forget(
    struct dial_network *base, struct dial *d)
{
	struct test_network *n = CONTAINER_OF(base, struct test_network, base);

	for (struct test_network_call **at = &n->calls; *at;
	     at = &(*at)->next) {
		struct test_network_call *c = *at;

		if (c->dial != d)
			continue;
		*at = c->next;
		loop_unpost(n->loop, &c->task);
		free(c);
		return;
	}
}

/** test_network_join() - @loop dials through @n from now on; its fields but
 * `base`, `loop` and `calls` are the caller's */
static inline void test_network_join(struct test_network *n, struct loop *loop)
{
	n->base = (struct dial_network){ .connect = test_network_connect,
		.forget = test_network_forget };
	n->loop = loop;
	if (!n->capacity)
		n->capacity = 65536;
	loop_set_network(loop, &n->base);
}
