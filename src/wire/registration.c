/* wire/registration.c: the record of one cluster.
 *
 * Who is let in is decided twice. First by the fingerprint: a person said it,
 * and until the window closes whoever proves to be that cluster may come, so
 * `pending` holds nothing but the fingerprint and who its broker has to be.
 * Then by what was stored of the first who came: `active` holds the keys, the
 * issuer and the UID, and the fingerprint is history.
 *
 *     pending -> active    the cluster came (approved, where that is asked for)
 *     pending -> pending   a person opens the window again
 *     active  -> stale     somebody came with a key that is not stored
 *     stale   -> active    somebody signed with a stored key; or the bridge
 *                          read new keys at the public issuer
 *     stale   -> pending   a person gave the fingerprint of the new keys
 *     any     -> revoked   a person said so
 *
 * Stale is a bell, not a lock: a token under an unknown key proves nothing, so
 * whoever knows the join string can ring it. Were it a lock, that would shut
 * out the cluster; so stored keys go on counting, and unknown ones never do.
 *
 * The record is one JSON object. Each member is checked when it is read, as if
 * a stranger had written it: a person with a text editor may have.
 */
#include "wire/registration.h"
#include "base/text.h"
#include "wire/json.h"

enum { RECORD_VERSION = 1, APPROVED_S = 3600 };

static const char *const state_text[] = {
	[REGISTRATION_PENDING] = "pending",
	[REGISTRATION_ACTIVE] = "active",
	[REGISTRATION_STALE] = "stale",
	[REGISTRATION_REVOKED] = "revoked",
};
_Static_assert(N_ELEMS(state_text) == REGISTRATION_STATE_COUNT, "a name each");

const char *registration_state_text(enum registration_state s)
{
	INVARIANT(s < REGISTRATION_STATE_COUNT);
	return state_text[s];
}

/* ---- states -------------------------------------------------------------- */

#define TO(state) (1U << REGISTRATION_##state)

static const unsigned moves[] = {
	[REGISTRATION_PENDING] = TO(PENDING) | TO(ACTIVE) | TO(REVOKED),
	[REGISTRATION_ACTIVE] = TO(ACTIVE) | TO(STALE) | TO(REVOKED),
	[REGISTRATION_STALE] = TO(PENDING) | TO(ACTIVE) | TO(REVOKED),
	[REGISTRATION_REVOKED] = 0,
};
_Static_assert(N_ELEMS(moves) == REGISTRATION_STATE_COUNT, "a row each");

static bool can_move(const struct registration *r, enum registration_state to)
{
	return moves[r->state] & 1U << to;
}

/* The only writer of the state. */
static void registration_move(
    struct registration *r, enum registration_state to)
{
	INVARIANT(can_move(r, to));
	r->state = to;
	r->n_words = 0; /* of sessions that are over by then */
}

static void forget_cluster(struct registration *r)
{
	json_decref(r->jwks);
	r->jwks = NULL;
	r->uid[0] = r->issuer[0] = '\0';
}

void registration_deinit(struct registration *r)
{
	forget_cluster(r);
	*r = (struct registration){ .n_out = 0 };
}

void registration_copy(struct registration *to, const struct registration *r)
{
	json_t *old = to->jwks;

	*to = *r;
	json_incref(to->jwks);
	json_decref(old);
}

/* Room for the NUL is part of @room. */
static bool text_set(char *to, size_t room, const char *text)
{
	size_t n = strlen(text), step = 1;

	for (size_t at = 0; at < n && step; at += step)
		step = text_printable(text + at, n - at);
	if (!n || n >= room || !step || strchr(text, ' '))
		return false;
	memcpy(to, text, n + 1);
	return true;
}
#define TEXT_SET(to, text) text_set(to, sizeof(to), text)

static bool subject_ok(const char *text)
{
	static const char before[] = "system:serviceaccount:";
	const char *space = text + sizeof(before) - 1, *colon;

	if (strncmp(text, before, sizeof(before) - 1) != 0)
		return false;
	colon = strchr(space, ':');
	return colon && colon > space && colon[1] && !strchr(colon + 1, ':');
}

