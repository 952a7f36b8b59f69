/* base/conceal.h: internet addresses taken out of text.
 *
 * For operators who must not keep them: whatever a line is made of, the log
 * asks this last (base/log.h). An IPv4 or IPv6 address is found wherever it
 * stands, in brackets or with a port; names, versions, times and hashes stay.
 */
#pragma once
#include "base/err.h"

#define CONCEAL_WORD "(address)"

/** conceal() - @text with CONCEAL_WORD for each address, into @to; cut to @room
 */
void conceal(char *to, size_t room, const char *text);
