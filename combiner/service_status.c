/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * zone.status: all that is known of one zone, and in short what it waits for,
 * since when, until when, and what a person can do about it.
 */
#include "combiner/notify.h"
#include "combiner/refresh.h"
#include "combiner/service_inner.h"
#include "combiner/zdata.h"
#include "combiner/zone_op.h"
#include "common/errcode.h"

/* ---- waits ---- */

/* One thing waited for; times of 0 and a remedy of NULL are left out. */
static void
add_wait(json_t *list, json_t *for_what, int64_t since_sec, int64_t until_sec,
    const char *remedy)
{
	json_t *w = json_pack("{s:o}", "for", for_what);

	if (since_sec > 0) {
		service_set(w, "since", ipc_time(since_sec));
	}
	if (until_sec > 0) {
		service_set(w, "until", ipc_time(until_sec));
	}
	if (remedy != NULL) {
		service_set(w, "remedy", json_string(remedy));
	}
	(void)json_array_append_new(list, w);
}

/* The master that is being asked now, or "a master". */
static const char *
current_master(const struct zone *z, char s[TARGET_STRLEN])
{
	struct refresh_target_status m;

	for (size_t k = 0; refresh_target_status(z, k, &m) == E_OK; k++) {
		if (m.is_current) {
			return target_str(&m.target, s);
		}
	}
	return "a master";
}

static void
add_refresh_waits(
    json_t *list, const struct zone *z, const struct refresh_status *r)
{
	static const char remedy[] = "check that the masters run, are "
				     "reachable from here, and know the key";
	char s[TARGET_STRLEN];

	if (z->soa == NULL && z->rules->nmasters == 0) {
		add_wait(list, json_string("a master in the configuration"), 0,
		    0, "name one in the zone's item master, and reload");
	} else if (r->next_sec != 0 && (r->fails > 0 || z->soa == NULL)) {
		add_wait(list,
		    json_sprintf("a master to give %s copy: %u rounds failed",
			z->soa == NULL ? "the first" : "or confirm its",
			r->fails),
		    z->checked_sec, r->next_sec, remedy);
	} else if (r->is_running) {
		add_wait(list,
		    json_sprintf("the transfer from %s: %llu records so far",
			current_master(z, s), (unsigned long long)r->records),
		    loop_wall_sec(z->combiner->loop) -
			(int64_t)(r->dur_us / 1000000),
		    0, NULL);
	} else if (r->next_sec == 0) {
		add_wait(list,
		    json_sprintf(
			"%s (state %s)", current_master(z, s), r->state),
		    0, 0, NULL);
	}
}

static void
add_signer_wait(
    json_t *list, const struct zone *z, const struct notify_status *n)
{
	char s[TARGET_STRLEN];

	if (n->state == NOTIFY_PENDING) {
		add_wait(list,
		    json_sprintf("signer %s to answer NOTIFY of serial %u",
			target_str(&n->target, s), z->out_serial),
		    n->since_sec, n->next_sec,
		    n->tries > 1 ? zone_alert_remedy(ZONE_ALERT_SIGNER_SILENT)
				 : NULL);
	} else if (n->state == NOTIFY_SILENT) {
		add_wait(list,
		    json_sprintf("signer %s, silent on NOTIFY of serial %u "
				 "(%u tries, no more follow)",
			target_str(&n->target, s), z->out_serial, n->tries),
		    n->since_sec, 0,
		    zone_alert_remedy(ZONE_ALERT_SIGNER_SILENT));
	} else if (n->state == NOTIFY_REFUSED) {
		add_wait(list,
		    json_sprintf("signer %s, which refused NOTIFY of serial "
				 "%u with %s",
			target_str(&n->target, s), z->out_serial,
			dns_rcode_str(n->rcode)),
		    0, 0,
		    "let the signer's ACL take NOTIFY for this zone from "
		    "here, with the same key; then zone refresh at the "
		    "signer");
	}
}

static int
count_ops(const struct zone *z)
{
	int n = 0;

	for (const struct zone_op *op = z->ops; op != NULL; op = op->next) {
		n++;
	}
	return n;
}

/* Who holds the zone beside the set of zones and its waiting changes. */
static int
held_by(const struct zone *z)
{
	int n = (int)z->refs - 1 - count_ops(z);

	return n > 0 ? n : 0;
}

json_t *
service_waits(const struct zone *z)
{
	json_t *list = json_array();
	struct refresh_status r;
	struct notify_status n;
	int ops = count_ops(z);

	refresh_status(z, &r);
	add_refresh_waits(list, z, &r);
	for (size_t k = 0;
	     !z->is_catalog && z->has_out && notify_status(z, k, &n) == E_OK;
	     k++) {
		add_signer_wait(list, z, &n);
	}
	if (ops > 0) {
		add_wait(list,
		    json_sprintf("the disk: %d changes to write", ops), 0, 0,
		    NULL);
	}
	return list;
}

/* ---- the parts ---- */

static json_t *
alerts_json(const struct zone *z)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < ZONE_NALERTS; i++) {
		enum zone_alert a = 1u << i;

		if ((z->alerts & a) != 0) {
			(void)json_array_append_new(
			    list, json_pack("{s:s, s:s, s:s, s:o}", "name",
				      zone_alert_name(a), "text",
				      zone_alert_text(z, a), "remedy",
				      zone_alert_remedy(a), "since",
				      ipc_time(z->alert_sec)));
		}
	}
	return list;
}

