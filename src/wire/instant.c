#include "wire/instant.h"
#include "base/number.h"

static const char form[INSTANT_TEXT_SIZE + 1] = "0000-00-00T00:00:00Z";

enum { DAY_SECONDS = 86400, DAYS_OF_400_YEARS = 146097 };

/* Days are counted from 1 March of the year 0, so that the day that comes and
 * goes is the last of a year. To 1 January 1970 there are that many. */
enum { DAYS_TO_1970 = 719468 };

struct date {
	int64_t year;
	unsigned month, day; /* from 1 */
};

/* Of a year from March, the day that a month begins with; @march: from 0. */
static unsigned day_of_month(unsigned march)
{
	return (153 * march + 2) / 5;
}

static int64_t days_of(const struct date *d)
{
	int64_t year = d->month > 2 ? d->year : d->year - 1;
	unsigned march = (d->month + 9) % 12;

	return year * 365 + year / 4 - year / 100 + year / 400 +
	       day_of_month(march) + d->day - 1 - DAYS_TO_1970;
}

static struct date date_of(int64_t days)
{
	int64_t since = days + DAYS_TO_1970;
	int64_t era = since / DAYS_OF_400_YEARS;
	int64_t rest = since % DAYS_OF_400_YEARS;
	int64_t year =
	    (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	unsigned day = (unsigned)(rest - (year * 365 + year / 4 - year / 100));
	unsigned march = (5 * day + 2) / 153;

	return (struct date){
		.year = era * 400 + year + (march > 9),
		.month = (march + 2) % 12 + 1,
		.day = day - day_of_month(march) + 1,
	};
}

static void put(char *to, size_t n, int64_t value)
{
	while (n--) {
		to[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

void instant_write(char out[INSTANT_TEXT_SIZE + 1], int64_t at)
{
	struct date d;
	int64_t s;

	INVARIANT(at >= 0 && at <= INSTANT_MOST);
	d = date_of(at / DAY_SECONDS);
	s = at % DAY_SECONDS;
	memcpy(out, form, sizeof(form));
	put(out, 4, d.year);
	put(out + 5, 2, d.month);
	put(out + 8, 2, d.day);
	put(out + 11, 2, s / 3600);
	put(out + 14, 2, s / 60 % 60);
	put(out + 17, 2, s % 60);
}

static int64_t digits(const char *at, size_t n)
{
	int64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value * 10 + (at[i] - '0');
	return value;
}

static bool has_form(const char *text)
{
	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9'
				   : text[i] != form[i])
			return false;
	return true;
}

/* What is read is right if it is written so: the 31st of a short month is
 * written as another day. */
int instant_read(int64_t *out, const char *text)
{
	char again[INSTANT_TEXT_SIZE + 1];
	struct date d;
	int64_t at;

	if (!has_form(text))
		return -EINVAL;
	d = (struct date){ digits(text, 4), (unsigned)digits(text + 5, 2),
		(unsigned)digits(text + 8, 2) };
	if (d.year < 1970 || d.month < 1 || d.month > 12)
		return -EINVAL;
	at = days_of(&d) * DAY_SECONDS + digits(text + 11, 2) * 3600 +
	     digits(text + 14, 2) * 60 + digits(text + 17, 2);
	if (at < 0 || at > INSTANT_MOST)
		return -EINVAL;
	instant_write(again, at);
	if (strcmp(again, text) != 0)
		return -EINVAL;
	*out = at;
	return 0;
}

int instant_read_end(int64_t *out, const char *text, int64_t now)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = { { "m", 60 }, { "h", 3600 }, { "d", DAY_SECONDS },
		{ "w", INT64_C(7) * DAY_SECONDS } };
	const char *after;
	uint64_t n;

	if (!instant_read(out, text))
		return *out > now ? 0 : INSTANT_E_PAST;
	if (number_start(text, 1000000, &n, &after) || !n)
		return -EINVAL;
	for (size_t i = 0; i < N_ELEMS(units); i++) {
		if (strcmp(after, units[i].unit) != 0)
			continue;
		if ((int64_t)n > (INSTANT_MOST - now) / units[i].seconds)
			return -EINVAL;
		*out = now + (int64_t)n * units[i].seconds;
		return 0;
	}
	return -EINVAL;
}
