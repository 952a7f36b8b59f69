/* pharos-wrapper: fetch secrets, start a command with them, stay above it. */
#include "base/egressoption.h"
#include "base/log.h"
#include "base/option.h"
#include "wrapper/courier.h"
#include "wrapper/deliver.h"
#include "wrapper/fetch.h"
#include "wrapper/fetchway.h"
#include "wrapper/supervise.h"
#include <fcntl.h>
#include <unistd.h>

struct config {
	struct option_common common;
	char *broker, *broker_ca, *bridge_ca;
	char *jwt_file, *token_file, *broker_token_file;
	char *role, *auth_mount, *egress_proxy;
	struct option_list secrets, maps;
	int deliver;
	char *folder, *on_rotate;
	bool allow_disk, report;
	long poll_ms, deadline_ms, grace_ms;
};

#define AT(m)	   .offset = offsetof(struct config, m)
#define TEXT(n, v) .name = (n), .metavar = (v), .type = OPTION_TEXT
#define TIME(n)	   .name = (n), .metavar = "TIME", .type = OPTION_DURATION
#define LIST(n, v) .name = (n), .metavar = (v), .type = OPTION_LIST
#define FLAG(n)	   .name = (n), .type = OPTION_BOOL, .initial = "false"

enum { MS_AN_HOUR = 3600 * 1000, MS_A_DAY = 24 * MS_AN_HOUR };

static const struct option_row rows[] = {
	{ TEXT("broker", "URL"), .help = "https://host:port of the broker",
	    .flags = OPTION_REQUIRED, AT(broker) },
	{ TEXT("broker-ca", "FILE"), .help = "CA of the broker's certificate",
	    .detail = "Without it, the system's roots are trusted.",
	    AT(broker_ca) },
	{ TEXT("bridge-ca", "FILE"), .help = "CA that makes the bridge known",
	    .flags = OPTION_REQUIRED, AT(bridge_ca) },
	{ TEXT("jwt-file", "FILE"), .help = "log in with this JWT",
	    .detail = "Read again for each login, so it may be replaced.",
	    AT(jwt_file) },
	{ TEXT("token-file", "FILE"), .help = "use this token of the store",
	    .detail = "In place of a login; it is never given up, and its "
		      "owner keeps it alive. Not readable by others.",
	    AT(token_file) },
	{ TEXT("broker-token-file", "FILE"),
	    .help = "show this token to the broker", AT(broker_token_file) },
	{ TEXT("role", "NAME"), .help = "role to log in with",
	    .detail = "Without it, NAMESPACE.SERVICEACCOUNT of the JWT.",
	    AT(role) },
	{ TEXT("auth-mount", "NAME"), .help = "mount of the JWT login",
	    .initial = "jwt", AT(auth_mount) },
	EGRESS_OPTION_ROW(struct config, egress_proxy),
	{ LIST("secret", "PATH"), .help = "a secret to read; repeatable",
	    .flags = OPTION_REQUIRED, AT(secrets) },
	{ LIST("map", "MAP"), .help = "FIELD=NAME,...; one map a secret",
	    .detail = "Maps are given in the order of the secrets, by several "
		      "options or split by a semicolon.",
	    .flags = OPTION_REQUIRED | OPTION_NO_SPLIT, AT(maps) },
	{ .name = "deliver",
	    .metavar = "HOW",
	    .type = OPTION_CHOICE,
	    .help = "how the command gets them",
	    .initial = "env",
	    .choices = plan_deliver_names,
	    AT(deliver) },
	{ TEXT("dir", "FOLDER"), .help = "the folder of --deliver file",
	    .detail = "Made, with mode 0700, if it is not there.", AT(folder) },
	{ FLAG("allow-disk"), .flags = OPTION_RARE,
	    .help = "--dir need not be in memory", AT(allow_disk) },
	{ TEXT("on-rotate", "WHAT"),
	    .help = "if new: none, signal:NAME, restart, exec:CMD",
	    .initial = "none", AT(on_rotate) },
	{ TIME("poll"), .help = "between looks for new versions",
	    .detail = "With a jitter of a tenth. 0 is never.", .initial = "30s",
	    .least = 0, .most = MS_A_DAY, AT(poll_ms) },
	{ TIME("deadline"), .flags = OPTION_RARE,
	    .help = "for the first values, then give up", .initial = "60s",
	    .least = 100, .most = MS_A_DAY, AT(deadline_ms) },
	{ TIME("grace"), .flags = OPTION_RARE,
	    .help = "to end in, at a restart; then killed", .initial = "10s",
	    .least = 0, .most = MS_AN_HOUR, AT(grace_ms) },
	{ FLAG("protection-report"), .flags = OPTION_RARE,
	    .help = "log what is protected, and not", AT(report) },
	OPTION_ROWS_COMMON(struct config, common),
};

