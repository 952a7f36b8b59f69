#include "wire/localservice.h"
#include "base/number.h"
#include <stdio.h>

static int read_port(uint16_t *out, const char *text, const char **after)
{
	uint64_t port;

	if (text[0] == '0' || number_start(text, UINT16_MAX, &port, after))
		return -EINVAL;
	*out = (uint16_t)port;
	return 0;
}

static int read_ports(
    struct localservice *out, const char *text, const char **after)
{
	int r = read_port(&out->first, text, after);

	out->last = out->first;
	if (!r && **after == '-') {
		r = read_port(&out->last, *after + 1, after);
		if (!r && out->last <= out->first)
			return -EINVAL;
	}
	return r;
}

int localservice_read(struct localservice *out, const char *text)
{
	struct localservice s = { .first = 0 };
	const char *after;

	if (!strncmp(text, "tcp/", 4))
		s.protocol = LOCALSERVICE_TCP;
	else if (!strncmp(text, "udp/", 4))
		s.protocol = LOCALSERVICE_UDP;
	else
		return -EINVAL;
	if (read_ports(&s, text + 4, &after))
		return -EINVAL;
	if (*after == '@' && wgname_zone_ok(after + 1))
		memcpy(s.name, after + 1, strlen(after + 1));
	else if (*after)
		return -EINVAL;
	*out = s;
	return 0;
}

void localservice_write(
    char out[LOCALSERVICE_TEXT_MOST + 1], const struct localservice *s)
{
	const char *protocol = s->protocol == LOCALSERVICE_TCP ? "tcp" : "udp";
	char last[8] = "";

	if (s->last != s->first)
		(void)snprintf(last, sizeof(last), "-%u", s->last);
	(void)snprintf(out, LOCALSERVICE_TEXT_MOST + 1, "%s/%u%s%s%s", protocol,
	    s->first, last, *s->name ? "@" : "", s->name);
}

bool localservice_overlaps(
    const struct localservice *a, const struct localservice *b)
{
	return a->protocol == b->protocol && a->first <= b->last &&
	       b->first <= a->last;
}
