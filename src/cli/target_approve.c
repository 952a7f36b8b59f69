/* pharos target approve: a person has compared the six words, and tells the
 * brokers of this cluster to follow the bridge whose words these are. The one
 * whose words they are writes the bridge's CA in their place
 * (wire/introduction.h); that is waited for, and words that nobody takes are
 * taken back. */
#include "base/hex.h"
#include "cli/cluster.h"
#include "cli/source.h"
#include "cli/target.h"
#include "link/kube.h"
#include "net/loop.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "wire/introduction.h"
#include "wire/words.h"
#include <stdio.h>

enum { LOOK_MS = 500, DROPS_MOST = 3 };

struct config {
	struct cluster_words cluster;
	char *words, *name_space;
	long wait_ms;
	int output;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	{ .name = "words",
	    .metavar = "WORDS",
	    .help = "the six words that the store's side shows",
	    .detail = "As `pharos source approve` has taken them, and `pharos "
		      "source list` shows them; not as the broker's log does: "
		      "the broker compares them with its own.",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(words) },
	{ .name = "namespace",
	    .metavar = "NAME",
	    .help = "of the broker",
	    .initial = "pharos-system",
	    .type = OPTION_TEXT,
	    AT(name_space) },
	{ .name = "wait",
	    .metavar = "TIME",
	    .help = "for a broker to take them; it looks every 2 s",
	    .initial = "20s",
	    .type = OPTION_DURATION,
	    .least = 1000,
	    .most = 900L * 1000,
	    AT(wait_ms) },
	CLUSTER_WAY_ROWS(struct config, cluster),
	VERB_OUTPUT_ROW(struct config, output),
};

