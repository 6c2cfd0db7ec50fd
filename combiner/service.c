/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The combiner's local service: which method is whose, the daemon's state as a
 * whole, and its metrics.
 */
#include "combiner/service.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "combiner/service_inner.h"
#include "combiner/store.h"
#include "combiner/zdata.h"
#include "common/errcode.h"

#define SOCKET_MODE 0660
#define METRICS_MAX 8192

/* ---- for all handlers ---- */

const char *
service_str(const json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

void
service_set(json_t *object, const char *name, json_t *v)
{
	if (v != NULL) {
		(void)json_object_set_new(object, name, v);
	}
}

void
service_reply(struct ipc_call *call, json_t *result)
{
	if (result == NULL) {
		ipc_error(call, IPC_INTERNAL, "out of memory");
	} else {
		ipc_reply(call, result);
	}
}

struct zone *
service_zone(struct ipc_call *call, const json_t *params, struct combiner *c)
{
	const char *text = service_str(params, "zone");
	uint8_t name[NAME_MAX_LEN];
	struct zone *z;

	if (name_from_str(text, name) < 0) {
		ipc_error(call, IPC_PARAMS, "zone: no domain name");
		return NULL;
	}
	name_to_lower(name);
	z = zone_find(c, name);
	if (z == NULL || z->gone) {
		ipc_error(call, IPC_NOT_FOUND, "no zone %s here", text);
		return NULL;
	}
	return z;
}

uint16_t
service_type(struct ipc_call *call, const json_t *params)
{
	const char *text = service_str(params, "type");
	uint16_t type;

	if (dns_type_from_str(text, &type) != E_OK || !apex_is_managed(type)) {
		ipc_error(call, IPC_PARAMS,
		    "type is one of NS, KEY, DNSKEY, CDS, CDNSKEY, CSYNC");
		return 0;
	}
	return type;
}

bool
service_is_stopping(struct ipc_call *call, const struct combiner *c)
{
	if (c->stopping) {
		ipc_error(call, IPC_UNREADY, "the combiner is stopping");
	}
	return c->stopping;
}

/* ---- the daemon ---- */

static const char *
source_of(uid_t uid, gid_t gid, void *arg)
{
	const struct combiner *c = arg;
	const struct combiner_source *s = combiner_source_by_uid(c->conf, uid);

	(void)gid;
	return s != NULL ? s->id : NULL;
}

struct totals {
	size_t zones, no_copy, unpublished, alerts, signers_behind;
	uint64_t records;
};

static void
count_zones(const struct combiner *c, struct totals *t)
{
	const struct zone *z;

	memset(t, 0, sizeof(*t));
	for (size_t k = 0; (z = zone_at(c, k)) != NULL; k++) {
		t->zones++;
		t->no_copy += z->soa == NULL;
		t->unpublished += !z->has_out && !z->is_catalog;
		t->alerts += z->alerts != 0;
		t->signers_behind += z->has_out && !z->is_catalog &&
				     z->rules->nnotify > 0 && !z->has_notified;
		t->records += z->data != NULL ? z->data->count : 0;
	}
}

static json_t *
on_status(void *arg)
{
	const struct combiner *c = arg;
	struct totals t;

	count_zones(c, &t);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:b}",
	    "zones", (json_int_t)t.zones, "zones_with_alerts",
	    (json_int_t)t.alerts, "zones_without_copy", (json_int_t)t.no_copy,
	    "zones_unpublished", (json_int_t)t.unpublished,
	    "zones_with_signers_behind", (json_int_t)t.signers_behind,
	    "records", (json_int_t)t.records, "transfers_in",
	    (int)c->transfers_in, "notifies_out", (int)c->notifies_out,
	    "writes_pending", (int)store_pending(c->store), "stopping",
	    (int)c->stopping);
}

static int
on_reload(void *arg, char *msg, size_t len)
{
	struct combiner *c = arg;
	int r = daemon_reload(c->daemon);

	if (r != E_OK && c->daemon->reload_errors != NULL) {
		(void)snprintf(msg, len, "%s", c->daemon->reload_errors);
	}
	return r;
}

static void
on_stop(void *arg)
{
	struct combiner *c = arg;

	daemon_stop(c->daemon);
}

/* ---- metrics ---- */

struct text {
	char *s;
	size_t len;
};

static void
add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->len, METRICS_MAX - t->len, fmt, ap);
	va_end(ap);
	if (n > 0) {
		t->len += (size_t)n;
	}
	if (t->len >= METRICS_MAX) {
		bug("metrics are longer than %d octets", METRICS_MAX);
	}
}

