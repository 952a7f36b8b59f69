/* broker/door.h: who is let in, and as whom he is counted: by quota, and by a
 * token where one is asked for.
 *
 * There are three ways to ask: nobody is asked; all pods show one token
 * (--client-token-file); or each shows its own, which the cluster reviews. A
 * pod whose token is known to be good counts as that pod; whoever else knocks
 * counts as the address that he comes from, so that a stranger has the cluster
 * asked no faster than one address may send requests.
 */
#pragma once
#include "base/secret.h"
#include "broker/quota.h"
#include "broker/refusal.h"
#include "broker/reviewer.h"

struct door;

struct door_config {
	const struct quota_rules *rules;
	const struct secret *client_token; /* borrowed; NULL: none */
	struct reviewer *reviewer; /* borrowed; NULL: tokens are not reviewed */
	struct refusals *refusals; /* borrowed */
};
/** door_new() - Return: 0; -ENOMEM. */
MUST_USE int door_new(
    struct door **out, struct loop *loop, const struct door_config *config);
/** door_shut() - whoever waits is cut
 * door_free() - once every ticket has come back; NULL is fine for both */
void door_shut(struct door *d);
void door_free(struct door *d);
/** door_renew() - ask for @token (borrowed; NULL: none) from now on */
void door_renew(struct door *d, const struct secret *token);
/** door_asks() - must a token be shown? */
bool door_asks(const struct door *d);

/* Somebody is let in; @head: borrowed for the call; @ticket: moved. */
typedef void (*door_fn)(void *ctx, struct http_stream *s,
    const struct http_head *head, struct quota_ticket ticket);
struct door_knock {
	const struct http_head *head; /* borrowed for the call */
	const char *token;	      /* shown, borrowed; NULL: none */
	bool proxy;		      /* in the field for proxies */
	door_fn fn;
	void *ctx;
};
/** door_knock() - decide about a request; @s is taken: it goes to `fn`, now or
 * later, or it is told why not and ended */
void door_knock(
    struct door *d, struct http_stream *s, const struct door_knock *knock);
/** door_pass() - for what asks for no token: count @s as its address
 * Return: whether it may go on; else it was told and ended. */
bool door_pass(
    struct door *d, struct http_stream *s, struct quota_ticket *ticket);

/** door_waiting() - how many wait for a review; door_quota() - borrowed */
size_t door_waiting(const struct door *d);
const struct quota *door_quota(const struct door *d);
