/* devstore/wraps.c: a short list of wrapped answers. */
#include "devstore/wraps.h"
#include "wire/json.h"
#include <stdio.h>

struct wrap {
	struct wrap *next;
	struct secret *token, *answer; /* answer: as it would have been sent */
	char accessor[TOKEN_ACCESSOR_SIZE + 1];
	char path[VAULT_PATH_MOST];
	int64_t made_ms, ttl_s;
};

struct wraps {
	struct wrap *first;
	size_t n;
	void (*random)(void *to, size_t n);
	struct keep_at at;
};

int wraps_new(
    struct wraps **out, void (*random)(void *, size_t), struct keep *keep)
{
	struct wraps *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->random = random;
	w->at.keep = keep;
	*out = w;
	return 0;
}

static void wrap_keep(const struct wraps *w, const struct wrap *wrap)
{
	if (w->at.keep)
		keep_put(&w->at, KEEP_WRAP, secret_bytes(wrap->token),
		    json_pack("{ss% ss ss sI sI}", "answer",
			secret_bytes(wrap->answer), secret_size(wrap->answer),
			"accessor", wrap->accessor, "path", wrap->path, "made",
			(json_int_t)wrap->made_ms, "ttl",
			(json_int_t)wrap->ttl_s));
}

static void wrap_free(struct wrap *wrap)
{
	secret_free(wrap->token);
	secret_free(wrap->answer);
	free(wrap);
}

static void wrap_freep(struct wrap **wrap)
{
	if (*wrap)
		wrap_free(*wrap);
}

static void wrap_drop(struct wraps *w, struct wrap **link)
{
	struct wrap *wrap = *link;

	*link = wrap->next;
	w->n--;
	wrap_free(wrap);
}

void wraps_free(struct wraps *w)
{
	if (!w)
		return;
	while (w->first)
		wrap_drop(w, &w->first);
	free(w);
}

void wraps_sweep(struct wraps *w, int64_t now_ms)
{
	for (struct wrap **link = &w->first; *link;) {
		if (now_ms < (*link)->made_ms + (*link)->ttl_s * 1000) {
			link = &(*link)->next;
			continue;
		}
		keep_forget(&w->at, KEEP_WRAP, secret_bytes((*link)->token));
		wrap_drop(w, link);
	}
}

/* The link to the one of that token; NULL: there is none. */
static struct wrap **find(struct wraps *w, const char *token)
{
	for (struct wrap **link = &w->first; token && *link;
	     link = &(*link)->next)
		if (secret_equal((*link)->token, token, strlen(token)))
			return link;
	return NULL;
}

static void spend(struct wraps *w, struct wrap **link)
{
	keep_remove(&w->at, KEEP_WRAP, secret_bytes((*link)->token));
	wrap_drop(w, link);
}

bool wraps_spend(struct wraps *w, const char *token)
{
	struct wrap **link = find(w, token);

	if (link)
		spend(w, link);
	return link;
}

int wraps_restore(struct wraps *w, const struct keep_row *row)
{
	CLEANUP(wrap_freep) struct wrap *wrap = calloc(1, sizeof(*wrap));
	const char *answer, *accessor, *path;
	json_int_t made, ttl;
	size_t n;
	int r;

	if (!wrap)
		return -ENOMEM;
	if (json_unpack(row->value, "{ss% ss ss sI sI}", "answer", &answer, &n,
		"accessor", &accessor, "path", &path, "made", &made, "ttl",
		&ttl) ||
	    w->n == WRAPS_MOST || strlen(path) >= sizeof(wrap->path))
		return -EINVAL;
	r = secret_from(&wrap->token, row->name, strlen(row->name));
	if (!r)
		r = secret_from(&wrap->answer, answer, n);
	if (r)
		return r;
	snprintf(wrap->accessor, sizeof(wrap->accessor), "%s", accessor);
	snprintf(wrap->path, sizeof(wrap->path), "%s", path);
	wrap->made_ms = made;
	wrap->ttl_s = ttl;
	wrap->next = w->first;
	w->first = STEAL(wrap);
	w->n++;
	return 0;
}

/* ---- wrapping ----------------------------------------------------------- */

