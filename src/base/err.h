/* base/err.h: the two classes of return codes, and the small macros that every
 * file uses.
 *
 * A fallible function returns int:
 *    0           done
 *   -errno       fatal to the call; the caller forwards it unchanged
 *   MODULE_E_X   positive, documented at the prototype; the caller handles it
 * Out-parameters are written only on success. What a person has to read is a
 * struct fault (base/fault.h), filled at the border.
 */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define MUST_USE	  __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define CLEANUP(fn)	  __attribute__((cleanup(fn)))

#define N_ELEMS(array) (sizeof(array) / sizeof((array)[0]))

/** CONTAINER_OF() - the struct of type @type whose member @member is at @ptr */
#define CONTAINER_OF(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/** STEAL() - the pointer's value; the variable becomes NULL (hand-over) */
#define STEAL(ptr)                                                             \
	__extension__({                                                        \
		__typeof__(ptr) stolen_ = (ptr);                               \
		(ptr) = NULL;                                                  \
		stolen_;                                                       \
	})

/** INVARIANT() - a programmer's error ends the process; never compiled out,
 * never used for data from outside */
#define INVARIANT(cond)                                                        \
	((cond) ? (void)0 : invariant_failed(#cond, __FILE__, __LINE__))
_Noreturn void invariant_failed(const char *cond, const char *file, int line);

/** ERR_FOLD() - forward @r; a positive code that nobody handled turns into
 * -ENOTRECOVERABLE, so that it cannot be mistaken for the caller's own */
#define ERR_FOLD(r) err_fold(r)
static inline int err_fold(int r)
{
	return r > 0 ? -ENOTRECOVERABLE : r;
}

/** free_p(), close_p() - for CLEANUP() on a heap pointer, on a descriptor */
static inline void free_p(void *ptr)
{
	void *p;

	memcpy(&p, ptr, sizeof(p));
	free(p);
}
void close_p(int *fd);

/** steal_fd() - the descriptor; the variable becomes -1 (hand-over) */
static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}
