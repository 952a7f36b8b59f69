/* net/socketcalls.h: system calls on sockets by purpose, for the profiles of
 * programs; the others are in base/syscalls.h
 */
#pragma once
#include "base/isolate.h"

/* sockets that are there: accept, send, receive, options, shut down */
extern const struct isolate_calls socketcalls_open;
/* a datagram to the service manager */
extern const struct isolate_calls socketcalls_notify;
/* TCP and UDP sockets, and connecting them */
extern const struct isolate_calls socketcalls_connect;
