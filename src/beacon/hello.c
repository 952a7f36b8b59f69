#include "beacon/hello.h"
#include "base/log.h"
#include "beacon/allow.h"
#include "net/tls.h"
#include "pki/prove.h"
#include "wire/proof.h"

enum { SHORT_HASH = 4 };

static const struct session_refusal faults[] = {
	[FRAME_E_LENGTH] = { FRAME_ERROR_BAD_HELLO, 0,
	    "a frame that is too short or too long" },
	[FRAME_E_TYPE] = { FRAME_ERROR_BAD_HELLO, 0,
	    "a frame of an unknown type" },
	[FRAME_E_BODY] = { FRAME_ERROR_BAD_HELLO, 0,
	    "a field of HELLO is missing or out of its range" },
	[FRAME_E_VERSION] = { FRAME_ERROR_VERSION, 0,
	    "this beacon speaks version 1" },
	[FRAME_E_FEATURE] = { FRAME_ERROR_FEATURE, 0,
	    "HELLO asks for a feature that this beacon does not have" },
};

void hello_fault(int code, struct session_refusal *why)
{
	INVARIANT(code > 0 && (size_t)code < N_ELEMS(faults));
	*why = faults[code];
}

static int refuse(
    struct session_refusal *why, enum frame_error code, const char *text)
{
	*why = (struct session_refusal){ .code = code, .text = text };
	return HELLO_E_REFUSED;
}

/* Who may listen, who may connect. */
static const struct {
	enum role roles[2];
} may[] = {
	[FRAME_LISTEN] = { { ROLE_BRIDGE, ROLE_PIPE } },
	[FRAME_CONNECT] = { { ROLE_BROKER, ROLE_PIPE } },
};

static int check_proof(const struct leg *leg, const struct frame_hello *h,
    struct known *known, struct session_refusal *why)
{
	const struct frame_proof *p = &h->proof;
	uint8_t exporter[FRAME_EXPORTER], bytes[PROOF_SIGNED_SIZE];
	struct prove_claim claim = {
		.leaf = p->leaf.bytes,
		.n_leaf = p->leaf.n,
		.ca = p->ca.bytes,
		.n_ca = p->ca.n,
		.signature = p->signature.bytes,
		.n_signature = p->signature.n,
		.hash = h->hash,
		.roles = may[h->role].roles,
		.n_roles = N_ELEMS(may[h->role].roles),
		.bytes = bytes,
		.n_bytes = sizeof(bytes),
		.known = known,
	};
	int r = tls_leg_export(leg, PROOF_EXPORTER_LABEL, exporter);

	if (r)
		return r;
	proof_signed_bytes(bytes, exporter, h->hash, h->role);
	r = prove_check(&claim);
	if (r > 0)
		return refuse(why, FRAME_ERROR_UNPROVEN, prove_error_text(r));
	return r;
}

bool hello_allowed(const struct allow *allow, const uint8_t hash[FRAME_HASH],
    struct session_refusal *why)
{
	if (allow_has(allow, hash))
		return true;
	(void)refuse(why, FRAME_ERROR_UNPROVEN,
	    "this beacon does not serve that info hash");
	return false;
}

static int judge(const struct allow *allow, const struct leg *leg,
    const struct frame_hello *h, struct known *known,
    struct session_refusal *why)
{
	if (!hello_allowed(allow, h->hash, why))
		return HELLO_E_REFUSED;
	return h->has_proof ? check_proof(leg, h, known, why) : 0;
}

/* Who sent no exporter does not want to shed, or cannot; who sent another one
 * speaks to somebody in between, who speaks to us. */
static bool may_shed(const struct leg *leg, const struct frame_hello *h)
{
	uint8_t own[FRAME_EXPORTER];

	return h->has_shed && !tls_leg_export(leg, FRAME_SHED_LABEL, own) &&
	       !memcmp(h->shed, own, sizeof(own));
}

int hello_judge(const struct allow *allow, const struct leg *leg,
    const struct hello_bytes *in, struct hello *out,
    struct session_refusal *why)
{
	const struct frame_hello *h;
	struct frame frame;
	int r = frame_read(&frame, in->bytes, in->n);

	if (r) {
		hello_fault(r, why);
		return HELLO_E_REFUSED;
	}
	h = &frame.u.hello;
	if (frame.type != FRAME_TYPE_HELLO)
		return refuse(why, FRAME_ERROR_BAD_HELLO,
		    "the first frame has to be HELLO");
	r = judge(allow, leg, h, in->known, why);
	if (r)
		return r;
	out->sheds = may_shed(leg, h);
	log_debug("hello", LOG_STR("source", in->source),
	    LOG_STR("role", h->role == FRAME_LISTEN ? "listen" : "connect"),
	    LOG_HEX("hash", h->hash, SHORT_HASH), LOG_STR("name", h->name),
	    LOG_BOOL("proven", h->has_proof), LOG_BOOL("shed", h->has_shed),
	    LOG_BOOL("same_session", out->sheds));
	out->board.role = h->role;
	memcpy(out->board.hash, h->hash, sizeof(out->board.hash));
	out->board.proven = h->has_proof;
	out->board.require_proven = h->require_proven;
	return 0;
}
