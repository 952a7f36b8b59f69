/* link/web.h: HTTPS calls to one server, by libcurl on the loop.
 *
 * For the APIs of others: the secret store's, the cluster's. Connections are
 * kept and reused. The server's certificate is checked against a CA, the
 * system's roots, or a pin, TLS 1.2 at least; plain HTTP is for loopback only.
 * No redirect, no cookie is followed. Whether the server is reached by a proxy,
 * net/egress.h says, as for every other connection. Deciding on a status, and
 * reading a body, is the caller's.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "base/secret.h"

struct egress;
struct loop;
struct web;
struct web_call;

enum {
	WEB_HEADER_MOST = 16 * 1024 + 64, /* bytes of one header of a request */
	WEB_CONNECT_MS = 5000,
};

/* How messages name the server, and what they advise. All constant, none NULL
 * but where it says so. */
struct web_words {
	const char *who; /* "store": "store https://…: no answer in time" */
	const char *address; /* where the address was said: "--vault-addr" */
	const char *address_form; /* what is expected there */
	const char *ca;	 /* where the CA's file was said; NULL: never */
	const char *pin; /* where the pin was said; NULL: never */
	/* hints, by what has failed */
	const char *reach, *late, *trust, *broke, *strange;
};

struct web_config {
	const struct web_words *words; /* borrowed; the rest is copied */
	const char *agent;	       /* User-Agent */
	const char *address;	       /* "https://HOST[:PORT]", "…/" */
	bool takes_path;  /* address may have a path, for all calls */
	bool public_only; /* it is named by somebody else: connect to no address
			     but one of the internet (net/cidr.h); by a proxy
			     that is the proxy's to decide */
	const char *ca_file;	 /* PEM; NULL: the system's roots */
	const char *ca_pem;	 /* instead of ca_file */
	const char *pin_hex;	 /* SHA-256 of the SPKI; NULL: none */
	const char *server_name; /* of the certificate; NULL: the address's */
	const char *cert_pem;	 /* to show; NULL: none */
	const struct secret *key_pem;
	unsigned calls_most; /* at once; more are refused */
	long connections_most;
	size_t answer_most;	     /* bytes of a body */
	long call_ms;		     /* for all of a call */
	const struct egress *egress; /* borrowed until web_close(); NULL */
};
/** web_open() - Return: 0; -EINVAL or -errno with @fault (address, file, pin);
 * -ENOMEM. */
MUST_USE int web_open(struct web **out, struct loop *loop,
    const struct web_config *config, struct fault *fault);
/** web_close() - gives all calls up; their functions are not called */
void web_close(struct web *w);

/* @body: borrowed for the call, NUL-terminated, wiped after it. */
struct web_answer {
	int status;
	const char *content_type; /* "" when not said */
	const char *retry_after;  /* "" when not said */
	const char *body;
	size_t n;
};
/* @answer: NULL with @fault when none came: -ETIMEDOUT, -EMSGSIZE (larger than
 * answer_most) or -EIO. Called once, from the loop. */
typedef void (*web_fn)(
    void *ctx, const struct web_answer *answer, const struct fault *fault);

struct web_header {
	const char *name, *value; /* "": none, where libcurl would put one */
};
/* All copied; copies are wiped when they are freed. */
struct web_request {
	const char *method; /* GET, HEAD, POST, PATCH, LIST or DELETE */
	const char *target; /* "/v1/x?y"; behind the address's path */
	const struct web_header *headers;
	size_t n_headers;
	const struct secret *body; /* NULL: none */
	const char *body_type;	   /* NULL: application/json */
};
/** web_send() - @out: valid until @fn is called
 * Return: 0; WEB_E_BUSY: calls_most are under way; -ENOMEM. */
enum { WEB_E_BUSY = 1 };
MUST_USE int web_send(struct web_call **out, struct web *w,
    const struct web_request *request, web_fn fn, void *ctx);
/** web_cancel() - @fn is not called; NULL is fine */
void web_cancel(struct web_call *c);

/** web_address() - as given, without a slash at its end */
const char *web_address(const struct web *w);
/** web_last_fault() - of the last call that got no answer; "" since one did */
const char *web_last_fault(const struct web *w);

struct web_counts {
	uint64_t answered, failed, refused; /* refused: WEB_E_BUSY */
	uint64_t under_way;
	struct metric_histogram took; /* of calls that were answered */
};
/** web_counts() - for tables of metrics; stays until web_close() */
const struct web_counts *web_counts(const struct web *w);
