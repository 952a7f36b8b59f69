/* cli/checks.h: hops that are tried one after the other, and what came of each:
 * what was seen, what was expected, what to do. Pure.
 *
 * The first hop that fails is the one to mend. Those behind it were not
 * reached: they are neither good nor bad.
 */
#pragma once
#include "base/fault.h"
#include <jansson.h>
#include <stdio.h>

enum { CHECKS_MOST = 16, CHECKS_ABOUT_MOST = 300 };

/* A row of a verb's table; constant. */
struct checks_hop {
	const char *name;     /* "outer tls" */
	const char *expected; /* "a certificate of --beacon-ca" */
	const char *usual;    /* what is mended most often, when it fails */
};

enum checks_state {
	CHECKS_NOT_REACHED,
	CHECKS_GOOD,
	CHECKS_FAILED,
	CHECKS_SKIPPED, /* not asked for, or nothing to try here */
	CHECKS_WARNED,	/* good, but */
	CHECKS_STATES
};
const char *checks_state_text(enum checks_state s); /* "not reached" */

struct checks {
	char about[CHECKS_ABOUT_MOST]; /* "beacon b1.example:443" */
	const struct checks_hop *hops;
	size_t n;
	struct checks_one {
		enum checks_state state;
		struct fault said; /* text: what was seen; hint */
	} one[CHECKS_MOST];
};

/** checks_init() - none reached
 * @hops: borrowed, at most CHECKS_MOST. @about: copied, tamed */
void checks_init(struct checks *c, const char *about,
    const struct checks_hop *hops, size_t n);
/** checks_turn() - is it this hop's turn: none before it failed or was not
 * reached, and it not tried? */
bool checks_turn(const struct checks *c, size_t hop);
/** checks_good(), checks_skip() - @fmt: what was seen, or why not tried; tamed
 * checks_bad() - @why: its text is what was seen, its hint the remedy
 * checks_warn() - the same, and yet it is good
 * INVARIANT: it is this hop's turn. */
void checks_good(struct checks *c, size_t hop, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void checks_skip(struct checks *c, size_t hop, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void checks_bad(struct checks *c, size_t hop, const struct fault *why);
void checks_warn(struct checks *c, size_t hop, const struct fault *why);
/** checks_failed() - the name of the hop that did, or NULL */
const char *checks_failed(const struct checks *c);

/* Several of them, shown as they come, or as JSON at the end:
 *   struct checks_show show = { .as_json = … };
 *   checks_show(&show, &c); … return checks_show_end(&show, fault); */
struct checks_show {
	bool as_json;
	bool no_memory;
	json_t *list;
	char failed[CHECKS_ABOUT_MOST + 32]; /* the first; "": none */
};
void checks_show(struct checks_show *s, const struct checks *c);
/** checks_show_end() - Return: 0; -EHOSTUNREACH with @fault, which names the
 * first hop that failed; -ENOMEM with @fault. */
MUST_USE int checks_show_end(struct checks_show *s, struct fault *fault);
void checks_show_clear(struct checks_show *s);

/** checks_print() - for people
 * checks_json() - {"about":…,"good":…,"hops":[…]}
 * Return: a new object; NULL: no memory. */
void checks_print(const struct checks *c, FILE *to);
json_t *checks_json(const struct checks *c);