int wraps_wanted(
    const struct wraps *w, struct reply *reply, const char *ttl, int64_t *ttl_s)
{
	*ttl_s = 0;
	if (!ttl || !*ttl)
		return 0;
	if (*ttl == '-')
		reply_fail(reply, 400,
		    "error parsing X-Vault-Wrap-TTL header: requested wrap "
		    "ttl cannot be negative");
	else if (text_seconds(ttl, ttl_s))
		reply_fail(reply, 400,
		    "error parsing X-Vault-Wrap-TTL header: time: invalid "
		    "duration \"%.64s\"",
		    ttl);
	else if (*ttl_s && w->n == WRAPS_MOST)
		reply_full(reply, "wrapped answers");
	if (*ttl_s > TOKEN_TTL_MS / 1000)
		*ttl_s = TOKEN_TTL_MS / 1000;
	return reply->errors ? -EINVAL : 0;
}

static int wrap_new(struct wrap **out, const struct wraps *w)
{
	CLEANUP(wrap_freep) struct wrap *wrap = calloc(1, sizeof(*wrap));
	char text[TOKEN_ID_SIZE + 1];
	int r;

	if (!wrap)
		return -ENOMEM;
	token_text(text, 's', w->random);
	r = secret_from(&wrap->token, text, TOKEN_ID_SIZE);
	secret_wipe(text, sizeof(text));
	token_letters(wrap->accessor, TOKEN_ACCESSOR_SIZE, w->random);
	if (!r)
		*out = STEAL(wrap);
	return r;
}

static json_t *info_json(const struct wrap *wrap, const struct reply *inner)
{
	const char *accessor = object_text(inner->auth, "accessor");
	char made[TIME_TEXT_MOST];
	json_t *j;

	time_text(made, wrap->made_ms);
	if (!*accessor)
		accessor = object_text(inner->data, "secret_id_accessor");
	j = json_pack("{ss ss sI ss ss}", "token", secret_bytes(wrap->token),
	    "accessor", wrap->accessor, "ttl", (json_int_t)wrap->ttl_s,
	    "creation_time", made, "creation_path", wrap->path);
	if (j && *accessor)
		json_object_set_new(
		    j, "wrapped_accessor", json_string(accessor));
	return j;
}

int wraps_put(
    struct wraps *w, const struct ask *a, int64_t ttl_s, const char *request_id)
{
	CLEANUP(wrap_freep) struct wrap *wrap = NULL;
	json_t *info;
	int r;

	if (a->reply->status >= 300 || a->reply->nothing || a->reply->raw)
		return 0;
	r = wrap_new(&wrap, w);
	if (!r)
		r = reply_print(a->reply, request_id, &wrap->answer);
	if (r)
		return r;
	INVARIANT(w->n < WRAPS_MOST);
	INVARIANT(!vault_path_join(
	    a->path, 0, a->path->n_segments, wrap->path, sizeof(wrap->path)));
	wrap->made_ms = a->now_ms;
	wrap->ttl_s = ttl_s;
	wrap_keep(w, wrap);
	info = info_json(wrap, a->reply);
	reply_clear(a->reply);
	a->reply->wrap_info = info;
	wrap->next = w->first;
	w->first = STEAL(wrap);
	w->n++;
	return info ? 0 : -ENOMEM;
}

/* ---- sys/wrapping ------------------------------------------------------- */

static void used(struct ask *a)
{
	reply_fail(
	    a->reply, 400, "wrapping token is not valid or does not exist");
}

/* In the header alone, or in the body beside a token of the asker's own. */
int wraps_handle_unwrap(struct wraps *w, struct ask *a, const char *token)
{
	const char *named = ask_text(a, "token");
	struct wrap **link = find(w, named && a->token ? named : token);
	json_t *inner;

	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
		return 0;
	}
	if (!token) {
		reply_fail(a->reply, 403, "permission denied");
		return 0;
	}
	if (!link) {
		used(a);
		return 0;
	}
	inner = json_loadb(secret_bytes((*link)->answer),
	    secret_size((*link)->answer), JSON_ALLOW_NUL, NULL);
	if (!inner)
		return -ENOMEM;
	spend(w, link);
	reply_give(a->reply, inner);
	a->reply->bare = true;
	return 0;
}

void wraps_handle_lookup(struct wraps *w, struct ask *a, const char *token)
{
	const char *named = ask_text(a, "token");
	struct wrap **link;
	char made[TIME_TEXT_MOST];

	if (!named)
		named = token;
	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
		return;
	}
	if (!named || !*named) {
		reply_fail(a->reply, 403,
		    "error validating wrapping token: token is empty");
		return;
	}
	link = find(w, named);
	if (!link) {
		used(a);
		return;
	}
	time_text(made, (*link)->made_ms);
	reply_give(a->reply, json_pack("{ss ss sI}", "creation_path",
				 (*link)->path, "creation_time", made,
				 "creation_ttl", (json_int_t)(*link)->ttl_s));
}
