/* wire/bootwords.c */
#include "wire/bootwords.h"
#include "base/base64.h"
#include "wire/json.h"
#include <sodium.h>

/* Characters of 32 bytes in base64url without padding. */
enum { DIGITS = 43 };

void bootwords_deinit(struct bootwords *w)
{
	free(w->ca);
	*w = (struct bootwords){ .ca = NULL };
}

static const char *member_of(enum bootwords_kind kind)
{
	INVARIANT(kind < BOOTWORDS_KIND_COUNT);
	return kind == BOOTWORDS_COMMITMENT ? "commitment" : "nonce";
}

int bootwords_write(char **out, const struct bootwords *w)
{
	bool answers = w->kind == BOOTWORDS_ANSWER;
	char digits[DIGITS + 1];
	JSON *j = NULL;
	char *text;

	INVARIANT(answers == !!w->ca);
	if (answers && strlen(w->ca) > BOOT_CERT_MOST)
		return -EMSGSIZE;
	sodium_bin2base64(digits, sizeof(digits), w->bytes, sizeof(w->bytes),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	j = json_pack("{ssss*}", member_of(w->kind), digits, "ca", w->ca);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (!text)
		return -ENOMEM;
	*out = text;
	return 0;
}

/* Return: 0; -EINVAL. */
static int read_bytes(uint8_t out[BOOTWORDS_SIZE], const json_t *from)
{
	char digits[DIGITS + 1];

	if (json_copy_text(digits, sizeof(digits), from) ||
	    base64_read(BASE64_URL, out, BOOTWORDS_SIZE, digits,
		strlen(digits)) != BOOTWORDS_SIZE)
		return -EINVAL;
	return 0;
}

/* Return: 0; -EINVAL; -ENOMEM. */
static int read_ca(char **out, const json_t *from)
{
	size_t n = json_string_length(from);

	if (!n || n > BOOT_CERT_MOST || strlen(json_string_value(from)) != n)
		return -EINVAL;
	*out = strdup(json_string_value(from));
	return *out ? 0 : -ENOMEM;
}

static int fill(struct bootwords *w, const json_t *j, struct fault *fault)
{
	static const char remedy[] =
	    "use the same version of Pharos on both sides";
	bool answers = w->kind == BOOTWORDS_ANSWER;
	const char *name = member_of(w->kind);
	int r;

	if (json_object_size(j) != (answers ? 2 : 1))
		return fault_set(fault, -EINVAL, remedy,
		    "six words: %s was expected, and nothing else",
		    answers ? "'nonce' and 'ca'" : name);
	if (read_bytes(w->bytes, json_object_get(j, name)))
		return fault_set(fault, -EINVAL, remedy,
		    "six words: '%s' is not %d bytes in base64url", name,
		    BOOTWORDS_SIZE);
	r = answers ? read_ca(&w->ca, json_object_get(j, "ca")) : 0;
	if (r == -EINVAL)
		return fault_set(fault, r, remedy,
		    "six words: 'ca' is missing, too large or of a wrong kind");
	return r;
}

int bootwords_read(struct bootwords *out, enum bootwords_kind kind,
    const void *text, size_t n, struct fault *fault)
{
	JSON *j = n <= BOOTWORDS_MOST ? json_read_object(text, n, 0) : NULL;
	struct bootwords w = { .kind = kind };
	int r;

	if (!j)
		return fault_set(fault, -EINVAL, NULL,
		    "six words: not one JSON object of at most %d bytes",
		    BOOTWORDS_MOST);
	r = fill(&w, j, fault);
	if (r)
		bootwords_deinit(&w);
	else
		*out = w;
	return r;
}
