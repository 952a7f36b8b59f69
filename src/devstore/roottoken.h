/* devstore/roottoken.h: the token that may everything, in a file 0600. */
#pragma once
#include "base/fault.h"
#include "base/secret.h"

/** root_token_load() - the token that @file holds, or, when there is none, a
 * new one that is put there
 * @made: set to whether it is new
 * Return: 0; -errno with @fault. */
MUST_USE int root_token_load(
    struct secret **out, const char *file, bool *made, struct fault *fault);
/** random_bytes() - from the system's generator */
void random_bytes(void *to, size_t n);
