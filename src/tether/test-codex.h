/* tether/test-codex.h: a small codex with its keyring, for tests. */
#pragma once
#include "tether/desired.h"
#include <stdio.h>

static inline struct wgkey test_key(unsigned i)
{
	struct wgkey key = { { 9, (uint8_t)(i + 1) } };

	return key;
}

static inline struct prefix test_prefix(const char *text)
{
	struct prefix p;

	INVARIANT(!prefix_read_address(&p, text));
	return p;
}

/* Peer @i: its name, key and addresses come from its number. */
static inline struct codex_peer test_peer(unsigned i)
{
	struct codex_peer p = { .key = test_key(i), .on_device = true };
	char text[PREFIX_TEXT_MOST + 1];

	(void)snprintf(p.name, sizeof(p.name), "peer%u", i);
	(void)snprintf(text, sizeof(text), "10.88.0.%u", i + 2);
	p.v4 = test_prefix(text);
	(void)snprintf(text, sizeof(text), "fd88::%x", i + 2);
	p.v6 = test_prefix(text);
	return p;
}

static inline void test_zone(struct codex *c, const char *name, uint16_t port)
{
	struct codex_zone z = { .n_services = 1 };

	(void)snprintf(z.name, sizeof(z.name), "%s", name);
	z.services = calloc(1, sizeof(*z.services));
	INVARIANT(z.services);
	*z.services = (struct localservice){ LOCALSERVICE_TCP, port, port, "" };
	INVARIANT(!codex_zone_add(c, &z));
}

/* Two zones, "oculus" (443) and "shell" (22), and @peers of the first. */
static inline void test_codex(struct codex *c, struct keyring **keys,
    const char *interface, unsigned peers)
{
	struct secret *own;

	INVARIANT(!wgkey_private_new(&own) && !keyring_new(keys, own));
	*c = (struct codex){ .port = 51820,
		.v4 = test_prefix("10.88.0.0/16"),
		.v6 = test_prefix("fd88::/64") };
	(void)snprintf(c->interface, sizeof(c->interface), "%s", interface);
	wgkey_public(&c->key, own);
	secret_free(own);
	test_zone(c, "oculus", 443);
	test_zone(c, "shell", 22);
	for (unsigned i = 0; i < peers; i++) {
		struct codex_peer p = test_peer(i);

		p.zones = 1;
		INVARIANT(!codex_peer_add(c, &p));
	}
}
