/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf_impl.h"
#include "common/errcode.h"
#include "common/log.h"

#define CHUNK_LEN 65536
#define MAX_ERRORS 200
#define MESSAGE_LEN 1024

/* ---- memory ---- */

void *
conf_alloc(struct conf *c, size_t len)
{
	struct conf_chunk **chunks = c->in_list ? &c->list_chunks : &c->chunks;
	struct conf_chunk *k = *chunks;
	size_t cap;
	void *p;

	len = (len + 7) & ~(size_t)7;
	if (k == NULL || len > k->cap - k->len) {
		/* small configurations, of which there are most, stay small */
		cap = k == NULL ? CHUNK_LEN / 8 : CHUNK_LEN;
		if (len > cap) {
			cap = len;
		}
		k = calloc(1, sizeof(*k) + cap);
		if (k == NULL) {
			c->no_memory = true;
			return NULL;
		}
		k->cap = cap;
		k->next = *chunks;
		*chunks = k;
	}
	p = k->mem + k->len;
	k->len += len;
	return p;
}

char *
conf_text_copy(struct conf *c, const char *s, size_t len)
{
	char *p = conf_alloc(c, len + 1);

	if (p != NULL) {
		memcpy(p, s, len);
	}
	return p;
}

void *
conf_grow(struct conf *c, void *array, size_t count, size_t *cap, size_t size)
{
	size_t fresh_cap = *cap == 0 ? 1 : *cap * 2;
	void *fresh;

	if (count < *cap) {
		return array;
	}
	fresh = conf_alloc(c, fresh_cap * size);
	if (fresh == NULL) {
		return NULL;
	}
	if (count > 0) {
		memcpy(fresh, array, count * size);
	}
	*cap = fresh_cap;
	return fresh;
}

/* ---- errors ---- */

const char *
conf_file_name(const struct conf *c, struct conf_place at)
{
	return at.file < c->nfiles ? c->files[at.file] : "default";
}

/* An error goes to terminals and into JSON, whatever the file holds. */
static void
make_harmless(char *s)
{
	if (conf_is_text(s, strlen(s))) {
		return;
	}
	for (; *s != '\0'; s++) {
		if (*s < 0x20 || *s >= 0x7f) {
			*s = '?';
		}
	}
}

/* "file:line: section[id].item: " and text, malloc'd. */
static char *__attribute__((format(printf, 5, 0)))
format_error(const struct conf *c, struct conf_place at,
    const struct conf_row *row, const char *item, const char *fmt, va_list ap)
{
	char text[MESSAGE_LEN], line[16] = "";
	const char *section = row == NULL ? "" : row->table->section->name;
	bool has_id = row != NULL && row->id != NULL;
	char *out;

	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut off is fine */
	if (at.line > 0) {
		(void)snprintf(line, sizeof(line), "%u:", (unsigned)at.line);
	}
	if (asprintf(&out, "%s:%s %s%s%.200s%s%s%s%s%s", conf_file_name(c, at),
		line, section, has_id ? "[" : "", has_id ? row->id : "",
		has_id ? "]" : "", row != NULL && item != NULL ? "." : "",
		item != NULL ? item : "",
		row != NULL || item != NULL ? ": " : "", text) < 0) {
		return NULL;
	}
	make_harmless(out);
	return out;
}

void
conf_report(struct conf *c, struct conf_place at, const struct conf_row *row,
    const char *item, const char *fmt, ...)
{
	struct conf_error *e;
	va_list ap;

	c->status = E_CONF;
	if (c->nerrors >= MAX_ERRORS) {
		c->nerrors_left_out++;
		return;
	}
	if (c->nerrors == c->errors_cap) {
		size_t cap = c->errors_cap == 0 ? 8 : c->errors_cap * 2;

		e = realloc(c->errors, cap * sizeof(*e));
		if (e == NULL) {
			c->no_memory = true;
			return;
		}
		c->errors = e;
		c->errors_cap = cap;
	}
	e = &c->errors[c->nerrors];
	e->at = at;
	e->seq = c->nerrors;
	va_start(ap, fmt);
	e->text = format_error(c, at, row, item, fmt, ap);
	va_end(ap);
	if (e->text == NULL) {
		c->no_memory = true;
		return;
	}
	c->nerrors++;
}

/* Appends a line to c->text. */
static void
collect(struct conf *c, const char *kind, const char *line)
{
	size_t len = strlen(kind) + strlen(line) + 1;
	char *text = realloc(c->text, c->text_len + len + 1);

	if (text == NULL) {
		return; /* status says that there was an error */
	}
	(void)snprintf(text + c->text_len, len + 1, "%s%s\n", kind, line);
	c->text = text;
	c->text_len += len;
}

static void
tell(struct conf *c, enum log_level level, const char *line)
{
	if (c->collects) {
		collect(c, level == LOG_LEVEL_WARNING ? "warning: " : "", line);
	} else {
		log_line(level, NULL, "%s", line);
	}
}

static struct conf_place
place_of(const struct conf_row *row, const char *item)
{
	if (row == NULL) {
		return (struct conf_place){0, 0};
	}
	for (size_t i = 0; item != NULL && i < row->count; i++) {
		if (strcmp(row->entries[i].item->name, item) == 0) {
			return row->entries[i].at;
		}
	}
	return row->at;
}

void
conf_error(struct conf *c, const struct conf_row *row, const char *item,
    const char *fmt, ...)
{
	va_list ap;
	char *line;

	c->status = E_CONF;
	va_start(ap, fmt);
	line = format_error(c, place_of(row, item), row, item, fmt, ap);
	va_end(ap);
	tell(c, LOG_LEVEL_ERR, line != NULL ? line : err_text(E_NOMEM));
	free(line);
}

