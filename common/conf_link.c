/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/conf_impl.h"
#include "common/dns_name.h"
#include "common/errcode.h"

#define WORD_MAX 64 /* longer words get no suggestion */
#define REF_SECTIONS 128

/*
 * Edits that lead from a to b: a letter more, less, other, or two swapped
 * (optimal string alignment).
 */
unsigned
conf_distance(const char *a, const char *b)
{
	unsigned row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);
	unsigned *before = row[0], *last = row[1], *now = row[2], *tmp;

	if (la > WORD_MAX || lb > WORD_MAX) {
		return WORD_MAX;
	}
	for (size_t k = 0; k <= lb; k++) {
		before[k] = last[k] = (unsigned)k;
	}
	for (size_t i = 1; i <= la; i++) {
		now[0] = (unsigned)i;
		for (size_t k = 1; k <= lb; k++) {
			unsigned d = last[k - 1] + (a[i - 1] != b[k - 1]);

			d = last[k] + 1 < d ? last[k] + 1 : d;
			d = now[k - 1] + 1 < d ? now[k - 1] + 1 : d;
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] &&
			    a[i - 2] == b[k - 1] && before[k - 2] + 1 < d) {
				d = before[k - 2] + 1;
			}
			now[k] = d;
		}
		tmp = before;
		before = last;
		last = now;
		now = tmp;
	}
	return last[lb];
}

static int
row_cmp(const void *va, const void *vb)
{
	const struct conf_row *a = *(struct conf_row *const *)va;
	const struct conf_row *b = *(struct conf_row *const *)vb;
	int d = strcmp(a->id, b->id);

	return d != 0 ? d : a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Sorts by id and finds ids that are there twice. */
static void
index_table(struct conf *c, struct conf_table *t)
{
	if (!t->section->is_list || t->count == 0) {
		return;
	}
	t->by_id = conf_alloc(c, t->count * sizeof(t->by_id[0]));
	if (t->by_id == NULL) {
		return;
	}
	memcpy(t->by_id, t->rows, t->count * sizeof(t->by_id[0]));
	qsort(t->by_id, t->count, sizeof(t->by_id[0]), row_cmp);
	for (size_t i = 1; i < t->count; i++) {
		const struct conf_row *a = t->by_id[i - 1], *b = t->by_id[i];

		if (b->id[0] != '\0' && strcmp(a->id, b->id) == 0) {
			conf_report(c, b->at, b, NULL,
			    "there is one with this id already, at %s:%u",
			    conf_file_name(c, a->at), (unsigned)a->at.line);
		}
	}
}

static void
check_required(struct conf *c, const struct conf_row *row)
{
	char want[CONF_EXPECT_LEN];

	for (const struct conf_item *i = row->table->section->items;
	     i->name != NULL; i++) {
		const struct conf_entry *e;

		if ((i->flags & CONF_REQUIRED) == 0) {
			continue;
		}
		e = conf_entry_get(row, i->name);
		if (e == NULL || e->count == 0) {
			conf_report(c, row->at, row, i->name,
			    "must be given: expected %s",
			    conf_value_expected(i, want));
		}
	}
}

/* Calls fn for each section named in "a,b" until it returns true. */
static bool
each_section(const struct conf *c, const char *names,
    bool (*fn)(const struct conf_table *t, void *arg), void *arg)
{
	char copy[REF_SECTIONS], *save = NULL;

	if (strlen(names) >= sizeof(copy)) {
		return false;
	}
	strcpy(copy, names);
	for (char *s = strtok_r(copy, ",", &save); s != NULL;
	     s = strtok_r(NULL, ",", &save)) {
		const struct conf_table *t = conf_table_find(c, s);

		if (t != NULL && fn(t, arg)) {
			return true;
		}
	}
	return false;
}

static bool
resolve(const struct conf_table *t, void *arg)
{
	struct conf_value *v = arg;
	uint8_t name[NAME_MAX_LEN];
	char s[NAME_STRLEN];

	v->u.ref = conf_table_row(t, v->text);
	if (v->u.ref != NULL || !t->section->is_list ||
	    conf_item_id(t->section)->type != CONF_NAME ||
	    name_from_str(v->text, name) < 0) {
		return v->u.ref != NULL;
	}
	/* ids that are names: case and the last dot make no difference */
	name_to_lower(name);
	v->u.ref = conf_table_row(t, name_to_str(name, s));
	if (v->u.ref != NULL) {
		v->text = v->u.ref->id;
	}
	return v->u.ref != NULL;
}

struct nearest {
	const char *want, *best;
	unsigned distance;
};

static bool
look_near(const struct conf_table *t, void *arg)
{
	struct nearest *n = arg;

	for (size_t i = 0; i < t->count; i++) {
		unsigned d = conf_distance(n->want, t->rows[i]->id);

		if (d < n->distance) {
			n->distance = d;
			n->best = t->rows[i]->id;
		}
	}
	return false;
}

static void
link_value(struct conf *c, const struct conf_row *row,
    const struct conf_item *item, struct conf_value *v)
{
	struct nearest n = {v->text, NULL, CONF_NEAR + 1};
	char words[REF_SECTIONS];

	if (each_section(c, item->ref, resolve, v)) {
		return;
	}
	(void)each_section(c, item->ref, look_near, &n);
	conf_report(c, v->at, row, item->name, "there is no %s \"%s\"%s%s%s",
	    conf_ref_words(item, words, sizeof(words)), v->text,
	    n.best != NULL ? ", did you mean \"" : "",
	    n.best != NULL ? n.best : "", n.best != NULL ? "\"?" : "");
}

static void
link_row(struct conf *c, const struct conf_row *row)
{
	for (size_t i = 0; i < row->count; i++) {
		const struct conf_entry *e = &row->entries[i];

		for (size_t k = 0; e->item->type == CONF_REF && k < e->count;
		     k++) {
			if (e->values[k].text[0] == '\0') {
				continue; /* reported when read */
			}
			link_value(c, row, e->item, &e->values[k]);
		}
	}
}

void
conf_link(struct conf *c)
{
	if (c->is_broken) {
		/* what is missing may stand in the part that was not read */
		return;
	}
	for (size_t i = 0; i < c->ntables; i++) {
		index_table(c, &c->tables[i]);
	}
	for (size_t i = 0; i < c->ntables && !c->no_memory; i++) {
		struct conf_table *t = &c->tables[i];

		for (size_t k = 0; k < t->count; k++) {
			check_required(c, t->rows[k]);
			link_row(c, t->rows[k]);
		}
	}
}