static void
add_gauges(struct text *t, const struct combiner *c)
{
	struct totals n;

	count_zones(c, &n);
	const struct {
		const char *name, *help;
		uint64_t value;
	} rows[] = {
	    {"zones", "Zones, catalogs included.", n.zones},
	    {"zones_with_alerts", "Zones with something wrong.", n.alerts},
	    {"zones_without_copy", "Zones never yet fetched.", n.no_copy},
	    {"zones_unpublished", "Zones without a version.", n.unpublished},
	    {"zones_with_signers_behind",
		"Zones whose newest version a signer has not confirmed.",
		n.signers_behind},
	    {"records", "Records outside the managed sets.", n.records},
	    {"transfers_in", "Transfers in under way.", c->transfers_in},
	    {"writes_pending", "Changes on their way to disk.",
		store_pending(c->store)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		add(t,
		    "# TYPE combiner_%s gauge\n# HELP combiner_%s %s\n"
		    "combiner_%s %llu\n",
		    rows[i].name, rows[i].name, rows[i].help, rows[i].name,
		    (unsigned long long)rows[i].value);
	}
}

static void
add_counters(struct text *t, const struct combiner_stats *s)
{
	const struct {
		const char *name, *help;
		uint64_t value;
	} rows[] = {
	    {"axfr_in", "Whole zones fetched.", s->axfr_in},
	    {"ixfr_in", "Differences fetched.", s->ixfr_in},
	    {"xfr_in_failed", "Transfers in that failed.", s->xfr_in_failed},
	    {"axfr_out", "Whole zones given out.", s->axfr_out},
	    {"ixfr_out", "Differences given out.", s->ixfr_out},
	    {"updates", "DNS UPDATEs stored.", s->updates},
	    {"updates_refused", "DNS UPDATEs refused.", s->updates_refused},
	    {"contributions", "Changes of contributions.", s->contributions},
	    {"publishes", "Versions published.", s->publishes},
	    {"notify_in", "NOTIFYs taken.", s->notify_in},
	    {"notify_out", "NOTIFYs sent.", s->notify_out},
	    {"notify_failed", "NOTIFYs without an answer.", s->notify_failed},
	    {"queries", "Queries.", s->queries},
	    {"refused", "Requests refused.", s->refused},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		add(t,
		    "# TYPE combiner_%s counter\n# HELP combiner_%s %s\n"
		    "combiner_%s_total %llu\n",
		    rows[i].name, rows[i].name, rows[i].help, rows[i].name,
		    (unsigned long long)rows[i].value);
	}
}

static char *
on_metrics(void *arg)
{
	const struct combiner *c = arg;
	struct text t = {.s = malloc(METRICS_MAX)};

	if (t.s == NULL) {
		return NULL;
	}
	add(&t,
	    "# TYPE combiner info\n# HELP combiner The program.\n"
	    "combiner_info{version=\"%s\"} 1\n",
	    daemon_version());
	add_gauges(&t, c);
	add_counters(&t, &c->stats);
	add(&t, "# EOF\n");
	return t.s;
}

/* ---- life ---- */

static const struct ipc_handler handlers[] = {
    {"zone.list", service_zone_list},
    {"zone.status", service_zone_status},
    {"zone.refresh", service_zone_refresh},
    {"zone.retransfer", service_zone_retransfer},
    {"zone.apex", service_zone_apex},
    {"contribution.put", service_put},
    {"contribution.get", service_get},
    {"contribution.clear", service_clear},
    {NULL, NULL},
};

int
service_start(struct combiner *c)
{
	struct ipc_service service = {
	    .name = "combiner",
	    .program = "combiner",
	    .version = daemon_version(),
	    .methods = ipc_methods("combiner"),
	    .handlers = handlers,
	    .arg = c,
	    .source_of = source_of,
	    .status = on_status,
	    .metrics = on_metrics,
	    .reload = on_reload,
	    .stop = on_stop,
	};
	/* rights have been dropped: this is the group that operates */
	int r = ipc_server_new(c->loop, &service, c->conf->socket, SOCKET_MODE,
	    getegid(), &c->ipc);

	if (r != E_OK) {
		log_err(F(.op = "listen", .peer = c->conf->socket,
			    .proto = "unix", .err = r),
		    r == E_EXIST ? "the local socket is in use: is another "
				   "combiner running?"
				 : "cannot open the local socket");
	}
	return r;
}

void
service_stop(struct combiner *c)
{
	ipc_server_free(c->ipc);
	c->ipc = NULL;
}

void
service_tell_failed(const struct zone *z, const char *error)
{
	char name[NAME_STRLEN];

	ipc_event(z->combiner->ipc, "zone.failed",
	    json_pack("{s:s, s:s}", "zone", name_to_str(z->name, name), "error",
		error));
}
