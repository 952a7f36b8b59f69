/* pharos tether apply --dry-run: what an apply would do, operation by
 * operation, asked of the daemon, which compares as it does for an apply. */
#include "cli/beacon.h"
#include "cli/tether_daemon.h"
#include "wire/json.h"
#include <stdio.h>

/* ---- asking -------------------------------------------------------------- */

/* The next page of operations on peers, added to @plan. */
static int ask_on(
    json_t *plan, json_int_t next, const char *control, struct fault *fault)
{
	char target[64];
	JSON *page = NULL;
	int r;

	(void)snprintf(target, sizeof(target),
	    "/v1/plan?after=%" JSON_INTEGER_FORMAT, next);
	r = tether_call(&page, control, "GET", target, fault);
	if (r)
		return r;
	(void)json_array_extend(
	    json_object_get(plan, "peers"), json_object_get(page, "peers"));
	(void)json_object_set(plan, "next", json_object_get(page, "next"));
	return 0;
}

static int ask(json_t **out, const char *control, struct fault *fault)
{
	JSON *plan = NULL;
	json_int_t last = 0;
	int r = tether_call(&plan, control, "GET", "/v1/plan", fault);

	while (!r) {
		const json_t *next = json_object_get(plan, "next");

		/* one that does not go on would go on for ever */
		if (!json_is_integer(next) || json_integer_value(next) <= last)
			break;
		last = json_integer_value(next);
		r = ask_on(plan, last, control, fault);
	}
	if (r)
		return r;
	(void)json_object_del(plan, "next");
	*out = STEAL(plan);
	return 0;
}

/* ---- saying -------------------------------------------------------------- */

/* Each returns how many operations it has said. */
static size_t print_rules(const json_t *plan)
{
	const char *rules = beacon_text(plan, "rules");

	if (!strcmp(rules, "unchanged"))
		return 0;
	puts(!strcmp(rules, "members") ? "change the members of zones"
				       : "load the rules anew");
	return 1;
}

static size_t print_number(
    const json_t *plan, const char *name, const char *words)
{
	const json_t *value = json_object_get(plan, name);

	if (!json_is_integer(value))
		return 0;
	printf(
	    "%s %" JSON_INTEGER_FORMAT "\n", words, json_integer_value(value));
	return 1;
}

static size_t print_flag(
    const json_t *plan, const char *name, const char *words)
{
	if (!json_is_true(json_object_get(plan, name)))
		return 0;
	puts(words);
	return 1;
}

static size_t print_list(const json_t *of, const char *name, const char *words)
{
	json_t *list = json_object_get(of, name), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		printf("%s %s\n", words, json_string_value(one));
	}
	return json_array_size(list);
}

static size_t print_link(const json_t *plan)
{
	const json_t *addresses = json_object_get(plan, "addresses");
	const json_t *routes = json_object_get(plan, "routes");
	size_t n = print_flag(plan, "make", "make the interface");

	n += print_flag(plan, "private_key", "set the private key");
	n += print_number(plan, "port", "set the UDP port");
	n += print_number(plan, "mtu", "set the MTU");
	n += print_list(addresses, "removed", "remove address");
	n += print_list(addresses, "added", "add address");
	n += print_list(routes, "removed", "remove route");
	n += print_list(routes, "added", "add route");
	return n;
}

static void print_details(const json_t *peer, const char *name)
{
	json_t *list = json_object_get(peer, name), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		printf("%s %s", i ? "," : name, json_string_value(one));
	}
	if (i)
		fputs("; ", stdout);
}

static size_t print_peers(const json_t *plan)
{
	json_t *peers = json_object_get(plan, "peers"), *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		printf("%s peer %s: ", beacon_text(peer, "operation"),
		    beacon_text(peer, "name"));
		print_details(peer, "gets");
		print_details(peer, "loses");
		print_details(peer, "sets");
		printf("key %s\n", beacon_text(peer, "key"));
	}
	return json_array_size(peers);
}

static void print_text(const json_t *plan)
{
	size_t n = print_rules(plan);

	n += print_link(plan);
	n += print_peers(plan);
	if (!n)
		puts("nothing to do");
	if (!strcmp(beacon_text(plan, "state"), "down"))
		printf("%s was told to be down, and stays so\n",
		    beacon_text(plan, "interface"));
}

int tether_dry_run(const char *control, int output, struct fault *fault)
{
	JSON *plan = NULL;
	int r = ask(&plan, control, fault);

	if (r)
		return r;
	if (output == VERB_JSON) {
		(void)json_dumpf(plan, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_text(plan);
	}
	return 0;
}
