/* base/fault.h: what a person reads when something failed.
 *
 * Codes travel inward as int (base/err.h); at the border, where a person will
 * see it (start-up, command line, log, HTTP answer), a fault says in one line
 * what failed and in another what to do. Every message names the hop or the
 * file, what was expected and what was seen. A fault is plain storage: no
 * ownership, no secret ever in it.
 */
#pragma once
#include "base/err.h"

enum { FAULT_TEXT_MAX = 400, FAULT_HINT_MAX = 300 };

struct fault {
	int code;		   /* the code this stands for; 0: no fault */
	char text[FAULT_TEXT_MAX]; /* what failed; one line, no newline */
	char hint[FAULT_HINT_MAX]; /* what to do next; may be empty */
};

#define FAULT_NONE                                                             \
	{                                                                      \
		.code = 0                                                      \
	}

/** fault_set() - fill @f (may be NULL: then nothing is kept)
 * @code: -errno or MODULE_E_*, what the function is about to return
 * @hint: what the reader should do, or NULL
 * Control characters in the result are replaced by '?'.
 * Return: @code, so that `return fault_set(...)` reads well. */
int fault_set(struct fault *f, int code, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/** fault_wrap() - put "@prefix: " before the text of @f, keeping its hint
 * Return: the code of @f. */
int fault_wrap(struct fault *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** fault_print() - "program: text" and, indented, the hint; to stderr */
void fault_print(const char *program, const struct fault *f);
