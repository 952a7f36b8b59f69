/* link/test-fakeserver.h: a server of the worst kind, for tests: it answers
 * what it is told to, or misbehaves, and remembers what it was asked.
 */
#pragma once
#include "net/httpd.h"
#include "net/listen.h"
#include "net/test-support.h"
#include <stdio.h>

enum fake_manner {
	FAKE_ANSWER, /* the scripted answer */
	FAKE_HANG,   /* never */
	FAKE_CUT,    /* reset the connection */
};

/* What to answer to requests of one kind, as JSON. */
struct fake_row {
	const char *asked; /* how fake.asked begins; NULL ends a table */
	int status;
	const char *body;
	const char *(*make)(const char *asked); /* the body, where that is NULL
						 */
};

struct fake_call {
	struct fake_call *next, **link;
	struct fake *fake;
	struct http_stream *stream;
	struct http_collect *body; /* while it comes */
	char asked[8192];	   /* "METHOD target body" */
};

struct fake {
	struct loop *loop;
	struct fake_call *calls; /* not answered yet */
	struct httpd *httpd;
	char address[64]; /* "http://127.0.0.1:port", or https */

	enum fake_manner manner;
	struct http_answer answer;
	const struct fake_row *rows; /* go before @answer, where one fits */

	/* the last request */
	int requests;
	char asked[8192]; /* "METHOD target body" */
	char token[64], name_space[64], marker[16], type[64];
	char host[64], login[64], accept[64]; /* login: authorization */
	char odd[64]; /* a header that must not cross: x-forwarded-for */
};

static inline void fake_note(
    char *to, size_t room, const struct http_head *head, const char *name)
{
	const char *value = http_head_get(head, name);

	snprintf(to, room, "%s", value ? value : "");
}

static inline void fake_call_free(struct fake_call *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	free(c);
}

static inline struct http_answer fake_answer_to(const struct fake *f)
{
	for (const struct fake_row *r = f->rows; r && r->asked; r++)
		if (!strncmp(f->asked, r->asked, strlen(r->asked))) {
			const char *body =
			    r->body ? r->body : r->make(f->asked);

			return (struct http_answer){ .status = r->status,
				.content_type = "application/json",
				.body = body,
				.n = strlen(body) };
		}
	return f->answer;
}

static inline void fake_on_body(void *ctx, char *body, size_t n, int error)
{
	struct fake_call *c = ctx;
	struct fake *f = c->fake;
	size_t used = strlen(c->asked);
	struct http_answer answer;

	c->body = NULL;
	snprintf(c->asked + used, sizeof(c->asked) - used, "%s%.*s",
	    n ? " " : "", (int)n, error ? "" : body);
	memcpy(f->asked, c->asked, sizeof(f->asked));
	free(body);
	f->requests++;
	if (f->manner == FAKE_HANG)
		return;
	answer = fake_answer_to(f);
	if (f->manner == FAKE_CUT)
		http_stream_abandon(c->stream);
	else
		http_stream_answer(c->stream, &answer);
	fake_call_free(c);
}

static inline void fake_on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct fake *f = ctx;
	struct fake_call *c = malloc(sizeof(*c));

	assert_non_null(c);
	fake_note(f->token, sizeof(f->token), head, "x-vault-token");
	fake_note(
	    f->name_space, sizeof(f->name_space), head, "x-vault-namespace");
	fake_note(f->marker, sizeof(f->marker), head, "x-vault-request");
	fake_note(f->type, sizeof(f->type), head, "content-type");
	snprintf(f->host, sizeof(f->host), "%s", head->authority);
	fake_note(f->accept, sizeof(f->accept), head, "accept");
	fake_note(f->login, sizeof(f->login), head, "authorization");
	fake_note(f->odd, sizeof(f->odd), head, "x-forwarded-for");
	*c = (struct fake_call){ f->calls, &f->calls, f, s, NULL, "" };
	snprintf(
	    c->asked, sizeof(c->asked), "%s %s", head->method, head->target);
	if (c->next)
		c->next->link = &c->next;
	f->calls = c;
	assert_int_equal(
	    http_receive(&c->body, s, 1 << 20, 5000, fake_on_body, c), 0);
}

static const struct httpd_route fake_routes[] = { { NULL, "/*",
    fake_on_request } };

/** fake_open_tls() - @tls (counted up) or NULL for plain HTTP */
static inline void fake_open_tls(
    struct fake *f, struct loop *loop, struct tls_context *tls)
{
	struct httpd_config config = { .routes = fake_routes,
		.n_routes = N_ELEMS(fake_routes),
		.ctx = f };
	struct fault fault = FAULT_NONE;

	*f = (struct fake){ .loop = loop };
	assert_int_equal(httpd_new(&f->httpd, loop, &config), 0);
	if (httpd_listen(f->httpd, "127.0.0.1:0", tls, &fault))
		fail_msg("%s", fault.text);
	snprintf(f->address, sizeof(f->address), "http%s://%s", tls ? "s" : "",
	    httpd_address(f->httpd));
}

static inline void fake_open(struct fake *f, struct loop *loop)
{
	fake_open_tls(f, loop, NULL);
}

static inline void fake_close(struct fake *f)
{
	while (f->calls) {
		http_receive_cancel(f->calls->body);
		http_stream_abandon(f->calls->stream);
		fake_call_free(f->calls);
	}
	httpd_free(f->httpd);
}

/** fake_say() - what to answer from now on; @body must stay */
static inline void fake_say(
    struct fake *f, int status, const char *type, const char *body)
{
	f->manner = FAKE_ANSWER;
	f->answer = (struct http_answer){ .status = status,
		.content_type = type,
		.body = body,
		.n = strlen(body) };
}
