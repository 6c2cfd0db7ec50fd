/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on one zone, and its apex as published. */
#include <stdlib.h>

#include "combiner/refresh.h"
#include "combiner/service_inner.h"
#include "common/errcode.h"

static void
reply_state(struct ipc_call *call, const struct zone *z)
{
	struct refresh_status r;

	refresh_status(z, &r);
	service_reply(call, json_pack("{s:s}", "state", r.state));
}

void
service_zone_refresh(struct ipc_call *call, const json_t *params, void *arg)
{
	struct combiner *c = arg;
	struct zone *z;

	if (service_is_stopping(call, c) ||
	    (z = service_zone(call, params, c)) == NULL) {
		return;
	}
	refresh_now(z, NULL);
	reply_state(call, z);
}

void
service_zone_retransfer(struct ipc_call *call, const json_t *params, void *arg)
{
	struct combiner *c = arg;
	struct zone *z;

	if (service_is_stopping(call, c) ||
	    (z = service_zone(call, params, c)) == NULL) {
		return;
	}
	refresh_retransfer(z, json_is_true(json_object_get(params, "force")));
	reply_state(call, z);
}

/* ---- apex ---- */

#define RDATA_STR_MAX (4u * 65536u) /* \DDD for each octet at the worst */

json_t *
service_rdata(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	char *s = malloc(RDATA_STR_MAX);
	json_t *v = NULL;

	if (s != NULL &&
	    rdata_to_str(type, rdata, len, s, RDATA_STR_MAX) >= 0) {
		v = json_string(s);
	}
	free(s);
	return v;
}

static bool
set_has(const struct apex *a, uint16_t type, const uint8_t *rdata, uint16_t len)
{
	const struct rrset *s = a != NULL ? apex_get(a, type) : NULL;

	return s != NULL && rrset_has(s, rdata, len);
}

static json_t *
sources_of(
    const struct zone *z, uint16_t type, const uint8_t *rdata, uint16_t len)
{
	json_t *list = json_array();

	if (set_has(z->owner_apex, type, rdata, len)) {
		(void)json_array_append_new(list, json_string("owner"));
	}
	for (const struct contrib *c = z->contribs; c != NULL; c = c->next) {
		if (set_has(c->sets, type, rdata, len)) {
			(void)json_array_append_new(
			    list, json_string(c->source));
		}
	}
	return list;
}

static json_t *
set_json(const struct zone *z, const struct rrset *s)
{
	json_t *records = json_array();
	const uint8_t *rdata;
	uint32_t pos = 0;
	uint16_t len;

	while ((rdata = rrset_next(s, &pos, &len)) != NULL) {
		(void)json_array_append_new(
		    records, json_pack("{s:o, s:o}", "rdata",
				 service_rdata(s->type, rdata, len), "sources",
				 sources_of(z, s->type, rdata, len)));
	}
	return json_pack("{s:s, s:I, s:o}", "type", dns_type_str(s->type),
	    "ttl", (json_int_t)s->ttl, "records", records);
}

void
service_zone_apex(struct ipc_call *call, const json_t *params, void *arg)
{
	const struct zone *z = service_zone(call, params, arg);
	char name[NAME_STRLEN];
	json_t *sets, *result;

	if (z == NULL) {
		return;
	}
	sets = json_array();
	for (unsigned i = 0;
	     z->has_out && z->out_apex != NULL && i < z->out_apex->count; i++) {
		(void)json_array_append_new(
		    sets, set_json(z, &z->out_apex->sets[i]));
	}
	result = json_pack(
	    "{s:s, s:o}", "zone", name_to_str(z->name, name), "sets", sets);
	if (z->has_out) {
		service_set(result, "serial", json_integer(z->out_serial));
	}
	service_reply(call, result);
}
