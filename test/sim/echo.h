/* Requests of a simulation: a body of a pattern goes out on a tunnel and comes
 * back, byte for byte, or the request breaks; one of the two, once, and in
 * time.
 */
#pragma once
#include "net/httpd.h"
#include "net/loop.h"

enum echo_outcome { ECHO_PENDING, ECHO_WHOLE, ECHO_BROKEN };

struct echo_counts {
	uint64_t asked, whole, broken, late;
	size_t pending;
};

/** echo_routes() - what the answering side serves; one row */
const struct httpd_route *echo_routes(void);
/** echo_ask() - one request with @size bytes on @c, counted in @counts, which
 * outlives it. A wrong byte ends the process.
 * @ms: it breaks, and is late, when there is no answer by then */
void echo_ask(
    struct echo_counts *counts, struct http_conn *c, size_t size, unsigned ms);
