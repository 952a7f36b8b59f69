/* bridge/test-registry.h: a registry that does as it is told, for tests of what
 * works on one: the verbs of bridge/registry.h, defined here.
 */
#pragma once
#include "bridge/registry.h"
#include "net/loop.h"
#include "net/test-support.h"
#include <stdio.h>

#define SIGNED "-----BEGIN CERTIFICATE-----\nof the store\n"

static struct loop *loop;

enum manner { WORKS, REFUSES, AWAY, LOSES, HANGS };

struct registry_call {
	enum manner manner;
	struct loop_task task;
	registry_written_fn written;
	registry_signed_fn sign;
	void *ctx;
	struct registration record; /* to be written */
};

static struct {
	struct registration record;
	bool none; /* it was never read */
	const struct identity *identity;
	unsigned long version;
	enum manner write, sign;
	unsigned loses; /* so many writes, before `write` */
	void (*on_lost)(struct registration *r);   /* what the winner wrote */
	void (*on_stored)(struct registration *r); /* once: after a write */
	char done[64]; /* what was asked, in order */
	char name[80], csr[4096];
	struct registry_call *call;
	int cancelled;
} store;

const struct registration *registry_record(const struct registry *g)
{
	(void)g;
	return store.none ? NULL : &store.record;
}

unsigned long registry_version(const struct registry *g)
{
	(void)g;
	return store.version;
}

const struct identity *registry_identity(const struct registry *g)
{
	(void)g;
	return store.identity;
}

static void note(const char *what)
{
	size_t n = strlen(store.done);

	snprintf(
	    store.done + n, sizeof(store.done) - n, "%s%s", n ? " " : "", what);
}

static struct registry_call *call_take(struct loop_task *task)
{
	struct registry_call *c =
	    CONTAINER_OF(task, struct registry_call, task);

	assert_ptr_equal(c, store.call);
	store.call = NULL;
	return c;
}

static void call_free(struct registry_call *c)
{
	registration_deinit(&c->record);
	free(c);
}

static const struct fault no_store = { .code = -EIO,
	.text = "no such store at 10.0.0.1" };

static void on_written(struct loop_task *task)
{
	struct registry_call *c = call_take(task);

	if (c->manner == WORKS) {
		registration_copy(&store.record, &c->record);
		store.version++;
		if (store.on_stored) {
			STEAL(store.on_stored)(&store.record);
			store.version++;
		}
		c->written(c->ctx, REGISTRY_DONE, NULL);
	} else if (c->manner == LOSES) {
		store.version++;
		if (store.on_lost)
			store.on_lost(&store.record);
		c->written(c->ctx, REGISTRY_LOST, NULL);
	} else {
		c->written(c->ctx, REGISTRY_AWAY, &no_store);
	}
	call_free(c);
}

static void on_signed(struct loop_task *task)
{
	struct registry_call *c = call_take(task);
	bool works = c->manner == WORKS;

	c->sign(c->ctx, works ? SIGNED : NULL, works ? NULL : &no_store);
	call_free(c);
}

static int call_new(struct registry_call **out, enum manner manner,
    void (*fn)(struct loop_task *), void *ctx)
{
	struct registry_call *c;

	assert_null(store.call); /* one session, one call */
	if (manner == REFUSES)
		return REGISTRY_E_AWAY;
	c = calloc(1, sizeof(*c));
	c->manner = manner;
	c->ctx = ctx;
	if (manner != HANGS)
		loop_post_next(loop, &c->task, fn);
	*out = store.call = c;
	return 0;
}

int registry_write(struct registry_call **out, struct registry *g,
    const struct registry_write *order)
{
	enum manner manner = store.write;
	int r;

	(void)g;
	note("write");
	if (store.loses) {
		store.loses--;
		manner = LOSES;
	}
	assert_int_equal(order->version, store.version);
	r = call_new(out, manner, on_written, order->ctx);
	if (!r) {
		registration_copy(&(*out)->record, order->record);
		(*out)->written = order->fn;
	}
	return r;
}

int registry_sign(struct registry_call **out, struct registry *g,
    const struct registry_sign *order)
{
	int r;

	(void)g;
	note("sign");
	snprintf(store.name, sizeof(store.name), "%s", order->name);
	snprintf(store.csr, sizeof(store.csr), "%s", order->csr);
	r = call_new(out, store.sign, on_signed, order->ctx);
	if (!r)
		(*out)->sign = order->fn;
	return r;
}

void registry_cancel(struct registry_call *c)
{
	if (!c)
		return;
	assert_ptr_equal(c, store.call);
	store.call = NULL;
	store.cancelled++;
	loop_unpost(loop, &c->task);
	call_free(c);
}
