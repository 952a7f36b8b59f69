#include "cli/checks.h"
#include "base/text.h"
#include <stdarg.h>

static const char *const state_text[] = {
	[CHECKS_NOT_REACHED] = "not reached",
	[CHECKS_GOOD] = "good",
	[CHECKS_FAILED] = "FAILED",
	[CHECKS_SKIPPED] = "skipped",
	[CHECKS_WARNED] = "warning",
};
_Static_assert(N_ELEMS(state_text) == CHECKS_STATES, "a text each");

const char *checks_state_text(enum checks_state s)
{
	return state_text[s];
}

void checks_init(struct checks *c, const char *about,
    const struct checks_hop *hops, size_t n)
{
	INVARIANT(n <= CHECKS_MOST);
	*c = (struct checks){ .hops = hops, .n = n };
	(void)snprintf(c->about, sizeof(c->about), "%s", about);
	text_tame(c->about);
}

bool checks_turn(const struct checks *c, size_t hop)
{
	INVARIANT(hop < c->n);
	for (size_t i = 0; i < hop; i++)
		if (c->one[i].state == CHECKS_NOT_REACHED ||
		    c->one[i].state == CHECKS_FAILED)
			return false;
	return c->one[hop].state == CHECKS_NOT_REACHED;
}

/* The only writer of a state: from "not reached", in turn, once. */
static void checks_move(struct checks *c, size_t hop, enum checks_state to)
{
	INVARIANT(checks_turn(c, hop) && to != CHECKS_NOT_REACHED);
	c->one[hop].state = to;
}

static void say(struct checks *c, size_t hop, const char *fmt, va_list args)
{
	struct fault *said = &c->one[hop].said;

	(void)vsnprintf(said->text, sizeof(said->text), fmt, args);
	text_tame(said->text);
}

void checks_good(struct checks *c, size_t hop, const char *fmt, ...)
{
	va_list args;

	checks_move(c, hop, CHECKS_GOOD);
	va_start(args, fmt);
	say(c, hop, fmt, args);
	va_end(args);
}

void checks_skip(struct checks *c, size_t hop, const char *fmt, ...)
{
	va_list args;

	checks_move(c, hop, CHECKS_SKIPPED);
	va_start(args, fmt);
	say(c, hop, fmt, args);
	va_end(args);
}

static void tell(
    struct checks *c, size_t hop, enum checks_state to, const struct fault *why)
{
	checks_move(c, hop, to);
	c->one[hop].said = *why;
	text_tame(c->one[hop].said.text);
	text_tame(c->one[hop].said.hint);
}

void checks_bad(struct checks *c, size_t hop, const struct fault *why)
{
	tell(c, hop, CHECKS_FAILED, why);
}

void checks_warn(struct checks *c, size_t hop, const struct fault *why)
{
	tell(c, hop, CHECKS_WARNED, why);
}

const char *checks_failed(const struct checks *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->one[i].state == CHECKS_FAILED)
			return c->hops[i].name;
	return NULL;
}

/* ---- showing ------------------------------------------------------------- */

void checks_print(const struct checks *c, FILE *to)
{
	(void)fprintf(to, "%s\n", c->about);
	for (size_t i = 0; i < c->n; i++) {
		const struct checks_hop *hop = &c->hops[i];
		const struct checks_one *one = &c->one[i];

		(void)fprintf(to, "  %-12s %-13s %s\n", state_text[one->state],
		    hop->name, one->said.text);
		if (one->state == CHECKS_FAILED)
			(void)fprintf(to, "    expected  %s\n", hop->expected);
		if (*one->said.hint)
			(void)fprintf(to, "    remedy    %s\n", one->said.hint);
		if (one->state != CHECKS_FAILED)
			continue;
		if (*hop->usual)
			(void)fprintf(to, "    usually   %s\n", hop->usual);
	}
}

static json_t *one_json(
    const struct checks_hop *hop, const struct checks_one *one)
{
	json_t *j = json_pack("{ss ss}", "hop", hop->name, "state",
	    one->state == CHECKS_FAILED ? "failed" : state_text[one->state]);

	if (!j || one->state == CHECKS_NOT_REACHED)
		return j;
	json_object_set_new(j, "seen", json_string(one->said.text));
	if (one->state == CHECKS_WARNED)
		json_object_set_new(j, "remedy", json_string(one->said.hint));
	if (one->state != CHECKS_FAILED)
		return j;
	json_object_set_new(j, "expected", json_string(hop->expected));
	json_object_set_new(j, "remedy",
	    json_string(*one->said.hint ? one->said.hint : hop->usual));
	json_object_set_new(j, "usually", json_string(hop->usual));
	return j;
}

json_t *checks_json(const struct checks *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n; i++)
		if (json_array_append_new(
			list, one_json(&c->hops[i], &c->one[i]))) {
			json_decref(list);
			return NULL;
		}
	return json_pack("{ss sb so}", "about", c->about, "good",
	    !checks_failed(c), "hops", list);
}

void checks_show(struct checks_show *s, const struct checks *c)
{
	const char *failed = checks_failed(c);

	if (failed && !*s->failed)
		(void)snprintf(
		    s->failed, sizeof(s->failed), "%s: %s", c->about, failed);
	if (!s->as_json) {
		checks_print(c, stdout);
		(void)fflush(stdout);
		return;
	}
	if (!s->list)
		s->list = json_array();
	s->no_memory |= json_array_append_new(s->list, checks_json(c)) != 0;
}

int checks_show_end(struct checks_show *s, struct fault *fault)
{
	if (s->no_memory)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (s->as_json) {
		json_dumpf(s->list, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	(void)fflush(stdout);
	if (!*s->failed)
		return 0;
	return fault_set(
	    fault, -EHOSTUNREACH, NULL, "%s has failed", s->failed);
}

void checks_show_clear(struct checks_show *s)
{
	json_decref(s->list);
}
