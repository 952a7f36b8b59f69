/* net/sealed.h: how a sealed session begins, for whoever has one with the
 * bridge: CONNECT at the broker, which carries what follows and cannot read it.
 */
#pragma once
#include "base/secret.h"
#include "net/http.h"

/* All borrowed for the call. */
struct sealed_order {
	struct http_conn *broker;
	const struct secret *token; /* of the pod, for the broker; NULL: none */
	bool early; /* as in struct http_head: what is sent at once goes along
		     */
	http_response_fn fn;
	void *ctx;
};
/** sealed_connect() - Return: as http_conn_request(). */
MUST_USE int sealed_connect(
    struct http_stream **out, const struct sealed_order *order);