/* A label of DNS: it becomes part of a certificate's names. */
static bool service_set(struct registration *r, const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strlen(text);

	if (!n || n > REGISTRATION_SERVICE_MOST || strspn(text, allowed) < n)
		return false;
	if (strcmp(text, REGISTRATION_SERVICE) != 0)
		memcpy(r->service, text, n + 1);
	return true;
}

static bool window_set(struct registration *r, int64_t now, int64_t ttl_s)
{
	enum { YEAR_S = 366 * 24 * 3600 };

	if (now < 0 || ttl_s <= 0 || ttl_s > YEAR_S || now > INT64_MAX - YEAR_S)
		return false;
	r->opened = now;
	r->closes = now + ttl_s;
	return true;
}

int registration_open(struct registration *out,
    const struct registration_order *order, struct fault *fault)
{
	struct registration r = { .state = REGISTRATION_PENDING,
		.fingerprint = order->fingerprint,
		.approval = order->approval };

	if (!TEXT_SET(r.space, order->space))
		return fault_set(fault, -EINVAL, NULL,
		    "registration: the namespace is empty, has blanks or more "
		    "than %d bytes",
		    REGISTRATION_NAMESPACE_MOST);
	if (!subject_ok(order->subject) || !TEXT_SET(r.subject, order->subject))
		return fault_set(fault, -EINVAL,
		    "expected is system:serviceaccount:NAMESPACE:NAME",
		    "registration: the broker's subject is no ServiceAccount");
	if (order->service && !service_set(&r, order->service))
		return fault_set(fault, -EINVAL,
		    "expected are 1 to 63 of a-z, 0-9 and -",
		    "registration: the broker's Service has no such name");
	if (!window_set(&r, order->now, order->ttl_s))
		return fault_set(fault, -EINVAL, NULL,
		    "registration: its window has to last a second to a year");
	fingerprint_print(r.id, &order->fingerprint);
	*out = r;
	return 0;
}

int registration_reopen(struct registration *r, const struct fingerprint *f,
    int64_t now, int64_t ttl_s)
{
	if (!can_move(r, REGISTRATION_PENDING))
		return -EPERM;
	if (!window_set(r, now, ttl_s))
		return -EINVAL;
	registration_move(r, REGISTRATION_PENDING);
	forget_cluster(r);
	r->fingerprint = *f;
	r->approved = false;
	r->pod[0] = '\0';
	r->came = 0;
	return 0;
}

static void words_drop(struct registration *r, size_t i)
{
	r->n_words--;
	memmove(&r->words[i], &r->words[i + 1],
	    (r->n_words - i) * sizeof(r->words[0]));
}

static bool words_late(const struct registration_words *w, int64_t now)
{
	return now - w->since >= WORDS_LIFE_S;
}

/* Those that nobody shows any more, and those of @pod, where it is not NULL. */
static bool words_sweep(struct registration *r, const char *pod, int64_t now)
{
	size_t before = r->n_words;

	for (size_t i = r->n_words; i-- > 0;)
		if (words_late(&r->words[i], now) ||
		    (pod && !strcmp(r->words[i].pod, pod)))
			words_drop(r, i);
	return r->n_words != before;
}

bool registration_wait(struct registration *r, const char *pod, int64_t now)
{
	bool swept;

	if (r->state != REGISTRATION_PENDING)
		return false;
	swept = words_sweep(r, NULL, now);
	if (r->pod[0] || !TEXT_SET(r->pod, pod))
		return swept;
	r->came = now;
	return true;
}

bool registration_wait_words(
    struct registration *r, const char *pod, const char *words, int64_t now)
{
	struct registration_words w = { .since = now };

	if (r->state != REGISTRATION_PENDING || !TEXT_SET(w.pod, pod) ||
	    words_read(w.text, words))
		return false;
	(void)registration_wait(r, pod, now);
	(void)words_sweep(r, pod, now);
	if (r->n_words == REGISTRATION_WORDS_MOST)
		words_drop(r, 0);
	r->words[r->n_words++] = w;
	return true;
}

/* Are @typed words that somebody waits with? Return: 0; REGISTRATION_E_*. */
static int words_compare(
    const struct registration *r, const char *typed, int64_t now)
{
	char text[WORDS_TEXT + 1];

	if (words_read(text, typed))
		return REGISTRATION_E_NO_WORDS;
	if (!r->n_words)
		return REGISTRATION_E_NOBODY;
	for (size_t i = 0; i < r->n_words; i++)
		if (!strcmp(r->words[i].text, text))
			return words_late(&r->words[i], now)
				   ? REGISTRATION_E_LATE
				   : 0;
	return REGISTRATION_E_OTHER;
}

