/* net/memleg.h: two legs joined in memory, for tests and simulations.
 *
 * Real back-pressure, half-close and reset; each direction holds at most
 * @capacity bytes. memleg_chop() makes reads and writes short and irregular.
 */
#pragma once
#include "net/leg.h"

MUST_USE int memleg_pair(
    struct leg **a, struct leg **b, struct loop *loop, size_t capacity);
/** memleg_chop() - from now on each read and write of both takes 1..@most
 * bytes, chosen by a generator with @seed; 0 switches it off */
void memleg_chop(struct leg *leg, size_t most, uint32_t seed);
