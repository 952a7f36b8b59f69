/* Every order of what can happen to one registration: brokers that come at
 * once, strangers that try all that they can send, a store that fails before,
 * in and after each write, a person, a clock, and a cluster that changes its
 * keys.
 *
 * The network is hostile: whatever was ever sent in one session can be sent in
 * any other. That is all it can do, since the sessions are TLS with the CA of
 * the join string; so each player here is a request and the audience of the
 * session in which it arrives, by wire/boot.h, judged by bridge/judge.h.
 *
 * A state is the record in the store, two boot sessions in which the bridge has
 * read it and not yet written or signed, the time and the cluster's keys. From
 * the first record on each event is tried in each state that can be reached,
 * until no new one turns up. In each state must hold:
 *
 *   - the record can be read, is in one of four states, and stores no key but
 *     the cluster's;
 *   - who is let in is exactly who should be, by the rule in should_sign(),
 *     which is written apart from the judge;
 *   - what a person revoked is never written over by whoever read it before;
 *   - the cluster's own broker, trying again, is let in; where it is not, it is
 *     told what a person has to do, and is let in when that was done.
 */
#include "bridge/judge.h"
#include "wire/json.h"
#include "wire/jwt.h"
#include "wire/test-issuer.h"
#include <stdio.h>

#define UID	"6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b"
#define ISSUER	"https://kubernetes.default.svc"
#define SPACE	"system:serviceaccount:"
#define BROKER	SPACE "pharos:broker"
#define CLAIMED "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%s\",\"iat\":%lld,"

enum {
	START_S = 1700000000,
	STEP_S = 500, /* of the clock; the window is shorter than two */
	WINDOW_S = 900,
	TIMES = 3,
	RECORDS_MOST = 2048,
	SESSIONS = 2,
};

/* ---- the players --------------------------------------------------------- */

enum player {
	FIRST,	       /* the cluster's broker */
	SECOND,	       /* its replica */
	PUSHER,	       /* its broker, with another key beside the cluster's */
	REPLAYED,      /* the first one's token of an earlier session */
	RELAYED,       /* the first one's token, in a session of the relay */
	SWAPPED,       /* the first one's token, with another key to certify */
	STOLEN,	       /* who has every public string, and signs himself */
	OTHER_CLUSTER, /* an honest broker, of another cluster */
	MISNAMED,      /* signed as the first one's, and says it is another's */
	STRANGE_KEY,   /* signed with a key that nobody knows */
	UNSIGNED,
	SYMMETRIC, /* HMAC, with the public key */
	TENANT,	   /* another ServiceAccount of the cluster */
	MET,	   /* the cluster's broker, which knows no CA: with six words */
	PLAYERS,
};

static const char *const player_name[] = { "first", "second", "pusher",
	"replayed", "relayed", "swapped", "stolen join string", "other cluster",
	"misnamed", "strange key", "unsigned", "symmetric", "tenant", "met" };
_Static_assert(N_ELEMS(player_name) == PLAYERS, "a name each");

enum keys { KEY_OLD, KEY_NEW, KEY_ROGUE, KEYS };

static json_t *secret_key[KEYS];
static json_t *set[KEYS]; /* of the one key each */
static const char *const kid[KEYS] = { "old", "new", "rogue" };

