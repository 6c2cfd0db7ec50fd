/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for people: colours, times as ages, aligned tables. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"

#define CELL_MAX 512
#define COLUMNS_MAX 16

void
ctl_out_init(struct ctl_out *o, FILE *f)
{
	const char *no_color = getenv("NO_COLOR"); /* no-color.org */
	const char *term = getenv("TERM");

	o->f = f;
	o->has_color = isatty(fileno(f)) &&
		       (no_color == NULL || *no_color == '\0') &&
		       (term == NULL || strcmp(term, "dumb") != 0);
	o->now_sec = (int64_t)time(NULL);
}

static const char *
color_code(enum ctl_color color)
{
	static const char *const codes[] = {
	    [CTL_PLAIN] = "",
	    [CTL_BOLD] = "\033[1m",
	    [CTL_RED] = "\033[1;31m",
	    [CTL_YELLOW] = "\033[33m",
	    [CTL_DIM] = "\033[2m",
	};

	return codes[color];
}

void
ctl_put(const struct ctl_out *o, enum ctl_color color, const char *text)
{
	bool is_colored = o->has_color && color != CTL_PLAIN;

	fputs(is_colored ? color_code(color) : "", o->f);
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0';
	     p++) {
		/* C1 controls are two octets in UTF-8: C2 80 … C2 9F */
		if ((*p < 0x20 && *p != '\n') || *p == 0x7f ||
		    (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)) {
			fprintf(o->f, "\\x%02X", *p == 0xc2 ? *++p : *p);
		} else {
			fputc(*p, o->f);
		}
	}
	fputs(is_colored ? "\033[0m" : "", o->f);
}

void
ctl_putf(const struct ctl_out *o, enum ctl_color color, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* may be cut */
	va_end(ap);
	ctl_put(o, color, text);
}

/* ---- times ---- */

const char *
ctl_age(int64_t sec, char s[CTL_AGE_STRLEN])
{
	long long n = sec < 0 ? 0 : (long long)sec;

	if (n < 60) {
		(void)snprintf(s, CTL_AGE_STRLEN, "%llds", n);
	} else if (n < 3600) {
		(void)snprintf(
		    s, CTL_AGE_STRLEN, "%lldm%02llds", n / 60, n % 60);
	} else if (n < 86400) {
		(void)snprintf(
		    s, CTL_AGE_STRLEN, "%lldh%02lldm", n / 3600, n / 60 % 60);
	} else {
		(void)snprintf(s, CTL_AGE_STRLEN, "%lldd%02lldh", n / 86400,
		    n / 3600 % 24);
	}
	return s;
}

bool
ctl_time_parse(const char *text, int64_t *sec)
{
	struct tm tm;
	int n = 0;

	memset(&tm, 0, sizeof(tm));
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &tm.tm_year, &tm.tm_mon,
		&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 6 ||
	    n != 20 || text[n] != '\0') {
		return false;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*sec = (int64_t)timegm(&tm);
	return true;
}

const char *
ctl_when(const struct ctl_out *o, const char *text, char s[CTL_AGE_STRLEN])
{
	char age[CTL_AGE_STRLEN];
	int64_t sec;

	if (!ctl_time_parse(text, &sec)) {
		return text;
	}
	if (sec == o->now_sec) {
		return "now";
	}
	if (sec < o->now_sec) {
		(void)snprintf(s, CTL_AGE_STRLEN, "%.20s ago",
		    ctl_age(o->now_sec - sec, age));
	} else {
		(void)snprintf(s, CTL_AGE_STRLEN, "in %.20s",
		    ctl_age(sec - o->now_sec, age));
	}
	return s;
}

/* ---- tables ---- */

struct ctl_table {
	unsigned ncolumns;
	char **cells;		/* row by row; the first row are the headings */
	enum ctl_color *colors; /* of each row */
	size_t ncells, nrows;
	bool is_broken; /* no memory: nothing is printed */
};

struct ctl_table *
ctl_table_new(const char *const *names)
{
	struct ctl_table *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return NULL;
	}
	while (names[t->ncolumns] != NULL && t->ncolumns < COLUMNS_MAX) {
		t->ncolumns++;
	}
	for (unsigned i = 0; i < t->ncolumns; i++) {
		ctl_table_cell(t, "%s", names[i]);
	}
	ctl_table_end_row(t, CTL_BOLD);
	return t;
}

void
ctl_table_cell(struct ctl_table *t, const char *fmt, ...)
{
	char text[CELL_MAX];
	va_list ap;
	char **p;

	if (t == NULL || t->is_broken) {
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* may be cut */
	va_end(ap);
	p = realloc(t->cells, (t->ncells + 1) * sizeof(*p));
	if (p == NULL) {
		t->is_broken = true;
		return;
	}
	t->cells = p;
	p[t->ncells] = strdup(text);
	t->is_broken = p[t->ncells++] == NULL;
}

void
ctl_table_end_row(struct ctl_table *t, enum ctl_color color)
{
	enum ctl_color *p;

	if (t == NULL || t->is_broken) {
		return;
	}
	p = realloc(t->colors, (t->nrows + 1) * sizeof(*p));
	if (p == NULL) {
		t->is_broken = true;
		return;
	}
	t->colors = p;
	p[t->nrows++] = color;
	while (t->ncells % t->ncolumns != 0) { /* a row that was cut short */
		ctl_table_cell(t, "%s", "");
	}
}

/* Characters as shown, UTF-8 counted as one each. */
static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++) {
		n += ((unsigned char)*s & 0xc0) != 0x80;
	}
	return n;
}

static void
print_row(const struct ctl_table *t, const struct ctl_out *o, size_t row,
    const size_t *widths)
{
	char *const *cells = t->cells + row * t->ncolumns;

	for (unsigned i = 0; i < t->ncolumns; i++) {
		ctl_put(o, t->colors[row], cells[i]);
		if (i + 1 < t->ncolumns) {
			fprintf(o->f, "%*s",
			    (int)(widths[i] - width_of(cells[i]) + 2), "");
		}
	}
	fputc('\n', o->f);
}

void
ctl_table_print(struct ctl_table *t, const struct ctl_out *o, unsigned indent)
{
	size_t widths[COLUMNS_MAX] = {0};
	size_t w;

	if (t == NULL) {
		return;
	}
	if (t->is_broken) {
		ctl_complain("out of memory");
		goto out;
	}
	for (size_t i = 0; i < t->ncells; i++) {
		w = width_of(t->cells[i]);
		if (w > widths[i % t->ncolumns]) {
			widths[i % t->ncolumns] = w;
		}
	}
	for (size_t row = 0; t->nrows > 1 && row < t->nrows; row++) {
		fprintf(o->f, "%*s", (int)indent, "");
		print_row(t, o, row, widths);
	}
out:
	for (size_t i = 0; i < t->ncells; i++) {
		free(t->cells[i]);
	}
	free(t->cells);
	free(t->colors);
	free(t);
}
