/* libqrencode makes the modules, libpng the picture. Around the code there are
 * four modules of white, as its standard (ISO/IEC 18004) asks. The least level
 * of error correction that the size has room for: a code on a screen is not
 * scratched, and small modules are what a camera fails at. */
#include "cli/qr.h"
#include <png.h>
#include <qrencode.h>

enum { QUIET = 4, SCALE = 8, VERSION_MOST = 18 };

struct qr {
	QRcode *code;
};

static int too_big(size_t n, struct fault *fault)
{
	return fault_set(fault, -E2BIG,
	    "Leave out the pre-shared key, or shorten the endpoint's name; or "
	    "take the configuration as a file: --conf.",
	    "%zu bytes are too many for a QR code that phones read: at most "
	    "%d",
	    n, QR_BYTES_MOST);
}

/* As much error correction as costs no size. */
static QRcode *encode(const char *text)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	QRcode *better;

	for (QRecLevel level = QR_ECLEVEL_M; code && level <= QR_ECLEVEL_H;
	     level++) {
		better = QRcode_encodeString8bit(text, code->version, level);
		if (!better || better->version != code->version) {
			QRcode_free(better);
			break;
		}
		QRcode_free(code);
		code = better;
	}
	return code;
}

int qr_new(struct qr **out, const struct secret *text, struct fault *fault)
{
	CLEANUP(qr_freep) struct qr *q = NULL;

	if (secret_size(text) > QR_BYTES_MOST)
		return too_big(secret_size(text), fault);
	q = calloc(1, sizeof(*q));
	if (q)
		q->code = encode(secret_bytes(text));
	if (!q || !q->code)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (q->code->version > VERSION_MOST)
		return too_big(secret_size(text), fault);
	*out = STEAL(q);
	return 0;
}

void qr_free(struct qr *q)
{
	if (!q)
		return;
	if (q->code)
		secret_wipe(q->code->data,
		    (size_t)q->code->width * (size_t)q->code->width);
	QRcode_free(q->code);
	free(q);
}

void qr_freep(struct qr **q)
{
	qr_free(*q);
}

static int side(const struct qr *q)
{
	return q->code->width + 2 * QUIET;
}

static bool is_black(const struct qr *q, int x, int y)
{
	const int width = q->code->width;

	x -= QUIET;
	y -= QUIET;
	return x >= 0 && y >= 0 && x < width && y < width &&
	       (q->code->data[y * width + x] & 1);
}

/* ---- terminal ------------------------------------------------------------ */

void qr_print(FILE *to, const struct qr *q)
{
	/* of the upper and the lower module */
	static const char *const halves[2][2] = {
		{ " ", "\xe2\x96\x84" },
		{ "\xe2\x96\x80", "\xe2\x96\x88" },
	};

	for (int y = 0; y < side(q); y += 2) {
		/* 16 and 231 of 256 colours: black, white, in no theme */
		fputs("\033[38;5;16;48;5;231m", to);
		for (int x = 0; x < side(q); x++)
			fputs(halves[is_black(q, x, y)][is_black(q, x, y + 1)],
			    to);
		fputs("\033[0m\n", to);
	}
}

/* ---- pictures ------------------------------------------------------------ */

static void fill_row(const struct qr *q, int y, uint8_t *row)
{
	memset(row, 0, (size_t)side(q));
	for (int x = 0; x < side(q); x++) /* SCALE bits are one byte */
		row[x] = is_black(q, x, y) ? 0 : 0xff;
}

static void write_rows(png_structp png, const struct qr *q, uint8_t *row)
{
	for (int y = 0; y < side(q); y++) {
		fill_row(q, y, row);
		for (int i = 0; i < SCALE; i++)
			png_write_row(png, row);
	}
}

static int write_png(
    png_structp png, png_infop info, FILE *to, const struct qr *q, uint8_t *row)
{
	const png_uint_32 pixels = (png_uint_32)(side(q) * SCALE);

	/* libpng comes back here when it fails */
	if (setjmp(png_jmpbuf(png))) /* NOLINT(cert-err52-cpp) */
		return ferror(to) ? 0 : -ENOMEM;
	png_init_io(png, to);
	png_set_IHDR(png, info, pixels, pixels, 1, PNG_COLOR_TYPE_GRAY,
	    PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
	    PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	write_rows(png, q, row);
	png_write_end(png, info);
	return 0;
}

int qr_png(FILE *to, const struct qr *q)
{
	CLEANUP(free_p) uint8_t *row = malloc((size_t)side(q));
	png_structp png =
	    png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	int r = info && row ? write_png(png, info, to, q, row) : -ENOMEM;

	if (png)
		png_destroy_write_struct(&png, info ? &info : NULL);
	return r;
}

int qr_svg(FILE *to, const struct qr *q)
{
	fprintf(to,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
	    "height=\"%d\" viewBox=\"0 0 %d %d\" "
	    "shape-rendering=\"crispEdges\">\n"
	    "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
	    "<path d=\"",
	    side(q) * SCALE, side(q) * SCALE, side(q), side(q));
	for (int y = 0; y < side(q); y++)
		for (int x = 0; x < side(q); x++)
			if (is_black(q, x, y))
				fprintf(to, "M%d %dh1v1h-1z", x, y);
	fputs("\"/>\n</svg>\n", to);
	return 0;
}
