/* wire/joinstring.c: one line from the store's side to the cluster's.
 *
 * It travels by chat, tickets and values files, so it is one word of base64url
 * behind a prefix that says what it is, and ends in a checksum over all before
 * it: a line that was cut off is told as that, and not as a certificate that
 * does not verify. The checksum guards against accidents alone. Whoever can
 * exchange the line can exchange the CA; that is why it is printed by one
 * person's terminal and pasted into the same person's installation.
 *
 * There is one text for each content: base64url without padding and without
 * stray bits, addresses as they were given.
 */
#include "wire/joinstring.h"
#include "base/base64.h"
#include "base/number.h"
#include "base/rd.h"
#include "base/wr.h"
#include <sodium.h>

#define KIND   "pharos-join-v"
#define PREFIX KIND "1."

enum {
	PREFIX_SIZE = sizeof(PREFIX) - 1,
	CHECK_SIZE = 4,
	BODY_MOST = 1 +
		    JOINSTRING_BEACONS_MOST * (2 + JOINSTRING_ADDRESS_MOST) +
		    2 + JOINSTRING_CA_MOST + CHECK_SIZE,
};
_Static_assert(JOINSTRING_MOST >= PREFIX_SIZE + (BODY_MOST * 4 + 2) / 3,
    "the longest has room");

/* ---- content ------------------------------------------------------------- */

/* A name or address, a colon, a port; what may be in a name, net/address.h
 * says when it is used. */
bool joinstring_beacon_ok(const char *text)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
	const char *colon = strrchr(text, ':');
	uint64_t port;

	return colon && colon != text && !text[strspn(text, plain)] &&
	       !number_parse(colon + 1, 65535, &port) && port;
}

/* One DER SEQUENCE with a length of two bytes, which ends where @n does: no
 * certificate is shorter than 128 bytes or longer than 65535. */
static bool der_ok(const uint8_t *der, size_t n)
{
	struct rd r = rd_over(der, n);
	bool sequence = rd_u8(&r) == 0x30;
	unsigned form = rd_u8(&r);
	size_t length = 0;

	if (form == 0x81)
		length = rd_u8(&r);
	else if (form == 0x82)
		length = rd_u16(&r);
	return rd_ok(&r) && sequence && length >= 128 && length == r.left;
}

/* @code: what the caller calls it */
static int content_check(
    const struct joinstring *s, int code, struct fault *fault)
{
	if (!s->n_beacons || s->n_beacons > JOINSTRING_BEACONS_MOST)
		return fault_set(fault, code, NULL,
		    "join string: %zu beacons; expected 1 to %d", s->n_beacons,
		    JOINSTRING_BEACONS_MOST);
	for (size_t i = 0; i < s->n_beacons; i++)
		if (!joinstring_beacon_ok(s->beacon[i]))
			return fault_set(fault, code, NULL,
			    "join string: beacon '%s' is not HOST:PORT",
			    s->beacon[i]);
	if (s->n_ca > JOINSTRING_CA_MOST || !der_ok(s->ca, s->n_ca))
		return fault_set(fault, code, NULL,
		    "join string: the CA is not one certificate in DER of at "
		    "most %d bytes",
		    JOINSTRING_CA_MOST);
	return 0;
}

/* ---- writing ------------------------------------------------------------- */

static void checksum(uint8_t out[CHECK_SIZE], const uint8_t *body, size_t n)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state state;

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const uint8_t *)PREFIX, PREFIX_SIZE);
	crypto_hash_sha256_update(&state, body, n);
	crypto_hash_sha256_final(&state, hash);
	memcpy(out, hash, CHECK_SIZE);
}

