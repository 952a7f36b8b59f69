/* The allocator is replaced for the whole process, libraries included: the
 * dynamic linker takes these definitions before libc's. They count and pass on.
 * libsodium maps pages itself, so its allocator is wrapped by the linker.
 */
#include "failalloc.h"
#include <sodium.h>
#include <stdio.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define REAL(name) __interceptor_##name
#define BALANCED   0 /* the sanitizer finds leaks itself, when all is done */
#else
#define REAL(name) __libc_##name
#define BALANCED   1
#endif

void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void REAL(free)(void *p);
void *__real_sodium_malloc(size_t n);
void __real_sodium_free(void *p);
void *__wrap_sodium_malloc(size_t n);
void __wrap_sodium_free(void *p);

static struct {
	bool armed;
	unsigned nth;	/* this one fails; 0: none */
	bool and_after; /* and all that follow */
	unsigned seen;	/* since fail_begin() */
	unsigned failed;
	long live; /* blocks allocated and not freed */
} control;

static bool fails(void)
{
	bool hit;

	if (!control.armed)
		return false;
	control.seen++;
	hit = control.nth && (control.and_after ? control.seen >= control.nth
						: control.seen == control.nth);
	control.failed += hit;
	if (hit)
		errno = ENOMEM;
	return hit;
}

static void *counted(void *p)
{
	control.live += p != NULL;
	return p;
}

__attribute__((visibility("default"))) void *malloc(size_t n)
{
	return fails() ? NULL : counted(REAL(malloc)(n));
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(REAL(calloc)(n, size));
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t n)
{
	void *to;

	if (n && fails())
		return NULL;
	to = REAL(realloc)(p, n);
	control.live += (to && !p) - (p && !n);
	return to;
}

/* glibc's asks realloc(), a sanitizer's does not. */
__attribute__((visibility("default"))) void *reallocarray(
    void *p, size_t n, size_t size)
{
	size_t all;

	if (!__builtin_mul_overflow(n, size, &all))
		return realloc(p, all);
	errno = ENOMEM;
	return NULL;
}

__attribute__((visibility("default"))) void free(void *p)
{
	control.live -= p != NULL;
	REAL(free)(p);
}

void *__wrap_sodium_malloc(size_t n)
{
	return fails() ? NULL : counted(__real_sodium_malloc(n));
}

void __wrap_sodium_free(void *p)
{
	control.live -= p != NULL;
	__real_sodium_free(p);
}

void *fail_exempt_malloc(size_t n)
{
	return counted(REAL(malloc)(n));
}

void fail_begin(void)
{
	control.armed = true;
}

void fail_end(void)
{
	control.armed = false;
}

static const char *problem(
    const struct fail_scenario *s, int result, long blocks_more)
{
	if (control.armed)
		return "the scenario did not reach fail_end()";
	if (control.failed && result != -ENOMEM && (result || !s->may_succeed))
		return "did not return -ENOMEM";
	if (!control.failed && result)
		return "failed although no allocation did";
	if (BALANCED && blocks_more)
		return "leaked, or freed too much";
	return NULL;
}

/* One run. Return: whether it was right; @more: an allocation did fail. */
static bool run(
    const struct fail_scenario *s, unsigned nth, bool and_after, bool *more)
{
	long before = control.live;
	const char *wrong;
	int result;

	control.nth = nth;
	control.and_after = and_after;
	control.seen = control.failed = 0;
	result = s->run();
	wrong = problem(s, result, control.live - before);
	*more = control.failed > 0;
	if (!wrong)
		return true;
	printf("# %s: allocation %u%s: %s (it returned %d, %ld blocks)\n",
	    s->label, nth, and_after ? " and all after it" : "", wrong, result,
	    control.live - before);
	return false;
}

/* Return: how many allocations the call makes; 0: something was wrong. */
static unsigned sweep(const struct fail_scenario *s)
{
	unsigned nth = 1;
	bool good = true, more = true;

	/* the first runs fill the caches of libraries, which then stay */
	for (int i = 0; i < 2; i++) {
		control.nth = 0;
		if (s->run())
			return 0;
	}
	for (bool single; good && more; nth++) {
		good = run(s, nth, false, &single) && run(s, nth, true, &more);
		more = more || single;
	}
	return good ? nth - 2 : 0;
}

/* Return: whether our definitions are those in use. */
static bool in_force(void)
{
	void *(*volatile take)(size_t) = malloc;
	void *p;

	control.nth = 1;
	control.seen = control.failed = 0;
	fail_begin();
	p = take(1);
	fail_end();
	free(p);
	return !p;
}

int fail_sweep(const struct fail_scenario *scenarios, size_t n)
{
	bool good = true;

	if (!in_force()) {
		printf("1..0 # SKIP valgrind replaces the allocator itself\n");
		return 0;
	}
	INVARIANT(sodium_init() >= 0);
	for (size_t i = 0; i < n; i++) {
		unsigned swept = sweep(&scenarios[i]);

		printf("%s %zu - %s: each of %u\n", swept ? "ok" : "not ok",
		    i + 1, scenarios[i].label, swept);
		fflush(stdout);
		good = good && swept;
	}
	printf("1..%zu\n", n);
	return good ? 0 : 1;
}
