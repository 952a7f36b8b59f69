/* wire/codextext.h: the codex's file: YAML that people may edit and keep in
 * git.
 *
 * One peer is one block, in the order in which they came, and each content has
 * one form, so that a change of one peer is a change of its lines. It begins
 * with the schema's version, the generation and the hash of the rest: an edit
 * by hand is seen by the hash, and taken or refused whole, by line and column.
 */
#pragma once
#include "base/yaml.h"
#include "wire/codex.h"

enum {
	CODEXTEXT_SCHEMA = 1,
	CODEXTEXT_MOST = YAML_BLOCKS_FILE_MOST,
	CODEXTEXT_HASH_SIZE = 32,
};

/** codextext_read() - the file; codex_check() holds of what is read
 * @out: codex_deinit() it
 * @edited: set to whether it is another content than was written; may be NULL
 * Return: 0; -EINVAL with @fault, which names line and column; -ENOMEM. */
MUST_USE int codextext_read(struct codex *out, const struct yaml_source *source,
    bool *edited, struct fault *fault);
/** codextext_write() - the file of @c
 * @out: on the heap, with a NUL that @n does not count
 * Return: 0; -ENOMEM. */
MUST_USE int codextext_write(char **out, size_t *n, const struct codex *c);
/** codextext_hash() - BLAKE2b (RFC 7693) of all but schema and generation
 * Return: 0; -ENOMEM. */
MUST_USE int codextext_hash(
    uint8_t out[CODEXTEXT_HASH_SIZE], const struct codex *c);
/** codextext_hash_body() - the same, of the @n bytes that stand in the file
 * behind schema, generation and hash */
void codextext_hash_body(
    uint8_t out[CODEXTEXT_HASH_SIZE], const char *body, size_t n);
