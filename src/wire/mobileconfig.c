/* wire/mobileconfig.c: a property list in XML: a profile around one VPN, whose
 * WgQuickConfig is the file of wg-quick (the app's MOBILECONFIG.md; Apple's
 * Device Management, "VPN").
 *
 * What goes into the XML has no character that would need an escape: names,
 * keys and addresses have their alphabets, and wgquick_write() writes nothing
 * else. It is asserted all the same.
 *
 * A profile and its content each have a UUID, by which the system knows a later
 * one for the same. They are made of the host's key, the peer's name and the
 * system, so that nothing has to be kept; of the kind whose bits are the
 * maker's own (RFC 9562, version 8).
 */
#include "wire/mobileconfig.h"
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

enum { UUID_TEXT = 36, LINE_MOST = 1600 };

static const struct {
	const char *subtype, *suffix;
} systems[] = {
	[MOBILECONFIG_IOS] = { "com.wireguard.ios", "ios" },
	[MOBILECONFIG_MACOS] = { "com.wireguard.macos", "macos" },
};

static void say(struct secret *to, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct secret *to, const char *fmt, ...)
{
	char line[LINE_MOST];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	INVARIANT(n >= 0 && (size_t)n < sizeof(line));
	INVARIANT(!secret_append(to, line, (size_t)n));
}

static void uuid_of(char out[UUID_TEXT + 1], const struct wgquick_order *order,
    const char *what)
{
	crypto_generichash_state state;
	uint8_t u[16];

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(u));
	(void)crypto_generichash_update(
	    &state, order->codex->key.bytes, sizeof(order->codex->key.bytes));
	(void)crypto_generichash_update(&state,
	    (const uint8_t *)order->peer->name, strlen(order->peer->name) + 1);
	(void)crypto_generichash_update(
	    &state, (const uint8_t *)what, strlen(what));
	(void)crypto_generichash_final(&state, u, sizeof(u));
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x80);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	(void)snprintf(out, UUID_TEXT + 1,
	    "%02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-"
	    "%02X%02X%02X%02X%02X%02X",
	    u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
	    u[11], u[12], u[13], u[14], u[15]);
}

/* What every payload has. */
static void say_payload(struct secret *to, const struct wgquick_order *order,
    const char *type, const char *suffix)
{
	char uuid[UUID_TEXT + 1], what[64];

	(void)snprintf(what, sizeof(what), "%s %s", type, suffix);
	uuid_of(uuid, order, what);
	say(to,
	    "<key>PayloadType</key><string>%s</string>\n"
	    "<key>PayloadVersion</key><integer>1</integer>\n"
	    "<key>PayloadDisplayName</key><string>%s (%s)</string>\n"
	    "<key>PayloadIdentifier</key><string>pharos.tether.%s</string>\n"
	    "<key>PayloadUUID</key><string>%s</string>\n",
	    type, order->codex->endpoint, order->peer->name, uuid, uuid);
}

static void say_tunnel(struct secret *to, const struct wgquick_order *order,
    const struct secret *text, enum mobileconfig_system system)
{
	say(to,
	    "<key>UserDefinedName</key><string>%s</string>\n"
	    "<key>VPNType</key><string>VPN</string>\n"
	    "<key>VPNSubType</key><string>%s</string>\n"
	    "<key>VPN</key>\n<dict>\n"
	    "<key>RemoteAddress</key><string>%s</string>\n"
	    "<key>AuthenticationMethod</key><string>Password</string>\n"
	    "</dict>\n"
	    "<key>VendorConfig</key>\n<dict>\n"
	    "<key>WgQuickConfig</key>\n<string>",
	    order->codex->endpoint, systems[system].subtype,
	    order->codex->endpoint);
	INVARIANT(!secret_append(to, secret_bytes(text), secret_size(text)));
	say(to, "</string>\n</dict>\n");
}

static void say_all(struct secret *to, const struct wgquick_order *order,
    const struct secret *text, enum mobileconfig_system system)
{
	const char *suffix = systems[system].suffix;

	say(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
		"\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
		"<plist version=\"1.0\">\n<dict>\n");
	say_payload(to, order, "Configuration", suffix);
	say(to, "<key>PayloadContent</key>\n<array>\n<dict>\n");
	say_payload(to, order, "com.apple.vpn.managed", suffix);
	say_tunnel(to, order, text, system);
	say(to, "</dict>\n</array>\n</dict>\n</plist>\n");
}

int mobileconfig_write(struct secret **out, const struct wgquick_order *order,
    enum mobileconfig_system system, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	CLEANUP(secret_freep) struct secret *profile = NULL;
	int r;

	if (!order->private_key)
		return fault_set(fault, -ENODATA,
		    "Let the device take another form, in which it fills its "
		    "own key in; or give the key.",
		    "a profile has to have the private key of %s, which is "
		    "not here",
		    order->peer->name);
	r = wgquick_write(&text, order, fault);
	if (r)
		return r;
	INVARIANT(!memchr(secret_bytes(text), '<', secret_size(text)) &&
		  !memchr(secret_bytes(text), '&', secret_size(text)));
	if (secret_new(&profile, MOBILECONFIG_MOST))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	say_all(profile, order, text, system);
	*out = STEAL(profile);
	return 0;
}
