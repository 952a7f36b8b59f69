#include "wire/wgeasy.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KEY_2	"AhEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_3	"AxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define PRIVATE "eBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWlo="
#define ZERO	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

#define SERVER                                                                 \
	"{\"server\":{\"privateKey\":\"" PRIVATE "\",\"publicKey\":\"" KEY_3   \
	"\",\"address\":\"10.8.0.1\"},\"clients\":"
#define CLIENT(name, more)                                                     \
	"{\"id\":\"a\",\"name\":\"" name                                       \
	"\",\"address\":\"10.8.0.2\",\"privateKey\":\"" PRIVATE                \
	"\",\"publicKey\":\"" KEY_2                                            \
	"\",\"createdAt\":\"2024-05-01T10:00:00.000Z\"" more "}"
#define ONE(name, more) SERVER "{\"a\":" CLIENT(name, more) "}}"

static int read_text(
    struct wgquick_host *out, const char *text, struct fault *fault)
{
	const struct wgquick_source source = { "wg0.json", text, strlen(text) };

	assert_true(wgeasy_looks(&source));
	return wgeasy_read(out, &source, fault);
}

static void a_client_is_a_peer(void **state)
{
	struct wgquick_host h;
	struct fault fault = FAULT_NONE;
	char text[PREFIX_TEXT_MOST + 1];

	(void)state;
	if (read_text(&h,
		ONE("Ann's phone",
		    ",\"preSharedKey\":\"" KEY_3 "\",\"enabled\":false,"
		    "\"expiredAt\":\"2030-01-31T23:59:59.000Z\""),
		&fault))
		fail_msg("%s", fault.text);
	prefix_write(text, &h.v4);
	assert_string_equal(text, "10.8.0.1/24");
	assert_int_equal(h.v6.family, 0);
	assert_int_equal(h.port, 0);
	assert_int_equal(secret_size(h.private_key), WGKEY_SIZE);
	assert_int_equal(h.n_peers, 1);
	assert_string_equal(h.peers[0].name, "Ann-s-phone");
	prefix_write(text, &h.peers[0].v4);
	assert_string_equal(text, "10.8.0.2/32");
	assert_non_null(h.peers[0].shared);
	assert_true(h.peers[0].disabled);
	assert_int_equal(h.peers[0].expires, 1896134399);
	wgquick_host_deinit(&h);
}

static void what_is_not_said_is_as_usual(void **state)
{
	static const char *const texts[] = { ONE("phone", ""),
		ONE("phone", ",\"preSharedKey\":\"\",\"expiredAt\":null"),
		ONE("phone", ",\"enabled\":true,\"oneTimeLink\":null") };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		struct wgquick_host h;

		assert_int_equal(read_text(&h, texts[i], NULL), 0);
		assert_null(h.peers[0].shared);
		assert_false(h.peers[0].disabled);
		assert_int_equal(h.peers[0].expires, 0);
		wgquick_host_deinit(&h);
	}
}

#define TEN  "aaaaaaaaaa"
#define LONG TEN TEN TEN TEN TEN TEN "aaa"

static const struct {
	const char *label, *text, *name;
} names[] = {
	{ "as it is", ONE("phone_2.x", ""), "phone_2.x" },
	{ "none", ONE("", ""), "" },
	{ "blanks around", ONE(" my  phone ", ""), "my-phone" },
	{ "another alphabet", ONE("\xd0\xaf", ""), "" },
	{ "a line's end", ONE("a\\nPostUp = id", ""), "a-PostUp-id" },
	{ "a path", ONE("../../etc/x", ""), "etc-x" },
	{ "long", ONE(LONG "bbb", ""), LONG },
};

static void names_become_good_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		struct wgquick_host h;

		assert_int_equal(read_text(&h, names[i].text, NULL), 0);
		if (strcmp(h.peers[0].name, names[i].name) != 0)
			fail_msg("%s: %s", names[i].label, h.peers[0].name);
		wgquick_host_deinit(&h);
	}
}

static const struct {
	const char *label, *text, *says;
} bad[] = {
	{ "no JSON", "{", "not one JSON object" },
	{ "a name twice", "{\"server\":1,\"server\":2}",
	    "not one JSON object" },
	{ "another file", "{}", "server: expected an object" },
	{ "no clients",
	    "{\"server\":{\"privateKey\":\"" PRIVATE
	    "\",\"address\":\"10.8.0.1\"}}",
	    "clients: expected an object" },
	{ "no private key", "{\"server\":{\"address\":\"10.8.0.1\"}}",
	    "server: privateKey is missing" },
	{ "a private key of zeros",
	    "{\"server\":{\"privateKey\":\"" ZERO "\"}}",
	    "server: privateKey: the key is" },
	{ "no address", "{\"server\":{\"privateKey\":\"" PRIVATE "\"}}",
	    "server: address" },
	{ "an address of IPv6",
	    "{\"server\":{\"privateKey\":\"" PRIVATE
	    "\",\"address\":\"fd00::1\"}}",
	    "server: address: expected one of IPv4" },
	{ "a client that is none", SERVER "{\"a\":7}}", "client : address" },
	{ "a network as an address",
	    SERVER "{\"a\":{\"name\":\"x\",\"address\":\"10.8.0.0/24\"}}}",
	    "client x: address" },
	{ "no public key",
	    SERVER "{\"a\":{\"name\":\"x\",\"address\":\"10.8.0.2\"}}}",
	    "client x: publicKey is missing" },
	{ "a key of zeros",
	    SERVER "{\"a\":{\"name\":\"x\",\"address\":\"10.8.0.2\","
		   "\"publicKey\":\"" ZERO "\"}}}",
	    "client x: publicKey: the key is all zeros" },
	{ "shared nonsense", ONE("x", ",\"preSharedKey\":\"x\""),
	    "client x: preSharedKey: the key is" },
	{ "shared number", ONE("x", ",\"preSharedKey\":7"),
	    "client x: preSharedKey" },
	{ "enabled by a word", ONE("x", ",\"enabled\":\"no\""),
	    "client x: enabled" },
	{ "an end of nonsense", ONE("x", ",\"expiredAt\":\"soon\""),
	    "client x: expiredAt" },
	{ "an end without a zone",
	    ONE("x", ",\"expiredAt\":\"2030-01-31T23:59:59.00000\""),
	    "client x: expiredAt" },
	{ "an end of a number", ONE("x", ",\"expiredAt\":7"),
	    "client x: expiredAt" },
};

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct wgquick_host h;
		struct fault fault = FAULT_NONE;
		int r = read_text(&h, bad[i].text, &fault);

		if (r != -EINVAL || fault.code != r ||
		    strncmp(fault.text, "wg0.json: ", 10) != 0 ||
		    !strstr(fault.text, bad[i].says) ||
		    strstr(fault.text, "eBEi"))
			fail_msg("%s: %d %s", bad[i].label, r, fault.text);
	}
}

static void json_is_told_from_lines(void **state)
{
	static const struct {
		const char *text;
		bool json;
	} rows[] = { { "{}", true }, { " \n{", true }, { "[Interface]", false },
		{ "# {", false }, { "", false }, { "  ", false } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct wgquick_source s = { "f", rows[i].text,
			strlen(rows[i].text) };

		assert_int_equal(wgeasy_looks(&s), rows[i].json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_a_peer),
		cmocka_unit_test(what_is_not_said_is_as_usual),
		cmocka_unit_test(names_become_good_ones),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(json_is_told_from_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
