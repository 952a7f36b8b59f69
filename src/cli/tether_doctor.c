/* pharos tether doctor: does what the codex wants fit this host, and can
 * devices find it? Nothing is changed, and nothing is sent but a question for
 * the endpoint's name. */
#include "cli/tether_doctor.h"
#include "wire/instant.h"
#include "wire/json.h"
#include <stdarg.h>

enum { CLOCK_SLACK = 120 };

struct config {
	struct tether_common common;
	int output;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
	VERB_OUTPUT_ROW(struct config, output),
};

void finding_set(struct finding *f, enum finding_state state, const char *hint,
    const char *fmt, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	f->state = state;
	(void)fault_set(&f->said, 0, hint, "%s", text);
}

/* ---- the codex ----------------------------------------------------------- */

static void check_clock(struct finding *out, const struct codex *c)
{
	const int64_t now = tether_now();
	char here[INSTANT_TEXT_SIZE + 1], there[INSTANT_TEXT_SIZE + 1];
	int64_t newest = 0;

	for (size_t i = 0; i < c->n_peers; i++)
		if (c->peers[i].created > newest)
			newest = c->peers[i].created;
	instant_write(here, now);
	if (newest <= now + CLOCK_SLACK) {
		finding_set(out, FINDING_GOOD, NULL, "%s", here);
		return;
	}
	instant_write(there, newest);
	finding_set(out, FINDING_BAD,
	    "Set the clock: times of expiry go by it, and devices refuse a "
	    "handshake that is older than their last.",
	    "it is %s here, and a peer was made at %s", here, there);
}

struct tally {
	size_t active, disabled, expired, without_zone, turning;
};

static void tally(struct tally *t, const struct codex *c)
{
	const int64_t now = tether_now();

	*t = (struct tally){ .active = 0 };
	for (size_t i = 0; i < c->n_peers; i++) {
		const struct codex_peer *p = &c->peers[i];
		const bool admitted = codex_peer_admitted(p, now);

		t->active += admitted;
		t->disabled += p->disabled;
		t->expired += !admitted && !p->disabled;
		t->without_zone += admitted && !p->zones;
		t->turning += p->next.pending;
	}
}

static void check_peers(struct finding *out, const struct codex *c)
{
	struct tally t;

	tally(&t, c);
	if (!c->n_peers)
		finding_set(out, FINDING_NOTE,
		    "`pharos tether peer add phone` gives a device access.",
		    "none yet");
	else if (t.without_zone && !c->peer_to_peer)
		finding_set(out, FINDING_WARN,
		    "Write `zones:` into its block of the codex; `pharos "
		    "tether zone list` lists them.",
		    "%zu have access, %zu of them to no zone: they reach "
		    "nothing here",
		    t.active, t.without_zone);
	else
		finding_set(out, FINDING_GOOD, NULL,
		    "%zu have access, %zu disabled, %zu expired, %zu get "
		    "another key",
		    t.active, t.disabled, t.expired, t.turning);
}

/* What no host can see of the networks that devices are in. */
static void check_udp(struct finding *out, const struct codex *c)
{
	finding_set(out, FINDING_NOTE,
	    "From there a beacon carries TCP over port 443: `pharos expose` "
	    "here, `pharos connect` there.",
	    "a network that lets no UDP out keeps a device from port %u; this "
	    "cannot be seen from here",
	    c->port);
}

/* ---- all of them --------------------------------------------------------- */

static const struct {
	const char *name;
	doctor_check check;
} checks[] = {
	{ "clock", check_clock },
	{ "peers", check_peers },
	{ "services", doctor_services },
	{ "driver", doctor_driver },
	{ "interface", doctor_interface },
	{ "port", doctor_port },
	{ "routes", doctor_routes },
	{ "endpoint", doctor_endpoint },
	{ "udp", check_udp },
};
enum { CODEX, FIRST, FINDINGS = FIRST + N_ELEMS(checks) };

static const char *name_of(size_t i)
{
	return i == CODEX ? "codex" : checks[i - FIRST].name;
}

static void check_codex(struct finding *out, const struct codexstore *s,
    int opened, const struct fault *fault)
{
	if (opened) {
		out->state = FINDING_BAD;
		out->said = *fault;
	} else if (s->edited) {
		finding_set(out, FINDING_NOTE, NULL,
		    "%s was edited since generation %llu; it holds",
		    s->codex_path, (unsigned long long)s->codex.generation);
	} else {
		finding_set(out, FINDING_GOOD, NULL,
		    "%s, generation %llu, %zu revoked keys", s->codex_path,
		    (unsigned long long)s->codex.generation, s->tombstones.n);
	}
}

/* Return: how many there are; without a codex, one. */
static size_t look(struct finding out[FINDINGS], const struct config *c)
{
	const struct codexstore_place place = { .codex = c->common.codex,
		.state = c->common.state,
		.use = CODEXSTORE_READ };
	struct fault fault = FAULT_NONE;
	struct codexstore s;
	int r = codexstore_open(&s, &place, &fault);

	check_codex(&out[CODEX], &s, r, &fault);
	for (size_t i = 0; !r && i < N_ELEMS(checks); i++)
		checks[i].check(&out[FIRST + i], &s.codex);
	codexstore_close(&s);
	return r ? 1 : FINDINGS;
}

/* ---- shown --------------------------------------------------------------- */

static const char *const words_of_state[FINDING_STATES] = { "good", "note",
	"warn", "bad" };

static void print_text(const struct finding *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("%-5s %-10s %s\n", words_of_state[all[i].state],
		    name_of(i), all[i].said.text);
		if (*all[i].said.hint)
			printf("%17s%s\n", "", all[i].said.hint);
	}
}

static void print_json(const struct finding *all, size_t n)
{
	JSON *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
		    list, json_pack("{ss ss ss ss}", "check", name_of(i),
			      "state", words_of_state[all[i].state], "seen",
			      all[i].said.text, "remedy", all[i].said.hint));
	(void)json_dumpf(list, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int run(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct finding all[FINDINGS] = { 0 };
	const size_t n = look(all, c);

	(void)words;
	(c->output == VERB_JSON ? print_json : print_text)(all, n);
	for (size_t i = 0; i < n; i++)
		if (all[i].state == FINDING_BAD)
			return fault_set(fault, -EINVAL, all[i].said.hint,
			    "%s: %s", name_of(i), all[i].said.text);
	return 0;
}

static const struct option_table table = {
	.program = "pharos tether doctor",
	.about = "Say what keeps the tether from working here.",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const struct verb tether_doctor_verb = {
	.name = "doctor",
	.about = "say what keeps the tether from working here",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
