#include "wire/codextext.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KEY_A "AhEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_B "AxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_C "ZxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_D "BBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_H "yBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="

static const char body[] = "interface: \"wg0\"\n"
			   "endpoint: \"vpn.example.org:51820\"\n"
			   "port: 51820\n"
			   "mtu: 1420\n"
			   "key: " KEY_H "\n"
			   "networks: [\"10.88.0.0/16\", \"fd00:88::/64\"]\n"
			   "reserved: [\"10.88.1.0/24\"]\n"
			   "zones:\n"
			   "- name: \"admin\"\n"
			   "  services: [\"tcp/443@oculus\"]\n"
			   "- name: \"audio\"\n"
			   "  services: [\"udp/5000-5100@echo\"]\n"
			   "peers:\n"
			   "- name: \"phone\"\n"
			   "  key: " KEY_A "\n"
			   "  addresses: [\"10.88.0.2\", \"fd00:88::2\"]\n"
			   "  zones: [\"admin\", \"audio\"]\n"
			   "  created: 2026-11-18T11:06:42Z\n"
			   "  pre-shared: true\n"
			   "- name: \"Laptop\"\n"
			   "  key: " KEY_B "\n"
			   "  addresses: [\"10.88.0.3\", \"fd00:88::3\"]\n"
			   "  created: 2026-11-18T11:06:43Z\n"
			   "  expires: 2027-01-15T08:00:00Z\n"
			   "  on-device: true\n"
			   "  next-key: " KEY_C "\n"
			   "  next-until: 2026-11-30T00:53:20Z\n"
			   "- name: \"car\"\n"
			   "  key: " KEY_D "\n"
			   "  addresses: [\"10.88.0.4\", \"fd00:88::4\"]\n"
			   "  zones: [\"audio\"]\n"
			   "  created: 2026-11-18T11:06:44Z\n"
			   "  disabled: true\n";

static int read_text(struct codex *out, const char *text, size_t n,
    bool *edited, struct fault *fault)
{
	const struct yaml_source source = {
		.name = "tether.yaml", .bytes = text, .n = n
	};

	return codextext_read(out, &source, edited, fault);
}

/* The text of the codex of wire/test-codex.h. */
static char *usual_text(size_t *n)
{
	struct codex c;
	char *text = NULL;

	test_codex(&c);
	assert_int_equal(codextext_write(&text, n, &c), 0);
	codex_deinit(&c);
	return text;
}

static void this_is_the_text(void **state)
{
	size_t n;
	CLEANUP(free_p) char *text = usual_text(&n);
	char *rest = strstr(text, "interface");

	(void)state;
	assert_int_equal(
	    strncmp(text, "schema: 1\ngeneration: 7\nhash: ", 30), 0);
	assert_int_equal(rest - text, 30 + 64 + 1);
	assert_string_equal(rest, body);
}

static void what_was_written_is_read_and_written_the_same(void **state)
{
	size_t n, m;
	CLEANUP(free_p) char *text = usual_text(&n);
	CLEANUP(free_p) char *again = NULL;
	struct codex c;
	bool edited = true;

	(void)state;
	assert_int_equal(read_text(&c, text, n, &edited, NULL), 0);
	assert_false(edited);
	assert_int_equal(c.generation, 7);
	assert_int_equal(c.n_peers, 3);
	assert_int_equal(c.peers[1].next.until, 1796000000);
	assert_true(c.peers[1].next.pending);
	assert_int_equal(codextext_write(&again, &m, &c), 0);
	assert_string_equal(again, text);
	codex_deinit(&c);
}