/* What is asked in a session, and the session that it was made for. */
static const struct part {
	enum keys signer;	/* KEY_OLD: the cluster's, whichever it is */
	const char *header_kid; /* NULL: the signer's */
	const char *algorithm, *subject, *pod, *uid;
	const char *made_in, *made_for; /* session, key to certify */
	const char *sent_in, *sent_for;
	bool ours;	   /* does the cluster vouch for it? */
	bool pushes;	   /* another key */
	const char *words; /* then nobody is signed for */
} parts[] = {
	[FIRST] = { KEY_OLD, NULL, "ES256", BROKER, "b-1", UID, "1", "k", "1",
	    "k", true },
	[SECOND] = { KEY_OLD, NULL, "ES256", BROKER, "b-2", UID, "2", "l", "2",
	    "l", true },
	[PUSHER] = { KEY_OLD, NULL, "ES256", BROKER, "b-1", UID, "3", "k", "3",
	    "k", true, true },
	[REPLAYED] = { KEY_OLD, NULL, "ES256", BROKER, "b-1", UID, "0", "k",
	    "9", "k" },
	[RELAYED] = { KEY_OLD, NULL, "ES256", BROKER, "b-1", UID, "1", "k", "9",
	    "k" },
	[SWAPPED] = { KEY_OLD, NULL, "ES256", BROKER, "b-1", UID, "1", "k", "1",
	    "x" },
	[STOLEN] = { KEY_ROGUE, "", "ES256", BROKER, "b-1", UID, "9", "x", "9",
	    "x" },
	[OTHER_CLUSTER] = { KEY_ROGUE, NULL, "ES256", BROKER, "b-1", "u-2", "8",
	    "y", "8", "y" },
	[MISNAMED] = { KEY_OLD, NULL, "ES256", BROKER, "b-1", "u-2", "6", "w",
	    "6", "w" },
	[STRANGE_KEY] = { KEY_ROGUE, NULL, "ES256", BROKER, "b-1", UID, "9",
	    "x", "9", "x" },
	[UNSIGNED] = { KEY_ROGUE, "", "none", BROKER, "b-1", UID, "9", "x", "9",
	    "x" },
	[SYMMETRIC] = { KEY_ROGUE, "", "HS256", BROKER, "b-1", UID, "9", "x",
	    "9", "x" },
	[TENANT] = { KEY_OLD, NULL, "ES256", SPACE "shop:default", "s-1", UID,
	    "7", "z", "7", "z" },
	[MET] = { KEY_OLD, NULL, "ES256", BROKER, "b-3", UID, "5", "v", "5",
	    "v", .words = "fago keno dili fomi malo migi" },
};

static void audience_of(
    char out[BOOT_AUDIENCE + 1], const char *session, const char *key)
{
	uint8_t exported[BOOT_EXPORTED] = { (uint8_t)*session };

	boot_audience(out, exported, key, 1);
}

static int64_t clock_of(unsigned time)
{
	return START_S + (int64_t)time * STEP_S;
}

/* The token's bytes; other algorithms than ours get any signature. */
static char *token_of(const struct part *p, enum keys cluster, unsigned time)
{
	enum keys signer = p->signer == KEY_OLD ? cluster : p->signer;
	const char *name =
	    p->header_kid ? kid[cluster] : kid[signer]; /* "": pretends */
	char claims[1024], header[100];
	char audience[BOOT_AUDIENCE + 1], *token, *out;
	long long now = clock_of(time);

	audience_of(audience, p->made_in, p->made_for);
	snprintf(claims, sizeof(claims),
	    CLAIMED "\"exp\":%lld,\"kubernetes.io\":{\"pod\":{\"name\":\"%s\","
		    "\"uid\":\"p\"}}}",
	    ISSUER, audience, p->subject, now, now + BOOT_TOKEN_S, p->pod);
	snprintf(
	    header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", name);
	token = token_make(secret_key[signer], header, claims);
	if (!strcmp(p->algorithm, "ES256"))
		return token;
	snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"%s\"}",
	    p->algorithm, name);
	out = token_forge(token, header);
	free(token);
	return out;
}

static char *tokens[PLAYERS][TIMES][2];

static char *token_once(enum player player, enum keys cluster, unsigned time)
{
	char **token = &tokens[player][time][cluster];

	if (!*token)
		*token = token_of(&parts[player], cluster, time);
	return *token;
}

/* The keys that a player sends: those of its cluster, and perhaps one more. */
static json_t *keys_sent(enum player player, enum keys cluster)
{
	json_t *sent =
	    json_deep_copy(set[player == OTHER_CLUSTER ? KEY_ROGUE : cluster]);

	if (parts[player].pushes || player == STRANGE_KEY)
		json_array_append(json_object_get(sent, "keys"),
		    json_array_get(json_object_get(set[KEY_ROGUE], "keys"), 0));
	return sent;
}

