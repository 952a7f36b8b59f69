#include "fuzz.h"
#include "wire/connect.h"

/* What is asked for leads to a verdict, within the bound. */
static void read_as_asked(bool reply, const uint8_t *bytes, size_t n)
{
	size_t have = 0, need = 0;

	do {
		have += need;
		if (have > n || connect_need(reply, bytes, have, &need))
			return;
		INVARIANT(have + need <= CONNECT_HEAD_MOST);
	} while (need);
}

/* A request that is read is written as one that reads the same. */
static void check_request(const uint8_t *bytes, size_t n)
{
	struct connect_request q, again;
	char head[CONNECT_HEAD_MOST];
	size_t used;

	if (connect_read_request(&q, bytes, n) ||
	    connect_write_request(&q, head, sizeof(head), &used))
		return; /* its host may be one that we would not say */
	INVARIANT(!connect_read_request(&again, head, used));
	INVARIANT(!strcmp(again.host, q.host) && again.port == q.port);
	INVARIANT(again.login == q.login && !strcmp(again.user, q.user) &&
		  !strcmp(again.password, q.password));
}

static void check_reply(const uint8_t *bytes, size_t n)
{
	struct connect_reply p, again;
	char head[CONNECT_HEAD_MOST];
	size_t used;

	if (connect_read_reply(&p, bytes, n))
		return;
	INVARIANT(p.status >= 100 && p.status <= 599);
	INVARIANT(!connect_write_reply(&p, head, sizeof(head), &used));
	INVARIANT(!connect_read_reply(&again, head, used));
	INVARIANT(again.status == p.status && !strcmp(again.reason, p.reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	read_as_asked(true, bytes, n);
	read_as_asked(false, bytes, n);
	check_request(bytes, n);
	check_reply(bytes, n);
	return 0;
}
