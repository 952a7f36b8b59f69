/* base/option_value.h: inside of option: one row's value in the program's
 * struct: text to value, value to text.
 */
#pragma once
#include "base/option.h"
#include <stdio.h>

/** option_value_set() - parse @text into the row's place
 * A list gets its items added; anything else replaces what was there.
 * @split: a list's text is split at commas (unless OPTION_NO_SPLIT)
 * @where: "--tls-cert", "PHAROS_TLS_CERT", "beacon.yaml:3:11: tls-cert": what
 *         the message begins with
 * Return: 0; OPTION_E_BAD with @fault; -ENOMEM with @fault. */
struct option_input {
	const char *text, *where;
	bool split;
};
MUST_USE int option_value_set(const struct option_row *row, void *config,
    const struct option_input *input, struct fault *fault);
/** option_value_check() - would option_value_set() take it? Stores nothing. */
MUST_USE int option_value_check(const struct option_row *row,
    const struct option_input *input, struct fault *fault);
/** option_value_clear() - free a text or a list; repeatable */
void option_value_clear(const struct option_row *row, void *config);
/** option_value_given() - false: a text that is NULL, a list without items */
bool option_value_given(const struct option_row *row, const void *config);
/** option_value_print() - as YAML, so that it reads back */
void option_value_print(
    FILE *to, const struct option_row *row, const void *config);
/** option_value_allowed() - "a number from 1 to 10", for messages and manual
 * @to: of @room bytes; cut when it does not fit */
void option_value_allowed(const struct option_row *row, char *to, size_t room);

/** option_environment_name() - PHAROS_TLS_CERT of "tls-cert" */
enum { OPTION_NAME_MOST = 40, OPTION_ENVIRONMENT_ROOM = OPTION_NAME_MOST + 8 };
void option_environment_name(const char *name, char *to);
