#include "cli/brokercheck.h"
#include "base/option.h"
#include "cli/servercheck.h"
#include "link/web.h"
#include "net/address.h"
#include "net/loop.h"
#include "wire/json.h"

enum { DNS, TCP, PROXY, OUTER, STATUS, TUNNEL, POD };

static const struct checks_hop hops[] = {
	PROBE_ROWS("the broker"),
	{ "tls", "a certificate of --broker-ca with the broker's name",
	    "Give the bridge's CA with --broker-ca: it signs the broker's "
	    "certificate for the name of its Service." },
	{ "status", "the broker answers /v1/status",
	    "Is it a Pharos broker that listens there?" },
	{ "tunnel", "the broker has a tunnel to its bridge",
	    "Try its own way: pharos target debug with the broker's join "
	    "string, on the machine that it runs on." },
	PODCHECK_ROWS,
};

static const struct web_words words = {
	.who = "broker",
	.address = "--broker",
	.address_form = "expected is https://HOST:PORT",
	.ca = "--broker-ca",
	.reach = "check --broker, and that the broker listens there",
	.late = "check that the broker runs and is not overloaded",
	.trust = "check --broker-ca and the names in the broker's certificate",
	.broke = "look into the broker's log",
	.strange = "is this a Pharos broker?",
};

struct answer {
	struct web_call *sent; /* NULL once it is over */
	int status;
	json_t *body;
	struct fault fault;
};

static void on_answer(
    void *ctx, const struct web_answer *got, const struct fault *fault)
{
	struct answer *a = ctx;

	a->sent = NULL;
	if (!got) {
		a->fault = *fault;
		return;
	}
	a->status = got->status;
	a->body = json_read_object(got->body, got->n, 0);
	if (got->status != 200 || !a->body)
		(void)fault_set(&a->fault, -EBADMSG, words.strange,
		    "status %d%s", got->status,
		    a->body ? "" : ", and the answer is not JSON");
}

static int ask(struct answer *a, struct probe *p,
    const struct brokercheck_order *order, struct fault *fault)
{
	struct web_config config = { .words = &words,
		.agent = "pharos/" PHAROS_VERSION,
		.address = order->url,
		.ca_file = order->ca_file,
		.calls_most = 1,
		.connections_most = 1,
		.answer_most = 65536,
		.call_ms = PROBE_MS,
		.egress = probe_egress(p) };
	struct web_request request = { .method = "GET",
		.target = "/v1/status" };
	struct web *web;
	int r = web_open(&web, probe_loop(p), &config, fault);

	if (r)
		return r;
	r = web_send(&a->sent, web, &request, on_answer, a);
	while (!r && a->sent)
		loop_wait(probe_loop(p));
	web_close(web);
	return r ? fault_set(fault, -ENOMEM, NULL, "out of memory") : 0;
}

static void tell(struct checks *c, const struct answer *a)
{
	const json_t *tunnels = json_object_get(a->body, "tunnels");
	const char *last =
	    json_string_value(json_object_get(a->body, "last_error"));
	struct fault none;

	if (a->fault.code) {
		checks_bad(c, STATUS, &a->fault);
		return;
	}
	checks_good(c, STATUS, "sessions of pods are %s",
	    json_is_true(json_object_get(a->body, "sealed"))
		? "sealed"
		: "not sealed: it passes requests through and reads them");
	if (json_array_size(tunnels)) {
		checks_good(c, TUNNEL, "%zu, the first to %s",
		    json_array_size(tunnels),
		    json_string_value(
			json_object_get(json_array_get(tunnels, 0), "peer")));
		return;
	}
	(void)fault_set(&none, -ENOTCONN, NULL, "none%s%s",
	    last && *last ? "; it says: " : "", last ? last : "");
	checks_bad(c, TUNNEL, &none);
}

int brokercheck(struct checks *out, struct probe *p,
    const struct brokercheck_order *order, struct fault *fault)
{
	struct servercheck server = { .url = order->url,
		.option = "--broker",
		.ca_file = order->ca_file,
		.hop = "the broker's TLS" };
	struct podcheck_order pod = order->pod;
	struct answer a = { .status = 0 };
	struct address where;
	int r;

	pod.target = order->url + strcspn(order->url, "/");
	pod.target += strspn(pod.target, "/");
	if (pod.token_file && (strncmp(order->url, "https://", 8) != 0 ||
				  address_parse(&where, pod.target)))
		return fault_set(fault, OPTION_E_BAD,
		    "expected is https://HOST:PORT",
		    "--broker %.200s: a pod cannot use it", order->url);
	checks_init(out, order->url, hops, N_ELEMS(hops));
	r = servercheck(out, p, &server, fault);
	if (!r && checks_turn(out, STATUS)) {
		r = ask(&a, p, order, fault);
		if (!r)
			tell(out, &a);
	}
	json_decref(a.body);
	if (r || !checks_turn(out, POD))
		return r;
	pod.ca_file = order->ca_file;
	pod.first = POD;
	if (pod.token_file)
		return podcheck(p, out, &pod, fault);
	for (size_t i = POD; i < N_ELEMS(hops); i++)
		checks_skip(out, i, "no --token-file");
	return 0;
}
