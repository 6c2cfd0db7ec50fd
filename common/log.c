/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/errcode.h"

#define TEXT_MAX 2048 /* before escapes */
#define LINE_CAP 4096 /* PIPE_BUF of Linux: a line is not torn in a pipe */

static struct {
	char program[32];
	enum log_target target;
	_Atomic int least; /* pool threads read it, a command may set it */
} settings = {
    .program = "polyphony",
    .target = LOG_TARGET_STDERR,
    .least = LOG_LEVEL_INFO,
};

static const char *const level_names[] = {
    [LOG_LEVEL_ERR] = "err",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

/* A line being built.  One octet is kept free for the newline. */
struct line {
	char text[LINE_CAP];
	size_t len;
};

static void
line_put(struct line *l, const char *s, size_t len)
{
	if (len > sizeof(l->text) - 1 - l->len) {
		len = sizeof(l->text) - 1 - l->len;
	}
	memcpy(l->text + l->len, s, len);
	l->len += len;
}

static void
line_puts(struct line *l, const char *s)
{
	line_put(l, s, strlen(s));
}

static void __attribute__((format(printf, 2, 3)))
line_printf(struct line *l, const char *fmt, ...)
{
	char tmp[128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(tmp, sizeof(tmp), fmt, ap); /* cut off is fine */
	va_end(ap);
	line_puts(l, tmp);
}

/* What could move a cursor, forge a line, or depend on the reader's charset. */
static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f;
}

static void
line_escape(struct line *l, const char *s, bool quoted)
{
	for (; *s != '\0'; s++) {
		if (!is_plain((unsigned char)*s)) {
			line_printf(l, "\\x%02x", (unsigned)(unsigned char)*s);
		} else if (quoted && (*s == '"' || *s == '\\')) {
			char pair[2] = {'\\', *s};

			line_put(l, pair, 2);
		} else {
			line_put(l, s, 1);
		}
	}
}

static void
line_field(struct line *l, const char *name, const char *value)
{
	bool quoted;

	if (value == NULL) {
		return;
	}
	quoted = *value == '\0' || strpbrk(value, " \"") != NULL;
	line_puts(l, name);
	line_puts(l, quoted ? "=\"" : "=");
	line_escape(l, value, quoted);
	line_puts(l, quoted ? "\" " : " ");
}

static void
line_fields(struct line *l, const struct log_fields *f)
{
	size_t start = l->len;

	if (f == NULL) {
		return;
	}
	line_field(l, "zone", f->zone);
	line_field(l, "op", f->op);
	line_field(l, "dir", f->dir);
	line_field(l, "peer", f->peer);
	line_field(l, "proto", f->proto);
	line_field(l, "key", f->key);
	line_field(l, "serial", f->serial);
	line_field(l, "state", f->state);
	line_field(l, "from", f->from);
	line_field(l, "to", f->to);
	line_field(l, "event", f->event);
	line_field(l, "msg", f->msg);
	line_field(l, "txid", f->txid);
	if (f->err != E_OK) {
		line_field(l, "err", err_text(f->err));
	}
	if (f->dur_us != 0) {
		line_printf(l, "dur_ms=%" PRId64 ".%03d ", f->dur_us / 1000,
		    (int)(f->dur_us % 1000));
	}
	if (l->len != start) {
		line_puts(l, ": ");
	}
}

static void
line_time(struct line *l)
{
	struct timespec ts;
	struct tm tm;
	char day[32];

	if (clock_gettime(CLOCK_REALTIME, &ts) != 0 ||
	    gmtime_r(&ts.tv_sec, &tm) == NULL ||
	    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		return;
	}
	line_printf(l, "%s.%03ldZ ", day, ts.tv_nsec / 1000000);
}

static void
line_send(struct line *l)
{
	ssize_t r;

	l->text[l->len++] = '\n';
	r = write(STDERR_FILENO, l->text, l->len);
	(void)r; /* there is no other place to say that logging failed */
}

static void
write_line(enum log_level level, const struct log_fields *f, const char *text,
    uint32_t dropped)
{
	struct line l;

	l.len = 0;
	switch (settings.target) {
	case LOG_TARGET_SYSLOG: /* adds time, program and pid itself */
		line_printf(&l, "%s: ", log_level_str(level));
		break;
	case LOG_TARGET_JOURNAL:
		line_printf(&l, "<%d>%s %s[%ld]: ", (int)level,
		    log_level_str(level), settings.program, (long)getpid());
		break;
	case LOG_TARGET_STDERR:
		line_time(&l);
		line_printf(&l, "%s %s[%ld]: ", log_level_str(level),
		    settings.program, (long)getpid());
		break;
	}
	line_fields(&l, f);
	line_escape(&l, text, false);
	if (dropped > 0) {
		line_printf(
		    &l, " (%" PRIu32 " similar lines left out)", dropped);
	}
	if (settings.target == LOG_TARGET_SYSLOG) {
		syslog((int)level, "%.*s", (int)l.len, l.text);
	} else {
		line_send(&l);
	}
}

void
log_line(enum log_level level, const struct log_fields *f, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (!log_wants(level)) {
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut off is fine */
	va_end(ap);
	write_line(level, f, text, 0);
}

void
log_limited(struct log_limit *l, uint64_t now_ms, enum log_level level,
    const struct log_fields *f, const char *fmt, ...)
{
	char text[TEXT_MAX];
	uint32_t dropped;
	va_list ap;

	if (!log_wants(level)) {
		return;
	}
	if (now_ms - l->start_ms >= LOG_LIMIT_PERIOD_MS) {
		l->start_ms = now_ms;
		l->passed = 0;
	}
	if (l->passed >= LOG_LIMIT_BURST) {
		if (l->dropped < UINT32_MAX) {
			l->dropped++;
		}
		return;
	}
	l->passed++;
	dropped = l->dropped;
	l->dropped = 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut off is fine */
	va_end(ap);
	write_line(level, f, text, dropped);
}

bool
log_wants(enum log_level level)
{
	return (int)level <= settings.least;
}

void
log_open(const char *program, enum log_target target, enum log_level least)
{
	if (settings.target == LOG_TARGET_SYSLOG) {
		closelog();
	}
	(void)snprintf(
	    settings.program, sizeof(settings.program), "%s", program);
	settings.target = target;
	settings.least = (int)least;
	if (target == LOG_TARGET_SYSLOG) {
		openlog(settings.program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	}
}

void
log_set_level(enum log_level least)
{
	settings.least = (int)least;
}

enum log_level
log_level_get(void)
{
	return (enum log_level)settings.least;
}

int
log_level_from_str(const char *s, enum log_level *out)
{
	for (int i = LOG_LEVEL_ERR; i <= LOG_LEVEL_DEBUG; i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return E_OK;
		}
	}
	return E_INVAL;
}

const char *
log_level_str(enum log_level level)
{
	if (level < LOG_LEVEL_ERR || level > LOG_LEVEL_DEBUG) {
		return "?";
	}
	return level_names[level];
}

const char *
log_serial(uint32_t serial)
{
	static _Thread_local char ring[8][11];
	static _Thread_local unsigned next;
	char *s = ring[next++ % 8];

	(void)snprintf(s, sizeof(ring[0]), "%" PRIu32, serial);
	return s;
}

void
fatal(const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut off is fine */
	va_end(ap);
	write_line(LOG_LEVEL_ERR, NULL, text, 0);
	exit(1);
}

void
bug_at(const char *file, int line, const char *fmt, ...)
{
	char text[TEXT_MAX];
	int len;
	va_list ap;

	len = snprintf(text, sizeof(text), "bug at %s:%d: ", file, line);
	if (len < 0 || (size_t)len >= sizeof(text)) {
		len = 0;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	va_end(ap);
	write_line(LOG_LEVEL_ERR, NULL, text, 0);
	abort();
}
