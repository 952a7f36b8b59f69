/* bridge/parley.c */
#include "bridge/parley.h"

void parley_init(struct parley *p, const uint8_t exported[WORDS_EXPORTED],
    const uint8_t nonce[WORDS_NONCE])
{
	*p = (struct parley){ .answer = NULL };
	words_init(&p->words, WORDS_BRIDGE, exported, nonce);
}

void parley_deinit(struct parley *p)
{
	free(p->answer);
	p->answer = NULL;
}

static int refuse(struct fault *fault)
{
	fault_set(fault, BOOT_WORDS, boot_code_remedy(BOOT_WORDS), "%s",
	    boot_code_problem(BOOT_WORDS));
	return BOOT_WORDS;
}

static int answer(struct parley *p, const struct bootwords *with)
{
	parley_deinit(p);
	/* the CA was signed for us and is no larger than a broker's answer */
	return bootwords_write(&p->answer, with) ? -ENOMEM : 0;
}

static int hear_commitment(struct parley *p,
    const uint8_t commitment[BOOTWORDS_SIZE], struct fault *fault)
{
	struct bootwords ours = { .kind = BOOTWORDS_COMMITMENT };

	if (words_committed(&p->words, commitment))
		return refuse(fault);
	words_commitment(ours.bytes, &p->words);
	return answer(p, &ours);
}

static int hear_nonce(struct parley *p, const uint8_t nonce[BOOTWORDS_SIZE],
    const char *ca, struct fault *fault)
{
	CLEANUP(bootwords_deinit)
	struct bootwords ours = { .kind = BOOTWORDS_ANSWER };

	if (words_revealed(&p->words, nonce))
		return refuse(fault);
	memcpy(ours.bytes, p->words.nonce, sizeof(ours.bytes));
	ours.ca = strdup(ca);
	return ours.ca ? answer(p, &ours) : -ENOMEM;
}

int parley_hear(struct parley *p, const void *text, size_t n, const char *ca,
    struct fault *fault)
{
	bool first = p->words.state == WORDS_COMMITTED;
	struct bootwords theirs;
	int r = bootwords_read(&theirs,
	    first ? BOOTWORDS_COMMITMENT : BOOTWORDS_NONCE, text, n, fault);

	INVARIANT(first || p->words.state == WORDS_REVEALED);
	if (r)
		return r == -EINVAL ? BOOT_MALFORMED : r;
	return first ? hear_commitment(p, theirs.bytes, fault)
		     : hear_nonce(p, theirs.bytes, ca, fault);
}
