/* wrapper/deliver.h: how values reach the command: variables, files in memory,
 * or sealed descriptors.
 *
 * In every way the command finds a variable NAME: with the value itself (env),
 * or with the name of a file to read it from (file: DIR/NAME; fd:
 * /proc/self/fd/N).
 *
 * Files, as Kubernetes does it: values of one delivery lie in a folder of their
 * own, `..data` is a link to it, and DIR/NAME links to ..data/NAME. A new
 * delivery writes a new folder and renames a new `..data` over the old one, so
 * that a reader finds the old values or the new ones, never a mixture.
 */
#pragma once
#include "base/fault.h"
#include "wrapper/plan.h"
#include "wrapper/value.h"

struct deliver {
	const struct plan *plan;    /* borrowed */
	const struct value *values; /* plan->n_items, borrowed */
};

/** deliver_check() - (file) DIR is there or can be made, and is in memory
 * @allow_disk: it need not be in memory
 * Return: 0; -errno with @fault. */
MUST_USE int deliver_check(
    const struct plan *plan, bool allow_disk, struct fault *fault);
/** deliver_files() - (file) put the values into DIR, all at once
 * Return: 0; -errno with @fault: the values there are then as they were. */
MUST_USE int deliver_files(const struct deliver *d, struct fault *fault);
/** deliver_clear() - (file) take away what deliver_files() has put there */
void deliver_clear(const struct plan *plan);

/** deliver_environment() - the command's variables, from `environ` and the
 * values; to be called in the new process: with fd, it opens the descriptors
 * @out: on the heap
 * Return: 0; -errno: -EINVAL: a value with a NUL byte for a variable. */
MUST_USE int deliver_environment(const struct deliver *d, char ***out);