/* ---- records, each by a number ------------------------------------------- */

static char *records[RECORDS_MOST];
static unsigned n_records;

static unsigned number_of(const struct registration *r)
{
	JSON *j = NULL;
	char *text;

	INVARIANT(!registration_write(&j, r));
	text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	for (unsigned i = 0; i < n_records; i++)
		if (!strcmp(text, records[i])) {
			free(text);
			return i;
		}
	INVARIANT(n_records < RECORDS_MOST);
	records[n_records] = text;
	return n_records++;
}

static void record_at(struct registration *out, unsigned number)
{
	JSON *j = json_loads(records[number], 0, NULL);
	struct fault fault;

	INVARIANT(!registration_read(out, j, &fault));
}

static struct fingerprint fingerprint_now(enum keys cluster)
{
	CLEANUP(free_p) char *text = json_dumps(set[cluster], 0);
	struct fingerprint_facts facts = { UID, ISSUER, text, strlen(text) };
	struct fingerprint f;

	INVARIANT(!fingerprint_of(&f, &facts, NULL));
	return f;
}

/* ---- one request, judged ------------------------------------------------- */

struct scene {
	const char *label;
	bool approval, public;
	bool met; /* the bridge waits at the meeting too */
};

struct verdict {
	bool known, changed;
	enum boot_code code;
	unsigned next; /* record */
};
static struct verdict verdicts[RECORDS_MOST][PLAYERS][TIMES][2];

static bool keys_are(const json_t *jwks, enum keys which)
{
	return jwks && json_equal(jwks, set[which]);
}

/* The rule, apart from the judge: who should get a certificate? */
static bool should_sign(const struct registration *r, enum player player,
    unsigned time, enum keys cluster)
{
	struct fingerprint f = fingerprint_now(cluster);

	if (!parts[player].ours || r->state == REGISTRATION_REVOKED ||
	    registration_is_out(r, parts[player].pod))
		return false;
	if (r->state != REGISTRATION_PENDING)
		return keys_are(r->jwks, cluster);
	return clock_of(time) < r->closes && !parts[player].pushes &&
	       fingerprint_equal(&f, &r->fingerprint) &&
	       (r->approved || (!r->approval && !r->n_words));
}

static void fail(const char *what, const struct scene *scene, unsigned record,
    unsigned time, const char *who)
{
	fprintf(stderr, "%s: %s: %s, at %u, in %s\n", scene->label, what, who,
	    time, records[record]);
	exit(1);
}

static void check_record(
    const struct scene *scene, const struct registration *r, unsigned number)
{
	if (r->state >= REGISTRATION_STATE_COUNT)
		fail("a fifth state", scene, number, 0, "");
	if (r->jwks && !keys_are(r->jwks, KEY_OLD) &&
	    !keys_are(r->jwks, KEY_NEW))
		fail("a stranger's key is stored", scene, number, 0, "");
}

static struct verdict ask(const struct scene *scene, unsigned record,
    enum player player, unsigned time, enum keys cluster)
{
	const struct part *p = &parts[player];
	struct verdict *v = &verdicts[record][player][time][cluster];
	char audience[BOOT_AUDIENCE + 1];
	struct boot_request q = { .token = NULL };
	struct registration r;
	struct judge_outcome o;
	struct judge_case c = { &r, &q, audience, scene->public, clock_of(time),
		p->words };

	if (v->known)
		return *v;
	record_at(&r, record);
	check_record(scene, &r, record);
	q.token = token_once(player, cluster, player == REPLAYED ? 0 : time);
	q.jwks = keys_sent(player, cluster);
	q.discovery = json_pack("{ss}", "issuer", ISSUER);
	snprintf(q.uid, sizeof(q.uid), "%s", p->uid);
	audience_of(audience, p->sent_in, p->sent_for);
	INVARIANT(!judge(&o, &c));
	if ((o.code == BOOT_SIGNED) != should_sign(&r, player, time, cluster))
		fail(boot_code_text(o.code), scene, record, time,
		    player_name[player]);
	*v = (struct verdict){ true, o.changed, o.code, number_of(&o.record) };
	judge_outcome_deinit(&o);
	q.token = NULL; /* kept */
	boot_request_deinit(&q);
	registration_deinit(&r);
	return *v;
}

