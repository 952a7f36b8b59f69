/* load/setup.h: what every load generator does alike: its options, the loop,
 * the crowd, one JSON object on standard output, the exit status.
 *
 * 0: the load ran, whatever became of it; 1: it could not; 2: the options.
 */
#pragma once
#include "base/option.h"
#include "load/crowd.h"
#include "net/loop.h"
#include "net/tls.h"

/* First in every generator's struct. */
struct load_options {
	long port;
	long first_source, sources;
	char *relay_ca; /* of the relay's certificate */
};

/* Parts of a generator's own rows. */
#define LOAD_AT(config, member) .offset = offsetof(config, member)
#define LOAD_NUMBER(n, first, from, to)                                        \
	.name = (n), .metavar = "N", .type = OPTION_NUMBER,                    \
	.initial = (first), .least = (from), .most = (to)
#define LOAD_TIME(n, first)                                                    \
	.name = (n), .metavar = "TIME", .type = OPTION_DURATION,               \
	.initial = (first), .least = 1, .most = 3600000

#define LOAD_ROWS(config, member)                                              \
	{ .name = "port",                                                      \
		.metavar = "N",                                                \
		.help = "of the relay, on 127.0.0.1",                          \
		.type = OPTION_NUMBER,                                         \
		.flags = OPTION_REQUIRED,                                      \
		.least = 1,                                                    \
		.most = 65535,                                                 \
		.offset = offsetof(config, member.port) },                     \
	    { .name = "first-source",                                          \
		    .metavar = "N",                                            \
		    .help = "the range begins at 127.0.0.0 + N",               \
		    .type = OPTION_NUMBER,                                     \
		    .initial = "2",                                            \
		    .least = 1,                                                \
		    .most = LOAD_SOURCES_MOST,                                 \
		    .offset = offsetof(config, member.first_source) },         \
	    { .name = "sources",                                               \
		    .metavar = "N",                                            \
		    .help = "addresses to connect from, in turn",              \
		    .type = OPTION_NUMBER,                                     \
		    .initial = "1",                                            \
		    .least = 1,                                                \
		    .most = LOAD_SOURCES_MOST,                                 \
		    .offset = offsetof(config, member.sources) },              \
	{                                                                      \
		.name = "relay-ca", .metavar = "FILE",                         \
		.help = "CA of the relay's certificate", .type = OPTION_TEXT,  \
		.offset = offsetof(config, member.relay_ca)                    \
	}

enum { LOAD_SOURCES_MOST = (1 << 23) - 1 };

struct load {
	struct loop *loop;
	struct crowd crowd;
	/* with --relay-ca, else NULL: for a beacon, and for others */
	struct tls_context *outer, *plain_outer;
};

/** load_wait_stdin() - until a byte or the end comes on standard input; what
 * the loop does meanwhile goes on */
void load_wait_stdin(struct load *load);

/** load_main() - all of main()
 * @options: in the program's struct, which is @config, zeroed
 * @run: open, loop_run(), print; -errno with @fault */
int load_main(const struct option_table *table, void *config,
    const struct load_options *options,
    int (*run)(struct load *load, const void *config, struct fault *fault),
    char **argv);
