/* cli/storecall.h: calls to a secret store, one after the other, for verbs that
 * change or read something there.
 */
#pragma once
#include "base/fault.h"
#include "base/option.h"
#include "wire/changes.h"

struct storecall;

/* All borrowed for storecall_open(). */
struct storecall_config {
	const char *address;	/* "vault.example.com", with a scheme or path */
	const char *token;	/* NULL: of the file */
	const char *token_file; /* "-": standard input */
	const char *ca_file;	/* PEM; NULL: the system's roots */
	const char *name_space; /* NULL: none */
	const char *egress;	/* --egress-proxy */
};
/** storecall_address() - as people write it: without a scheme it is https; a
 * slash, or the API's own /v1, at its end is left out
 * Return: on the heap; NULL: no memory. */
char *storecall_address(const char *text);
/** storecall_open() - nothing is sent yet
 * Return: 0; OPTION_E_BAD with @fault: no token, or two; -errno with @fault. */
MUST_USE int storecall_open(struct storecall **out,
    const struct storecall_config *config, struct fault *fault);
void storecall_close(struct storecall *s);
void storecall_closep(struct storecall **s);

/** storecall_read() - GET or LIST
 * @out: what was answered, to be counted down; NULL: there is no such thing
 * Return: 0; -errno with @fault, which names the path, and the right that the
 * token lacks. */
MUST_USE int storecall_read(json_t **out, struct storecall *s,
    const struct vault_call *call, struct fault *fault);
/** storecall_run() - changes, to their end
 * What a failed one has undone, and what it has left, is told on standard
 * error. Return: as storecall_read(). */
MUST_USE int storecall_run(
    struct storecall *s, struct changes *p, struct fault *fault);