/* ---- a person ------------------------------------------------------------ */

enum deed { APPROVE, REVOKE, REOPEN, SHUT_OUT, DISCOVER, DEEDS };

static int deed_do(
    struct registration *r, enum deed deed, unsigned time, enum keys cluster)
{
	struct fingerprint f = fingerprint_now(cluster);
	CLEANUP(free_p) char *keys = json_dumps(set[cluster], 0);

	switch (deed) {
	case APPROVE: /* he reads the words where there are some */
		return registration_approve(
		    r, r->n_words ? parts[MET].words : NULL, clock_of(time));
	case REVOKE:
		return registration_revoke(r);
	case REOPEN:
		return registration_reopen(r, &f, clock_of(time), WINDOW_S);
	case SHUT_OUT:
		return registration_shut_out(r, parts[SECOND].pod);
	default: /* the bridge itself, at the public issuer */
		return registration_keys(r, keys, strlen(keys));
	}
}

static unsigned done[RECORDS_MOST][DEEDS][TIMES][2]; /* plus 1 */

/* The record's number after it; the same one where it cannot be done. */
static unsigned after_deed(
    unsigned record, enum deed deed, unsigned time, enum keys cluster)
{
	unsigned *known = &done[record][deed][time][cluster];
	struct registration r;
	unsigned next = record;

	if (*known)
		return *known - 1;
	record_at(&r, record);
	if (!deed_do(&r, deed, time, cluster))
		next = number_of(&r);
	registration_deinit(&r);
	*known = next + 1;
	return next;
}

/* What the broker is told, and what a person does then. */
static enum deed remedy(const struct scene *scene, enum boot_code code)
{
	switch (code) {
	case BOOT_APPROVAL:
		return APPROVE;
	case BOOT_KEY:
		return scene->public ? DISCOVER : REOPEN;
	case BOOT_WINDOW:
	case BOOT_FINGERPRINT:
		return REOPEN;
	default:
		return DEEDS;
	}
}

static void check_second_try(const struct scene *scene, unsigned record,
    unsigned time, enum keys cluster)
{
	unsigned at = record;
	for (unsigned tries = 0;; tries++) {
		struct verdict v = ask(scene, at, FIRST, time, cluster);
		enum deed deed;

		if (v.code == BOOT_SIGNED || v.code == BOOT_REVOKED)
			return;
		deed = remedy(scene, v.code);
		if (tries == 4 || deed == DEEDS)
			fail("never let in", scene, record, time,
			    boot_code_text(v.code));
		at = after_deed(v.changed ? v.next : at, deed, time, cluster);
	}
}

/* ---- states and events --------------------------------------------------- */

/* A session in which the bridge has judged, and has yet to write or sign. */
struct session {
	bool busy, late; /* late: the record was written since it was read */
	bool write, sign;
	unsigned next;
};

struct state {
	unsigned record, time;
	enum keys cluster;
	struct session session[SESSIONS];
};

static uint64_t pack_session(const struct session *s)
{
	if (!s->busy)
		return 0;
	return 1 | (uint64_t)s->late << 1 | (uint64_t)s->write << 2 |
	       (uint64_t)s->sign << 3 | (uint64_t)s->next << 4;
}

static uint64_t pack(const struct state *s)
{
	uint64_t a = pack_session(&s->session[0]);
	uint64_t b = pack_session(&s->session[1]);

	/* two sessions are the same whichever comes first */
	return (a < b ? a | b << 16 : b | a << 16) | (uint64_t)s->record << 32 |
	       (uint64_t)s->time << 44 | (uint64_t)s->cluster << 48 |
	       UINT64_C(1) << 63;
}

