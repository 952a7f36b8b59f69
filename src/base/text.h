/* base/text.h: what may be shown to a person of bytes that come from outside.
 */
#pragma once
#include "base/err.h"

/** text_printable() - does a character that is safe to show stand at @at?
 * Safe is: well-formed UTF-8 (RFC 3629), not a control character (C0, DEL, C1)
 * and not one that reorders or hides its neighbours (line and paragraph
 * separators, bidirectional marks, zero-width characters).
 * @left: bytes that may be read
 * Return: how many bytes it has, 1 to 4; 0 when it is not safe. */
size_t text_printable(const char *at, size_t left);

/** text_tame() - put '?' in place of every byte of @text that is not safe to
 * show, so that it stays one line and cannot drive a terminal */
void text_tame(char *text);
