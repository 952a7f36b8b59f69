/* broker/introducer.c
 *
 *   look    GET -> over
 *   watch   GET -> ca.crt is there                   -> over
 *               -> our words are there -> PATCH      -> over
 *               -> nothing, others', no answer       -> GET in 2 s
 *
 * The CA is written with the version that was read. Whoever has written in
 * between is heard: the write is refused, and the next look sees what he wrote.
 * Only what lies there in the end is followed, so all replicas follow the same.
 */
#include "broker/introducer.h"
#include "net/loop.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "wire/introduction.h"

struct introducer {
	struct loop *loop;
	struct kube *kube;
	const char *name_space;
	const struct introducer_events *events;
	void *ctx;
	struct kube_call call;
	struct kube_request *sent;
	struct wheel_timer timer;  /* the next look of a watch */
	const struct words *words; /* of a watch; NULL: a look */
	X509 *ca;		   /* the same */
	char *wrong;		   /* version of the map that was told of */
};

static void finish(struct introducer *i, X509 *ca, const struct fault *fault)
{
	CLEANUP(x509_p) X509 *held = ca;

	if (ca)
		X509_up_ref(ca); /* it may be our own */
	introducer_end(i);
	i->events->over(i->ctx, held, fault);
}

static void look_later(struct introducer *i);

/* A look is over; a watch goes on. */
static void fail(struct introducer *i, const struct fault *fault)
{
	if (!i->words) {
		finish(i, NULL, fault);
		return;
	}
	look_later(i);
	i->events->failed(i->ctx, fault);
}

static void fail_memory(struct introducer *i)
{
	struct fault fault;

	fault_set(&fault, -ENOMEM, NULL, "out of memory");
	fail(i, &fault);
}

static int send_call(struct introducer *i, kube_fn fn, struct fault *fault)
{
	int r = kube_send(&i->sent, i->kube, &i->call, fn, i, fault);

	kube_call_clear(&i->call);
	if (r == KUBE_E_BUSY)
		return fault_set(fault, -EAGAIN, NULL,
		    "cluster: too many calls are under way already");
	return r && !fault->code ? fault_set(fault, r, NULL, "out of memory")
				 : r;
}

/* ---- the CA -------------------------------------------------------------- */

/* The answer to a change is the map as it is now. */
static int read_map(struct introducer *i, struct introduction *seen,
    const char *body, size_t n, struct fault *fault)
{
	int r = introduction_read(seen, body, n);

	if (r == -EBADMSG)
		return kube_unread(i->kube, &i->call, fault);
	return r ? fault_set(fault, r, NULL, "out of memory") : 0;
}

static int read_ca(X509 **out, const struct introducer *i, const char *pem,
    struct fault *fault)
{
	CLEANUP(x509_p) X509 *ca = NULL;
	struct fault own = FAULT_NONE;
	int r = pki_read_cert(&ca, pem, &own);

	if (!r && X509_check_ca(ca) != 1)
		r = fault_set(&own, -EINVAL, NULL, "it is no CA's");
	if (!r) {
		*out = STEAL(ca);
		return 0;
	}
	return fault_set(fault, r,
	    "Remove it there, and compare six words again.",
	    "ConfigMap %s/" INTRODUCTION_MAP ": ca.crt: %s", i->name_space,
	    own.text);
}

static void follow(struct introducer *i, const char *pem)
{
	CLEANUP(x509_p) X509 *ca = NULL;
	struct fault fault = FAULT_NONE;

	if (read_ca(&ca, i, pem, &fault))
		fail(i, &fault);
	else
		finish(i, ca, NULL);
}

static void on_written(
    void *ctx, const char *body, size_t n, const struct fault *broken)
{
	struct introducer *i = ctx;
	CLEANUP(introduction_deinit)
	struct introduction seen = { .version = NULL };
	struct fault fault = FAULT_NONE;

	i->sent = NULL;
	if (!body)
		fail(i, broken);
	else if (read_map(i, &seen, body, n, &fault))
		fail(i, &fault);
	else if (seen.ca_pem)
		follow(i, seen.ca_pem);
	else
		look_later(i);
}

