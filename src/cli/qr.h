/* cli/qr.h: a text as a QR code: in a terminal, as PNG, as SVG.
 */
#pragma once
#include "base/secret.h"
#include <stdio.h>

/* What phones read well from a screen: a code of 89 modules a side. */
enum { QR_BYTES_MOST = 718 };

struct qr;
/** qr_new() - Return: 0; -E2BIG with @fault: more than QR_BYTES_MOST; -ENOMEM.
 */
MUST_USE int qr_new(
    struct qr **out, const struct secret *text, struct fault *fault);
void qr_free(struct qr *q); /* wipes */
void qr_freep(struct qr **q);

/** qr_print() - for a terminal that knows UTF-8, on dark and on light ground:
 * two modules a character, black on white by the terminal's fixed colours */
void qr_print(FILE *to, const struct qr *q);
/** qr_png(), qr_svg() - a picture, 8 pixels a module
 * Return: 0; -ENOMEM; a failed write stands in @to. */
MUST_USE int qr_png(FILE *to, const struct qr *q);
MUST_USE int qr_svg(FILE *to, const struct qr *q);
