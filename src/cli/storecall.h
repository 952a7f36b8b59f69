/* cli/storecall.h: calls to a secret store, one after the other, for verbs that
 * change or read something there.
 */
#pragma once
#include "base/fault.h"
#include "base/option.h"
#include "wire/advisory.h"
#include "wire/changes.h"
#include "wire/storeaddress.h"

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
/** storecall_address() - what was said as --secretstore-address
 * Return: as storeaddress_complete(). */
MUST_USE int storecall_address(
    char out[STOREADDRESS_MOST + 1], const char *text, struct fault *fault);
/** storecall_open() - nothing is sent yet
 * Return: 0; OPTION_E_BAD with @fault: no token, or two; -errno with @fault. */
MUST_USE int storecall_open(struct storecall **out,
    const struct storecall_config *config, struct fault *fault);
void storecall_close(struct storecall *s);
void storecall_closep(struct storecall **s);

/** storecall_read() - GET or LIST
 * @where: namespace of the store in place of storecall_config's; "": its root;
 * NULL: that one
 * @out: what was answered, to be counted down; NULL: there is no such thing
 * Return: 0; -errno with @fault, which names the path, and the right that the
 * token lacks. */
MUST_USE int storecall_read(json_t **out, struct storecall *s,
    const char *where, const struct vault_call *call, struct fault *fault);
/** storecall_ready() - is it a store, and open? Asked before the first
 * change, so that nothing is half made
 * @version: what it says that it is; "" when it does not
 * Return: 0; -EAGAIN with @fault: it is sealed, or not initialised; -EBADMSG
 * with @fault: no store answers there; as storecall_read(). */
#define STORECALL_STATUS "sys/seal-status"
MUST_USE int storecall_ready(
    char *version, size_t room, struct storecall *s, struct fault *fault);
/** storecall_advisory() - what is known of that version of this store, which is
 * asked, where that matters, if it is OpenBao
 * Return: as advisory_of(). */
bool storecall_advisory(
    char out[ADVISORY_TEXT_MOST], struct storecall *s, const char *version);
/** storecall_compare() - is what step @i of @p would make there?
 * Return: as changes_compare(), with @fault where that cannot be told; -ENOMEM
 * with @fault. */
MUST_USE int storecall_compare(struct storecall *s, const struct changes *p,
    size_t i, struct fault *fault);
/** storecall_run() - changes, to their end; again once there are more of them
 * What a failed one has undone, and what it has left, is told on standard
 * error. Return: as storecall_read(). */
MUST_USE int storecall_run(
    struct storecall *s, struct changes *p, struct fault *fault);
/** storecall_undo() - of changes that are done, since something else has failed
 */
void storecall_undo(struct storecall *s, struct changes *p);