static int write_ca(
    struct introducer *i, const char *version, struct fault *fault)
{
	CLEANUP(free_p) char *pem = NULL;
	struct introduction_change change = { .version = version };
	int r = pki_cert_pem(&pem, i->ca);

	change.ca_pem = pem;
	if (!r)
		r = introduction_call_change(&i->call, i->name_space, &change);
	return r ? r : send_call(i, on_written, fault);
}

/* ---- looking ------------------------------------------------------------- */

/* Once for each time that they are typed. */
static void tell_of_others(struct introducer *i, struct introduction *seen)
{
	struct fault fault;

	look_later(i);
	if (i->wrong && !strcmp(i->wrong, seen->version))
		return;
	free(i->wrong);
	i->wrong = STEAL(seen->version);
	fault_set(&fault, -EACCES,
	    "Are they another replica's, or older than 15 minutes? If not, "
	    "somebody stands between this broker and the bridge: approve on "
	    "neither side.",
	    "the six words that a person typed are not those of this broker");
	i->events->wrong(i->ctx, &fault);
}

static void consider(struct introducer *i, struct introduction *seen)
{
	struct fault fault = FAULT_NONE;
	int r;

	if (seen->ca_pem) {
		follow(i, seen->ca_pem);
	} else if (!i->words) {
		finish(i, NULL, NULL);
	} else if (!seen->words) {
		look_later(i);
	} else if (!words_same(i->words, seen->words)) {
		tell_of_others(i, seen);
	} else {
		r = write_ca(i, seen->version, &fault);
		if (r && fault.code)
			fail(i, &fault);
		else if (r)
			fail_memory(i);
	}
}

static void on_seen(
    void *ctx, const char *body, size_t n, const struct fault *broken)
{
	struct introducer *i = ctx;
	CLEANUP(introduction_deinit)
	struct introduction seen = { .version = NULL };
	struct fault fault = FAULT_NONE;

	i->sent = NULL;
	if (!body && broken->code != -ENOENT)
		fail(i, broken);
	else if (body && read_map(i, &seen, body, n, &fault))
		fail(i, &fault);
	else
		consider(i, &seen);
}

int introducer_look(struct introducer *i, struct fault *fault)
{
	INVARIANT(!i->sent);
	if (introduction_call_look(&i->call, i->name_space))
		return fault_set(fault, -EINVAL, NULL,
		    "--pod-namespace %.80s: cannot be one", i->name_space);
	return send_call(i, on_seen, fault);
}

static void on_time(struct wheel_timer *timer, uint64_t now)
{
	struct introducer *i = CONTAINER_OF(timer, struct introducer, timer);
	struct fault fault = FAULT_NONE;

	(void)now;
	if (introducer_look(i, &fault))
		fail(i, &fault);
}

static void look_later(struct introducer *i)
{
	loop_after(i->loop, &i->timer, INTRODUCER_LOOK_MS, on_time);
}

void introducer_watch(struct introducer *i, const struct words *words, X509 *ca)
{
	INVARIANT(!i->sent && !i->words);
	X509_up_ref(ca);
	i->words = words;
	i->ca = ca;
	look_later(i);
}

/* ---- its life ------------------------------------------------------------ */

int introducer_new(struct introducer **out, struct loop *loop,
    struct kube *kube, const char *name_space,
    const struct introducer_events *events, void *ctx)
{
	struct introducer *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->loop = loop;
	i->kube = kube;
	i->name_space = name_space;
	i->events = events;
	i->ctx = ctx;
	*out = i;
	return 0;
}

void introducer_end(struct introducer *i)
{
	loop_cancel(i->loop, &i->timer);
	kube_cancel(STEAL(i->sent));
	X509_free(STEAL(i->ca));
	i->words = NULL;
	free(STEAL(i->wrong));
}

void introducer_free(struct introducer *i)
{
	if (!i)
		return;
	introducer_end(i);
	free(i);
}
