#include "base/text.h"

struct form {
	uint8_t mask, lead; /* of the first byte */
	uint8_t size;
	uint32_t least; /* smaller values are over-long forms */
};

static const struct form forms[] = {
	{ 0x80, 0x00, 1, 0 },
	{ 0xe0, 0xc0, 2, 0x80 },
	{ 0xf0, 0xe0, 3, 0x800 },
	{ 0xf8, 0xf0, 4, 0x10000 },
};

static const struct {
	uint32_t first, last;
} unsafe[] = {
	{ 0x00, 0x1f },	    /* C0 */
	{ 0x7f, 0x9f },	    /* DEL and C1 */
	{ 0x61c, 0x61c },   /* Arabic letter mark */
	{ 0x200b, 0x200f }, /* zero width, left-to-right and the like */
	{ 0x2028, 0x202e }, /* separators, bidirectional embedding */
	{ 0x2060, 0x206f }, /* invisible operators, isolates */
	{ 0xd800, 0xdfff }, /* surrogates are not characters */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0xfff9, 0xfffb }, /* interlinear annotation */
	{ 0xfffe, 0xffff }, /* not characters; YAML refuses them */
	{ 0x110000, 0xffffffff },
};

static bool is_safe(uint32_t c)
{
	for (size_t i = 0; i < N_ELEMS(unsafe); i++)
		if (c >= unsafe[i].first && c <= unsafe[i].last)
			return false;
	return true;
}

static const struct form *form_of(uint8_t lead)
{
	for (size_t i = 0; i < N_ELEMS(forms); i++)
		if ((lead & forms[i].mask) == forms[i].lead)
			return &forms[i];
	return NULL;
}

size_t text_printable(const char *at, size_t left)
{
	const struct form *form = left ? form_of((uint8_t)at[0]) : NULL;
	uint32_t c;

	if (!form || form->size > left)
		return 0;
	c = (uint8_t)at[0] & (uint8_t)~form->mask;
	for (size_t i = 1; i < form->size; i++) {
		if (((uint8_t)at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((uint8_t)at[i] & 0x3f);
	}
	return c >= form->least && is_safe(c) ? form->size : 0;
}

void text_tame(char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t n = text_printable(text, left);

		if (!n) {
			*text = '?';
			n = 1;
		}
		text += n;
		left -= n;
	}
}
