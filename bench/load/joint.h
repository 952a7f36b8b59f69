/* load/joint.h: two ends with a relay in between, and mutual TLS 1.3 from one
 * to the other inside of it, as bridge and broker have it.
 *
 * End 0 connects, end 1 listens. How they meet:
 *   JOINT_BEACON   both by net/beaconc.h, proven
 *   JOINT_TRANSIT  both dial, a token joins them
 *   JOINT_STRELAY  both dial, each with the key of its invitation
 *   JOINT_TLS      end 0 dials a proxy with TLS, the proxy dials end 1 with TLS
 *   JOINT_TCP      the same without TLS
 */
#pragma once
#include "load/setup.h"
#include "load/visit.h"
#include "net/beaconc.h"
#include "net/listen.h"
#include "net/tunnel.h"

enum joint_way {
	JOINT_BEACON,
	JOINT_TRANSIT,
	JOINT_STRELAY,
	JOINT_TLS,
	JOINT_TCP,
};

/* First in the struct of a program that uses joints. */
struct joint_options {
	struct load_options load;
	int way; /* enum visit_way; the same order */
	long back_port;
	bool no_shed;
	char *cert[2], *key[2], *ca; /* of the inner session, by end */
	char *server_cert, *server_key;
	char *session[2]; /* JOINT_STRELAY: keys, in hex */
};

#define JOINT_TEXT(n, v, h, at)                                                \
	{                                                                      \
		.name = (n), .metavar = (v), .help = (h), .type = OPTION_TEXT, \
		.offset = (at)                                                 \
	}
#define JOINT_ROWS(config, member)                                             \
	LOAD_ROWS(config, member.load),                                        \
	    { .name = "way",                                                   \
		    .metavar = "KIND",                                         \
		    .help = "what the relay speaks",                           \
		    .type = OPTION_CHOICE,                                     \
		    .initial = "beacon",                                       \
		    .choices = visit_ways,                                     \
		    .offset = offsetof(config, member.way) },                  \
	    { .name = "back-port",                                             \
		    .metavar = "N",                                            \
		    .help = "tls, tcp: where the relay dials to",              \
		    .type = OPTION_NUMBER,                                     \
		    .initial = "0",                                            \
		    .most = 65535,                                             \
		    .offset = offsetof(config, member.back_port) },            \
	    { .name = "no-shed",                                               \
		    .help = "beacon: keep outer TLS",                          \
		    .type = OPTION_BOOL,                                       \
		    .initial = "false",                                        \
		    .offset = offsetof(config, member.no_shed) },              \
	    JOINT_TEXT("broker-cert", "FILE", "of the inner session, end 0",   \
		offsetof(config, member.cert[0])),                             \
	    JOINT_TEXT("broker-key", "FILE", "its key",                        \
		offsetof(config, member.key[0])),                              \
	    JOINT_TEXT("bridge-cert", "FILE", "of the inner session, end 1",   \
		offsetof(config, member.cert[1])),                             \
	    JOINT_TEXT("bridge-key", "FILE", "its key",                        \
		offsetof(config, member.key[1])),                              \
	    JOINT_TEXT("ca", "FILE", "of both", offsetof(config, member.ca)),  \
	    JOINT_TEXT("server-cert", "FILE", "tls: shown to the relay",       \
		offsetof(config, member.server_cert)),                         \
	    JOINT_TEXT("server-key", "FILE", "its key",                        \
		offsetof(config, member.server_key)),                          \
	    JOINT_TEXT("session-0", "HEX", "strelay: key of end 0",            \
		offsetof(config, member.session[0])),                          \
	    JOINT_TEXT("session-1", "HEX", "strelay: key of end 1",            \
		offsetof(config, member.session[1]))

struct joint;

/* What the joints of a program share. */
struct joint_plan {
	struct load *load;
	const struct joint_options *options;
	struct identity *identity[2];
	struct tunnel_trust trust[2];
	struct tls_context *inner[2], *server;
	struct visit_plan visits;
	char target[32];
	struct listener *door;
	struct joint *at_door; /* whose end 1 is awaited there */
	/* both ends are there: leg[0], leg[1] */
	void (*ready)(struct joint *j);
	/* last call but joint_deinit() */
	void (*failed)(struct joint *j, const char *text);
};

/** joint_plan_open() - Return: 0; -errno with @fault. Close it in any case. */
MUST_USE int joint_plan_open(struct joint_plan *p, struct load *load,
    const struct joint_options *options, struct fault *fault);
void joint_plan_close(struct joint_plan *p);

struct joint_end {
	struct joint *joint;
	struct beaconc *beaconc;
	struct visit visit;
	struct tls_shake *shake;
	struct leg *leg; /* the inner session, once it is up */
};
struct joint {
	struct joint_plan *plan;
	struct joint_end end[2];
	unsigned up;
	bool failed;
};

/** joint_start() - @j: zeroed; events come from the loop. By JOINT_TLS and
 * JOINT_TCP one at a time. */
void joint_start(struct joint *j, struct joint_plan *plan);
/** joint_deinit() - resets what is there; repeatable */
void joint_deinit(struct joint *j);
