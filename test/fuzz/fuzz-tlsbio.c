/* What a stranger sends before encryption begins. The first byte chooses the
 * portions in which the others come. Whatever they are, all of them are passed
 * to TLS, but of a message that claims too much not the end of its header. */
#include "fuzz.h"
#include "base/buf.h"
#include "net/loop.h"
#include "net/memleg.h"
#include "net/tlsbio.h"

enum { HANDSHAKE = 22, APPLICATION_DATA = 23 };

struct claim {
	size_t header, left; /* bytes of a message's header so far; of its body
				that have not come */
	uint32_t length;
};

/* Return: does the message that @byte belongs to claim too much, as of it? */
static bool claims(struct claim *c, uint8_t byte)
{
	if (c->left) {
		c->left--;
		return false;
	}
	c->length = (c->length << 8 | byte) & 0xffffff;
	if (++c->header < 4)
		return false;
	c->header = 0;
	c->left = c->length;
	return c->length > TLSBIO_MESSAGE_MOST;
}

/* Which byte is the last of a header that claims too much; @n: none. */
static size_t find_claim(const uint8_t *bytes, size_t n)
{
	struct claim c = { 0 };
	size_t end;

	for (size_t at = 0; n - at >= 5 && bytes[at] != APPLICATION_DATA;
	     at = end) {
		end = at + 5 + (size_t)(bytes[at + 3] << 8 | bytes[at + 4]);
		end = end < n ? end : n;
		for (size_t i = at + 5; bytes[at] == HANDSHAKE && i < end; i++)
			if (claims(&c, bytes[i]))
				return i;
	}
	return n;
}

static void send_all(struct leg *leg, const uint8_t *bytes, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t sent = leg_write(leg, bytes + at, n - at);

		INVARIANT(sent > 0);
		at += (size_t)sent;
	}
}

/* Return: how many bytes TLS would have read. */
static size_t read_all(BIO *bio)
{
	uint8_t to[4096];
	size_t total = 0;
	int n;

	while ((n = BIO_read(bio, to, sizeof(to))) > 0)
		total += (size_t)n;
	return total;
}

static void check(
    struct loop *loop, uint8_t portions, const uint8_t *bytes, size_t n)
{
	BIO_METHOD *method = tlsbio_method();
	BIO *bio = BIO_new(method);
	struct tlsbio b = { .lower = NULL };
	struct leg *stranger;
	size_t claim = find_claim(bytes, n), passed;

	INVARIANT(bio && !memleg_pair(&b.lower, &stranger, loop, n + 1));
	memleg_chop(stranger, portions, 1);
	BIO_set_data(bio, &b);
	BIO_set_init(bio, 1);
	tlsbio_guard_start(&b);
	send_all(stranger, bytes, n);
	passed = read_all(bio);
	INVARIANT(b.too_long == (claim < n));
	INVARIANT(b.too_long ? passed <= claim : passed == n);
	tlsbio_deinit(&b);
	INVARIANT(!pool_lent(loop_pool(loop)));
	leg_close(b.lower);
	leg_close(stranger);
	BIO_free(bio);
	BIO_meth_free(method);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct loop *loop;

	if (!n)
		return 0;
	INVARIANT(!loop_new(&loop));
	check(loop, bytes[0], bytes + 1, n - 1);
	loop_free(loop);
	return 0;
}
