/* wire/http1.h: HTTP/1.1 (RFC 9112) behind wire/http.h, on llhttp.
 *
 * llhttp 8 does the grammar, compiled strict. What later versions of it refuse
 * and this one lets pass is refused here; test/golden/http1 holds the cases and
 * the verdicts of the Node on the machine that they were compared with.
 */
#pragma once
#include "wire/http.h"

/** http1_new() - a fresh connection
 * Return: 0; -ENOMEM. */
MUST_USE int http1_new(
    struct http_machine **out, const struct http_options *options);
