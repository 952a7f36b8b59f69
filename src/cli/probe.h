/* cli/probe.h: the way to a server tried hop by hop: name, TCP, egress proxy,
 * TLS, each by itself.
 */
#pragma once
#include "cli/checks.h"
#include "net/leg.h"
#include "net/tls.h"

struct egress;
struct loop;
struct probe;

enum { PROBE_MS = 10000 }; /* for each hop */

/** probe_open() - @egress: --egress-proxy, or NULL
 * Return: 0; -errno with @fault. */
MUST_USE int probe_open(
    struct probe **out, const char *egress, struct fault *fault);
void probe_close(struct probe *p);
void probe_closep(struct probe **p);
struct loop *probe_loop(const struct probe *p);
/** probe_egress() - by which proxy; NULL: none. Borrowed. */
const struct egress *probe_egress(const struct probe *p);

/* Their place in a table: one after the other, wherever they begin. */
enum { PROBE_DNS, PROBE_TCP, PROBE_PROXY, PROBE_HOPS };
#define PROBE_ROWS(who)                                                        \
	{ "dns", "the name of " who " has an address",                         \
		"Is the name right, and is it known where this runs?" },       \
	    { "tcp", who " takes connections",                                 \
		    "An egress firewall: allow outbound TCP to that address "  \
		    "and port." },                                             \
	{                                                                      \
		"proxy", "the egress proxy lets us through to " who,           \
		    "Have the proxy allow CONNECT to that name and port, or "  \
		    "name it in NO_PROXY."                                     \
	}

/** probe_reach() - those three, from hop @first of @c on
 * @target: "host:port". Return: the leg, the caller's; NULL: one has failed, or
 * an earlier hop. */
struct leg *probe_reach(
    struct probe *p, struct checks *c, size_t first, const char *target);

/** probe_dial() - once more, where the hops are good already
 * Return: the leg, the caller's; NULL with @fault. */
struct leg *probe_dial(
    struct probe *p, const char *target, struct fault *fault);

struct probe_tls {
	struct leg *lower; /* taken; NULL: the hop is not reached */
	struct tls_context *context;
	const char *name;     /* of the server, as tls_leg_open() */
	enum tls_failure why; /* set where it fails */
	struct fault fault;
};
/** probe_tls() - a handshake
 * Return: the leg, the caller's; NULL: order->fault and why say what was wrong;
 * nothing was told to any checks. */
struct leg *probe_tls(struct probe *p, struct probe_tls *order);
