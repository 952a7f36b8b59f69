/* wire/test-codex.h: for tests: a codex with two zones and three peers.
 */
#pragma once
#include "wire/codex.h"

static inline struct wgkey test_key(uint8_t n)
{
	struct wgkey key = { .bytes = { n, 0x11, 0x22 } };

	key.bytes[30] = 0x5a;
	return key;
}

static inline struct prefix test_host(const char *text)
{
	struct prefix p;

	INVARIANT(!prefix_read_host(&p, text));
	return p;
}

static inline void test_zone_add(
    struct codex *c, const char *name, const char *service)
{
	struct codex_zone zone = { .n_services = 1 };

	memcpy(zone.name, name, strlen(name) + 1);
	zone.services = calloc(1, sizeof(*zone.services));
	INVARIANT(zone.services && !localservice_read(zone.services, service));
	INVARIANT(!codex_zone_add(c, &zone));
}

/* The address of the host @n in the codex's networks. */
static inline struct codex_peer test_peer(const char *name, uint8_t n)
{
	struct codex_peer p = { .created = 1795000000 + n,
		.key = test_key(n),
		.v4 = test_host("10.88.0.0"),
		.v6 = test_host("fd00:88::") };

	memcpy(p.name, name, strlen(name) + 1);
	p.v4.address[3] = n;
	p.v6.address[15] = n;
	return p;
}

static inline void test_codex(struct codex *c)
{
	struct codex_peer peers[] = { test_peer("phone", 2),
		test_peer("Laptop", 3), test_peer("car", 4) };

	*c = (struct codex){ .generation = 7,
		.interface = "wg0",
		.endpoint = "vpn.example.org:51820",
		.port = 51820,
		.mtu = 1420,
		.n_reserved = 1,
		.key = test_key(200) };
	INVARIANT(!prefix_read(&c->v4, "10.88.0.0/16"));
	INVARIANT(!prefix_read(&c->v6, "fd00:88::/64"));
	INVARIANT(!prefix_read(&c->reserved[0], "10.88.1.0/24"));
	test_zone_add(c, "admin", "tcp/443@oculus");
	test_zone_add(c, "audio", "udp/5000-5100@echo");
	peers[0].zones = 3;
	peers[0].shared = true;
	peers[1].expires = 1800000000;
	peers[1].on_device = true;
	peers[1].next = (struct codex_turn){
		.pending = true, .key = test_key(103), .until = 1796000000
	};
	peers[2].disabled = true;
	peers[2].zones = 2;
	for (size_t i = 0; i < N_ELEMS(peers); i++)
		INVARIANT(!codex_peer_add(c, &peers[i]));
}
