/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Contributions over the local socket:
 *
 *   service_put -> service_zone, source_of_call, read_records ->
 * zone_contribute
 *     -> on_edit (in the zone's turn: etag, guard_check) -> [disk]
 *     -> on_done -> the answer
 *
 * contribution.clear goes the same way, with an edit that drops.
 */
#include <stdlib.h>
#include <string.h>

#include "combiner/service_inner.h"
#include "common/errcode.h"

#define ETAG_NONE "none"
#define TTL_MAX 0x7fffffff /* RFC 2181 8 */

/* A change under way, from the call to the answer. */
struct change {
	struct combiner *c;
	struct ipc_call *call;
	char *source, *etag; /* etag: precondition, or NULL */
	struct rrset set; /* put: the new set; its type is that of the call */
	uint16_t type;	  /* clear: 0 = all */
	bool is_clear;
	bool is_changed;
	bool is_conflict;
	const char *why; /* the guard's reason, static */
	char now[17];	 /* put: etag of the set then held, or "none" */
};

static void
change_free(struct change *x)
{
	rrset_clear(&x->set);
	free(x->source);
	free(x->etag);
	free(x);
}

/* ---- the edit ---- */

static void
etag_of(const struct apex *sets, uint16_t type, char etag[17])
{
	const struct rrset *s = apex_get(sets, type);

	if (s != NULL) {
		apex_set_etag(s, etag);
	} else {
		memcpy(etag, ETAG_NONE, sizeof(ETAG_NONE));
	}
}

static int
edit_clear(struct change *x, struct apex *copy)
{
	for (unsigned i = 0; i < APEX_NTYPES; i++) {
		if (x->type != 0 && x->type != apex_types[i]) {
			continue;
		}
		x->is_changed |= apex_get(copy, apex_types[i]) != NULL;
		apex_drop(copy, apex_types[i]);
	}
	return E_OK;
}

/*
 * The set held becomes the new one.  One that is equal already is fine whatever
 * the etag asked for: the call came again.
 */
static int
edit_put(struct change *x, struct apex *copy)
{
	const struct rrset *held = apex_get(copy, x->type);
	struct rrset *s;
	char etag[17];

	if (held != NULL ? rrset_equal(held, &x->set, true)
			 : x->set.count == 0) {
		etag_of(copy, x->type, x->now);
		return E_OK;
	}
	etag_of(copy, x->type, etag);
	if (x->etag != NULL && strcmp(x->etag, etag) != 0) {
		x->is_conflict = true;
		return E_STALE;
	}
	x->is_changed = true;
	if (x->set.count == 0) {
		apex_drop(copy, x->type);
	} else {
		s = apex_edit(copy, x->type);
		if (s == NULL) {
			return E_NOMEM;
		}
		rrset_clear(s); /* copying does not free what was there */
		if (rrset_copy(s, &x->set) != E_OK) {
			return E_NOMEM;
		}
	}
	etag_of(copy, x->type, x->now);
	return E_OK;
}

/* zone_edit_fn: it is this zone's turn. */
static int
on_edit(struct zone *z, struct apex *copy, void *arg)
{
	struct change *x = arg;
	const struct guard g = {
	    .is_on = z->rules->guard,
	    .allow_cds_delete = z->rules->allow_cds_delete,
	    .owner = z->owner_apex,
	    .others = z->contribs,
	    .source = x->source,
	};
	int r = x->is_clear ? edit_clear(x, copy) : edit_put(x, copy);

	if (r == E_OK && x->is_changed) {
		r = guard_check(&g, copy, &x->why);
	}
	return r;
}

/* ---- the answer ---- */

static void
answer_error(struct change *x, int err)
{
	if (x->is_conflict) {
		ipc_error(x->call, IPC_CONFLICT,
		    "another set is held than the one with etag %.16s",
		    x->etag);
	} else if (err == E_DENIED) {
		ipc_error(x->call, IPC_REFUSED, "%s",
		    x->why != NULL ? x->why : "the guard refused it");
	} else if (err == E_CANCEL) {
		ipc_error(x->call, IPC_UNREADY,
		    "the zone or the combiner went away; nothing was changed");
	} else if (err == E_NOMEM || err == E_LIMIT) {
		ipc_error(x->call, IPC_BUSY, "%s", err_text(err));
	} else {
		ipc_error(x->call, IPC_STORE,
		    "could not be written, nothing was changed: %s",
		    err_text(err));
	}
}

/* zone_done_fn: it is on disk, or it is not to be. */
static void
on_done(struct zone *z, int err, void *arg)
{
	struct change *x = arg;
	json_t *result;

	if (err != E_OK) {
		answer_error(x, err);
	} else {
		result = json_pack("{s:b}", "changed", (int)x->is_changed);
		if (!x->is_clear) {
			service_set(result, "etag", json_string(x->now));
		}
		if (z->has_out) {
			service_set(
			    result, "serial", json_integer(z->out_serial));
		}
		service_reply(x->call, result);
	}
	change_free(x);
}

/* ---- the call ---- */

static bool
is_configured(const struct zone *z, const char *source)
{
	for (size_t i = 0; i < z->rules->nsources; i++) {
		if (strcmp(z->rules->sources[i]->id, source) == 0) {
			return true;
		}
	}
	return false;
}

/*
 * Whose store the call changes; NULL after it was answered.  What a source left
 * behind that is not configured any more can be cleared by operators.
 */
static const char *
source_of_call(struct ipc_call *call, const json_t *params,
    const struct zone *z, bool is_clear)
{
	const char *own = ipc_call_source(call);
	const char *asked = service_str(params, "source");
	const char *source = asked != NULL ? asked : own;

	if (source == NULL) {
		ipc_error(call, IPC_PARAMS,
		    "say which source: this caller is none itself");
		return NULL;
	}
	if (ipc_call_right(call) < IPC_OPERATE &&
	    (own == NULL || strcmp(own, source) != 0)) {
		ipc_error(call, IPC_DENIED, "this caller speaks for %s alone",
		    own != NULL ? own : "-");
		return NULL;
	}
	if (!is_configured(z, source) &&
	    !(is_clear && ipc_call_right(call) == IPC_OPERATE &&
		contrib_find(z->contribs, source) != NULL)) {
		ipc_error(call, IPC_NOT_FOUND,
		    "%.64s is no source of this zone (section msa, and the "
		    "zone's item msa)",
		    source);
		return NULL;
	}
	return source;
}

/* NULL after the call was answered. */
static struct change *
change_new(struct ipc_call *call, const json_t *params, struct combiner *c,
    const char *source)
{
	struct change *x = calloc(1, sizeof(*x));
	const char *etag = service_str(params, "etag");

	if (x != NULL) {
		x->c = c;
		x->call = call;
		x->source = strdup(source);
		x->etag = etag != NULL ? strdup(etag) : NULL;
		if (x->source != NULL && (etag == NULL || x->etag != NULL)) {
			return x;
		}
		change_free(x);
	}
	ipc_error(call, IPC_BUSY, "out of memory");
	return NULL;
}

/* Into the zone's queue; the answer comes from on_done. */
static void
start(struct change *x, struct zone *z)
{
	int r = zone_contribute(z, x->source, on_edit, on_done, x);

	if (r != E_OK) {
		answer_error(x, r);
		change_free(x);
	}
}

/* One record of the list into the set; false after the call was answered. */
static bool
add_record(struct change *x, const struct zone *z, const char *text, size_t i)
{
	uint8_t *rdata = malloc(DNS_MSG_MAX);
	const struct guard g = {
	    .is_on = z->rules->guard,
	    .allow_cds_delete = z->rules->allow_cds_delete,
	};
	const char *why = NULL;
	int len = E_NOMEM, r = E_NOMEM;

	if (rdata != NULL) {
		len =
		    rdata_from_str(x->type, text, z->name, rdata, DNS_MSG_MAX);
		r = len;
	}
	if (len >= 0) {
		r = guard_check_rr(&g, x->type, rdata, (uint16_t)len, &why);
	}
	if (r == E_OK) {
		r = rrset_add(&x->set, rdata, (uint16_t)len);
	}
	free(rdata);
	if (r == E_MALF || r == E_SPACE) {
		ipc_error(x->call, IPC_PARAMS,
		    "records[%zu] is no RDATA of type %s: %.200s", i,
		    dns_type_str(x->type), text);
	} else if (r == E_DENIED) {
		ipc_error(x->call, IPC_REFUSED, "records[%zu]: %s", i, why);
	} else if (r != E_OK) {
		ipc_error(x->call, IPC_BUSY, "%s", err_text(r));
	}
	return r == E_OK;
}

/* The new set; false after the call was answered. */
static bool
read_set(struct change *x, const struct zone *z, const json_t *params)
{
	const json_t *records = json_object_get(params, "records"), *v;
	const json_t *ttl = json_object_get(params, "ttl");
	json_int_t n = json_integer_value(ttl);
	size_t i;

	if ((ttl == NULL && json_array_size(records) > 0) || n < 0 ||
	    n > TTL_MAX) {
		ipc_error(x->call, IPC_PARAMS,
		    "ttl is 0 to %d, and needed "
		    "with records",
		    TTL_MAX);
		return false;
	}
	rrset_init(&x->set, x->type, (uint32_t)n);
	json_array_foreach (records, i, v) {
		if (!add_record(x, z, json_string_value(v), i)) {
			return false;
		}
	}
	return true;
}

void
service_put(struct ipc_call *call, const json_t *params, void *arg)
{
	struct combiner *c = arg;
	const char *source;
	struct change *x;
	struct zone *z;
	uint16_t type;

	if (service_is_stopping(call, c) ||
	    (z = service_zone(call, params, c)) == NULL ||
	    (type = service_type(call, params)) == 0 ||
	    (source = source_of_call(call, params, z, false)) == NULL ||
	    (x = change_new(call, params, c, source)) == NULL) {
		return;
	}
	x->type = type;
	if (read_set(x, z, params)) {
		start(x, z);
	} else {
		change_free(x);
	}
}

void
service_clear(struct ipc_call *call, const json_t *params, void *arg)
{
	struct combiner *c = arg;
	uint16_t type = 0;
	const char *source;
	struct change *x;
	struct zone *z;

	if (service_is_stopping(call, c) ||
	    (z = service_zone(call, params, c)) == NULL ||
	    (service_str(params, "type") != NULL &&
		(type = service_type(call, params)) == 0) ||
	    (source = source_of_call(call, params, z, true)) == NULL ||
	    (x = change_new(call, params, c, source)) == NULL) {
		return;
	}
	x->type = type;
	x->is_clear = true;
	start(x, z);
}

/* ---- reading back ---- */

static json_t *
contribution_json(const struct contrib *c, const struct rrset *s)
{
	json_t *records = json_array();
	const uint8_t *rdata;
	uint32_t pos = 0;
	uint16_t len;
	char etag[17];

	while ((rdata = rrset_next(s, &pos, &len)) != NULL) {
		(void)json_array_append_new(
		    records, service_rdata(s->type, rdata, len));
	}
	apex_set_etag(s, etag);
	return json_pack("{s:s, s:s, s:I, s:o, s:s, s:o}", "source", c->source,
	    "type", dns_type_str(s->type), "ttl", (json_int_t)s->ttl, "records",
	    records, "etag", etag, "changed", ipc_time(c->changed_sec));
}

void
service_get(struct ipc_call *call, const json_t *params, void *arg)
{
	const struct zone *z = service_zone(call, params, arg);
	const char *source = service_str(params, "source");
	char name[NAME_STRLEN];
	uint16_t type = 0;
	json_t *list;

	if (z == NULL || (service_str(params, "type") != NULL &&
			     (type = service_type(call, params)) == 0)) {
		return;
	}
	list = json_array();
	for (const struct contrib *c = z->contribs; c != NULL; c = c->next) {
		if (source != NULL && strcmp(c->source, source) != 0) {
			continue;
		}
		for (unsigned i = 0; i < c->sets->count; i++) {
			const struct rrset *s = &c->sets->sets[i];

			if (type == 0 || s->type == type) {
				(void)json_array_append_new(
				    list, contribution_json(c, s));
			}
		}
	}
	service_reply(
	    call, json_pack("{s:s, s:o}", "zone", name_to_str(z->name, name),
		      "contributions", list));
}
