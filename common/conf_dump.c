/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/conf_impl.h"
#include "common/errcode.h"

#define HIDDEN "(hidden)"

/* ---- a configuration as JSON ---- */

static json_t *
value_json(const struct conf_item *item, const struct conf_value *v)
{
	if ((item->flags & CONF_SECRET) != 0) {
		return json_string(HIDDEN);
	}
	switch (item->type) {
	case CONF_BOOL:
		return json_boolean(v->u.num != 0);
	case CONF_INT:
		return json_integer(v->u.num);
	default:
		return json_string(v->text);
	}
}

static json_t *
entry_json(const struct conf_entry *e)
{
	json_t *list;

	if ((e->item->flags & CONF_MULTI) == 0) {
		return e->count > 0 ? value_json(e->item, &e->values[0])
				    : json_null();
	}
	list = json_array();
	for (size_t i = 0; list != NULL && i < e->count; i++) {
		if (json_array_append_new(
			list, value_json(e->item, &e->values[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

/* Items in the order of the schema, defaults included. */
static json_t *
row_json(const struct conf_row *row)
{
	json_t *o = json_object();

	for (const struct conf_item *i = row->table->section->items;
	     o != NULL && i->name != NULL; i++) {
		const struct conf_entry *e = conf_entry_get(row, i->name);

		if (e != NULL &&
		    json_object_set_new(o, i->name, entry_json(e)) != 0) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

static json_t *
table_json(const struct conf_table *t)
{
	json_t *list;

	if (!t->section->is_list) {
		return row_json(t->rows[0]);
	}
	list = json_array();
	for (size_t i = 0; list != NULL && i < t->count; i++) {
		if (json_array_append_new(list, row_json(t->rows[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

char *
conf_dump_json(const struct conf *c)
{
	json_t *o = json_object();
	char *text = NULL;

	for (size_t i = 0; o != NULL && i < c->ntables; i++) {
		if (json_object_set_new(o, c->tables[i].section->name,
			table_json(&c->tables[i])) != 0) {
			json_decref(o);
			o = NULL;
		}
	}
	if (o != NULL) {
		text = json_dumps(o, JSON_INDENT(2));
	}
	json_decref(o);
	return text;
}

/* ---- the schema as mdoc ---- */

static const char *
placeholder(const struct conf_item *item)
{
	switch (item->type) {
	case CONF_BOOL:
		return "on | off";
	case CONF_INT:
		return "number";
	case CONF_SIZE:
		return "size";
	case CONF_TIME:
		return "time";
	case CONF_STR:
		return "text";
	case CONF_PATH:
		return "path";
	case CONF_NAME:
		return "name";
	case CONF_ADDR:
		return "address Ns Op @ Ns Ar port";
	case CONF_PREFIX:
		return "prefix";
	case CONF_ENUM:
		return "word";
	case CONF_REF:
		return "id";
	case CONF_B64:
		return "base64";
	case CONF_PIN:
		return "pin";
	}
	return "value";
}

static void
item_limits(FILE *f, const struct conf_item *item)
{
	char want[CONF_EXPECT_LEN];
	const char *limits;

	(void)conf_value_expected(item, want);
	if (item->type == CONF_ENUM) {
		fprintf(f, "One of%s.\n", want + strlen("one of"));
	} else if (item->min != 0 || item->max != 0) {
		limits = strstr(want, "between ");
		if (limits != NULL) {
			fprintf(f, "B%s.\n", limits + 1);
		}
	}
}

static void
item_mdoc(FILE *f, const struct conf_item *item)
{
	char words[CONF_EXPECT_LEN];

	fprintf(f, ".It Cm %s : Ar %s%s\n", item->name, placeholder(item),
	    (item->flags & CONF_MULTI) != 0 ? " ..." : "");
	fprintf(f, "%s\n", item->man);
	item_limits(f, item);
	if (item->type == CONF_REF) {
		fprintf(f, "Refers to section %s.\n",
		    conf_ref_words(item, words, sizeof(words)));
	}
	if ((item->flags & CONF_ID) != 0) {
		fprintf(f, "Names the row and comes first.\n");
	} else if ((item->flags & CONF_REQUIRED) != 0) {
		fprintf(f, "Must be given.\n");
	} else if (item->dflt != NULL) {
		fprintf(f, "Default:\n.Li %s .\n", item->dflt);
	}
	if ((item->flags & CONF_RESTART) != 0) {
		fprintf(f, "A change is used after a restart.\n");
	}
}

char *
conf_schema_mdoc(const struct conf_section *schema)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL) {
		return NULL;
	}
	for (const struct conf_section *s = schema; s->name != NULL; s++) {
		fprintf(
		    f, ".Ss %s\n%s\n", s->name, s->man != NULL ? s->man : "");
		fprintf(f, ".Bl -tag -width Ds\n");
		for (size_t i = 0; s->items[i].name != NULL; i++) {
			if (s->items[i].man != NULL) {
				item_mdoc(f, &s->items[i]);
			}
		}
		fprintf(f, ".El\n");
	}
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