static const struct option_table table = {
	.program = "pharos target approve",
	.about = "Have the brokers of a cluster follow the bridge with these "
		 "six words.",
	.manual = "pharos-target(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

/* ---- calls, one after the other ------------------------------------------ */

struct approval {
	struct cluster_way way;
	const char *name_space, *words;
	unsigned wait_ms;
	struct introduction seen; /* as of the last call */
};

static void approval_deinit(struct approval *a)
{
	introduction_deinit(&a->seen);
	cluster_way_close(&a->way);
}

static int built(int r, const struct approval *a, struct fault *fault)
{
	if (!r)
		return 0;
	return fault_set(
	    fault, r, NULL, "--namespace %.80s: cannot be one", a->name_space);
}

/* Make the call, and read into @a->seen what is there now. */
static int make_call(
    struct approval *a, struct cluster_call *c, struct fault *fault)
{
	struct introduction seen;
	int r = cluster_converse(&a->way, c, 1, fault);

	if (!r && introduction_read(&seen, c->body, c->n))
		r = kube_unread(a->way.kube, &c->call, fault);
	if (r)
		return r;
	introduction_deinit(&a->seen);
	a->seen = seen;
	return 0;
}

/* Return: 0; -ENOENT with @fault: there is none; -errno with @fault. */
static int look(struct approval *a, struct fault *fault)
{
	CLEANUP(cluster_call_clear) struct cluster_call c = { .sent = NULL };
	int r = built(introduction_call_look(&c.call, a->name_space), a, fault);

	return r ? r : make_call(a, &c, fault);
}

static int make(struct approval *a, struct fault *fault)
{
	CLEANUP(cluster_call_clear) struct cluster_call c = { .sent = NULL };
	int r = built(
	    introduction_call_make(&c.call, a->name_space, a->words), a, fault);

	return r ? r : make_call(a, &c, fault);
}

/* @words: NULL: none. */
static int change(struct approval *a, const char *words, struct fault *fault)
{
	CLEANUP(cluster_call_clear) struct cluster_call c = { .sent = NULL };
	const struct introduction_change order = { .version = a->seen.version,
		.words = words };
	int r = built(
	    introduction_call_change(&c.call, a->name_space, &order), a, fault);

	return r ? r : make_call(a, &c, fault);
}

/* ---- what is there ------------------------------------------------------- */

/* The info hash of the bridge whose CA is there. */
static int name_bridge(
    char out[2 * REALM_SIZE + 1], const struct approval *a, struct fault *fault)
{
	CLEANUP(x509_p) X509 *ca = NULL;
	uint8_t realm[REALM_SIZE];
	struct fault own = FAULT_NONE;
	int r = pki_read_cert(&ca, a->seen.ca_pem, &own);

	if (r)
		return fault_set(fault, r,
		    "Remove ca.crt there, and compare six words again.",
		    "ConfigMap %.64s/" INTRODUCTION_MAP ", ca.crt: %s",
		    a->name_space, own.code ? own.text : "out of memory");
	r = realm_of(realm, ca);
	if (r)
		return fault_set(fault, r, NULL, "out of memory");
	hex_encode(out, realm, sizeof(realm));
	return 0;
}

/* A bridge that somebody else has introduced is none that was compared now. */
static int refuse_another(const struct approval *a, struct fault *fault)
{
	char realm[2 * REALM_SIZE + 1];
	int r = name_bridge(realm, a, fault);

	return r ? r
		 : fault_set(fault, -EEXIST,
		       "To have them join another one: remove ca.crt from the "
		       "ConfigMap " INTRODUCTION_MAP
		       ", and start the brokers again.",
		       "the brokers of %.80s follow a bridge already, with "
		       "info hash %s; nothing was changed",
		       a->name_space, realm);
}

/* ---- the words ----------------------------------------------------------- */

static int write_words(struct approval *a, struct fault *fault)
{
	int r = look(a, fault);

	if (r == -ENOENT)
		return make(a, fault);
	if (r)
		return r;
	return a->seen.ca_pem ? refuse_another(a, fault)
			      : change(a, a->words, fault);
}

static void on_time(struct wheel_timer *timer, uint64_t now)
{
	(void)timer;
	(void)now;
}

static void pause_for(struct loop *loop, unsigned ms)
{
	struct wheel_timer timer = { .fn = NULL };
	uint64_t until = loop_now(loop) + ms;

	loop_after(loop, &timer, ms, on_time);
	while (loop_now(loop) < until)
		loop_wait(loop);
	loop_cancel(loop, &timer);
}

static bool are_there(const struct approval *a)
{
	return a->seen.words && !strcmp(a->seen.words, a->words);
}

/* Whoever wrote in between has made it another version.
 * Return: 0: they are not there any more; -errno with @fault: they may be. */
static int drop_words(struct approval *a, struct fault *fault)
{
	struct fault unseen = FAULT_NONE;
	int r = change(a, NULL, fault);

	for (int i = 1; r && i < DROPS_MOST && !look(a, &unseen); i++) {
		if (!are_there(a))
			return 0;
		r = change(a, NULL, fault);
	}
	return r ? fault_wrap(fault,
		       "the words cannot be taken back, and may still lie in "
		       "the ConfigMap %.64s/" INTRODUCTION_MAP,
		       a->name_space)
		 : 0;
}

/* Return: 0: a broker took them in this moment; -errno with @fault. */
static int take_back(struct approval *a, struct fault *fault)
{
	int r = drop_words(a, fault);

	if (r || a->seen.ca_pem)
		return r;
	return fault_set(fault, -ETIMEDOUT,
	    "The broker's log may say why. Are they what the store's side "
	    "shows now? Words live 15 minutes. If the broker shows others at "
	    "the same time, somebody stands between the two: approve on "
	    "neither side.",
	    "no broker of %.80s took these words in %u s, and they were taken "
	    "back",
	    a->name_space, a->wait_ms / 1000);
}

static int wait_for_broker(struct approval *a, struct fault *fault)
{
	uint64_t until = loop_now(a->way.loop) + a->wait_ms;
	int r = 0;

	(void)fprintf(
	    stderr, "waiting for the broker whose words these are ...\n");
	while (!r && !a->seen.ca_pem) {
		if (!are_there(a))
			return fault_set(fault, -ECANCELED,
			    "Is somebody else at it?",
			    "the words were taken away from the ConfigMap "
			    "%.80s/" INTRODUCTION_MAP,
			    a->name_space);
		if (loop_now(a->way.loop) >= until)
			return take_back(a, fault);
		pause_for(a->way.loop, LOOK_MS);
		r = look(a, fault);
	}
	return r;
}

/* ---- saying it ----------------------------------------------------------- */

static int tell(
    const struct approval *a, const struct config *c, struct fault *fault)
{
	char realm[2 * REALM_SIZE + 1];
	int r = name_bridge(realm, a, fault);

	if (r)
		return r;
	if (c->output == VERB_TEXT) {
		(void)printf("The brokers of %s follow the bridge with info "
			     "hash\n%s\n",
		    a->name_space, realm);
		return 0;
	}
	return source_print_json(
	    json_pack("{s:s, s:s, s:s}", "namespace", a->name_space,
		"info_hash", realm, "ca", a->seen.ca_pem),
	    fault);
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	char text[WORDS_TEXT + 1];
	CLEANUP(approval_deinit)
	struct approval a = { .name_space = c->name_space,
		.words = text,
		.wait_ms = (unsigned)c->wait_ms };
	int r;

	(void)words;
	if (words_read(text, c->words))
		return fault_set(fault, OPTION_E_BAD,
		    "Expected are six words of four letters, as `pharos "
		    "source list` shows them.",
		    "--words %.80s", c->words);
	r = cluster_way_open(
	    &a.way, c->cluster.kubeconfig, c->cluster.context, fault);
	if (!r)
		r = write_words(&a, fault);
	if (!r)
		r = wait_for_broker(&a, fault);
	return r ? r : tell(&a, c, fault);
}

const struct verb target_approve_verb = {
	.name = "approve",
	.about = "have brokers follow the bridge whose six words were compared",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