int joinstring_write(char *to, const struct joinstring *s, struct fault *fault)
{
	uint8_t body[BODY_MOST], check[CHECK_SIZE];
	struct wr w = wr_over(body, sizeof(body));
	int r = content_check(s, -EINVAL, fault);

	if (r)
		return r;
	wr_u8(&w, (uint8_t)s->n_beacons);
	for (size_t i = 0; i < s->n_beacons; i++) {
		wr_u16(&w, (uint16_t)strlen(s->beacon[i]));
		wr_text(&w, s->beacon[i]);
	}
	wr_u16(&w, (uint16_t)s->n_ca);
	wr_bytes(&w, s->ca, s->n_ca);
	checksum(check, body, w.used);
	wr_bytes(&w, check, sizeof(check));
	INVARIANT(wr_ok(&w));
	memcpy(to, PREFIX, PREFIX_SIZE);
	sodium_bin2base64(to + PREFIX_SIZE, JOINSTRING_MOST + 1 - PREFIX_SIZE,
	    body, w.used, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

static int prefix_check(const char *text, struct fault *fault)
{
	if (strncmp(text, KIND, strlen(KIND)) != 0)
		return fault_set(fault, JOINSTRING_E_KIND,
		    "give the line that `pharos source register` printed",
		    "join string: does not begin with '" PREFIX "'");
	if (strncmp(text, PREFIX, PREFIX_SIZE) != 0)
		return fault_set(fault, JOINSTRING_E_VERSION,
		    "use the same version of Pharos on both sides",
		    "join string: of another version; this one reads '" PREFIX
		    "'");
	return 0;
}

static int damaged(struct fault *fault)
{
	return fault_set(fault, JOINSTRING_E_DAMAGED,
	    "copy the whole line that `pharos source register` printed; it has "
	    "no blanks",
	    "join string: cut off or mistyped: its checksum does not fit");
}

/* The bytes behind the prefix, without the checksum, which fits. */
static int body_read(
    uint8_t body[BODY_MOST], size_t *n, const char *text, struct fault *fault)
{
	const char *coded = text + PREFIX_SIZE;
	size_t length = strnlen(coded, JOINSTRING_MOST + 1);
	uint8_t check[CHECK_SIZE];
	ssize_t all = base64_read(BASE64_URL, body, BODY_MOST, coded, length);

	if (all < CHECK_SIZE)
		return damaged(fault);
	*n = (size_t)all - CHECK_SIZE;
	checksum(check, body, *n);
	return memcmp(check, body + *n, CHECK_SIZE) != 0 ? damaged(fault) : 0;
}

static void beacon_read(char *to, struct rd *r)
{
	struct rd one = rd_span16(r);
	size_t n = one.left;

	if (n > JOINSTRING_ADDRESS_MOST || !n || memchr(one.at, '\0', n)) {
		rd_fail(r);
		n = 0;
	}
	rd_copy(&one, to, n);
	to[n] = '\0';
}

static bool content_read(struct joinstring *s, const uint8_t *body, size_t n)
{
	struct rd r = rd_over(body, n), ca;

	s->n_beacons = rd_u8(&r);
	if (s->n_beacons > JOINSTRING_BEACONS_MOST)
		return false;
	for (size_t i = 0; i < s->n_beacons; i++)
		beacon_read(s->beacon[i], &r);
	ca = rd_span16(&r);
	s->n_ca = ca.left;
	if (!rd_done(&r) || s->n_ca > JOINSTRING_CA_MOST)
		return false;
	rd_copy(&ca, s->ca, s->n_ca);
	return true;
}

int joinstring_read(
    struct joinstring *out, const char *text, struct fault *fault)
{
	struct joinstring s = { .n_beacons = 0 };
	uint8_t body[BODY_MOST];
	size_t n = 0;
	int r = prefix_check(text, fault);

	if (!r)
		r = body_read(body, &n, text, fault);
	if (r)
		return r;
	if (!content_read(&s, body, n))
		return fault_set(fault, JOINSTRING_E_CONTENT, NULL,
		    "join string: its parts do not end where it does");
	r = content_check(&s, JOINSTRING_E_CONTENT, fault);
	if (!r)
		*out = s;
	return r;
}
