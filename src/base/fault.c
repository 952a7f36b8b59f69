#include "base/fault.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>

int fault_set(struct fault *f, int code, const char *hint, const char *fmt, ...)
{
	va_list args;

	if (!f)
		return code;
	f->code = code;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
	snprintf(f->hint, sizeof(f->hint), "%s", hint ? hint : "");
	text_tame(f->text);
	text_tame(f->hint);
	return code;
}

int fault_wrap(struct fault *f, const char *fmt, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;
	size_t n;

	if (!f)
		return 0;
	memcpy(text, f->text, sizeof(text));
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
	n = strlen(f->text);
	snprintf(f->text + n, sizeof(f->text) - n, ": %s", text);
	text_tame(f->text);
	return f->code;
}

void fault_print(const char *program, const struct fault *f)
{
	fprintf(stderr, "%s: %s\n", program, f->text);
	if (f->hint[0])
		fprintf(stderr, "    %s\n", f->hint);
}