static struct session unpack_session(uint64_t v)
{
	return (struct session){ v & 1, v >> 1 & 1, v >> 2 & 1, v >> 3 & 1,
		v >> 4 & 0xfff };
}

static struct state unpack(uint64_t v)
{
	return (struct state){
		v >> 32 & 0xfff, v >> 44 & 0xf, (enum keys)(v >> 48 & 3),
		{ unpack_session(v & 0xffff), unpack_session(v >> 16 & 0xffff) }
	};
}

struct walk {
	const struct scene *scene;
	uint64_t *seen, *todo;
	size_t n, room, seen_room;
	uint64_t steps, signed_ones;
};

static bool put(uint64_t *seen, size_t room, uint64_t v)
{
	size_t at = v * UINT64_C(0x9e3779b97f4a7c15) % room;

	while (seen[at]) {
		if (seen[at] == v)
			return false;
		at = (at + 1) % room;
	}
	seen[at] = v;
	return true;
}

static void grow(struct walk *w)
{
	size_t room = w->seen_room ? 2 * w->seen_room + 1 : 65537;
	uint64_t *seen = calloc(room, sizeof(*seen));

	INVARIANT(seen);
	for (size_t i = 0; i < w->n; i++)
		(void)put(seen, room, w->todo[i]);
	free(w->seen);
	w->seen = seen;
	w->seen_room = room;
}

static void reach(struct walk *w, const struct state *s)
{
	uint64_t v = pack(s);

	w->steps++;
	if (2 * w->n >= w->seen_room)
		grow(w);
	if (!put(w->seen, w->seen_room, v))
		return;
	if (w->n == w->room) {
		w->room = w->room ? 2 * w->room : 4096;
		w->todo = realloc(w->todo, w->room * sizeof(*w->todo));
		INVARIANT(w->todo);
	}
	w->todo[w->n++] = v;
	check_second_try(w->scene, s->record, s->time, s->cluster);
}

/* What a person took away stays away, whoever wrote in between: that is what
 * the check-and-set is for. */
static void check_write(
    const struct scene *scene, const struct state *s, unsigned next)
{
	struct registration was, is;

	record_at(&was, s->record);
	record_at(&is, next);
	if (was.state == REGISTRATION_REVOKED &&
	    is.state != REGISTRATION_REVOKED)
		fail("written over a revocation", scene, next, s->time, "");
	if (is.n_out < was.n_out)
		fail("let in again", scene, next, s->time, "");
	registration_deinit(&was);
	registration_deinit(&is);
}

/* Stored keys stay what they are, whichever broker comes: other ones are the
 * bridge's own reading, or a person's word. */
static void check_keys(
    const struct scene *scene, const struct state *s, unsigned next)
{
	struct registration was, is;

	record_at(&was, s->record);
	record_at(&is, next);
	if (was.jwks && !json_equal(was.jwks, is.jwks))
		fail("a broker has changed keys", scene, next, s->time, "");
	registration_deinit(&was);
	registration_deinit(&is);
}

static void write_record(struct walk *w, struct state *s, unsigned next)
{
	check_write(w->scene, s, next);
	s->record = next;
	for (size_t i = 0; i < SESSIONS; i++)
		s->session[i].late = s->session[i].busy;
}

/* A request comes, the record is read, and it is judged. */
static void come(struct walk *w, struct state s, size_t at)
{
	for (unsigned p = 0; p < (w->scene->met ? PLAYERS : MET); p++) {
		struct state next = s;
		struct verdict v =
		    ask(w->scene, s.record, (enum player)p, s.time, s.cluster);

		next.session[at] = (struct session){
			.busy = v.changed || v.code == BOOT_SIGNED,
			.write = v.changed,
			.sign = v.code == BOOT_SIGNED,
			.next = v.changed ? v.next : 0,
		};
		reach(w, &next);
	}
}

/* The store takes the write or finds it late; fails before it; or fails after
 * it, so that the bridge does not know. */
