/* beacon/beacon.h: the whole beacon: what its modules share, opening and
 * closing it, and carrying out what the switchboard decides.
 *
 *   listener -> gate -> session -> switchboard -> pair (pump)
 *
 * Each knows the one to its right; what flows back are the switchboard's
 * actions, given out in one place (beacon_run).
 */
#pragma once
#include "base/fault.h"
#include "beacon/config.h"
#include "beacon/limiter.h"
#include "beacon/meter.h"
#include "beacon/switchboard.h"
#include "beacon/tidy.h"
#include "net/loop.h"
#include <sys/queue.h>

struct allow;
struct cidr;
struct control;
struct known;
struct daemon;
struct listener;
struct pair;
struct session;
struct tls_context;

TAILQ_HEAD(sessions, session);
TAILQ_HEAD(pairs, pair);

struct beacon {
	struct loop *loop;
	const struct config *config;
	struct tls_context *tls;
	struct allow *allow; /* NULL: every hash is served */
	struct known *known; /* leaves that have proved legs */
	struct limiter *limiter;
	struct switchboard *board;
	struct listener *listener;
	struct cidr *proxies; /* whose preambles are believed */
	size_t n_proxies;
	struct control *control; /* or NULL */
	struct daemon *daemon;	 /* of main(); NULL: it does not run yet */
	struct meter meter;
	struct tidy tidy;
	struct sessions sessions;
	struct pairs pairs;
	struct wheel_timer clock; /* the switchboard's next deadline */
	uint64_t touched_ms;
	uint64_t started_ms;
	uint64_t serials; /* of sessions */
	uint8_t instance[FRAME_ID];
	bool running; /* actions are being given out further up */
	bool draining;
};

/** beacon_new() - load certificate, key and list; nobody can come in yet
 * @config: borrowed until beacon_free()
 * Return: 0; -errno with @fault. */
MUST_USE int beacon_new(struct beacon **out, struct loop *loop,
    const struct config *config, struct fault *fault);
/** beacon_open() - listen for clients
 * Return: 0; -errno with @fault. */
MUST_USE int beacon_open(
    struct beacon *b, const struct config *config, struct fault *fault);
/** beacon_ready() - NULL, or why the beacon is of no use now; @ctx: a beacon */
const char *beacon_ready(void *ctx);
/** beacon_reload() - certificate, key and list anew, if all are good; pairs and
 * legs stay, but waiting legs that the list does not serve any more; @ctx: a
 * beacon. Return: 0; -errno with @fault, and nothing has changed. */
MUST_USE int beacon_reload(void *ctx, struct fault *fault);
/** beacon_drain() - waiting legs get GOAWAY, newcomers are told `draining`,
 * pairs go on; repeatable. daemon_drain() calls it; that is what a program
 * asks for.
 * beacon_busy() - does a leg still wait, or a pair live? @ctx: a beacon */
void beacon_drain(void *ctx);
bool beacon_busy(void *ctx);
/** beacon_free() - every connection is closed, pairs are reset */
void beacon_free(struct beacon *b);
void beacon_freep(struct beacon **b);

/** beacon_run() - carry out what the switchboard has decided; to be called
 * after each call to it. Any session but the caller's own may be gone after it;
 * the caller's own as well, if it has joined. */
void beacon_run(struct beacon *b);
/** beacon_touch_pairs() - tell the switchboard which pairs were active; needed
 * before a join that may make one yield */
void beacon_touch_pairs(struct beacon *b);
