#include "base/conceal.h"
#include "base/wr.h"
#include <arpa/inet.h>
#include <ctype.h>

/* A word is a run of what an address may be made of: hex digits, dots, colons.
 * It counts from a place where no other word goes on, so that "beacon" is not
 * taken apart. In a word, the longest beginning that is an address is one, be
 * it followed by a port or by the end of a sentence. */

enum { ADDRESS_LEAST = 2, ADDRESS_MOST = INET6_ADDRSTRLEN };

static bool is_part(char c)
{
	return isxdigit((unsigned char)c) || c == '.' || c == ':';
}

static size_t word_size(const char *text)
{
	size_t n = 0;

	while (is_part(text[n]))
		n++;
	return n;
}

static bool is_address(const char *at, size_t n)
{
	char text[ADDRESS_MOST];
	struct in6_addr any;

	if (n >= sizeof(text))
		return false;
	memcpy(text, at, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, &any) == 1 ||
	       inet_pton(AF_INET6, text, &any) == 1;
}

/* Return: how many bytes of the word are an address; 0: none. */
static size_t address_size(const char *at, size_t n)
{
	if (n > ADDRESS_MOST)
		n = ADDRESS_MOST;
	for (; n >= ADDRESS_LEAST; n--)
		if (is_address(at, n))
			return n;
	return 0;
}

/* Where can an address begin? Not inside a word, but after "ip:" or "v4.". */
static bool may_begin(const char *text, size_t i)
{
	return !i || !isalnum((unsigned char)text[i - 1]);
}

void conceal(char *to, size_t room, const char *text)
{
	struct wr w = wr_over((uint8_t *)to, room - 1);

	for (size_t i = 0; text[i] && wr_ok(&w);) {
		size_t n = may_begin(text, i)
			       ? address_size(text + i, word_size(text + i))
			       : 0;

		if (n)
			wr_text(&w, CONCEAL_WORD);
		else
			wr_u8(&w, (uint8_t)text[i]);
		i += n ? n : 1;
	}
	to[w.used] = '\0';
}
