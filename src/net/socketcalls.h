/* net/socketcalls.h: system calls on sockets by purpose, for the profiles of
 * programs; and, with the others from base/syscalls.h, the lists that programs
 * of one kind have alike
 */
#pragma once
#include "base/syscalls.h"

/* sockets that are there: accept, send, receive, options, shut down */
extern const struct isolate_calls socketcalls_open;
/* a datagram to the service manager */
extern const struct isolate_calls socketcalls_notify;
/* TCP and UDP sockets, and connecting them */
extern const struct isolate_calls socketcalls_connect;

/* Items of a profile's list of sets, each of these with the one before it:
 *   static const struct isolate_calls *const calls[] = {
 *           SOCKETCALLS_CARRY, &own };
 * SERVE: threads and a loop, files that are read, connections that come in
 * CARRY: bytes between sockets, and its files again when they are replaced
 * DIAL: connections to others, such as the tunnels of an uplink */
#define SOCKETCALLS_SERVE                                                      \
	&syscalls_runtime, &syscalls_probed, &syscalls_newer,                  \
	    &syscalls_threads, &syscalls_loop, &syscalls_files,                \
	    &socketcalls_open, &socketcalls_notify
#define SOCKETCALLS_CARRY SOCKETCALLS_SERVE, &syscalls_watch, &syscalls_splice
#define SOCKETCALLS_DIAL  SOCKETCALLS_CARRY, &socketcalls_connect
