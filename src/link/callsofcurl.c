#include "link/callsofcurl.h"
#include <sys/socket.h>

static const struct isolate_call rows[] = {
	/* it wakes itself, and hears from its resolver's thread */
	ISOLATE_ONLY("socketpair", ISOLATE_IS(0, AF_UNIX)),
};

const struct isolate_calls callsofcurl = { ISOLATE_CALLS(rows) };
