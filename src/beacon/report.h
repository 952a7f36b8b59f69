/* beacon/report.h: what a beacon says of itself on its control socket, as JSON.
 */
#pragma once
#include "beacon/beacon.h"
#include <jansson.h>

/* Entries of a list at once, so that what a page costs the loop is bounded: a
 * millisecond or two. To find its beginning the legs before it are passed over,
 * at most some 24,000 of them (beacon/limits.h), which costs less. */
enum { REPORT_PAGE = 100 };

/** report_status() - one object: who this is, how full it is, what it has
 * counted
 * Return: to be counted down; NULL without memory. */
json_t *report_status(struct beacon *b);
/** report_list() - {"legs":[…],"next":…}: at most REPORT_PAGE legs and pairs,
 * by age, those with a number above @after; "next" is the number to go on
 * after, or null
 * A pair is one entry, at its connector's place. Without --log-addresses the
 * source is null.
 * Return: as above. */
json_t *report_list(const struct beacon *b, uint64_t after);
