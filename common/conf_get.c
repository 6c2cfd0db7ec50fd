/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>

#include "common/conf.h"
#include "common/conf_impl.h"
#include "common/errcode.h"
#include "common/log.h"

const struct conf_item *
conf_item_find(const struct conf_section *s, const char *name)
{
	for (const struct conf_item *i = s->items; i->name != NULL; i++) {
		if (strcmp(i->name, name) == 0) {
			return i;
		}
	}
	return NULL;
}

const struct conf_item *
conf_item_id(const struct conf_section *s)
{
	const struct conf_item *i = s->items;

	while (i->name != NULL && (i->flags & CONF_ID) == 0) {
		i++;
	}
	return i;
}

struct conf_table *
conf_table_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->ntables; i++) {
		if (strcmp(c->tables[i].section->name, name) == 0) {
			return &c->tables[i];
		}
	}
	return NULL;
}

struct conf_row *
conf_table_row(const struct conf_table *t, const char *id)
{
	size_t lo = 0, hi = t->by_id != NULL ? t->count : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = strcmp(id, t->by_id[mid]->id);

		if (d == 0) {
			return t->by_id[mid];
		}
		if (d < 0) {
			hi = mid;
		} else {
			lo = mid + 1;
		}
	}
	return NULL;
}

static const struct conf_entry *
own_entry(const struct conf_row *row, const char *item)
{
	for (size_t i = 0; i < row->count; i++) {
		if (strcmp(row->entries[i].item->name, item) == 0) {
			return &row->entries[i];
		}
	}
	return NULL;
}

const struct conf_entry *
conf_entry_get(const struct conf_row *row, const char *item)
{
	const struct conf_entry *e = own_entry(row, item);

	return e != NULL ? e : own_entry(row->table->defaults, item);
}

static const struct conf_value *
value_at(const struct conf_row *row, const char *item, size_t i)
{
	const struct conf_entry *e = conf_entry_get(row, item);

	return e != NULL && i < e->count ? &e->values[i] : NULL;
}

size_t
conf_count(const struct conf *c, const char *section)
{
	const struct conf_table *t = conf_table_find(c, section);

	return t != NULL ? t->count : 0;
}

const struct conf_row *
conf_row(const struct conf *c, const char *section, size_t i)
{
	const struct conf_table *t = conf_table_find(c, section);

	return t != NULL && i < t->count ? t->rows[i] : NULL;
}

const struct conf_row *
conf_find(const struct conf *c, const char *section, const char *id)
{
	const struct conf_table *t = conf_table_find(c, section);

	return t != NULL ? conf_table_row(t, id) : NULL;
}

const struct conf_row *
conf_defaults(const struct conf *c, const char *section)
{
	const struct conf_table *t = conf_table_find(c, section);

	return t != NULL ? t->defaults : NULL;
}

const char *
conf_id(const struct conf_row *row)
{
	return row->id;
}

const char *
conf_row_section(const struct conf_row *row)
{
	return row->table->section->name;
}

int
conf_line(const struct conf_row *row)
{
	return (int)row->at.line;
}

bool
conf_is_set(const struct conf_row *row, const char *item)
{
	return own_entry(row, item) != NULL;
}

size_t
conf_set_count(const struct conf_row *row)
{
	return row->count;
}

size_t
conf_row_index(const struct conf_row *row)
{
	return row->seq;
}

size_t
conf_values(const struct conf_row *row, const char *item)
{
	const struct conf_entry *e = conf_entry_get(row, item);

	return e != NULL ? e->count : 0;
}

bool
conf_bool(const struct conf_row *row, const char *item)
{
	return conf_int(row, item) != 0;
}

int64_t
conf_int(const struct conf_row *row, const char *item)
{
	return conf_int_at(row, item, 0);
}

int64_t
conf_int_at(const struct conf_row *row, const char *item, size_t i)
{
	const struct conf_value *v = value_at(row, item, i);

	return v != NULL ? v->u.num : 0;
}

const char *
conf_str(const struct conf_row *row, const char *item, size_t i)
{
	const struct conf_value *v = value_at(row, item, i);

	return v != NULL ? v->text : NULL;
}

/* Addresses are kept as text only: there are few reads and many values. */
int
conf_addr(const struct conf_row *row, const char *item, size_t i,
    struct net_addr *out)
{
	const struct conf_entry *e = conf_entry_get(row, item);

	if (e == NULL || i >= e->count) {
		return E_NOENT;
	}
	return net_addr_parse(e->values[i].text, e->item->port, out);
}

int
conf_prefix(const struct conf_row *row, const char *item, size_t i,
    struct net_prefix *out)
{
	const struct conf_value *v = value_at(row, item, i);

	return v != NULL ? net_prefix_parse(v->text, out) : E_NOENT;
}

const uint8_t *
conf_bytes(const struct conf_row *row, const char *item, size_t i, size_t *len)
{
	const struct conf_value *v = value_at(row, item, i);

	if (v == NULL) {
		return NULL;
	}
	if (len != NULL) {
		*len = v->len;
	}
	return v->u.bytes;
}

const struct conf_row *
conf_ref(const struct conf_row *row, const char *item, size_t i)
{
	const struct conf_value *v = value_at(row, item, i);

	return v != NULL ? v->u.ref : NULL;
}

static bool
holds_secret(const struct conf *c, size_t file)
{
	for (size_t i = 0; i < c->ntables; i++) {
		const struct conf_table *t = &c->tables[i];

		for (size_t k = 0; k < t->count; k++) {
			const struct conf_row *row = t->rows[k];

			for (size_t j = 0; j < row->count; j++) {
				const struct conf_entry *e = &row->entries[j];

				if (e->at.file == file &&
				    (e->item->flags & CONF_SECRET) != 0) {
					return true;
				}
			}
		}
	}
	return false;
}

void
conf_note_secrets(const struct conf *c)
{
	struct stat st;

	for (size_t i = 0; i < c->nfiles; i++) {
		if (stat(c->files[i], &st) == 0 &&
		    (st.st_mode & S_IRWXO) != 0 && holds_secret(c, i)) {
			log_warning(NULL,
			    "%s has a secret in it, and everybody "
			    "may read or write it",
			    c->files[i]);
		}
	}
}

static bool
same_values(const struct conf_entry *a, const struct conf_entry *b)
{
	size_t na = a != NULL ? a->count : 0, nb = b != NULL ? b->count : 0;

	if (na != nb) {
		return false;
	}
	for (size_t i = 0; i < na; i++) {
		if (strcmp(a->values[i].text, b->values[i].text) != 0) {
			return false;
		}
	}
	return true;
}

void
conf_note_restart(const struct conf *old, const struct conf *fresh)
{
	for (size_t i = 0; i < fresh->ntables; i++) {
		const struct conf_section *s = fresh->tables[i].section;
		const struct conf_row *a, *b;

		if (s->is_list) {
			continue;
		}
		a = conf_row(old, s->name, 0);
		b = conf_row(fresh, s->name, 0);
		for (const struct conf_item *it = s->items;
		     it->name != NULL && a != NULL; it++) {
			if ((it->flags & CONF_RESTART) != 0 &&
			    !same_values(conf_entry_get(a, it->name),
				conf_entry_get(b, it->name))) {
				log_warning(NULL,
				    "%s.%s changed: the new "
				    "value is used after a restart",
				    s->name, it->name);
			}
		}
	}
}
