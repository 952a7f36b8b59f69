#include "wrapper/handoff.h"
#include "base/rd.h"
#include "base/wr.h"
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const hop_names[] = {
	[HANDOFF_HOP_HERE] = "this machine",
	[HANDOFF_HOP_BROKER] = "broker leg",
	[HANDOFF_HOP_CONNECT] = "CONNECT at the broker",
	[HANDOFF_HOP_SEALED] = "sealed session",
	[HANDOFF_HOP_LOGIN] = "login",
	[HANDOFF_HOP_PATH] = "path",
};
static_assert(N_ELEMS(hop_names) == HANDOFF_HOP_COUNT, "a name for each hop");

const char *handoff_hop_name(enum handoff_hop hop)
{
	return hop < HANDOFF_HOP_COUNT ? hop_names[hop] : "unknown hop";
}

void handoff_copy_lease(char to[HANDOFF_LEASE_MOST + 1], const char *lease)
{
	size_t n = strnlen(lease, HANDOFF_LEASE_MOST);

	memcpy(to, lease, n);
	to[n] = '\0';
}

/* A text: its length counts the NUL, so a reader borrows it as it stands. */
static void put_text(struct wr *w, const char *text, size_t most)
{
	size_t n = strlen(text);

	if (n > most || n >= UINT16_MAX) {
		w->bad = true;
		return;
	}
	wr_u16(w, (uint16_t)(n + 1));
	wr_bytes(w, text, n + 1);
}

static const char *get_text(struct rd *r, size_t most)
{
	struct rd span = rd_span16(r);
	const char *text = (const char *)span.at;

	if (!rd_ok(r) || !span.left || span.left > most + 1 ||
	    memchr(text, '\0', span.left) != text + span.left - 1) {
		rd_fail(r);
		return "";
	}
	return text;
}

static bool get_bool(struct rd *r)
{
	uint8_t v = rd_u8(r);

	if (v > 1)
		rd_fail(r);
	return v == 1;
}

/* A number below @end; 0 when it is not. */
static size_t get_index(struct rd *r, size_t end)
{
	uint32_t v = rd_u32(r);

	if (v >= end) {
		rd_fail(r);
		return 0;
	}
	return v;
}

static void put_head(struct wr *w, enum handoff_type type)
{
	wr_u8(w, HANDOFF_VERSION);
	wr_u8(w, (uint8_t)type);
}

static int written(const struct wr *w, size_t *used)
{
	if (!wr_ok(w))
		return -ENOBUFS;
	*used = w->used;
	return 0;
}

static void put_task(struct wr *w, const struct handoff_job *job,
    const struct handoff_task *t, size_t *field)
{
	wr_u8(w, (uint8_t)t->verb);
	put_text(w, t->path, PLAN_PATH_MOST);
	put_text(w, t->lease, HANDOFF_LEASE_MOST);
	wr_u64(w, t->version);
	wr_u64(w, t->made);
	wr_u32(w, t->increment);
	wr_u32(w, (uint32_t)t->first_item);
	wr_u32(w, (uint32_t)t->n_fields);
	for (size_t i = 0; i < t->n_fields; i++)
		put_text(w, job->fields[(*field)++], PLAN_FIELD_MOST);
}

int handoff_write_job(
    const struct handoff_job *job, void *to, size_t room, size_t *used)
{
	const char *const texts[] = { job->broker, job->broker_ca,
		job->bridge_ca, job->jwt_file, job->token_file,
		job->broker_token_file, job->role, job->auth_mount,
		job->egress_url, job->egress_from, job->egress_except };
	struct wr w = wr_over(to, room < HANDOFF_MOST ? room : HANDOFF_MOST);
	size_t field = 0;

	if (job->n_tasks > PLAN_SECRETS_MAX || job->n_fields > PLAN_ITEMS_MAX)
		return -EINVAL;
	put_head(&w, HANDOFF_JOB);
	for (size_t i = 0; i < N_ELEMS(texts); i++)
		put_text(&w, texts[i], HANDOFF_TEXT_MOST);
	wr_u32(&w, job->deadline_ms);
	wr_u8(&w, job->sandbox);
	wr_u8(&w, job->session);
	wr_u8(&w, job->session_hidden);
	wr_u32(&w, job->session_size);
	wr_u32(&w, job->renew_s);
	wr_u8(&w, job->keep_session);
	wr_u8(&w, job->all);
	wr_u32(&w, (uint32_t)job->n_tasks);
	for (size_t i = 0; i < job->n_tasks; i++) {
		if (job->tasks[i].n_fields > job->n_fields - field)
			return -EINVAL;
		put_task(&w, job, &job->tasks[i], &field);
	}
	return written(&w, used);
}

