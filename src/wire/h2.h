/* wire/h2.h: HTTP/2 (RFC 9113) behind wire/http.h, on nghttp2.
 *
 * The connection window is streams_max x window, so a stream that nobody reads
 * stalls itself only. Floods end the connection: limits on resets (400, then 40
 * a second), CONTINUATION, settings and the outbound queue; each has a counter.
 */
#pragma once
#include "wire/http.h"

/** h2_new() - a fresh connection; the preface and SETTINGS are ready to pull
 * Return: 0; -ENOMEM. */
MUST_USE int h2_new(
    struct http_machine **out, const struct http_options *options);
