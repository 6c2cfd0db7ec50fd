/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <libknot/error.h>
#include <libknot/errcode.h>
#include <libknot/yparser/yparser.h>

#include "common/conf_impl.h"
#include "common/errcode.h"

#define INCLUDE_DEPTH 8
#define VALUE_SHOWN 64 /* octets of a wrong value that an error repeats */
#define MAX_FILES 10000

struct parse {
	struct conf *c;
	yp_parser_t *yp;
	uint16_t file;
	unsigned depth;
	struct conf_table *table; /* NULL: unknown or none yet */
	struct conf_row *row;	  /* NULL: its items are passed over */
	bool said_no_id;
};

struct conf_row *
conf_row_new(struct conf *c, struct conf_table *t, struct conf_place at)
{
	struct conf_row *row = conf_alloc(c, sizeof(*row));
	void *rows =
	    conf_grow(c, t->rows, t->count, &t->cap, sizeof(t->rows[0]));

	if (row == NULL || rows == NULL) {
		return NULL;
	}
	row->conf = c;
	row->table = t;
	row->at = at;
	row->seq = t->count;
	t->rows = rows;
	t->rows[t->count++] = row;
	return row;
}

/* The entry of item, made when missing. */
static struct conf_entry *
entry_for(struct conf *c, struct conf_row *row, const struct conf_item *item,
    struct conf_place at)
{
	struct conf_entry *e;

	for (size_t i = 0; i < row->count; i++) {
		if (row->entries[i].item == item) {
			return &row->entries[i];
		}
	}
	e = conf_grow(
	    c, row->entries, row->count, &row->cap, sizeof(row->entries[0]));
	if (e == NULL) {
		return NULL;
	}
	row->entries = e;
	e = &row->entries[row->count++];
	e->item = item;
	e->at = at;
	return e;
}

static void
bad_value(struct conf *c, struct conf_row *row, const struct conf_item *item,
    const char *text, size_t len, struct conf_place at)
{
	char want[CONF_EXPECT_LEN];

	conf_value_expected(item, want);
	if (len == 0) {
		conf_report(c, at, row, item->name,
		    "expected %s, there is no value", want);
	} else if ((item->flags & CONF_SECRET) != 0) {
		conf_report(c, at, row, item->name, "expected %s", want);
	} else {
		conf_report(c, at, row, item->name,
		    "expected %s, not \"%.*s\"%s", want,
		    (int)(len < VALUE_SHOWN ? len : VALUE_SHOWN), text,
		    len < VALUE_SHOWN ? "" : "...");
	}
}

void
conf_row_put(struct conf *c, struct conf_row *row, const struct conf_item *item,
    const char *text, size_t len, struct conf_place at)
{
	struct conf_entry *e = entry_for(c, row, item, at);
	struct conf_value v, *values;
	bool is_list = (item->flags & CONF_MULTI) != 0;
	int r;

	if (e == NULL || (is_list && len == 0)) {
		return; /* the empty list */
	}
	if (!is_list && e->count > 0) {
		conf_report(c, at, row, item->name,
		    "only one value is allowed, and there is one already");
		return;
	}
	values = conf_grow(c, e->values, e->count, &e->cap, sizeof(v));
	if (values == NULL) {
		return;
	}
	e->values = values;
	memset(&v, 0, sizeof(v));
	/* a copy, as defaults are pieces of a longer text */
	text = conf_text_copy(c, text, len);
	if (text == NULL) {
		return;
	}
	r = conf_value_parse(c, item, text, len, at, &v);
	if (r == E_INVAL) {
		bad_value(c, row, item, text, len, at);
		/* keeps its place, so that it does not count as missing */
		v.text = text;
	} else if (r != E_OK) {
		return;
	}
	e->values[e->count++] = v;
}

/* ---- events ---- */

static struct conf_place
here(const struct parse *p)
{
	return (struct conf_place){(uint32_t)p->yp->line_count, p->file};
}

