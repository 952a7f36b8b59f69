#include "wire/wgquick.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KEY_2	"AhEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_3	"AxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_H	"yBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define PRIVATE "eBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWlo="

/* ---- written ------------------------------------------------------------- */

static const struct {
	const char *label;
	bool private_key, shared, peer_to_peer, no_mtu;
	const char *text;
} orders[] = {
	{ "made here, with all", true, true, false, false,
	    "[Interface]\nPrivateKey = " PRIVATE "\n"
	    "Address = 10.88.0.2/32, fd00:88::2/128\nMTU = 1420\n\n"
	    "[Peer]\nPublicKey = " KEY_H "\nPresharedKey = " KEY_3 "\n"
	    "Endpoint = vpn.example.org:51820\n"
	    "AllowedIPs = 10.88.0.1/32, fd00:88::1/128\n" },
	{ "made on the device", false, false, false, true,
	    "[Interface]\n# PrivateKey is the device's own\n"
	    "Address = 10.88.0.2/32, fd00:88::2/128\n\n"
	    "[Peer]\nPublicKey = " KEY_H "\n"
	    "Endpoint = vpn.example.org:51820\n"
	    "AllowedIPs = 10.88.0.1/32, fd00:88::1/128\n" },
	{ "among peers", false, false, true, true,
	    "[Interface]\n# PrivateKey is the device's own\n"
	    "Address = 10.88.0.2/32, fd00:88::2/128\n\n"
	    "[Peer]\nPublicKey = " KEY_H "\n"
	    "Endpoint = vpn.example.org:51820\n"
	    "AllowedIPs = 10.88.0.0/16, fd00:88::/64\n" },
};

static void a_peer_gets_the_least_that_it_needs(void **state)
{
	CLEANUP(secret_freep) struct secret *key = NULL;

	(void)state;
	assert_int_equal(wgkey_private_read(&key, PRIVATE, 44), 0);
	for (size_t i = 0; i < N_ELEMS(orders); i++) {
		CLEANUP(secret_freep) struct secret *text = NULL;
		const struct wgkey shared = test_key(3);
		struct codex c;
		struct wgquick_order order = { .codex = &c };

		test_codex(&c);
		c.peer_to_peer = orders[i].peer_to_peer;
		c.mtu = orders[i].no_mtu ? 0 : c.mtu;
		order.peer = &c.peers[0];
		order.private_key = orders[i].private_key ? key : NULL;
		order.shared = orders[i].shared ? shared.bytes : NULL;
		assert_int_equal(wgquick_write(&text, &order, NULL), 0);
		if (strcmp(secret_bytes(text), orders[i].text) != 0)
			fail_msg(
			    "%s:\n%s", orders[i].label, secret_bytes(text));
		codex_deinit(&c);
	}
}

static void the_longest_has_room(void **state)
{
	CLEANUP(secret_freep) struct secret *key = NULL;
	CLEANUP(secret_freep) struct secret *text = NULL;
	const struct wgkey shared = test_key(3);
	struct codex c;
	struct wgquick_order order = { .codex = &c, .shared = shared.bytes };

	(void)state;
	assert_int_equal(wgkey_private_read(&key, PRIVATE, 44), 0);
	test_codex(&c);
	c.mtu = CODEX_MTU_MOST;
	memset(c.endpoint, 'a', WGNAME_ENDPOINT_MOST);
	memset(c.peers[0].v4.address, 255, 4);
	memset(c.peers[0].v6.address, 0xaa, 16);
	memset(c.v6.address, 0xaa, 16);
	order.peer = &c.peers[0];
	order.private_key = key;
	assert_int_equal(wgquick_write(&text, &order, NULL), 0);
	codex_deinit(&c);
}

static void without_an_endpoint_none_is_written(void **state)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	struct fault fault = FAULT_NONE;
	struct codex c;
	struct wgquick_order order = { .codex = &c };

	(void)state;
	test_codex(&c);
	c.endpoint[0] = '\0';
	order.peer = &c.peers[0];
	assert_int_equal(wgquick_write(&text, &order, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "no endpoint"));
	codex_deinit(&c);
}

/* ---- read ---------------------------------------------------------------- */

#define HOST "[Interface]\nPrivateKey = " PRIVATE "\nAddress = 10.6.0.1/24\n"
#define PEER "[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = 10.6.0.2/32\n"

/* What of its peers is read: name, address, '!' when disabled, '+' with a
 * pre-shared key. */
static const struct {
	const char *label, *text, *peers;
	unsigned port;
} good[] = {
	{ "a host alone", HOST, "", 0 },
	{ "with a port", HOST "ListenPort = 51820\n", "", 51820 },
	{ "capitals and blanks",
	    "[INTERFACE]\r\n\tprivatekey=" PRIVATE " \r\n"
	    "ADDRESS=10.6.0.1/24 # here\r\n\r\n",
	    "", 0 },
	{ "PiVPN",
	    HOST "MTU = 1420\nListenPort = 51820\n### begin phone ###\n"
		 "[Peer]\nPublicKey = " KEY_2 "\nPresharedKey = " KEY_3 "\n"
		 "AllowedIPs = 10.6.0.2/32,fd11::2/128\n### end phone ###\n"
		 "### begin tab ###\n"
		 "#[disabled] [Peer]\n#[disabled] PublicKey = " KEY_3 "\n"
		 "#[disabled] AllowedIPs = 10.6.0.3/32\n### end tab ###\n",
	    "phone 10.6.0.2+ tab 10.6.0.3! ", 51820 },
	{ "wg-easy", HOST "\n# Client: phone (4b9f-11)\n" PEER,
	    "phone 10.6.0.2 ", 0 },
	{ "another installer", HOST "### Client phone\n" PEER,
	    "phone 10.6.0.2 ", 0 },
	{ "a name of people", HOST "# phone\n" PEER, "phone 10.6.0.2 ", 0 },
	{ "a name behind",
	    HOST "[Peer]\n# phone\nPublicKey = " KEY_2 "\n"
		 "AllowedIPs = 10.6.0.2/32\n",
	    "phone 10.6.0.2 ", 0 },
	{ "a comment that is no name", HOST "# my old phone\n" PEER,
	    " 10.6.0.2 ", 0 },
	{ "a name that is none", HOST "### begin a/b ###\n" PEER, " 10.6.0.2 ",
	    0 },
	{ "what has no use",
	    HOST "SaveConfig = true\nDNS = 9.9.9.9\n" PEER
		 "PersistentKeepalive = 25\n"
		 "Endpoint = 192.0.2.1:999\n",
	    " 10.6.0.2 ", 0 },
};

