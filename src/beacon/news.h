/* beacon/news.h: what each leg of the switchboard is still to be told: bits in
 * the leg, and a list of the legs that have any; no memory of its own
 *
 * Whoever changes a leg's fate adds the news of it and clears those that have
 * lost their sense by it. So what is taken out is always still so.
 */
#pragma once
#include "beacon/switchboard.h"

enum news_what {
	NEWS_WAIT = 1,
	NEWS_PING = 2,
	NEWS_PAIR = 4,
	NEWS_DROP = 8,
	NEWS_CUT = 16,
	NEWS_GOAWAY = 32,
	NEWS_ALL = 0xff
};

/* of a leg's `told`: nothing so far */
#define NEWS_NEVER_TOLD UINT32_MAX

struct news {
	TAILQ_HEAD(, switchboard_leg) legs; /* by when they had the first */
};

void news_init(struct news *n);
bool news_none(const struct news *n);
/** news_add() - @what: one or more
 * news_clear() - @what need not be there */
void news_add(struct news *n, struct switchboard_leg *leg, unsigned what);
void news_clear(struct news *n, struct switchboard_leg *leg, unsigned what);
/** news_position() - it stands there now
 * @tell: add NEWS_WAIT, unless it knows that place; one that it knows is never
 * told again */
void news_position(
    struct news *n, struct switchboard_leg *leg, uint32_t position, bool tell);
/** news_take() - the next one, which is cleared; of one leg the end of its
 * waiting comes first
 * Return: what; 0: there is none. */
unsigned news_take(struct news *n, struct switchboard_leg **leg);
