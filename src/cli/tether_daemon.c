/* pharos tether up, down, apply; and what the verbs that change something tell
 * the daemon.
 *
 * Whoever changes the tether does it in the files, under their lock, whether a
 * daemon runs or not; the daemon is only told that they are others now. So
 * there is one way for a change, and nothing that works without a daemon only,
 * or with one. */
#include "cli/tether_daemon.h"
#include "cli/call.h"
#include "wire/json.h"
#include <stdio.h>
#include <sys/stat.h>

int tether_call(json_t **out, const char *control, const char *method,
    const char *target, struct fault *fault)
{
	const struct call call = {
		.path = control,
		.daemon = "pharos-tether",
		.method = method,
		.target = target,
	};

	return call_make(out, &call, fault);
}

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "-";
}

void tether_say_state(FILE *to, const json_t *status)
{
	const json_t *why = json_object_get(status, "fault");

	(void)fprintf(to, "%s is %s\n", text_of(status, "interface"),
	    text_of(status, "state"));
	if (json_is_object(why))
		(void)fprintf(to, "  %s\n", text_of(why, "text"));
}

/* ---- after a change ------------------------------------------------------ */

static bool nobody_there(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

/* Two paths may be one file. */
static bool keeps_these(const json_t *status, const struct codexstore *s)
{
	struct stat its, ours;

	return !stat(text_of(status, "codex"), &its) &&
	       !stat(s->codex_path, &ours) && its.st_dev == ours.st_dev &&
	       its.st_ino == ours.st_ino;
}

int tether_tell(struct codexstore *s, const struct tether_common *common,
    struct fault *fault)
{
	struct fault why = FAULT_NONE;
	JSON *status = NULL;
	int r;

	codexstore_unlock(s);
	r = tether_call(&status, common->control, "GET", "/v1/status", &why);
	if (nobody_there(r) || (!r && !keeps_these(status, s))) {
		(void)fputs("written; no pharos-tether keeps this tether now, "
			    "the next one to start takes it\n",
		    stderr);
		return 0;
	}
	json_decref(STEAL(status));
	if (!r)
		r = tether_call(
		    &status, common->control, "POST", "/v1/apply", &why);
	if (r)
		return fault_set(fault, r, why.hint,
		    "the change is written, but not in force: %s", why.text);
	(void)fputs(strcmp(text_of(status, "state"), "down") != 0
			? "in force\n"
			: "written; the tunnel is down\n",
	    stderr);
	return 0;
}

/* ---- up, down, apply ----------------------------------------------------- */

struct config {
	char *control;
};

static const struct option_row rows[] = {
	TETHER_CONTROL_ROW(struct config, control),
};

static int run_post(const struct config *config, const char *target, int output,
    struct fault *fault)
{
	JSON *status = NULL;
	int r = tether_call(&status, config->control, "POST", target, fault);

	if (r)
		return r;
	if (output != VERB_JSON) {
		tether_say_state(stdout, status);
		return 0;
	}
	(void)json_dumpf(status, stdout, JSON_INDENT(2));
	putchar('\n');
	return 0;
}

static int run_up(const void *config, char *const *words, struct fault *fault)
{
	(void)words;
	return run_post(config, "/v1/up", VERB_TEXT, fault);
}

static int run_down(const void *config, char *const *words, struct fault *fault)
{
	(void)words;
	return run_post(config, "/v1/down", VERB_TEXT, fault);
}

struct apply {
	struct config daemon;
	bool dry;
	int output;
};

static const struct option_row apply_rows[] = {
	TETHER_CONTROL_ROW(struct apply, daemon.control),
	{ .name = "dry-run",
	    .help = "say what would be done, and do nothing",
	    .initial = "false",
	    .offset = offsetof(struct apply, dry),
	    .type = OPTION_BOOL },
	VERB_OUTPUT_ROW(struct apply, output),
};

static int run_apply(const void *from, char *const *words, struct fault *fault)
{
	const struct apply *apply = from;

	(void)words;
	if (apply->dry)
		return tether_dry_run(
		    apply->daemon.control, apply->output, fault);
	return run_post(&apply->daemon, "/v1/apply", apply->output, fault);
}

#define TABLE(verb, what, of)                                                  \
	{                                                                      \
		.program = "pharos tether " verb, .about = what,               \
		.manual = "pharos-tether(1)", .rows = of,                      \
		.n_rows = N_ELEMS(of)                                          \
	}

static const struct option_table up_table =
    TABLE("up", "Make the interface again that down has removed.", rows);
static const struct option_table down_table = TABLE("down",
    "Remove the interface until up, or the next start; the rules stay.", rows);
static const struct option_table apply_table =
    TABLE("apply", "Bring what the files say into force.", apply_rows);

const struct verb tether_up_verb = {
	.name = "up",
	.about = "make the interface again that down has removed",
	.table = &up_table,
	.config_size = sizeof(struct config),
	.run = run_up,
};

const struct verb tether_down_verb = {
	.name = "down",
	.about = "remove the interface; the rules stay",
	.table = &down_table,
	.config_size = sizeof(struct config),
	.run = run_down,
};

const struct verb tether_apply_verb = {
	.name = "apply",
	.about = "bring what the files say into force",
	.table = &apply_table,
	.config_size = sizeof(struct apply),
	.run = run_apply,
};