static void go_on_write(struct walk *w, struct state s, size_t at)
{
	struct session *mine = &s.session[at];
	struct state gone = s;

	gone.session[at] = (struct session){ .busy = false };
	reach(w, &gone); /* not written; the broker is told `store` */
	if (mine->late)
		return; /* check-and-set refuses it; it comes again */
	check_keys(w->scene, &s, mine->next);
	write_record(w, &gone, mine->next);
	reach(w, &gone); /* written, and the answer was lost */
	if (!mine->sign)
		return;
	write_record(w, &s, mine->next);
	*mine = (struct session){ .busy = true, .sign = true };
	reach(w, &s);
}

/* The store signs, or does not. */
static void go_on_sign(struct walk *w, struct state s, size_t at)
{
	s.session[at] = (struct session){ .busy = false };
	w->signed_ones++;
	reach(w, &s);
}

static void deeds(struct walk *w, const struct state *s)
{
	for (unsigned d = 0; d < DEEDS; d++) {
		struct state next = *s;
		unsigned record =
		    after_deed(s->record, (enum deed)d, s->time, s->cluster);

		if ((d == DISCOVER && !w->scene->public) || record == s->record)
			continue;
		write_record(w, &next, record);
		reach(w, &next);
	}
}

static void step(struct walk *w, const struct state *s)
{
	struct state next = *s;

	for (size_t i = 0; i < SESSIONS; i++)
		if (!s->session[i].busy)
			come(w, *s, i);
		else if (s->session[i].write)
			go_on_write(w, *s, i);
		else
			go_on_sign(w, *s, i);
	deeds(w, s);
	if (s->time + 1 < TIMES) {
		next.time++;
		reach(w, &next);
	}
	next = *s;
	next.cluster = KEY_NEW; /* for good */
	reach(w, &next);
}

/* ---- scenes -------------------------------------------------------------- */

static unsigned first_record(const struct scene *scene)
{
	struct registration_order order = {
		.fingerprint = fingerprint_now(KEY_OLD),
		.space = "n",
		.subject = BROKER,
		.now = START_S,
		.ttl_s = WINDOW_S,
		.approval = scene->approval,
	};
	struct registration r;
	unsigned number;

	INVARIANT(!registration_open(&r, &order, NULL));
	number = number_of(&r);
	registration_deinit(&r);
	return number;
}

static void forget_tokens(void)
{
	for (unsigned i = 0; i < PLAYERS * TIMES * 2; i++)
		free(tokens[i / (TIMES * 2)][i / 2 % TIMES][i % 2]);
}

static void forget_records(void)
{
	while (n_records)
		free(records[--n_records]);
	memset(verdicts, 0, sizeof(verdicts));
	memset(done, 0, sizeof(done));
}

static void walk(const struct scene *scene, size_t number)
{
	struct walk w = { .scene = scene };
	struct state s = { .record = first_record(scene) };

	reach(&w, &s);
	for (size_t at = 0; at < w.n; at++) {
		s = unpack(w.todo[at]);
		step(&w, &s);
	}
	INVARIANT(w.signed_ones);
	printf("ok %zu - %s: %u records, %zu states, %llu steps\n", number,
	    scene->label, n_records, w.n, (unsigned long long)w.steps);
	fflush(stdout);
	free(w.seen);
	free(w.todo);
	forget_records();
}

int main(void)
{
	static const struct scene scenes[] = {
		{ "whoever is the cluster", false, false },
		{ "with approval", true, false },
		{ "a public issuer", false, true },
		{ "a public issuer, with approval", true, true },
		{ "by a beacon's address alone", false, false, true },
	};

	printf("1..%zu\n", N_ELEMS(scenes));
	for (unsigned i = 0; i < KEYS; i++) {
		secret_key[i] = key_make("ES256", kid[i]);
		set[i] = json_pack("{s[o]}", "keys", key_public(secret_key[i]));
	}
	for (size_t i = 0; i < N_ELEMS(scenes); i++)
		walk(&scenes[i], i + 1);
	forget_tokens();
	for (unsigned i = 0; i < KEYS; i++) {
		json_decref(secret_key[i]);
		json_decref(set[i]);
	}
	return 0;
}
