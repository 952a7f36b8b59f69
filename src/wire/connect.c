/* A head ends with an empty line. What is asked for is what must still come of
 * CR LF CR LF, so the last read ends exactly there; a head takes a read every
 * four bytes, once a connection.
 *
 * A head is read strictly (wire/http1scan.h) when it is complete, and looked at
 * by its first bytes before: who speaks another protocol is not waited for.
 * What an HTTP proxy puts into the head of its reply beside the status says
 * nothing to us: with 2xx no body follows, whatever is written there (9.3.6),
 * and after anything else the connection is over.
 */
#include "wire/connect.h"
#include "base/base64.h"
#include "base/number.h"
#include "base/text.h"
#include "base/wr.h"
#include "wire/http1scan.h"
#include <sodium.h>
#include <stdio.h>

enum {
	STATUS_LEAST = 100,
	STATUS_MOST = 599,
	CREDENTIALS_MOST = 2 * CONNECT_LOGIN_MOST + 1, /* user:password */
	AUTHORITY_MOST = CONNECT_HOST_MOST + 16,
};

static const char version[] = "HTTP/1.", method[] = "CONNECT ",
		  login_field[] = "Proxy-Authorization: Basic ";

static bool agrees(const void *bytes, size_t have, const char *start)
{
	size_t n = strlen(start);

	return !memcmp(bytes, start, have < n ? have : n);
}

/* How many of the last bytes are the beginning of CR LF CR LF. */
static size_t end_matched(const char *bytes, size_t have)
{
	static const char end[] = "\r\n\r\n";

	for (size_t n = strlen(end); n; n--)
		if (have >= n && !memcmp(bytes + have - n, end, n))
			return n;
	return 0;
}

int connect_need(bool reply, const void *bytes, size_t have, size_t *need)
{
	size_t more = 4;

	if (have) {
		if (!agrees(bytes, have, reply ? version : method))
			return CONNECT_E_FORM;
		more -= end_matched(bytes, have);
	}
	if (have + more > CONNECT_HEAD_MOST)
		return CONNECT_E_LENGTH;
	*need = more;
	return 0;
}

/* Complete, and every line of it good? */
static bool is_whole(bool reply, const char *bytes, size_t n)
{
	struct http1_scan scan;
	size_t need = 0, scanned = n;

	if (!n || connect_need(reply, bytes, n, &need) || need)
		return false;
	http1_scan_head(&scan);
	return !http1_scan_bytes(&scan, bytes, &scanned) && scanned == n &&
	       scan.state == HTTP1_SCAN_DONE;
}

/* ---- the request --------------------------------------------------------- */

/* No control characters: whoever reads the other end splits there. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static bool put_login(struct wr *w, const struct connect_request *q)
{
	char plain[CREDENTIALS_MOST + 1];
	char coded[sodium_base64_ENCODED_LEN(
	    CREDENTIALS_MOST, sodium_base64_VARIANT_ORIGINAL)];
	int n;

	if (strchr(q->user, ':') || !is_plain(q->user) ||
	    !is_plain(q->password))
		return false; /* RFC 7617, 2 */
	n = snprintf(plain, sizeof(plain), "%s:%s", q->user, q->password);
	sodium_bin2base64(coded, sizeof(coded), (const unsigned char *)plain,
	    (size_t)n, sodium_base64_VARIANT_ORIGINAL);
	wr_text(w, login_field);
	wr_text(w, coded);
	wr_text(w, "\r\n");
	sodium_memzero(plain, sizeof(plain));
	sodium_memzero(coded, sizeof(coded));
	return true;
}

int connect_write_request(
    const struct connect_request *q, void *to, size_t room, size_t *used)
{
	struct wr w = wr_over(to, room);
	const char *form = strchr(q->host, ':') ? "[%s]:%u" : "%s:%u";
	char authority[AUTHORITY_MOST];

	if (!q->host[0] || strpbrk(q->host, " []/@\t") || !is_plain(q->host))
		return -EINVAL;
	(void)snprintf(authority, sizeof(authority), form, q->host, q->port);
	wr_text(&w, method);
	wr_text(&w, authority);
	wr_text(&w, " HTTP/1.1\r\nHost: ");
	wr_text(&w, authority);
	wr_text(&w, "\r\n");
	if (q->login && !put_login(&w, q))
		return -EINVAL;
	wr_text(&w, "\r\n");
	if (!wr_ok(&w))
		return -ENOBUFS;
	*used = w.used;
	return 0;
}

