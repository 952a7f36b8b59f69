/* devstore/capabilities.h: sys/capabilities-self: what may the asker do where?
 */
#pragma once
#include "devstore/policies.h"

enum { CAPABILITIES_PATHS_MOST = 256 }; /* in one question */

/** capabilities_handle() - the reply is filled */
void capabilities_handle(struct ask *a);
