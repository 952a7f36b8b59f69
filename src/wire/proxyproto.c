/* Two formats, told apart by their first byte. Both begin with something that
 * no other protocol begins with, so a stranger is known by its first bytes and
 * is not waited for.
 *
 * The binary header says its length. A line does not: it ends with CRLF, and
 * reading must stop there, since the client's bytes come right behind. So what
 * is asked for is what any line with this beginning must still have: the fields
 * to come have a least size each, and CRLF is two bytes. A line is read in some
 * ten steps that way, and never one byte too far.
 *
 * Both formats are read strictly, as the specification asks: single blanks, no
 * leading zeros, CRLF and nothing else at the end.
 */
#include "wire/proxyproto.h"
#include "base/number.h"
#include "base/rd.h"
#include "base/wr.h"
#include <arpa/inet.h>
#include <stdio.h>

enum {
	LINE_LEAST = 15, /* "PROXY UNKNOWN" and CRLF; a header has 16 */
	SIGNATURE = 12,
	HEAD = SIGNATURE + 4,
	VERSION_2 = 2, /* high half of the byte after the signature */
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
	TCP_OVER_IPV4 = 0x11,
	TCP_OVER_IPV6 = 0x21,
	FAMILY_MOST = 3,    /* high half: UNSPEC, INET, INET6, UNIX */
	TRANSPORT_MOST = 2, /* low half: UNSPEC, STREAM, DGRAM */
	V4 = 4,
	FIELDS = 6,   /* PROXY, TCP4, two hosts, two ports */
	HOST_AT = 11, /* in a line */
};

static const uint8_t signature[SIGNATURE] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00,
	0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

static const char tcp4[] = "PROXY TCP4 ", tcp6[] = "PROXY TCP6 ",
		  unknown[] = "PROXY UNKNOWN";

/* Do the bytes begin with @start, as far as they go? */
static bool agrees(
    const void *bytes, size_t have, const void *start, size_t size)
{
	return !memcmp(bytes, start, have < size ? have : size);
}

static bool is_header(const void *bytes, size_t have)
{
	return agrees(bytes, have, signature, sizeof(signature));
}

static bool is_unknown(const void *bytes, size_t have)
{
	return agrees(bytes, have, unknown, strlen(unknown));
}

static bool is_line(const void *bytes, size_t have)
{
	return agrees(bytes, have, tcp4, HOST_AT) ||
	       agrees(bytes, have, tcp6, HOST_AT) || is_unknown(bytes, have);
}

/* ---- how much to read ---------------------------------------------------- */

static int header_need(const uint8_t *at, size_t have, size_t *need)
{
	size_t size;

	if (have < HEAD) {
		*need = HEAD - have;
		return 0;
	}
	size = HEAD + ((size_t)at[HEAD - 2] << 8 | at[HEAD - 1]);
	if (size > PROXYPROTO_MOST || have > size)
		return PROXYPROTO_E_LENGTH;
	*need = size - have;
	return 0;
}

/* The least that follows the field that is under way, by how many fields came
 * before it. The shortest hosts are "0.0.0.0" and "::". */
static size_t line_rest(const char *line, size_t have)
{
	static const uint8_t rest[2][FIELDS] = {
		{ 0, 0, 1 + 7 + 6, 6, 4, 2 },
		{ 0, 0, 1 + 2 + 6, 6, 4, 2 },
	};
	size_t blanks = 0;

	if (is_unknown(line, have))
		return 2;
	for (size_t i = 0; i < have; i++)
		blanks += line[i] == ' ';
	return rest[line[HOST_AT - 2] == '6'][blanks < FIELDS ? blanks : 5];
}

static int line_need(const char *line, size_t have, size_t *need)
{
	const char *end = memchr(line, '\n', have);
	size_t more;

	if (have < LINE_LEAST) {
		*need = LINE_LEAST - have;
		return end ? PROXYPROTO_E_FORM : 0;
	}
	if (end) {
		*need = 0;
		return end == line + have - 1 && end[-1] == '\r'
			   ? 0
			   : PROXYPROTO_E_FORM;
	}
	more = line[have - 1] == '\r' ? 1 : line_rest(line, have);
	if (have + more > PROXYPROTO_LINE_MOST)
		return PROXYPROTO_E_LENGTH;
	*need = more;
	return 0;
}

int proxyproto_need(const void *bytes, size_t have, size_t *need)
{
	if (!have) {
		*need = LINE_LEAST;
		return 0;
	}
	if (is_header(bytes, have))
		return header_need(bytes, have, need);
	if (is_line(bytes, have))
		return line_need(bytes, have, need);
	return PROXYPROTO_E_NONE;
}

/* ---- the binary header --------------------------------------------------- */

static void read_addresses(struct rd *r, struct proxyproto *p, size_t size)
{
	rd_copy(r, p->source.host, size);
	rd_copy(r, p->destination.host, size);
	p->source.port = rd_u16(r);
	p->destination.port = rd_u16(r);
}

/* What follows the addresses; 2.2 says how TLVs look. */
static void skip_tlvs(struct rd *r)
{
	while (rd_ok(r) && r->left) {
		(void)rd_u8(r);
		(void)rd_span16(r);
	}
}