/* "host:port" up to @end. */
static bool read_authority(
    struct connect_request *q, const char *at, const char *end)
{
	const char *colon = memrchr(at, ':', (size_t)(end - at)), *after;
	uint64_t port;
	size_t n;

	if (!colon || number_start(colon + 1, UINT16_MAX, &port, &after) ||
	    after != end)
		return false;
	if (*at == '[') {
		if (colon[-1] != ']')
			return false;
		at++;
		n = (size_t)(colon - 1 - at);
	} else {
		n = (size_t)(colon - at);
	}
	if (!n || n > CONNECT_HOST_MOST)
		return false;
	memcpy(q->host, at, n);
	q->host[n] = '\0';
	q->port = (uint16_t)port;
	return true;
}

static bool read_login(struct connect_request *q, const char *at)
{
	char plain[CREDENTIALS_MOST + 1];
	const char *end = strchr(at, '\r');
	const char *colon;
	ssize_t n = -EINVAL;
	bool good = false;

	if (end)
		n = base64_read(BASE64_PADDED, plain, sizeof(plain) - 1, at,
		    (size_t)(end - at));
	if (n >= 0) {
		plain[n] = '\0';
		colon = strchr(plain, ':');
		if (colon && colon - plain <= CONNECT_LOGIN_MOST &&
		    strlen(colon + 1) <= CONNECT_LOGIN_MOST) {
			memcpy(q->user, plain, (size_t)(colon - plain));
			memcpy(q->password, colon + 1, strlen(colon + 1));
			q->login = good = true;
		}
	}
	sodium_memzero(plain, sizeof(plain));
	return good;
}

int connect_read_request(
    struct connect_request *out, const void *bytes, size_t n)
{
	char head[CONNECT_HEAD_MOST + 1];
	const char *at = head + strlen(method), *end, *login;
	struct connect_request q = { .login = false };

	if (!is_whole(false, bytes, n) || memchr(bytes, '\0', n))
		return CONNECT_E_FORM;
	memcpy(head, bytes, n);
	head[n] = '\0';
	end = strchr(at, ' ');
	if (!end || strncmp(end, " HTTP/1.1\r\n", 11) != 0 ||
	    !read_authority(&q, at, end))
		return CONNECT_E_FORM;
	login = strstr(end, login_field);
	if (login && !read_login(&q, login + strlen(login_field)))
		return CONNECT_E_FORM;
	*out = q;
	return 0;
}

/* ---- the reply ----------------------------------------------------------- */

int connect_write_reply(
    const struct connect_reply *p, void *to, size_t room, size_t *used)
{
	struct wr w = wr_over(to, room);
	char line[CONNECT_REASON_MOST + 32];

	(void)snprintf(
	    line, sizeof(line), "HTTP/1.1 %d %s\r\n\r\n", p->status, p->reason);
	wr_text(&w, line);
	if (!wr_ok(&w))
		return -ENOBUFS;
	*used = w.used;
	return 0;
}

static void take_reason(struct connect_reply *p, const char *at)
{
	size_t n = strcspn(at, "\r");

	if (n > CONNECT_REASON_MOST)
		n = CONNECT_REASON_MOST;
	memcpy(p->reason, at, n);
	p->reason[n] = '\0';
	text_tame(p->reason);
}

/* "HTTP/1.1 200 reason"; the blank before an absent reason may be missing. */
static bool read_status_line(struct connect_reply *p, const char *line)
{
	const char *at = line + strlen(version), *after;
	uint64_t status;

	if (*at < '0' || *at > '9' || at[1] != ' ' ||
	    number_start(at + 2, STATUS_MOST, &status, &after) ||
	    after != at + 5 || status < STATUS_LEAST ||
	    (*after != ' ' && *after != '\r'))
		return false;
	p->status = (int)status;
	take_reason(p, *after == ' ' ? after + 1 : after);
	return true;
}

int connect_read_reply(struct connect_reply *out, const void *bytes, size_t n)
{
	char head[CONNECT_HEAD_MOST + 1];
	struct connect_reply p;

	if (!is_whole(true, bytes, n) || memchr(bytes, '\0', n))
		return CONNECT_E_FORM;
	memcpy(head, bytes, n);
	head[n] = '\0';
	if (!read_status_line(&p, head))
		return CONNECT_E_FORM;
	*out = p;
	return 0;
}
