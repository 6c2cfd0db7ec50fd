/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone.list: short rows, some at a time, as a line is at most 1 MiB. */
#include "combiner/refresh.h"
#include "combiner/service_inner.h"
#include "combiner/zdata.h"
#include "common/errcode.h"

#define LIMIT 1000
#define LIMIT_MAX 2000
#define ROWS_OCTETS (IPC_LINE_MAX - 4096u) /* the rest of the line is small */

static json_t *
alert_names(const struct zone *z)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < ZONE_NALERTS; i++) {
		if ((z->alerts & (1u << i)) != 0) {
			(void)json_array_append_new(
			    list, json_string(zone_alert_name(1u << i)));
		}
	}
	return list;
}

static json_t *
row(const struct zone *z)
{
	char name[NAME_STRLEN], catalog[NAME_STRLEN];
	struct refresh_status r;
	json_t *waits, *v;
	int sources = 0;

	refresh_status(z, &r);
	for (const struct contrib *c = z->contribs; c != NULL; c = c->next) {
		sources++;
	}
	waits = service_waits(z);
	v = json_pack("{s:s, s:s, s:i, s:i, s:o}", "name",
	    name_to_str(z->name, name), "state", r.state, "sources", sources,
	    "waiting", (int)json_array_size(waits), "alerts", alert_names(z));
	json_decref(waits);
	if (z->soa != NULL) {
		service_set(v, "owner_serial", json_integer(z->owner_serial));
	}
	if (z->has_out) {
		service_set(v, "out_serial", json_integer(z->out_serial));
		service_set(v, "published", ipc_time(z->published_sec));
	}
	if (z->data != NULL) {
		service_set(
		    v, "records", json_integer((json_int_t)z->data->count));
	}
	if (z->catalog != NULL) {
		service_set(v, "catalog",
		    json_string(name_to_str(z->catalog->name, catalog)));
	}
	return v;
}

/* Position of the first zone behind this name. */
static size_t
position_after(const struct combiner *c, const uint8_t *name)
{
	size_t lo = 0, hi = zone_count(c);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (name_cmp(zone_at(c, mid)->name, name) <= 0) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

/* Rows from position k on; *next: the last name, when there are more. */
static json_t *
rows(const struct combiner *c, size_t k, size_t limit, bool only_alerts,
    const struct zone **next)
{
	json_t *list = json_array(), *v;
	const struct zone *z, *last = NULL;
	size_t octets = 0;

	*next = NULL;
	for (; (z = zone_at(c, k)) != NULL; k++) {
		if (only_alerts && z->alerts == 0) {
			continue;
		}
		if (json_array_size(list) >= limit) {
			*next = last;
			break;
		}
		v = row(z);
		octets += json_dumpb(v, NULL, 0, JSON_COMPACT) + 1;
		if (octets > ROWS_OCTETS && last != NULL) {
			json_decref(v);
			*next = last;
			break;
		}
		(void)json_array_append_new(list, v);
		last = z;
	}
	return list;
}

void
service_zone_list(struct ipc_call *call, const json_t *params, void *arg)
{
	const struct combiner *c = arg;
	const json_t *limit = json_object_get(params, "limit");
	const char *after = service_str(params, "after");
	json_int_t n = limit != NULL ? json_integer_value(limit) : LIMIT;
	const struct zone *next;
	uint8_t name[NAME_MAX_LEN];
	char text[NAME_STRLEN];
	size_t start = 0;
	json_t *list, *result;

	if (n < 1 || n > LIMIT_MAX) {
		ipc_error(call, IPC_PARAMS, "limit is 1 to %d", LIMIT_MAX);
		return;
	}
	if (after != NULL) {
		if (name_from_str(after, name) < 0) {
			ipc_error(call, IPC_PARAMS, "after: no domain name");
			return;
		}
		name_to_lower(name);
		start = position_after(c, name);
	}
	list = rows(c, start, (size_t)n,
	    json_is_true(json_object_get(params, "alerts")), &next);
	result = json_pack(
	    "{s:o, s:I}", "zones", list, "total", (json_int_t)zone_count(c));
	if (next != NULL) {
		service_set(
		    result, "next", json_string(name_to_str(next->name, text)));
	}
	service_reply(call, result);
}