int registration_approve(struct registration *r, const char *words, int64_t now)
{
	int err = 0;

	if (r->state != REGISTRATION_PENDING)
		return -EPERM;
	if (!r->pod[0])
		return -ENOENT;
	if (words)
		err = words_compare(r, words, now);
	else if (r->n_words)
		err = REGISTRATION_E_COMPARE;
	if (err)
		return err;
	r->approved = true;
	if (r->closes < now + APPROVED_S)
		r->closes = now + APPROVED_S;
	return 0;
}

/* As stored: the keys and no other member of the set. */
static json_t *jwks_of(const void *text, size_t n)
{
	JSON *set =
	    n <= FINGERPRINT_TEXT_MOST ? json_read_object(text, n, 0) : NULL;
	json_t *keys = json_object_get(set, "keys");

	return json_is_array(keys) ? json_pack("{sO}", "keys", keys) : NULL;
}

int registration_activate(
    struct registration *r, const struct fingerprint_facts *facts)
{
	bool first = r->state == REGISTRATION_PENDING;
	JSON *jwks = NULL;

	if (r->state == REGISTRATION_ACTIVE ||
	    !can_move(r, REGISTRATION_ACTIVE))
		return -EPERM;
	INVARIANT(first == !!facts);
	if (first) {
		jwks = jwks_of(facts->jwks, facts->n_jwks);
		if (!jwks || !TEXT_SET(r->uid, facts->uid) ||
		    !TEXT_SET(r->issuer, facts->issuer)) {
			forget_cluster(r);
			return -EINVAL;
		}
		r->jwks = STEAL(jwks);
	}
	registration_move(r, REGISTRATION_ACTIVE);
	return 0;
}

int registration_keys(struct registration *r, const void *jwks, size_t n)
{
	json_t *keys;

	if (r->state == REGISTRATION_PENDING ||
	    !can_move(r, REGISTRATION_ACTIVE))
		return -EPERM;
	keys = jwks_of(jwks, n);
	if (!keys)
		return -EINVAL;
	json_decref(r->jwks);
	r->jwks = keys;
	registration_move(r, REGISTRATION_ACTIVE);
	return 0;
}

int registration_doubt(struct registration *r)
{
	if (!can_move(r, REGISTRATION_STALE))
		return -EPERM;
	registration_move(r, REGISTRATION_STALE);
	return 0;
}

int registration_revoke(struct registration *r)
{
	if (!can_move(r, REGISTRATION_REVOKED))
		return -EPERM;
	registration_move(r, REGISTRATION_REVOKED);
	return 0;
}

bool registration_is_out(const struct registration *r, const char *name)
{
	for (size_t i = 0; i < r->n_out; i++)
		if (!strcmp(r->out[i], name))
			return true;
	return false;
}

int registration_shut_out(struct registration *r, const char *name)
{
	if (registration_is_out(r, name))
		return 0;
	if (r->n_out == REGISTRATION_OUT_MOST)
		return -E2BIG;
	if (!TEXT_SET(r->out[r->n_out], name))
		return -EINVAL;
	r->n_out++;
	return 0;
}

/* ---- the record: writing ------------------------------------------------- */

