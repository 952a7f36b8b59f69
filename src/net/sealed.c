#include "net/sealed.h"
#include "net/tunnel.h"
#include "wire/vault.h"
#include <stdio.h>

enum { BEARER_MOST = VAULT_TOKEN_MOST + 16 };

int sealed_connect(struct http_stream **out, const struct sealed_order *order)
{
	char bearer[BEARER_MOST];
	struct http_field field = { "proxy-authorization", bearer };
	struct http_head head = { .method = "CONNECT",
		.authority = TUNNEL_BRIDGE_NAME ":443",
		.length = -1,
		.early = order->early,
		.fields = &field,
		.n_fields = order->token ? 1 : 0 };
	int r;

	if (order->token)
		(void)snprintf(bearer, sizeof(bearer), "Bearer %s",
		    secret_bytes(order->token));
	r = http_conn_request(
	    order->broker, &head, false, order->fn, order->ctx, out);
	secret_wipe(bearer, sizeof(bearer));
	return r;
}