static json_t *
owner_json(const struct zone *z, const struct refresh_status *r)
{
	json_t *v;

	if (z->soa == NULL) {
		return NULL;
	}
	v = json_pack("{s:I, s:b, s:o}", "serial", (json_int_t)z->owner_serial,
	    "signed", (int)z->owner_signed, "checked",
	    ipc_time(z->checked_sec));
	if (r->expire_sec > 0) {
		service_set(v, "expires", ipc_time(r->expire_sec));
	}
	return v;
}

static json_t *
refresh_json(const struct refresh_status *r)
{
	json_t *v =
	    json_pack("{s:s, s:i}", "state", r->state, "fails", (int)r->fails);

	if (r->next_sec > 0) {
		service_set(v, "next", ipc_time(r->next_sec));
	}
	if (r->is_running) {
		service_set(v, "transfer",
		    json_pack("{s:I, s:I, s:I}", "records",
			(json_int_t)r->records, "octets", (json_int_t)r->octets,
			"for_ms", (json_int_t)(r->dur_us / 1000)));
	}
	return v;
}

static json_t *
target_json(const struct target *t)
{
	char s[NET_ADDR_STRLEN];

	return json_pack("{s:s, s:s}", "remote", t->remote->id, "address",
	    net_addr_str(t->addr, s));
}

static json_t *
masters_json(const struct zone *z)
{
	json_t *list = json_array(), *v, *last;
	struct refresh_target_status m;

	for (size_t k = 0; refresh_target_status(z, k, &m) == E_OK; k++) {
		v = target_json(&m.target);
		service_set(v, "preferred", json_boolean(m.is_preferred));
		service_set(v, "current", json_boolean(m.is_current));
		if (m.sec != 0) {
			last = json_pack("{s:o, s:s}", "time", ipc_time(m.sec),
			    "result", m.err == E_OK ? "ok" : err_text(m.err));
			if (m.err == E_OK) {
				service_set(
				    last, "serial", json_integer(m.serial));
			} else if (m.err == E_RCODE) {
				service_set(last, "rcode",
				    json_string(dns_rcode_str(m.rcode)));
			}
			service_set(v, "last", last);
		}
		(void)json_array_append_new(list, v);
	}
	return list;
}

static json_t *
signer_json(const struct notify_status *n)
{
	json_t *v = target_json(&n->target);

	service_set(v, "state", json_string(notify_state_str(n->state)));
	service_set(v, "tries", json_integer((json_int_t)n->tries));
	if (n->has_acked) {
		service_set(v, "acked_serial", json_integer(n->acked_serial));
	}
	if (n->since_sec > 0) {
		service_set(v, "since", ipc_time(n->since_sec));
	}
	if (n->next_sec > 0) {
		service_set(v, "next", ipc_time(n->next_sec));
	}
	if (n->err != E_OK) {
		service_set(v, "error", json_string(err_text(n->err)));
	}
	if (n->state == NOTIFY_REFUSED) {
		service_set(v, "rcode", json_string(dns_rcode_str(n->rcode)));
	}
	return v;
}

static json_t *
signers_json(const struct zone *z)
{
	json_t *list = json_array();
	struct notify_status n;

	for (size_t k = 0; notify_status(z, k, &n) == E_OK; k++) {
		(void)json_array_append_new(list, signer_json(&n));
	}
	return list;
}

static json_t *
contributions_json(const struct zone *z)
{
	json_t *list = json_array();
	char etag[17];

	for (const struct contrib *c = z->contribs; c != NULL; c = c->next) {
		for (unsigned i = 0; i < c->sets->count; i++) {
			const struct rrset *s = &c->sets->sets[i];

			apex_set_etag(s, etag);
			(void)json_array_append_new(list,
			    json_pack("{s:s, s:s, s:i, s:I, s:s, s:o}",
				"source", c->source, "type",
				dns_type_str(s->type), "count", (int)s->count,
				"ttl", (json_int_t)s->ttl, "etag", etag,
				"changed", ipc_time(c->changed_sec)));
		}
	}
	return list;
}

static void
set_origin(json_t *result, const struct zone *z)
{
	char catalog[NAME_STRLEN];

	if (z->catalog != NULL) {
		service_set(result, "catalog",
		    json_string(name_to_str(z->catalog->name, catalog)));
	}
	if (z->member_id != NULL) {
		service_set(result, "member_id", json_string(z->member_id));
	}
	if (z->rules->id != NULL) {
		service_set(result, "template", json_string(z->rules->id));
	}
}

void
service_zone_status(struct ipc_call *call, const json_t *params, void *arg)
{
	const struct zone *z = service_zone(call, params, arg);
	char name[NAME_STRLEN];
	struct refresh_status r;
	json_t *result;

	if (z == NULL) {
		return;
	}
	refresh_status(z, &r);
	result = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}",
	    "zone", name_to_str(z->name, name), "alerts", alerts_json(z),
	    "waits", service_waits(z), "refresh", refresh_json(&r), "masters",
	    masters_json(z), "signers", signers_json(z), "contributions",
	    contributions_json(z), "changes", count_ops(z), "held", held_by(z));
	set_origin(result, z);
	service_set(result, "owner", owner_json(z, &r));
	if (z->has_out) {
		service_set(result, "out",
		    json_pack("{s:I, s:o}", "serial", (json_int_t)z->out_serial,
			"published", ipc_time(z->published_sec)));
	}
	if (z->data != NULL) {
		service_set(result, "records",
		    json_integer((json_int_t)z->data->count));
	}
	service_reply(call, result);
}
