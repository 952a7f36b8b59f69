#include "tether/report.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

enum { ENDPOINT_TEXT = INET6_ADDRSTRLEN + 10 };

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* ---- the tether ---------------------------------------------------------- */

static json_t *addresses_of(const struct keeper_facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < N_ELEMS(f->addresses); i++) {
		char text[PREFIX_TEXT_MOST + 1];

		prefix_write(text, &f->addresses[i]);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *carrier_of(const struct wg *wg)
{
	if (!wg)
		return json_null();
	return json_pack("{s:s, s:s, s:I, s:I}", "driver",
	    wg_driver(wg) == WG_KERNEL ? "kernel" : "user", "program",
	    wg_carrier(wg), "process", (json_int_t)wg_pid(wg), "restarts",
	    (json_int_t)wg_restarts(wg));
}

static json_t *counts_of(const struct tunnel_counts *c)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "applied", number(c->applied),
	    "failures", number(c->failures), "rules_restored",
	    number(c->restored), "interface_restored", number(c->relinked));
}

static json_t *fault_of(const struct fault *f)
{
	return f ? json_pack("{s:s, s:s}", "text", f->text, "hint", f->hint)
		 : json_null();
}

static const char *state_of(const struct tunnel *t)
{
	if (tunnel_fault(t))
		return "failing";
	return tunnel_is_up(t) ? "up" : "down";
}

json_t *report_status(const struct keeper *k, uint64_t uptime_s)
{
	const struct keeper_facts *f = keeper_facts(k);
	const struct tunnel *t = keeper_tunnel(k);

	return json_pack(
	    "{s:s, s:I, s:o, s:s, s:s, s:o, s:s, s:i, s:o, s:o, s:o, "
	    "s:o, s:o, s:o, s:o}",
	    "version", PHAROS_VERSION, "process", (json_int_t)getpid(),
	    "uptime_seconds", number(uptime_s), "codex", f->codex, "state",
	    state_of(t), "fault", fault_of(tunnel_fault(t)), "interface",
	    f->interface, "port", (int)f->port, "addresses", addresses_of(f),
	    "carrier", carrier_of(tunnel_wg(t)), "generation",
	    number(f->generation), "peers", number(f->n_peers),
	    "keys_with_access", number(f->n_desired), "keys_turning",
	    number(f->n_turning), "counts", counts_of(tunnel_counts(t)));
}

/* ---- its peers ----------------------------------------------------------- */

static json_t *endpoint_of(const struct wgendpoint *e)
{
	char address[INET6_ADDRSTRLEN], text[ENDPOINT_TEXT];

	if (!e->family)
		return json_null();
	if (!inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->address, address,
		sizeof(address)))
		return json_null();
	(void)snprintf(text, sizeof(text), e->family == 4 ? "%s:%u" : "[%s]:%u",
	    address, e->port);
	return json_string(text);
}

static json_t *networks_of(const struct wgstate *s, const struct wgpeer *p)
{
	const struct prefix *at = wgpeer_prefixes(s, p);
	json_t *list = json_array();

	for (size_t i = 0; i < p->n_prefix; i++) {
		char text[PREFIX_TEXT_MOST + 1];

		prefix_write(text, &at[i]);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static json_t *peer_of(const struct wgstate *s, const struct wgpeer *p)
{
	char key[WGKEY_TEXT_SIZE + 1];

	wgkey_write(key, &p->key);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "key", key,
	    "addresses", networks_of(s, p), "endpoint",
	    endpoint_of(&p->endpoint), "handshake",
	    p->seen.handshake_s ? number((uint64_t)p->seen.handshake_s)
				: json_null(),
	    "received", number(p->seen.received), "sent", number(p->seen.sent));
}

json_t *report_peers(const struct wgstate *state, size_t after)
{
	json_t *list = json_array();
	size_t end = state->n_peers;

	if (after > end)
		after = end;
	if (end - after > REPORT_PEERS_MOST)
		end = after + REPORT_PEERS_MOST;
	for (size_t i = after; i < end; i++)
		if (json_array_append_new(
			list, peer_of(state, &state->peers[i]))) {
			json_decref(list);
			return NULL;
		}
	return json_pack("{s:o, s:o}", "peers", list, "next",
	    end < state->n_peers ? number(end) : json_null());
}