static void get_task(
    struct rd *r, struct handoff_job *job, struct handoff_task *t)
{
	t->verb = (enum handoff_verb)rd_u8(r);
	if (t->verb >= HANDOFF_VERB_COUNT)
		rd_fail(r);
	t->path = get_text(r, PLAN_PATH_MOST);
	t->lease = get_text(r, HANDOFF_LEASE_MOST);
	t->version = rd_u64(r);
	t->made = rd_u64(r);
	t->increment = rd_u32(r);
	t->first_item = get_index(r, PLAN_ITEMS_MAX);
	t->n_fields = get_index(r, PLAN_ITEMS_MAX - t->first_item + 1);
	if (t->n_fields > PLAN_ITEMS_MAX - job->n_fields)
		rd_fail(r);
	for (size_t i = 0; rd_ok(r) && i < t->n_fields; i++)
		job->fields[job->n_fields++] = get_text(r, PLAN_FIELD_MOST);
}

static bool get_head(struct rd *r, enum handoff_type *type)
{
	bool ours = rd_u8(r) == HANDOFF_VERSION;

	*type = (enum handoff_type)rd_u8(r);
	return ours && rd_ok(r);
}

int handoff_read_job(struct handoff_job *out, const void *bytes, size_t n)
{
	CLEANUP(free_p) struct handoff_job *job = calloc(1, sizeof(*job));
	const char **const texts[] = { &job->broker, &job->broker_ca,
		&job->bridge_ca, &job->jwt_file, &job->token_file,
		&job->broker_token_file, &job->role, &job->auth_mount,
		&job->egress_url, &job->egress_from, &job->egress_except };
	struct rd r = rd_over(bytes, n);
	enum handoff_type type;

	if (!job)
		return -ENOMEM;
	if (!get_head(&r, &type) || type != HANDOFF_JOB)
		return HANDOFF_E_FORMAT;
	for (size_t i = 0; i < N_ELEMS(texts); i++)
		*texts[i] = get_text(&r, HANDOFF_TEXT_MOST);
	job->deadline_ms = rd_u32(&r);
	job->sandbox = get_bool(&r);
	job->session = get_bool(&r);
	job->session_hidden = get_bool(&r);
	job->session_size = (uint32_t)get_index(&r, HANDOFF_TOKEN_MOST + 1);
	job->renew_s = rd_u32(&r);
	job->keep_session = get_bool(&r);
	job->all = get_bool(&r);
	job->n_tasks = get_index(&r, PLAN_SECRETS_MAX + 1);
	for (size_t i = 0; rd_ok(&r) && i < job->n_tasks; i++)
		get_task(&r, job, &job->tasks[i]);
	if (!rd_done(&r))
		return HANDOFF_E_FORMAT;
	*out = *job;
	return 0;
}

static void put_secret(struct wr *w, const struct handoff_reply *reply)
{
	wr_u32(w, (uint32_t)reply->u.secret.index);
	wr_u64(w, reply->u.secret.version);
	wr_u64(w, reply->u.secret.made);
	put_text(w, reply->u.secret.lease, HANDOFF_LEASE_MOST);
	wr_u32(w, reply->u.secret.lease_s);
	wr_u8(w, reply->u.secret.renewable);
	wr_u8(w, reply->u.secret.unchanged);
}

static void put_fault(struct wr *w, const struct handoff_reply *reply)
{
	wr_u8(w, (uint8_t)reply->u.fault.index);
	wr_u8(w, (uint8_t)reply->u.fault.hop);
	wr_u8(w, reply->u.fault.retry);
	wr_u32(w, reply->u.fault.retry_ms);
	put_text(w, reply->u.fault.text, FAULT_TEXT_MAX - 1);
	put_text(w, reply->u.fault.hint, FAULT_HINT_MAX - 1);
}

int handoff_write_reply(
    const struct handoff_reply *reply, void *to, size_t room, size_t *used)
{
	struct wr w = wr_over(to, room);

	put_head(&w, reply->type);
	switch (reply->type) {
	case HANDOFF_VALUE:
		wr_u32(&w, (uint32_t)reply->u.value.item);
		wr_u32(&w, (uint32_t)reply->u.value.size);
		wr_u8(&w, reply->u.value.hidden);
		break;
	case HANDOFF_SECRET:
		put_secret(&w, reply);
		break;
	case HANDOFF_SESSION:
		wr_u32(&w, (uint32_t)reply->u.session.size);
		wr_u8(&w, reply->u.session.hidden);
		wr_u32(&w, reply->u.session.lease_s);
		wr_u8(&w, reply->u.session.renewable);
		wr_u8(&w, reply->u.session.fresh);
		break;
	case HANDOFF_FAULT:
		put_fault(&w, reply);
		break;
	case HANDOFF_DONE:
		wr_u8(&w, reply->u.done.lingers);
		break;
	case HANDOFF_JOB:
	default:
		return -EINVAL;
	}
	return written(&w, used);
}