static const struct option_table table = {
	.program = "pharos-wrapper",
	.about = "start a command with secrets that no relay could read",
	.synopsis = "[OPTIONS] -- COMMAND [ARGUMENT ...]",
	.manual = "pharos-wrapper(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_rest = true,
};

enum { EXIT_USAGE = 2 };

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static int make_plan(
    struct plan **plan, const struct config *c, struct fault *fault)
{
	struct plan_order order = { c->secrets.items, c->secrets.n_items,
		c->maps.items, c->maps.n_items, (enum plan_deliver)c->deliver,
		c->folder, c->on_rotate, c->poll_ms };
	struct address broker;
	int r = fetchway_broker(&broker, c->broker, fault);

	if (r)
		return r;
	if (!c->jwt_file == !c->token_file)
		return fault_set(fault, -EINVAL,
		    "give --jwt-file FILE, or --token-file FILE",
		    "exactly one way to the store's token is needed");
	r = plan_new(plan, &order, fault);
	return r ? r : deliver_check(*plan, c->allow_disk, fault);
}

/* Of this executable, out of the way of COURIER_FD. */
static int open_self(void)
{
	CLEANUP(close_p) int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

	return fd < 0 ? -errno : fcntl(fd, F_DUPFD_CLOEXEC, COURIER_FD + 1);
}

static int run(const struct config *c, const struct plan *plan,
    struct shield *shield, char *const *argv)
{
	struct egress_words egress;
	struct handoff_job job = {
		.broker = c->broker,
		.broker_ca = or_empty(c->broker_ca),
		.bridge_ca = c->bridge_ca,
		.jwt_file = or_empty(c->jwt_file),
		.token_file = or_empty(c->token_file),
		.broker_token_file = or_empty(c->broker_token_file),
		.role = or_empty(c->role),
		.auth_mount = c->auth_mount,
		.sandbox = !c->common.no_sandbox,
	};
	struct supervise_order order = {
		.plan = plan,
		.job = &job,
		.argv = argv,
		.program = open_self(),
		.poll_ms = (uint64_t)c->poll_ms,
		.deadline_ms = (uint64_t)c->deadline_ms,
		.grace_ms = (uint64_t)c->grace_ms,
		.sandbox = !c->common.no_sandbox,
		.report = c->report,
		.shield = shield,
	};

	egress_choose(&egress, c->egress_proxy, getenv);
	job.egress_url = or_empty(egress.url);
	job.egress_from = or_empty(egress.from);
	job.egress_except = or_empty(egress.except);
	if (order.program < 0) {
		log_err("cannot open /proc/self/exe",
		    LOG_STR("why", strerror(-order.program)),
		    LOG_STR("hint", "mount /proc"));
		return SUPERVISE_EXIT_ITSELF;
	}
	return supervise(&order);
}

int main(int argc, char **argv)
{
	struct config c = { .deliver = 0 };
	struct fault fault = FAULT_NONE;
	struct plan *plan = NULL;
	struct shield shield;
	int rest, r;

	if (argc == 2 && !strcmp(argv[1], COURIER_WORD))
		return fetch_process();
	r = shield_enter(&shield, &fault);
	if (!r)
		r = option_load(&table, argc, argv, &c, &rest, &fault);
	if (!r && rest == argc)
		r = fault_set(&fault, -EINVAL, "put it last, after --",
		    "there is no command to start");
	if (!r) {
		option_log("wrapper", &c.common);
		shield_scrub(&shield);
		r = make_plan(&plan, &c, &fault);
	}
	if (!r)
		r = run(&c, plan, &shield, argv + rest);
	else if (r == OPTION_E_DONE)
		r = EXIT_SUCCESS;
	else
		r = (fault_print(table.program, &fault), EXIT_USAGE);
	plan_free(plan);
	option_clear(&table, &c);
	return r;
}