static void what_stands_on_hosts_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		const struct wgquick_source source = { .name = "wg0.conf",
			.text = good[i].text,
			.n = strlen(good[i].text) };
		char seen[200] = "", host[PREFIX_TEXT_MOST + 1];
		struct fault fault = FAULT_NONE;
		struct wgquick_host h;

		if (wgquick_read(&h, &source, &fault))
			fail_msg("%s: %s", good[i].label, fault.text);
		for (size_t j = 0; j < h.n_peers; j++) {
			size_t n = strlen(seen);

			prefix_write_host(host, &h.peers[j].v4);
			snprintf(seen + n, sizeof(seen) - n, "%s %s%s%s ",
			    h.peers[j].name, host,
			    h.peers[j].disabled ? "!" : "",
			    h.peers[j].shared ? "+" : "");
		}
		if (strcmp(seen, good[i].peers) != 0)
			fail_msg("%s: %s", good[i].label, seen);
		assert_int_equal(h.port, good[i].port);
		prefix_write(host, &h.v4);
		assert_string_equal(host, "10.6.0.1/24");
		assert_non_null(h.private_key);
		wgquick_host_deinit(&h);
		wgquick_host_deinit(&h);
	}
}

static const struct {
	const char *label, *text, *says;
} wrong[] = {
	{ "nothing", "", ":1: there is no [Interface]" },
	{ "a peer first", PEER, ":1: '[Peer]' does not belong" },
	{ "a second interface", HOST HOST, ":4: '[Interface]' does not" },
	{ "another section", HOST "[Route]\n", ":4: '[Route]'" },
	{ "an open section", HOST "[Peer\n", ":4: '[Peer'" },
	{ "no private key", "[Interface]\nAddress = 10.6.0.1/24\n",
	    "has no PrivateKey" },
	{ "a private key that is none", "[Interface]\nPrivateKey = x\n",
	    ":2: PrivateKey: the key is not 44" },
	{ "a command", HOST "PostUp = iptables -A INPUT\n",
	    ":4: a command, which a tether never runs" },
	{ "one before", HOST "preup=true\n", ":4: a command" },
	{ "one at the end", HOST "PostDown = true\n", ":4: a command" },
	{ "a routing table", HOST "Table = off\n", ":4: a tether has no" },
	{ "a mark", HOST "FwMark = 0x66\n", ":4: a tether has no" },
	{ "a field of the other section", HOST "AllowedIPs = 10.6.0.2/32\n",
	    ":4: 'AllowedIPs' is not known here" },
	{ "a field of nobody", HOST "Jc = 4\n", ":4: 'Jc' is not known" },
	{ "a field twice", HOST "Address = 10.6.0.1/24\n",
	    ":4: Address comes twice" },
	{ "a line of nothing", HOST "PrivateKey\n", ":4: neither" },
	{ "a port beyond ports", HOST "ListenPort = 65536\n",
	    ":4: expected a number" },
	{ "two addresses of a family",
	    "[Interface]\nPrivateKey = " PRIVATE "\nAddress = 10.6.0.1/24, "
	    "10.7.0.1/24\n",
	    ":3: a second address of IPv4" },
	{ "a peer without a key", HOST "[Peer]\nAllowedIPs = 10.6.0.2/32\n",
	    "[Peer] has no PublicKey" },
	{ "a key of low order",
	    HOST "[Peer]\nPublicKey = "
		 "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	    ":5: PublicKey: the key is a point" },
	{ "a default route",
	    HOST "[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = 0.0.0.0/0\n",
	    ":6: AllowedIPs: a network behind a peer" },
	{ "a network behind a peer",
	    HOST "[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = fd00::/64\n",
	    ":6: AllowedIPs: a network" },
	{ "an address that is none",
	    HOST "[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = 10.6.0.2/33\n",
	    ":6: expected an address" },
	{ "a pre-shared key that is none",
	    HOST "[Peer]\nPublicKey = " KEY_2 "\nPresharedKey = " KEY_2 "x\n",
	    ":6: PresharedKey: the key is" },
};

static void what_would_be_lost_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(wrong); i++) {
		const struct wgquick_source source = { .name = "wg0.conf",
			.text = wrong[i].text,
			.n = strlen(wrong[i].text) };
		struct fault fault = FAULT_NONE;
		struct wgquick_host h;
		int r = wgquick_read(&h, &source, &fault);

		if (r != -EINVAL || !strstr(fault.text, wrong[i].says))
			fail_msg("%s: %d, %s", wrong[i].label, r, fault.text);
		assert_null(strstr(fault.text, "eBEi"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_gets_the_least_that_it_needs),
		cmocka_unit_test(the_longest_has_room),
		cmocka_unit_test(without_an_endpoint_none_is_written),
		cmocka_unit_test(what_stands_on_hosts_is_read),
		cmocka_unit_test(what_would_be_lost_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
