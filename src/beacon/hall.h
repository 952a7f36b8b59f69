/* beacon/hall.h: who may be paired with whom, and who is: the legs of one info
 * hash that wait without a peer
 */
#pragma once
#include "beacon/roster.h"

/** hall_stand() - @leg waits without a peer in its hall (leg->hall)
 * @first: before all that are as it is; else behind them */
void hall_stand(struct switchboard_leg *leg, bool first);
/** hall_leave() - it does not, any more */
void hall_leave(struct switchboard_leg *leg);
/** hall_peer() - the best one for @leg, which need not stand there itself;
 * NULL: nobody there fits */
struct switchboard_leg *hall_peer(const struct switchboard_leg *leg);