static json_t *out_write(const struct registration *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_out; i++)
		if (json_array_append_new(list, json_string(r->out[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *cluster_write(const struct registration *r)
{
	return json_pack(
	    "{sssssO}", "uid", r->uid, "issuer", r->issuer, "jwks", r->jwks);
}

static int put(json_t *to, const char *name, json_t *value)
{
	return value ? json_object_set_new(to, name, value) : -1;
}

static json_t *words_write(const struct registration *r)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < r->n_words; i++) {
		const struct registration_words *w = &r->words[i];
		json_t *one = json_pack("{sssIss}", "pod", w->pod, "since",
		    (json_int_t)w->since, "words", w->text);

		if (!one || json_array_append_new(list, one)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int put_rest(json_t *to, const struct registration *r)
{
	int bad = put(to, "shut_out", out_write(r));

	if (r->service[0])
		bad |= put(to, "service", json_string(r->service));
	if (r->pod[0])
		bad |= put(to, "waiting",
		    json_pack(
			"{sssI}", "pod", r->pod, "since", (json_int_t)r->came));
	if (r->n_words)
		bad |= put(to, "words", words_write(r));
	if (r->jwks)
		bad |= put(to, "cluster", cluster_write(r));
	return bad;
}

int registration_write(json_t **out, const struct registration *r)
{
	char fingerprint[FINGERPRINT_DIGITS + 1];
	JSON *j = NULL;

	fingerprint_print(fingerprint, &r->fingerprint);
	j = json_pack("{sisssssssssssIsIsbsb}", "version", RECORD_VERSION,
	    "state", state_text[r->state], "id", r->id, "namespace", r->space,
	    "fingerprint", fingerprint, "subject", r->subject, "opened",
	    (json_int_t)r->opened, "closes", (json_int_t)r->closes,
	    "require_approval", r->approval, "approved", r->approved);
	if (!j || put_rest(j, r))
		return -ENOMEM;
	*out = STEAL(j);
	return 0;
}

/* ---- the record: reading ------------------------------------------------- */

/* Reads members, and remembers the first that is wrong. */
struct reader {
	const json_t *from;
	const char *wrong;
	size_t members; /* that were read */
};

static void wrong(struct reader *r, const char *name)
{
	if (!r->wrong)
		r->wrong = name;
}

static const json_t *member(struct reader *r, const char *name, bool must)
{
	const json_t *j = json_object_get(r->from, name);

	if (!j && must)
		wrong(r, name);
	r->members += j != NULL;
	return j;
}

static const char *read_text(struct reader *r, const char *name)
{
	const json_t *j = member(r, name, true);
	const char *text = json_string_value(j);

	if (text && strlen(text) == json_string_length(j))
		return text;
	wrong(r, name);
	return "";
}

static void read_into(struct reader *r, const char *name, char *to, size_t room)
{
	if (!text_set(to, room, read_text(r, name)))
		wrong(r, name);
}
#define READ_INTO(r, name, to) read_into(r, name, to, sizeof(to))

static int64_t read_time(struct reader *r, const char *name)
{
	const json_t *j = member(r, name, true);

	if (!json_is_integer(j) || json_integer_value(j) < 0)
		wrong(r, name);
	return json_integer_value(j);
}

static bool read_bool(struct reader *r, const char *name)
{
	const json_t *j = member(r, name, true);

	if (!json_is_boolean(j))
		wrong(r, name);
	return json_is_true(j);
}

/* Nothing but what was read may be in it: a member that this version does not
 * know would be lost when it writes. */
static void read_end(struct reader *r, const char *name)
{
	if (!json_is_object(r->from) || json_object_size(r->from) != r->members)
		wrong(r, name);
}

static enum registration_state read_state(struct reader *r)
{
	const char *text = read_text(r, "state");

	for (unsigned i = 0; i < REGISTRATION_STATE_COUNT; i++)
		if (!strcmp(text, state_text[i]))
			return (enum registration_state)i;
	wrong(r, "state");
	return REGISTRATION_REVOKED;
}

/* The canonical form, and no other. */
static void read_fingerprint(
    struct reader *r, const char *name, struct fingerprint *to)
{
	const char *text = read_text(r, name);
	char canonical[FINGERPRINT_DIGITS + 1];

	if (fingerprint_parse(to, text, NULL)) {
		wrong(r, name);
		return;
	}
	fingerprint_print(canonical, to);
	if (strcmp(text, canonical) != 0)
		wrong(r, name);
}

static void read_service(struct reader *r, struct registration *to)
{
	if (json_object_get(r->from, "service") &&
	    !service_set(to, read_text(r, "service")))
		wrong(r, "service");
}

static void read_waiting(struct reader *r, struct registration *to)
{
	struct reader in = { member(r, "waiting", false), NULL, 0 };

	if (!in.from)
		return;
	READ_INTO(&in, "pod", to->pod);
	to->came = read_time(&in, "since");
	read_end(&in, "waiting");
	if (in.wrong)
		wrong(r, "waiting");
}

static bool read_words_of(struct registration_words *to, const json_t *from)
{
	struct reader in = { from, NULL, 0 };
	char text[WORDS_TEXT + 1] = "";

	READ_INTO(&in, "pod", to->pod);
	to->since = read_time(&in, "since");
	if (words_read(text, read_text(&in, "words")) ||
	    strcmp(text, read_text(&in, "words")) != 0)
		wrong(&in, "words");
	in.members--; /* read twice */
	read_end(&in, "words");
	memcpy(to->text, text, sizeof(text));
	return !in.wrong;
}

static void read_words(struct reader *r, struct registration *to)
{
	const json_t *list = member(r, "words", false);
	size_t n = json_array_size(list);

	if (list && (!n || n > REGISTRATION_WORDS_MOST))
		wrong(r, "words");
	for (size_t i = 0; i < n && !r->wrong; i++) {
		if (!read_words_of(&to->words[i], json_array_get(list, i)))
			wrong(r, "words");
		to->n_words++;
	}
}

static void read_cluster(struct reader *r, struct registration *to)
{
	struct reader in = { member(r, "cluster", false), NULL, 0 };
	json_t *jwks;

	if (!in.from)
		return;
	READ_INTO(&in, "uid", to->uid);
	READ_INTO(&in, "issuer", to->issuer);
	jwks = json_object_get(in.from, "jwks");
	(void)member(&in, "jwks", true);
	read_end(&in, "cluster");
	if (in.wrong || !json_is_array(json_object_get(jwks, "keys")) ||
	    json_object_size(jwks) != 1)
		wrong(r, "cluster");
	else
		to->jwks = json_incref(jwks);
}

static void read_out(struct reader *r, struct registration *to)
{
	const json_t *list = member(r, "shut_out", true);

	if (!json_is_array(list))
		wrong(r, "shut_out");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (!name || registration_is_out(to, name) ||
		    registration_shut_out(to, name)) {
			wrong(r, "shut_out");
			return;
		}
	}
}

/* What must hold between members. */
static void read_sense(struct reader *r, const struct registration *to)
{
	bool stored = to->jwks != NULL;

	if (!subject_ok(to->subject))
		wrong(r, "subject");
	if (to->closes < to->opened)
		wrong(r, "closes");
	if (to->approved && !to->pod[0])
		wrong(r, "approved");
	if (to->n_words && (!to->pod[0] || to->state != REGISTRATION_PENDING))
		wrong(r, "words");
	if (to->state == REGISTRATION_PENDING && stored)
		wrong(r, "cluster");
	if ((to->state == REGISTRATION_ACTIVE ||
		to->state == REGISTRATION_STALE) &&
	    !stored)
		wrong(r, "cluster");
}

static void read_members(struct reader *r, struct registration *to)
{
	struct fingerprint id;

	read_fingerprint(r, "id", &id);
	READ_INTO(r, "id", to->id);
	r->members--; /* read twice */
	to->state = read_state(r);
	READ_INTO(r, "namespace", to->space);
	read_fingerprint(r, "fingerprint", &to->fingerprint);
	READ_INTO(r, "subject", to->subject);
	to->opened = read_time(r, "opened");
	to->closes = read_time(r, "closes");
	to->approval = read_bool(r, "require_approval");
	to->approved = read_bool(r, "approved");
	read_service(r, to);
	read_waiting(r, to);
	read_words(r, to);
	read_cluster(r, to);
	read_out(r, to);
	read_end(r, "a member that is not known");
	if (!r->wrong)
		read_sense(r, to);
}

int registration_read(
    struct registration *out, const json_t *record, struct fault *fault)
{
	struct reader r = { record, NULL, 0 };
	const json_t *version = member(&r, "version", true);
	struct registration to = { .n_out = 0 };

	if (!json_is_integer(version) ||
	    json_integer_value(version) != RECORD_VERSION)
		return fault_set(fault, -EINVAL,
		    "use the version of Pharos that wrote it, or a newer one",
		    "registration: a record of version %d was expected",
		    RECORD_VERSION);
	read_members(&r, &to);
	if (r.wrong) {
		registration_deinit(&to);
		return fault_set(fault, -EINVAL,
		    "the record was changed by hand or is damaged; register "
		    "the cluster again",
		    "registration: not a record: %s", r.wrong);
	}
	*out = to;
	return 0;
}
