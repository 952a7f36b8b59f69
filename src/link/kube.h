/* link/kube.h: calls to a cluster's API, as wire/kube.h has them, over
 * link/web.h.
 *
 * A token from a file is read for every call, since the kubelet replaces it.
 */
#pragma once
#include "base/fault.h"
#include "link/kubeaccess.h"
#include "wire/kube.h"

struct kube;
struct kube_request;
struct loop;

enum {
	KUBE_CALLS_MOST = 64, /* at once; more are refused */
	KUBE_CONNECTIONS_MOST = 4,
	KUBE_CALL_MS = 15000,
};

/** kube_open() - @access is borrowed until kube_close()
 * A proxy of the kubeconfig is used for every call but on loopback; without
 * one, what the variables say (base/egressoption.h).
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int kube_open(struct kube **out, struct loop *loop,
    const struct kube_access *access, struct fault *fault);
/** kube_close() - gives all calls up; their functions are not called */
void kube_close(struct kube *k);

/* @body: of an answer with 200 or 201, borrowed, NUL-terminated, at most
 * KUBE_ANSWER_MOST bytes; NULL with @fault: there was none, or kube_fault().
 * Called once, from the loop. */
typedef void (*kube_fn)(
    void *ctx, const char *body, size_t n, const struct fault *fault);
/** kube_send() - @call is copied, but for its constants
 * @out: valid until @fn is called.
 * Return: 0; KUBE_E_BUSY: KUBE_CALLS_MOST are under way; -ENOMEM; -errno with
 * @fault: the token's file. */
enum { KUBE_E_BUSY = 1 };
MUST_USE int kube_send(struct kube_request **out, struct kube *k,
    const struct kube_call *call, kube_fn fn, void *ctx, struct fault *fault);
/** kube_cancel() - @fn is not called; NULL is fine */
void kube_cancel(struct kube_request *q);

/** kube_unread() - @call was answered with what cannot be read
 * Return: -EBADMSG, with @fault. */
int kube_unread(
    const struct kube *k, const struct kube_call *call, struct fault *fault);