void
conf_warning(struct conf *c, const struct conf_row *row, const char *item,
    const char *fmt, ...)
{
	va_list ap;
	char *line;

	va_start(ap, fmt);
	line = format_error(c, place_of(row, item), row, item, fmt, ap);
	va_end(ap);
	tell(c, LOG_LEVEL_WARNING, line != NULL ? line : err_text(E_NOMEM));
	free(line);
}

int
conf_status(const struct conf *c)
{
	return c->status;
}

const char *
conf_errors(const struct conf *c)
{
	return c->text != NULL ? c->text : "";
}

void
conf_collect_end(struct conf *c)
{
	c->collects = false;
}

static int
error_cmp(const void *va, const void *vb)
{
	const struct conf_error *a = va, *b = vb;

	if (a->at.file != b->at.file) {
		return a->at.file < b->at.file ? -1 : 1;
	}
	if (a->at.line != b->at.line) {
		return a->at.line < b->at.line ? -1 : 1;
	}
	return a->seq < b->seq ? -1 : 1;
}

static void
report_all(struct conf *c)
{
	char line[80];

	if (c->nerrors > 0) {
		qsort(c->errors, c->nerrors, sizeof(c->errors[0]), error_cmp);
	}
	for (size_t i = 0; i < c->nerrors; i++) {
		tell(c, LOG_LEVEL_ERR, c->errors[i].text);
	}
	if (c->nerrors_left_out > 0) {
		(void)snprintf(
		    line, sizeof(line), "%zu more errors", c->nerrors_left_out);
		tell(c, LOG_LEVEL_ERR, line);
	}
}

static void
errors_free(struct conf *c)
{
	for (size_t i = 0; i < c->nerrors; i++) {
		free(c->errors[i].text);
	}
	free(c->errors);
	c->errors = NULL;
	c->nerrors = c->errors_cap = 0;
}

/* ---- life ---- */

static void
put_default(struct conf *c, struct conf_row *row, const struct conf_item *item)
{
	const char *s = item->dflt;

	while (s != NULL) {
		bool is_list = (item->flags & CONF_MULTI) != 0;
		const char *end = is_list ? strstr(s, ", ") : NULL;

		conf_row_put(c, row, item, s,
		    end != NULL ? (size_t)(end - s) : strlen(s),
		    (struct conf_place){0, UINT16_MAX});
		s = end != NULL ? end + 2 : NULL;
	}
}

static int
new_tables(struct conf *c)
{
	while (c->schema[c->ntables].name != NULL) {
		c->ntables++;
	}
	c->tables = conf_alloc(c, c->ntables * sizeof(c->tables[0]));
	if (c->tables == NULL) {
		return E_NOMEM;
	}
	for (size_t i = 0; i < c->ntables; i++) {
		struct conf_table *t = &c->tables[i];
		struct conf_place none = {0, 0};

		t->section = &c->schema[i];
		t->defaults = conf_alloc(c, sizeof(*t->defaults));
		if (t->defaults == NULL) {
			return E_NOMEM;
		}
		t->defaults->conf = c;
		t->defaults->table = t;
		for (size_t k = 0; t->section->items[k].name != NULL; k++) {
			put_default(c, t->defaults, &t->section->items[k]);
		}
		if (!t->section->is_list && conf_row_new(c, t, none) == NULL) {
			return E_NOMEM;
		}
	}
	return c->no_memory ? E_NOMEM : E_OK;
}

static int
load(const struct conf_section *schema, const char *path, const char *text,
    struct conf **out, char **errs)
{
	struct conf *c = calloc(1, sizeof(*c));
	int r = E_NOMEM;

	if (errs != NULL) {
		*errs = NULL;
	}
	if (c == NULL) {
		return E_NOMEM;
	}
	c->schema = schema;
	c->collects = errs != NULL;
	if (new_tables(c) != E_OK) {
		goto out;
	}
	if (path != NULL) {
		conf_parse_file(c, path, 0);
	} else {
		conf_parse_text(c, text);
	}
	conf_link(c);
	report_all(c);
	r = c->no_memory ? E_NOMEM : c->status;
	if (errs != NULL) {
		*errs = c->text;
		c->text = NULL;
		c->text_len = 0;
	}
	errors_free(c);
	c->is_loaded = true;
out:
	if (r == E_OK) {
		*out = c;
	} else {
		conf_free(c);
	}
	return r;
}

int
conf_load(const struct conf_section *schema, const char *path,
    struct conf **out, char **errs)
{
	return load(schema, path, NULL, out, errs);
}

int
conf_load_string(const struct conf_section *schema, const char *text,
    struct conf **out, char **errs)
{
	return load(schema, NULL, text, out, errs);
}

static void
free_chunks(struct conf_chunk **chunks)
{
	struct conf_chunk *k;

	while ((k = *chunks) != NULL) {
		*chunks = k->next;
		explicit_bzero(k->mem, k->len); /* secrets are in it */
		free(k);
	}
}

void
conf_forget_lists(struct conf *c)
{
	for (size_t i = 0; i < c->ntables; i++) {
		struct conf_table *t = &c->tables[i];
		if (t->section->is_list) {
			t->rows = t->by_id = NULL;
			t->count = t->cap = 0;
		}
	}
	free_chunks(&c->list_chunks);
}

void
conf_free(struct conf *c)
{
	if (c == NULL) {
		return;
	}
	free_chunks(&c->chunks);
	free_chunks(&c->list_chunks);
	errors_free(c);
	free(c->text);
	free(c);
}
