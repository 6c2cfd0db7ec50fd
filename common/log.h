/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines with fixed fields, to stderr, syslog or the journal:
 *
 *   level daemon[pid]: zone=… op=… peer=… txid=… : text
 *
 * On stderr a time stamp comes first.  The fields come in the order of
 * struct log_fields, absent ones are left out.  Values and text that came from
 * outside are escaped here, once: callers pass them raw.  Never pass secrets.
 *
 * Levels: err needs a person; warning we went on but something is wrong;
 * notice a state or key changed; info one line per finished operation;
 * debug the rest.  Each fact is logged once, where it is decided.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERR = 3, /* as in syslog(3) */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_target {
	LOG_TARGET_STDERR = 0,
	LOG_TARGET_SYSLOG = 1,
	LOG_TARGET_JOURNAL = 2, /* sd-daemon prefixes on stderr */
};

struct log_fields {
	const char *zone;
	const char *op;    /* axfr-in, ixfr-out, notify-in, update, … */
	const char *dir;   /* in, out */
	const char *peer;  /* address@port, or name of a local peer */
	const char *proto; /* udp, tcp, tls, unix */
	const char *key;   /* TSIG key or pin */
	const char *serial; /* see log_serial() */
	const char *state;
	const char *from;
	const char *to;
	const char *event;
	const char *msg; /* name of a message or method */
	const char *txid;
	int err;         /* error code, printed as err="text"; 0 = none */
	int64_t dur_us;  /* duration in microseconds, printed as dur_ms=1.234 */
};

/* One line, whatever the rate. */
void log_line(enum log_level level, const struct log_fields *f,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* F() builds the fields in place: log_warning(F(.zone = z, .err = r), "…") */
#define F(...) (&(const struct log_fields){__VA_ARGS__})
#define log_err(f, ...) log_line(LOG_LEVEL_ERR, f, __VA_ARGS__)
#define log_warning(f, ...) log_line(LOG_LEVEL_WARNING, f, __VA_ARGS__)
#define log_notice(f, ...) log_line(LOG_LEVEL_NOTICE, f, __VA_ARGS__)
#define log_info(f, ...) log_line(LOG_LEVEL_INFO, f, __VA_ARGS__)
#define log_debug(f, ...) \
	do { \
		if (log_wants(LOG_LEVEL_DEBUG)) \
			log_line(LOG_LEVEL_DEBUG, f, __VA_ARGS__); \
	} while (0)

/*
 * For lines that an outsider can cause.  A limit lives in the caller (zeroed
 * at first), lets `burst` lines through in each `period_ms` and counts the
 * rest; the count is printed with the next line that passes.
 */
struct log_limit {
	uint64_t start_ms;
	uint32_t passed;
	uint32_t dropped;
};
#define LOG_LIMIT_BURST 5
#define LOG_LIMIT_PERIOD_MS 60000
void log_limited(struct log_limit *l, uint64_t now_ms, enum log_level level,
    const struct log_fields *f, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

bool log_wants(enum log_level level);
void log_open(const char *program, enum log_target target,
    enum log_level least);
void log_set_level(enum log_level least);
enum log_level log_level_get(void);
/* "err" … "debug"; E_INVAL when unknown. */
int log_level_from_str(const char *s, enum log_level *out);
const char *log_level_str(enum log_level level);

/* Decimal text of a serial in a static ring of 8 buffers, for F(.serial=…). */
const char *log_serial(uint32_t serial);

/* Prints and ends the process with status 1; only before the loop starts. */
void fatal(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* A broken promise of our own: logs place and text, then abort(). */
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *fmt, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

#endif
