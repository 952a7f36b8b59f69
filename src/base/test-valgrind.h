/* base/test-valgrind.h: for tests that would take minutes under valgrind, or
 * that its emulation cannot run. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static inline bool test_in_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "vgpre");
}

/* The step of a sweep over every byte: @coarse under valgrind, else 1. */
static inline size_t test_stride(size_t coarse)
{
	return test_in_valgrind() ? coarse : 1;
}
