#include "base/number.h"

int number_start(
    const char *text, uint64_t most, uint64_t *out, const char **after)
{
	const char *at = text;
	uint64_t sum = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (digit > most || sum > (most - digit) / 10)
			return -ERANGE;
		sum = sum * 10 + digit;
	}
	if (at == text)
		return -EINVAL;
	*out = sum;
	*after = at;
	return 0;
}

int number_parse(const char *text, uint64_t most, uint64_t *out)
{
	const char *after;
	uint64_t number;
	int err = number_start(text, most, &number, &after);

	if (err)
		return err;
	if (*after)
		return -EINVAL;
	*out = number;
	return 0;
}
