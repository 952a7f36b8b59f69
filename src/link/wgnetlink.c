/* The family's number differs from system to system, so each call asks for it;
 * asking is also what loads the module.
 */
#include "link/wgnetlink.h"
#include "base/secret.h"
#include "wire/nlwalk.h"
#include "wire/nlwg.h"
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <stdio.h>
#include <sys/socket.h>

enum { ANSWER_BLOCK = 32768 };

struct talk {
	struct mnl_socket *socket;
	struct nlwg_device device;
	unsigned port, sequence;
};

static void end_talk(struct talk *t)
{
	if (t->socket)
		(void)mnl_socket_close(t->socket);
}

static int take_answers(struct talk *t, mnl_cb_t each, void *ctx)
{
	_Alignas(struct nlmsghdr) char block[ANSWER_BLOCK];
	int more = MNL_CB_OK, r = 0;

	while (!r && more > MNL_CB_STOP) {
		ssize_t got =
		    mnl_socket_recvfrom(t->socket, block, sizeof(block));

		if (got >= 0)
			more = mnl_cb_run(block, (size_t)got, t->sequence,
			    t->port, each, ctx);
		if (got < 0 || more < 0)
			r = -errno;
	}
	secret_wipe(block, sizeof(block));
	return r;
}

static int ask(
    struct talk *t, struct nlmsghdr *request, mnl_cb_t each, void *ctx)
{
	request->nlmsg_seq = ++t->sequence;
	if (mnl_socket_sendto(t->socket, request, request->nlmsg_len) < 0)
		return -errno;
	return take_answers(t, each, ctx);
}

static int take_family(const struct nlmsghdr *head, void *ctx)
{
	struct nlwalk w = nlwalk_over(head, sizeof(struct genlmsghdr));
	struct talk *t = ctx;
	const struct nlattr *a;

	while ((a = nlwalk_next(&w)))
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID &&
		    !mnl_attr_validate(a, MNL_TYPE_U16))
			t->device.family = mnl_attr_get_u16(a);
	return MNL_CB_OK;
}

static int find_family(struct talk *t)
{
	_Alignas(struct nlmsghdr) char block[256];
	struct nlmsghdr *head = mnl_nlmsg_put_header(block);
	struct genlmsghdr *genl;
	int r;

	head->nlmsg_type = GENL_ID_CTRL;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl = mnl_nlmsg_put_extra_header(head, sizeof(*genl));
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(head, CTRL_ATTR_FAMILY_NAME, WG_GENL_NAME);
	r = ask(t, head, take_family, t);
	return r || t->device.family ? r : -ENOENT;
}

static int begin_talk(struct talk *t, const char *name)
{
	INVARIANT(strlen(name) <= NLWG_NAME_MOST);
	(void)snprintf(t->device.name, sizeof(t->device.name), "%s", name);
	t->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!t->socket || mnl_socket_bind(t->socket, 0, MNL_SOCKET_AUTOPID))
		return -errno;
	t->port = mnl_socket_get_portid(t->socket);
	return find_family(t);
}

int wgnetlink_probe(void)
{
	CLEANUP(end_talk) struct talk t = { .socket = NULL };

	return begin_talk(&t, "");
}

static int failed(
    struct fault *f, int code, const char *name, const char *doing)
{
	return fault_set(f, code,
	    code == -ENOENT ? "load the module wireguard" : NULL,
	    "interface %s: %s: %s", name, doing, strerror(-code));
}

/* ---- the state ----------------------------------------------------------- */

static int take_state(const struct nlmsghdr *head, void *ctx)
{
	int r = nlwg_read(ctx, head);

	if (!r)
		return MNL_CB_OK;
	errno = r < 0 ? -r : EPROTO;
	return MNL_CB_ERROR;
}

int wgnetlink_read(const char *name, struct wgstate *out, struct fault *fault)
{
	CLEANUP(end_talk) struct talk t = { .socket = NULL };
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	struct wgstate state;
	int r = begin_talk(&t, name);

	wgstate_init(&state);
	if (!r)
		r = ask(
		    &t, nlwg_write_get(block, &t.device), take_state, &state);
	if (!r)
		r = wgstate_seal(&state, NULL);
	if (r) {
		wgstate_deinit(&state);
		return failed(fault, r < 0 ? r : -EPROTO, name,
		    "asking the kernel for its state");
	}
	*out = state;
	return 0;
}

/* ---- changes ------------------------------------------------------------- */

int wgnetlink_apply(
    const char *name, const struct wgplan *plan, struct fault *fault)
{
	CLEANUP(end_talk) struct talk t = { .socket = NULL };
	struct nlwg_writer w = { .plan = plan, .device = &t.device };
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	struct nlmsghdr *request;
	int r = plan->n_ops ? begin_talk(&t, name) : 0;

	while (!r && (request = nlwg_write_plan(&w, block)))
		r = ask(&t, request, NULL, NULL);
	secret_wipe(block, sizeof(block));
	return r ? failed(fault, r, name, "giving the kernel the changes") : 0;
}
