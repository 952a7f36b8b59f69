#include "fuzz.h"
#include "wire/uapi.h"

enum { ROOM = 1 << 20 };

struct page {
	char *text;
	size_t n;
};

static int to_page(void *ctx, const void *bytes, size_t n)
{
	struct page *p = ctx;

	INVARIANT(p->n + n <= ROOM);
	memcpy(p->text + p->n, bytes, n);
	p->n += n;
	return 0;
}

static void read_again(const struct wgstate *s, const struct page *p)
{
	static const char verdict[] = "errno=0\n\n";
	struct uapi_reader r;
	struct wgstate again;

	wgstate_init(&again);
	uapi_reader_init(&r, &again);
	INVARIANT(!uapi_reader_feed(&r, p->text + 6, p->n - 7));
	INVARIANT(!uapi_reader_feed(&r, verdict, sizeof(verdict) - 1));
	INVARIANT(r.done && !wgstate_seal(&again, NULL));
	INVARIANT(again.n_peers == s->n_peers);
	INVARIANT(again.n_prefixes == s->n_prefixes);
	wgstate_deinit(&again);
}

/* What was understood is written as a request, and understood the same. */
static void write_and_read(struct wgstate *s)
{
	CLEANUP(free_p) char *text = malloc(ROOM);
	char scratch[UAPI_BLOCK];
	struct page page = { .text = text };
	struct wgstate none;
	struct wgplan plan;

	wgstate_init(&none);
	INVARIANT(text && !wgstate_seal(&none, NULL));
	INVARIANT(!wgplan_make(&plan, s, &none));
	INVARIANT(!uapi_write_plan(&plan, scratch, to_page, &page));
	read_again(s, &page);
	wgplan_deinit(&plan);
	wgstate_deinit(&none);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct uapi_reader r;
	struct wgstate s;

	wgstate_init(&s);
	uapi_reader_init(&r, &s);
	if (!uapi_reader_feed(&r, (const char *)bytes, n) && r.done &&
	    !wgstate_seal(&s, NULL))
		write_and_read(&s);
	uapi_reader_wipe(&r);
	wgstate_deinit(&s);
	return 0;
}
