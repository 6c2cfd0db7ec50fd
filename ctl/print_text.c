/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any result as text, by its shape; views made for people are print_zone.c. */
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

#define COLUMNS_MAX 15

/* A value in one cell. */
static void
value_str(const struct ctl_out *o, const json_t *v, char *s, size_t len)
{
	char age[CTL_AGE_STRLEN], *text;

	switch (json_typeof(v)) {
	case JSON_STRING:
		(void)snprintf(
		    s, len, "%s", ctl_when(o, json_string_value(v), age));
		break;
	case JSON_INTEGER:
		(void)snprintf(
		    s, len, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_TRUE:
		(void)snprintf(s, len, "yes");
		break;
	case JSON_FALSE:
		(void)snprintf(s, len, "no");
		break;
	case JSON_NULL:
		(void)snprintf(s, len, "-");
		break;
	default:
		text = json_dumps(v, JSON_ENCODE_ANY);
		(void)snprintf(s, len, "%s", text != NULL ? text : "…");
		free(text);
		break;
	}
}

static bool
is_list_of_objects(const json_t *v)
{
	return json_is_array(v) && json_is_object(json_array_get(v, 0));
}

/* Columns: the members of all rows, in order of appearance. */
static unsigned
columns_of(const json_t *rows, const char *names[COLUMNS_MAX + 1])
{
	const char *key;
	const json_t *row, *v;
	unsigned n = 0, k;
	size_t i;

	json_array_foreach (rows, i, row) {
		json_object_foreach ((json_t *)(uintptr_t)row, key, v) {
			for (k = 0; k < n && strcmp(names[k], key) != 0; k++) {
			}
			if (k == n && n < COLUMNS_MAX) {
				names[n++] = key;
			}
		}
	}
	names[n] = NULL;
	return n;
}

static void
print_rows(const struct ctl_out *o, const json_t *rows, unsigned indent)
{
	const char *names[COLUMNS_MAX + 1];
	struct ctl_table *t;
	const json_t *row, *v;
	char text[256];
	unsigned n;
	size_t i;

	n = columns_of(rows, names);
	t = ctl_table_new(names);
	json_array_foreach (rows, i, row) {
		for (unsigned k = 0; k < n; k++) {
			v = json_object_get(row, names[k]);
			text[0] = '\0';
			if (v != NULL) {
				value_str(o, v, text, sizeof(text));
			}
			ctl_table_cell(t, "%s", text);
		}
		ctl_table_end_row(t, CTL_PLAIN);
	}
	ctl_table_print(t, o, indent);
}

static void
print_strings(const struct ctl_out *o, const json_t *list, unsigned indent)
{
	const json_t *v;
	char text[1024];
	size_t i;

	json_array_foreach (list, i, v) {
		value_str(o, v, text, sizeof(text));
		ctl_putf(o, CTL_PLAIN, "%*s%s\n", (int)indent, "", text);
	}
}

void
ctl_print_object(const struct ctl_out *o, const json_t *v, unsigned indent)
{
	const char *key;
	const json_t *x;
	char text[1024];
	size_t width = 0;

	json_object_foreach ((json_t *)(uintptr_t)v, key, x) {
		if (strlen(key) > width) {
			width = strlen(key);
		}
	}
	json_object_foreach ((json_t *)(uintptr_t)v, key, x) {
		fprintf(o->f, "%*s", (int)indent, "");
		ctl_putf(o, CTL_BOLD, "%-*s", (int)width, key);
		if (json_is_object(x)) {
			fputc('\n', o->f);
			ctl_print_object(o, x, indent + 2);
		} else if (is_list_of_objects(x)) {
			fputc('\n', o->f);
			print_rows(o, x, indent + 2);
		} else if (json_array_size(x) > 0) {
			fputc('\n', o->f);
			print_strings(o, x, indent + 2);
		} else {
			value_str(o, x, text, sizeof(text));
			ctl_putf(o, CTL_PLAIN, "  %s\n", text);
		}
	}
}

/* One long text is the whole answer (metrics). */
static bool
print_only_text(
    const struct ctl_out *o, const struct ipc_method *m, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));

	if (text == NULL || strcmp(m->name, "metrics") != 0) {
		return false;
	}
	ctl_put(o, CTL_PLAIN, text);
	return true;
}

static const struct {
	const char *service, *method;
	void (*print)(const struct ctl_out *o, const json_t *result);
} views[] = {
    {"combiner", "zone.list", ctl_print_zone_list},
    {"combiner", "zone.status", ctl_print_zone_status},
    {"combiner", "zone.apex", ctl_print_zone_apex},
    {"combiner", "contribution.get", ctl_print_contributions},
};

void
ctl_print_text(const struct ctl_out *o, const char *service,
    const struct ipc_method *m, const json_t *result)
{
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		if (strcmp(views[i].service, service) == 0 &&
		    strcmp(views[i].method, m->name) == 0) {
			views[i].print(o, result);
			return;
		}
	}
	if (print_only_text(o, m, result)) {
		return;
	}
	if (json_object_size(result) == 0) {
		ctl_put(o, CTL_PLAIN, "done\n");
		return;
	}
	ctl_print_object(o, result, 0);
}

void
ctl_print_event(const struct ctl_out *o, const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "method"));
	const json_t *params = json_object_get(event, "params"), *v;
	const char *time = json_string_value(json_object_get(params, "time"));
	const char *zone = json_string_value(json_object_get(params, "zone"));
	const char *key;
	char text[512];

	ctl_putf(o, CTL_DIM, "%s", time != NULL ? time : "-");
	ctl_putf(o, CTL_BOLD, "  %-14s", name);
	ctl_putf(o, CTL_PLAIN, "  %s", zone != NULL ? zone : "");
	json_object_foreach ((json_t *)(uintptr_t)params, key, v) {
		if (strcmp(key, "time") != 0 && strcmp(key, "zone") != 0) {
			value_str(o, v, text, sizeof(text));
			ctl_putf(o, CTL_PLAIN, "  %s=%s", key, text);
		}
	}
	fputc('\n', o->f);
}