static void
unknown_section(struct parse *p)
{
	const char *near = NULL;
	unsigned best = CONF_NEAR + 1;

	for (size_t i = 0; i < p->c->ntables; i++) {
		const char *name = p->c->tables[i].section->name;
		unsigned d = conf_distance(p->yp->key, name);

		if (d < best) {
			best = d;
			near = name;
		}
	}
	conf_report(p->c, here(p), NULL, p->yp->key, "unknown section%s%s%s",
	    near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

static void
unknown_item(struct parse *p)
{
	const struct conf_section *s = p->table->section;
	const char *near = NULL;
	unsigned best = CONF_NEAR + 1;

	for (const struct conf_item *i = s->items; i->name != NULL; i++) {
		unsigned d = conf_distance(p->yp->key, i->name);

		if (d < best) {
			best = d;
			near = i->name;
		}
	}
	conf_report(p->c, here(p), p->row, p->yp->key,
	    "unknown item of section %s%s%s%s", s->name,
	    near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

/* A folder that is not there holds no files; other errors stop. */
static int
on_glob_error(const char *path, int err)
{
	(void)path;
	return err != ENOENT && err != ENOTDIR;
}

/* `include: path`, wildcards allowed. */
static void
on_include(struct parse *p)
{
	struct conf_value v = {.at = here(p)};
	struct conf_item item = {.name = "include", .type = CONF_PATH};
	glob_t g;
	int r;

	if (p->depth >= INCLUDE_DEPTH) {
		conf_report(p->c, here(p), NULL, "include",
		    "files include each other more than %d deep",
		    INCLUDE_DEPTH);
		return;
	}
	if (conf_value_parse(
		p->c, &item, p->yp->data, p->yp->data_len, v.at, &v) != E_OK) {
		conf_report(p->c, here(p), NULL, "include", "expected a path");
		return;
	}
	r = glob(v.text, 0, on_glob_error, &g);
	if (r == GLOB_NOMATCH) {
		/* a pattern may match nothing, a name must be there */
		if (strpbrk(v.text, "*?[") == NULL) {
			conf_report(p->c, here(p), NULL, "include", "%s: %s",
			    v.text, strerror(ENOENT));
		}
		return;
	}
	if (r != 0) {
		conf_report(p->c, here(p), NULL, "include",
		    "%s: cannot be read", v.text);
		return;
	}
	for (size_t i = 0; i < g.gl_pathc; i++) {
		conf_parse_file(p->c, g.gl_pathv[i], p->depth + 1);
	}
	globfree(&g);
}

static void
on_section(struct parse *p)
{
	p->row = NULL;
	p->table = NULL;
	p->said_no_id = false;
	if (strcmp(p->yp->key, "include") == 0) {
		on_include(p);
		return;
	}
	p->table = conf_table_find(p->c, p->yp->key);
	if (p->table == NULL) {
		unknown_section(p);
		return;
	}
	if (p->yp->data_len > 0) {
		conf_report(p->c, here(p), NULL, p->yp->key,
		    "a section has items on the following lines, no value");
	}
	if (!p->table->section->is_list) {
		p->row = p->table->rows[0];
		if (p->row->at.line == 0) {
			p->row->at = here(p);
		}
	}
}

static void
on_id(struct parse *p)
{
	const struct conf_item *item;
	struct conf_row *row;

	p->row = NULL;
	if (p->table == NULL) {
		return; /* said already */
	}
	if (!p->table->section->is_list) {
		p->row = p->table->rows[0];
		conf_report(p->c, here(p), NULL, p->table->section->name,
		    "this section is no list, no \"-\" is allowed");
		return;
	}
	item = conf_item_id(p->table->section);
	if (strcmp(item->name, p->yp->key) != 0) {
		conf_report(p->c, here(p), NULL, p->table->section->name,
		    "expected \"- %s:\", not \"- %s:\"", item->name,
		    p->yp->key);
		p->said_no_id = true;
		return;
	}
	row = conf_row_new(p->c, p->table, here(p));
	if (row == NULL) {
		return;
	}
	if (p->yp->data_len == 0) {
		/* a row nobody can name: checked, but not found by id */
		bad_value(p->c, row, item, "", 0, here(p));
		row->id = "";
		p->row = row;
		return;
	}
	conf_row_put(p->c, row, item, p->yp->data, p->yp->data_len, here(p));
	if (row->count > 0 && row->entries[0].count > 0) {
		row->id = row->entries[0].values[0].text;
		p->row = row;
	} else {
		p->table->count--;
	}
}

static void
on_item(struct parse *p)
{
	const struct conf_item *item;

	if (p->table == NULL) {
		return; /* said already */
	}
	if (p->row == NULL) {
		if (!p->said_no_id) {
			conf_report(p->c, here(p), NULL,
			    p->table->section->name, "expected \"- %s:\" first",
			    conf_item_id(p->table->section)->name);
			p->said_no_id = true;
		}
		return;
	}
	item = conf_item_find(p->table->section, p->yp->key);
	if (item == NULL) {
		unknown_item(p);
		return;
	}
	conf_row_put(p->c, p->row, item, p->yp->data, p->yp->data_len, here(p));
}

static void
run(struct parse *p)
{
	int r;

	while ((r = yp_parse(p->yp)) == KNOT_EOK && !p->c->no_memory) {
		/* the parser leaves the last value there when there is none */
		p->yp->data[p->yp->data_len] = '\0';
		p->c->in_list = p->yp->event != YP_EKEY0 && p->table != NULL &&
		    p->table->section->is_list;
		switch (p->yp->event) {
		case YP_EKEY0:
			on_section(p);
			break;
		case YP_EID:
			on_id(p);
			break;
		case YP_EKEY1:
			on_item(p);
			break;
		case YP_ENULL:
			break;
		}
	}
	p->c->in_list = false;
	if (r != KNOT_EOF && !p->c->no_memory) {
		conf_report(p->c, here(p), NULL, NULL, "%s",
		    r == KNOT_EPARSEFAIL ? "syntax error" : knot_strerror(r));
		p->c->is_broken = true;
	}
}

/* path NULL: text. */
static void
parse(struct conf *c, const char *path, const char *text, uint16_t file,
    unsigned depth)
{
	struct parse p = {.c = c, .file = file, .depth = depth};
	int r;

	p.yp = malloc(sizeof(*p.yp)); /* 33 kB, too much for a deep stack */
	if (p.yp == NULL) {
		c->no_memory = true;
		return;
	}
	yp_init(p.yp);
	r = path != NULL ? yp_set_input_file(p.yp, path)
			 : yp_set_input_string(p.yp, text, strlen(text));
	if (r == KNOT_EOK) {
		run(&p);
	} else {
		conf_report(c, (struct conf_place){0, file}, NULL, NULL, "%s",
		    r == KNOT_EFILE ? "no ordinary file" : knot_strerror(r));
		c->is_broken = true;
	}
	yp_deinit(p.yp);
	explicit_bzero(p.yp, sizeof(*p.yp)); /* its last value may be secret */
	free(p.yp);
}

static int
add_file(struct conf *c, const char *name, uint16_t *file)
{
	const char **files = conf_grow(
	    c, c->files, c->nfiles, &c->files_cap, sizeof(c->files[0]));
	char *copy = conf_text_copy(c, name, strlen(name));

	if (files == NULL || copy == NULL || c->nfiles >= MAX_FILES) {
		c->no_memory = true;
		return E_NOMEM;
	}
	c->files = files;
	*file = (uint16_t)c->nfiles;
	c->files[c->nfiles++] = copy;
	return E_OK;
}

void
conf_parse_file(struct conf *c, const char *path, unsigned depth)
{
	struct conf_place at = {0, 0};
	struct stat st;
	int err = 0;

	if (add_file(c, path, &at.file) != E_OK) {
		return;
	}
	/* libknot does not say why it could not open it */
	if (stat(path, &st) != 0) {
		err = errno;
	} else if (S_ISDIR(st.st_mode)) {
		err = EISDIR;
	} else if (S_ISREG(st.st_mode) && st.st_size == 0) {
		return; /* cannot be mapped, and says nothing */
	}
	if (err != 0) {
		conf_report(c, at, NULL, NULL, "%s", strerror(err));
		c->is_broken = true;
		return;
	}
	parse(c, path, NULL, at.file, depth);
}

void
conf_parse_text(struct conf *c, const char *text)
{
	uint16_t file;

	if (add_file(c, "text", &file) == E_OK) {
		parse(c, NULL, text, file, 0);
	}
}