/* One part of the text in place of another. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *out;

	if (!at)
		fail_msg("'%s' does not stand there", from);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to,
			at + strlen(from)) > 0);
	return out;
}

static const struct {
	const char *label, *from, *to;
	bool edited;
} edits[] = {
	{ "a comment", "zones:\n", "# those that there are\nzones:\n", false },
	{ "other quotes", "\"wg0\"", "wg0", false },
	{ "another order", "port: 51820\nmtu: 1420\n",
	    "mtu: 1420\nport: 51820\n", false },
	{ "the generation", "generation: 7", "generation: 9", false },
	{ "a default written out", "  disabled: true\n",
	    "  disabled: true\n  on-device: false\n", false },
	{ "another form of an address", "fd00:88::2", "FD00:88:0::2", false },
	{ "another name", "\"car\"", "\"bus\"", true },
	{ "an end", "  disabled: true\n",
	    "  disabled: true\n  expires: 2030-01-01T00:00:00Z\n", true },
	{ "access", "  disabled: true\n", "", true },
	{ "another hash", "hash: ", "hash: 00", true },
};

static void an_edit_is_a_change_of_content(void **state)
{
	size_t n;
	CLEANUP(free_p) char *text = usual_text(&n);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(edits); i++) {
		CLEANUP(free_p)
		char *other = replaced(text, edits[i].from, edits[i].to);
		struct fault fault = FAULT_NONE;
		bool edited = !edits[i].edited;
		struct codex c;

		if (!strcmp(edits[i].to, "hash: 00")) {
			char *line = strstr(other, "hash: 00");

			memmove(line + 70, line + 72, strlen(line + 71));
		}
		if (read_text(&c, other, strlen(other), &edited, &fault) ||
		    edited != edits[i].edited)
			fail_msg("%s: %s", edits[i].label, fault.text);
		codex_deinit(&c);
	}
}

static const struct {
	const char *label, *from, *to;
	const char *says; /* with the place */
} wrong[] = {
	{ "no schema", "schema: 1\n", "", "1:1: 'schema' is missing" },
	{ "a schema to come", "schema: 1", "schema: 2", "1:9: of schema 2" },
	{ "no generation", "generation: 7\n", "", "'generation' is missing" },
	{ "a negative one", "generation: 7", "generation: -7", "2:13: " },
	{ "no hash", "hash: ", "hash2: ", "3:1: 'hash2' is not known" },
	{ "a hash that is none", "hash: ", "hash: x", "3:7: expected 64 hex" },
	{ "a name that is not known", "mtu: 1420", "mtv: 1420",
	    "7:1: 'mtv' is not known here" },
	{ "a name twice", "mtu: 1420", "port: 1", "7:1: 'port' comes twice" },
	{ "no port", "port: 51820\n", "", "'port' is missing" },
	{ "port 0", "port: 51820", "port: 0", "6:7: port: expected a number" },
	{ "a port in words", "port: 51820", "port: x", "6:7: port" },
	{ "a small mtu", "mtu: 1420", "mtu: 1279", "7:6: mtu" },
	{ "an interface with a slash", "\"wg0\"", "\"../wg0\"",
	    "4:12: name: expected" },
	{ "a line end in an interface", "\"wg0\"", "\"wg\\n0\"", "4:12: " },
	{ "no endpoint's port", "vpn.example.org:51820", "vpn.example.org",
	    "5:11: " },
	{ "no IPv6 network", ", \"fd00:88::/64\"", "",
	    "9:1: networks: expected one of IPv4" },
	{ "two of IPv4", "fd00:88::/64", "10.89.0.0/16", "9:28: expected" },
	{ "bits behind the length", "10.88.0.0/16", "10.88.0.1/16", "9:12: " },
	{ "a network of all", "10.88.0.0/16", "0.0.0.0/0", "9:12: expected" },
	{ "a network of one", "10.88.0.0/16", "10.88.0.0/31", "9:12: " },
	{ "peer-to-peer in words", "zones:\n", "peer-to-peer: yes\nzones:\n",
	    "11:15: expected true or false" },
	{ "a zone twice", "\"audio\"\n  serv", "\"admin\"\n  serv",
	    "14:9: the zone 'admin' is there already" },
	{ "no services", "  services: [\"tcp/443@oculus\"]\n", "",
	    "12:3: 'services' is missing" },
	{ "a service that is none", "tcp/443@oculus", "tcp/0", "13:14: " },
	{ "services that are none", "[\"tcp/443@oculus\"]", "tcp/1",
	    "13:3: services: expected a list" },
	{ "a zone that is not there", "zones: [\"admin\", \"audio\"]",
	    "zones: [\"admin\", \"audit\"]",
	    "20:20: expected a zone that stands above, got 'audit'" },
	{ "a peer's name with a blank", "\"phone\"", "\"my phone\"",
	    "17:9: name: expected" },
	{ "a peer without a name", "- name: \"phone\"\n  key", "- key",
	    "17:3: 'name' is missing" },
	{ "the last peer without a time", "  created: 2026-11-18T11:06:44Z\n",
	    "", "31:3: 'created' is missing" },
	{ "a name twice, of peers", "\"car\"", "\"Phone\"",
	    "31:3: peer Phone: has the same name as phone" },
	{ "a key twice", "key: " KEY_D, "key: " KEY_A,
	    "31:3: peer car: has the same key as phone" },
	{ "a key that is none", "key: " KEY_D, "key: x",
	    "32:8: the key is not 44 characters" },
	{ "a key of zeros", "key: " KEY_D,
	    "key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    "32:8: the key is all zeros" },
	{ "a key of low order", "key: " KEY_D,
	    "key: AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	    "32:8: the key is a point of low order" },
	{ "one address", ", \"fd00:88::4\"", "", "33:3: addresses: expected" },
	{ "a default route", "\"10.88.0.4\"", "\"0.0.0.0/0\"",
	    "33:15: expected an address of IPv4" },
	{ "an address twice", "10.88.0.4", "10.88.0.2",
	    "31:3: peer car: has the same IPv4 address as phone" },
	{ "an address elsewhere", "10.88.0.4", "10.89.0.4",
	    "31:3: peer car: outside" },
	{ "a time that is none", "2026-11-18T11:06:44Z", "yesterday",
	    "35:12: expected a time" },
	{ "a word for true", "disabled: true", "disabled: on",
	    "36:13: expected true or false" },
	{ "half a turn", "  next-until: 2026-11-30T00:53:20Z\n", "",
	    "23:3: next-key and next-until go together" },
	{ "the other half", "  next-key: " KEY_C "\n", "",
	    "23:3: next-key and next-until go together" },
	{ "peers that are no blocks", "peers:\n- name", "peers:\n- x\n- name",
	    "not understood" },
	{ "peers of words", "zones:\n- name: \"admin\"",
	    "peers: [a]\nzones:\n- name: \"admin\"",
	    "11:9: peers: expected blocks" },
	{ "another list of blocks", "zones:\n", "ozones:\n", "11:1: 'ozones'" },
	{ "a second list of peers", "- name: \"car\"",
	    "peers:\n- name: \"car\"", "31:1: 'peers' comes twice" },
	{ "no YAML", "zones:\n", "zones: [\n", "not YAML" },
	{ "an anchor", "\"car\"", "&a \"car\"", "31:9: anchors" },
};

static void nonsense_is_refused_where_it_stands(void **state)
{
	size_t n;
	CLEANUP(free_p) char *text = usual_text(&n);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(wrong); i++) {
		CLEANUP(free_p)
		char *other = replaced(text, wrong[i].from, wrong[i].to);
		struct fault fault = FAULT_NONE;
		struct codex c;
		int r = read_text(&c, other, strlen(other), NULL, &fault);

		if (r != -EINVAL || fault.code != r ||
		    !strstr(fault.text, wrong[i].says))
			fail_msg("%s: %d, %s", wrong[i].label, r, fault.text);
		assert_int_equal(strncmp(fault.text, "tether.yaml:", 12), 0);
	}
}

/* A file that ends early, at any byte, is refused, or is a codex that says
 * itself that it was edited. */
static void a_file_that_was_cut_is_seen(void **state)
{
	size_t n;
	CLEANUP(free_p) char *text = usual_text(&n);

	(void)state;
	for (size_t cut = 0; cut < n - 1; cut++) {
		struct fault fault = FAULT_NONE;
		bool edited = false;
		struct codex c;

		if (read_text(&c, text, cut, &edited, &fault))
			continue;
		if (!edited)
			fail_msg("cut at %zu of %zu", cut, n);
		codex_deinit(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_is_the_text),
		cmocka_unit_test(what_was_written_is_read_and_written_the_same),
		cmocka_unit_test(an_edit_is_a_change_of_content),
		cmocka_unit_test(nonsense_is_refused_where_it_stands),
		cmocka_unit_test(a_file_that_was_cut_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