static void get_value(struct rd *r, struct handoff_reply *out)
{
	out->u.value.item = get_index(r, PLAN_ITEMS_MAX);
	out->u.value.size = get_index(r, HANDOFF_VALUE_MOST + 1);
	out->u.value.hidden = get_bool(r);
}

static void get_secret(struct rd *r, struct handoff_reply *out)
{
	out->u.secret.index = get_index(r, PLAN_SECRETS_MAX);
	out->u.secret.version = rd_u64(r);
	out->u.secret.made = rd_u64(r);
	out->u.secret.lease = get_text(r, HANDOFF_LEASE_MOST);
	out->u.secret.lease_s = rd_u32(r);
	out->u.secret.renewable = get_bool(r);
	out->u.secret.unchanged = get_bool(r);
}

static void get_session(struct rd *r, struct handoff_reply *out)
{
	out->u.session.size = get_index(r, HANDOFF_TOKEN_MOST + 1);
	out->u.session.hidden = get_bool(r);
	out->u.session.lease_s = rd_u32(r);
	out->u.session.renewable = get_bool(r);
	out->u.session.fresh = get_bool(r);
}

static void get_fault(struct rd *r, struct handoff_reply *out)
{
	out->u.fault.index = rd_u8(r);
	if (out->u.fault.index > HANDOFF_WHOLE)
		rd_fail(r);
	out->u.fault.hop = (enum handoff_hop)rd_u8(r);
	if (out->u.fault.hop >= HANDOFF_HOP_COUNT)
		rd_fail(r);
	out->u.fault.retry = get_bool(r);
	out->u.fault.retry_ms = rd_u32(r);
	out->u.fault.text = get_text(r, FAULT_TEXT_MAX - 1);
	out->u.fault.hint = get_text(r, FAULT_HINT_MAX - 1);
}

static void get_done(struct rd *r, struct handoff_reply *out)
{
	out->u.done.lingers = get_bool(r);
}

int handoff_read_reply(struct handoff_reply *out, const void *bytes, size_t n)
{
	static void (*const getters[])(struct rd *, struct handoff_reply *) = {
		[HANDOFF_VALUE] = get_value,
		[HANDOFF_SECRET] = get_secret,
		[HANDOFF_SESSION] = get_session,
		[HANDOFF_FAULT] = get_fault,
		[HANDOFF_DONE] = get_done,
	};
	struct handoff_reply reply = { .type = HANDOFF_DONE };
	struct rd r = rd_over(bytes, n);

	if (n > HANDOFF_REPLY_MOST || !get_head(&r, &reply.type) ||
	    reply.type < HANDOFF_VALUE || reply.type > HANDOFF_DONE)
		return HANDOFF_E_FORMAT;
	getters[reply.type](&r, &reply);
	if (!rd_done(&r))
		return HANDOFF_E_FORMAT;
	*out = reply;
	return 0;
}

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static void put_descriptor(struct msghdr *m, union control *c, int pass)
{
	*c = (union control){ .head = {
				  .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
			      } };
	memcpy(CMSG_DATA(&c->head), &pass, sizeof(pass));
	m->msg_control = c;
	m->msg_controllen = sizeof(c->room);
}

int handoff_send(int fd, const void *bytes, size_t n, int pass)
{
	union control control;
	struct iovec span = { .iov_len = n };
	struct msghdr m = { .msg_iov = &span, .msg_iovlen = 1 };
	ssize_t sent;

	memcpy(&span.iov_base, &bytes, sizeof(bytes)); /* iovec has no const */
	if (pass >= 0)
		put_descriptor(&m, &control, pass);
	do
		sent = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int taken_descriptor(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

ssize_t handoff_receive(int fd, void *to, size_t room, int *passed)
{
	union control control = { .room = { 0 } };
	struct iovec span = { .iov_base = to, .iov_len = room };
	struct msghdr m = {
		.msg_iov = &span, .msg_iovlen = 1, .msg_control = &control
	};
	CLEANUP(close_p) int got = -1;
	ssize_t n;

	/* not CMSG_SPACE: its padding has room for a second descriptor */
	m.msg_controllen = CMSG_LEN(sizeof(int));
	do
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	got = taken_descriptor(&m);
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	if (n) {
		*passed = got;
		got = -1;
	}
	return n;
}
