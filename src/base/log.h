/* base/log.h: one line an event, key=value text or JSON, to standard error.
 *
 *   log_info("paired", LOG_STR("hash", short_hash), LOG_UINT("waited_ms", ms));
 *   text:  2026-11-21T10:02:11.482Z info  beacon paired hash=9f31 waited_ms=3
 *   json:  {"time":"…","level":"info","program":"beacon","event":"paired",…}
 *
 * Where the journal reads standard error, a text line leaves out what that adds
 * itself (time, program) and begins with the level as the journal takes it.
 *
 * With log_hide_addresses() no line holds an address of the internet but those
 * that the operator has given (LOG_PLACE).
 *
 * Whoever reads the log may stall or be slow, but the program waits no longer
 * than LOG_PATIENCE_MS of a second: a line that cannot be written then is lost
 * and counted, those after it at once, until one can be written; that one has
 * `lost=N`.
 *
 * Fields are typed values, so a secret (base/secret.h), which is an opaque
 * struct, cannot be passed. Text from peers is escaped: no field can start a
 * new line or forge another field. Libraries return codes; programs log.
 * Threads: only the loop's thread logs.
 */
#pragma once
#include "base/err.h"

enum log_level {
	LOG_LEVEL_ERR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};
enum { LOG_PATIENCE_MS = 20 };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_kind {
	LOG_KIND_END,
	LOG_KIND_STR,
	LOG_KIND_PLACE,
	LOG_KIND_INT,
	LOG_KIND_UINT,
	LOG_KIND_BOOL,
	LOG_KIND_HEX
};

struct log_field {
	enum log_kind kind;
	const char *key;
	union {
		const char *text;
		int64_t number;
		uint64_t natural;
		bool truth;
		struct {
			const uint8_t *bytes;
			size_t n_bytes;
		} hex;
	} value;
};

/** log_setup() - once, at start; @program must outlive the process
 * Addresses are shown, until log_hide_addresses().
 * Until then: text, LOG_LEVEL_INFO, no program name. */
void log_setup(
    const char *program, enum log_format format, enum log_level most);

/** log_hide_addresses() - from now on; log_shows_addresses() - or not? */
void log_hide_addresses(void);
bool log_shows_addresses(void);

/** log_to() - write to descriptor @fd (borrowed) in place of standard error */
void log_to(int fd);

/** log_lost() - lines that could not be written, so far */
uint64_t log_lost(void);

/** log_enabled() - would a line of @level be written? */
bool log_enabled(enum log_level level);

/** log_write() - one line; the arguments after @event are struct log_field by
 * value, ended by LOG_END. Use the macros below. @event: a few plain words,
 * constant. */
void log_write(enum log_level level, const char *event, ...);

#define log_err(...)   log_write(LOG_LEVEL_ERR, __VA_ARGS__, LOG_END)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__, LOG_END)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__, LOG_END)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, LOG_END)

#define LOG_END ((struct log_field){ .kind = LOG_KIND_END })
#define LOG_STR(k, v)                                                          \
	((struct log_field){                                                   \
	    .kind = LOG_KIND_STR, .key = (k), .value.text = (v) })
/* text with an address that the operator has given, such as one to listen on:
 * it is shown whatever log_hide_addresses() says */
#define LOG_PLACE(k, v)                                                        \
	((struct log_field){                                                   \
	    .kind = LOG_KIND_PLACE, .key = (k), .value.text = (v) })
#define LOG_INT(k, v)                                                          \
	((struct log_field){                                                   \
	    .kind = LOG_KIND_INT, .key = (k), .value.number = (v) })
#define LOG_UINT(k, v)                                                         \
	((struct log_field){                                                   \
	    .kind = LOG_KIND_UINT, .key = (k), .value.natural = (v) })
#define LOG_BOOL(k, v)                                                         \
	((struct log_field){                                                   \
	    .kind = LOG_KIND_BOOL, .key = (k), .value.truth = (v) })
/* first @n bytes at @p, in lower-case hex: truncated hashes, pair ids */
#define LOG_HEX(k, p, n)                                                       \
	((struct log_field){                                                   \
	    .kind = LOG_KIND_HEX, .key = (k), .value.hex = { (p), (n) } })