static int header_read(struct proxyproto *p, const void *bytes, size_t n)
{
	struct rd r = rd_over(bytes, n), body;
	unsigned version, family;

	(void)rd_bytes(&r, SIGNATURE);
	version = rd_u8(&r);
	family = rd_u8(&r);
	body = rd_span16(&r);
	if (!rd_done(&r) || version >> 4 != VERSION_2 ||
	    (version & 0xf) > COMMAND_PROXY)
		return PROXYPROTO_E_FORM;
	if ((version & 0xf) == COMMAND_LOCAL)
		return 0; /* "including the family, which is ignored" */
	if (family >> 4 > FAMILY_MOST || (family & 0xf) > TRANSPORT_MOST)
		return PROXYPROTO_E_FORM;
	if (family != TCP_OVER_IPV4 && family != TCP_OVER_IPV6)
		return 0;
	p->kind = family == TCP_OVER_IPV4 ? PROXYPROTO_TCP4 : PROXYPROTO_TCP6;
	read_addresses(
	    &body, p, family == TCP_OVER_IPV4 ? V4 : PROXYPROTO_HOST);
	skip_tlvs(&body);
	return rd_ok(&body) ? 0 : PROXYPROTO_E_FORM;
}

/* ---- the line ------------------------------------------------------------ */

/* The next field of @at, which ends with @end; it is cut off there. */
static char *take_field(char **at, char end)
{
	char *field = *at, *after = strchr(field, end);

	if (!after)
		return NULL;
	*after = '\0';
	*at = after + 1;
	return field;
}

static bool take_host(char **at, int family, uint8_t to[PROXYPROTO_HOST])
{
	const char *text = take_field(at, ' ');

	return text && inet_pton(family, text, to) == 1;
}

static bool take_port(char **at, char end, uint16_t *to)
{
	const char *text = take_field(at, end);
	uint64_t port;

	if (!text || (text[0] == '0' && text[1]) ||
	    number_parse(text, UINT16_MAX, &port))
		return false;
	*to = (uint16_t)port;
	return true;
}

static int line_read(struct proxyproto *p, const void *bytes, size_t n)
{
	char line[PROXYPROTO_LINE_MOST + 1], *at = line + HOST_AT;
	int family;

	if (n > PROXYPROTO_LINE_MOST || memchr(bytes, '\0', n))
		return PROXYPROTO_E_FORM;
	memcpy(line, bytes, n);
	line[n] = '\0';
	if (strchr(line, '\r') != line + n - 2)
		return PROXYPROTO_E_FORM;
	if (is_unknown(line, n)) /* "ignore anything before the CRLF" */
		return line[LINE_LEAST - 2] == ' ' || n == LINE_LEAST
			   ? 0
			   : PROXYPROTO_E_FORM;
	p->kind =
	    agrees(line, n, tcp4, HOST_AT) ? PROXYPROTO_TCP4 : PROXYPROTO_TCP6;
	family = p->kind == PROXYPROTO_TCP4 ? AF_INET : AF_INET6;
	return take_host(&at, family, p->source.host) &&
		       take_host(&at, family, p->destination.host) &&
		       take_port(&at, ' ', &p->source.port) &&
		       take_port(&at, '\r', &p->destination.port) &&
		       !strcmp(at, "\n")
		   ? 0
		   : PROXYPROTO_E_FORM;
}

int proxyproto_read(struct proxyproto *out, const void *bytes, size_t n)
{
	struct proxyproto p = { .kind = PROXYPROTO_LOCAL };
	size_t need = 0;
	int r = proxyproto_need(bytes, n, &need);

	if (!r && need)
		r = PROXYPROTO_E_FORM;
	if (!r)
		r = is_header(bytes, n) ? header_read(&p, bytes, n)
					: line_read(&p, bytes, n);
	if (!r)
		*out = p;
	return r;
}

/* ---- writing ------------------------------------------------------------- */

static void write_header(struct wr *w, const struct proxyproto *p)
{
	static const uint8_t families[] = {
		[PROXYPROTO_LOCAL] = 0,
		[PROXYPROTO_TCP4] = TCP_OVER_IPV4,
		[PROXYPROTO_TCP6] = TCP_OVER_IPV6,
	};
	bool local = p->kind == PROXYPROTO_LOCAL;
	size_t size = p->kind == PROXYPROTO_TCP4 ? V4 : PROXYPROTO_HOST;
	size_t mark;

	wr_bytes(w, signature, sizeof(signature));
	wr_u8(w, VERSION_2 << 4 | (local ? COMMAND_LOCAL : COMMAND_PROXY));
	wr_u8(w, families[p->kind]);
	mark = wr_mark16(w);
	if (!local) {
		wr_bytes(w, p->source.host, size);
		wr_bytes(w, p->destination.host, size);
		wr_u16(w, p->source.port);
		wr_u16(w, p->destination.port);
	}
	wr_close16(w, mark);
}

static void write_line(struct wr *w, const struct proxyproto *p)
{
	int family = p->kind == PROXYPROTO_TCP4 ? AF_INET : AF_INET6;
	char source[INET6_ADDRSTRLEN] = "", destination[INET6_ADDRSTRLEN] = "";
	char line[PROXYPROTO_LINE_MOST + 1];

	if (p->kind == PROXYPROTO_LOCAL) {
		wr_text(w, unknown);
		wr_text(w, "\r\n");
		return;
	}
	inet_ntop(family, p->source.host, source, sizeof(source));
	inet_ntop(
	    family, p->destination.host, destination, sizeof(destination));
	(void)snprintf(line, sizeof(line), "%s%s %s %u %u\r\n",
	    p->kind == PROXYPROTO_TCP4 ? tcp4 : tcp6, source, destination,
	    p->source.port, p->destination.port);
	wr_text(w, line);
}

int proxyproto_write(const struct proxyproto *p, unsigned version, void *to,
    size_t room, size_t *used)
{
	struct wr w = wr_over(to, room);

	INVARIANT(version == 1 || version == 2);
	if (version == 2)
		write_header(&w, p);
	else
		write_line(&w, p);
	if (!wr_ok(&w))
		return -ENOBUFS;
	*used = w.used;
	return 0;
}
