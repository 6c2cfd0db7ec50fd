/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the messages that matter travel:
 *
 * The owner's new version
 *   NOTIFY: dns_server -> service_dns_on_request -> notify_on_request
 *   -> refresh_on_notify -> zone_fsm_step -> refresh_xfr.c (IXFR or AXFR by
 *   dns_exchange_start) -> ingest_message -> [pool] xfr_in_message ->
 *   xfr_in_finish -> zone_take_owner -> zone_op_prepare -> combine_apex ->
 *   store_submit -> [pool] store_write -> on_stored -> zone_op_apply ->
 *   notify_zone
 *
 * A contribution
 *   local: ipc_server.c -> service_contrib.c -> zone_contribute
 *   UPDATE: service_dns_on_request -> update_in.c -> zone_contribute
 *   -> zone_op_prepare (the edit; guard_check; combine_apex) -> store_submit
 *   -> on_stored -> zone_op_apply -> notify_zone -> the answer
 *
 * A transfer out
 *   service_dns_on_request -> xfr_out_start -> store_entries (IXFR) -> pump
 *   -> xfr_out_fill -> dns_answer_write
 *
 * This file makes and ends all that, and takes new configurations into use.
 */
#include "combiner/combiner.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/catalog.h"
#include "combiner/main_ops.h"
#include "combiner/service.h"
#include "combiner/service_dns.h"
#include "combiner/store.h"
#include "common/errcode.h"

#define STOP_POLL_MS 5

static int
listen_all(struct combiner *c, const struct combiner_conf *conf)
{
	char s[NET_ADDR_STRLEN];
	size_t n = conf->nlisten + conf->nlisten_tls;

	for (size_t i = 0; i < n; i++) {
		bool is_tls = i >= conf->nlisten;
		const struct net_addr *at = is_tls
		    ? &conf->listen_tls[i - conf->nlisten]
		    : &conf->listen[i];
		int ret = dns_server_listen(c->server, at,
		    is_tls ? conf->tls : NULL, NULL);
		if (ret == E_EXIST && is_tls) {
			ret = dns_server_set_tls(c->server, at, conf->tls);
		}
		if (ret != E_OK && ret != E_EXIST) {
			log_err(F(.op = "listen",
			            .peer = net_addr_str(at, s), .err = ret),
			    "cannot listen%s", is_tls ? " for TLS" : "");
			return ret;
		}
	}
	return E_OK;
}

static bool
is_listed(const struct net_addr *list, size_t n, const struct net_addr *a)
{
	for (size_t i = 0; i < n; i++) {
		if (net_addr_equal(&list[i], a)) {
			return true;
		}
	}
	return false;
}

/* Addresses of `from` that `to` has no more. */
static void
unlisten(struct combiner *c, const struct combiner_conf *from,
    const struct combiner_conf *to)
{
	for (size_t i = 0; i < from->nlisten; i++) {
		if (!is_listed(to->listen, to->nlisten, &from->listen[i])) {
			(void)dns_server_unlisten(c->server, &from->listen[i]);
		}
	}
	for (size_t i = 0; i < from->nlisten_tls; i++) {
		if (!is_listed(to->listen_tls, to->nlisten_tls,
		        &from->listen_tls[i])) {
			(void)dns_server_unlisten(c->server,
			    &from->listen_tls[i]);
		}
	}
}

/* A reload may open such a port again, by then as an ordinary user. */
static bool
has_low_port(const struct net_addr *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (net_addr_port(&list[i]) < IPPORT_RESERVED) {
			return true;
		}
	}
	return false;
}

int
combiner_pre_drop(struct daemon *d)
{
	static const struct dns_client_opts client_opts = {.max_conns = 4,
	    .max_pipeline = 64};
	struct combiner *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL) {
		return E_NOMEM;
	}
	d->ctx = c;
	c->daemon = d;
	c->loop = d->loop;
	c->xfr_wait_tail = &c->xfr_wait;
	c->notify_wait_tail = &c->notify_wait;
	if ((ret = combiner_conf_new(d->conf, &c->conf)) != E_OK ||
	    (ret = dns_client_new(c->loop, &client_opts, &c->client)) !=
	        E_OK ||
	    (ret = service_dns_init(c)) != E_OK ||
	    (ret = dns_server_new(c->loop, &c->conf->dns,
	         service_dns_on_request, c, &c->server)) != E_OK) {
		return ret;
	}
	d->keep_net_bind = has_low_port(c->conf->listen, c->conf->nlisten) ||
			   has_low_port(c->conf->listen_tls,
			       c->conf->nlisten_tls);
	return listen_all(c, c->conf);
}

/* Looks at what they list once more: for other rules, and what was cut off. */
static void
apply_catalogs(struct combiner *c)
{
	for (size_t i = 0; i < c->conf->ncatalogs; i++) {
		struct zone *z = zone_find(c, c->conf->catalogs[i].name);
		if (z != NULL && z->data != NULL) {
			catalog_on_change(z);
		}
	}
}

int
combiner_post_drop(struct daemon *d)
{
	struct combiner *c = d->ctx;
	char msg[256] = "";
	int ret;

	ret = store_open(c->loop, c->conf->statedir, &c->store, msg,
	    sizeof(msg));
	if (ret == E_OK) {
		ret = zone_load_all(c, msg, sizeof(msg));
	}
	if (ret != E_OK) {
		log_err(F(.op = "start", .err = ret), "%s", msg);
		return ret;
	}
	apply_catalogs(c);
	return service_start(c);
}

/* ---- reload ---- */

static const struct combiner_zone_conf *
find_zone_conf(const struct combiner_conf *conf, const uint8_t *name)
{
	size_t lo = 0, hi = conf->nzones;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = name_cmp(conf->zones[mid].name, name);
		if (d == 0) {
			return &conf->zones[mid];
		}
		if (d < 0) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return NULL;
}

static const struct combiner_catalog_conf *
find_catalog_conf(const struct combiner_conf *conf, const uint8_t *name)
{
	for (size_t i = 0; i < conf->ncatalogs; i++) {
		if (name_equal(conf->catalogs[i].name, name)) {
			return &conf->catalogs[i];
		}
	}
	return NULL;
}

/*
 * Was it brought by a catalog that is configured still?  What stands in the
 * configuration itself is nobody's member, as at a start (spec 8: clash).
 */
static bool
is_member(const struct combiner_conf *conf, const struct zone *z)
{
	return z->catalog != NULL &&
	    find_catalog_conf(conf, z->catalog->name) != NULL &&
	    find_zone_conf(conf, z->name) == NULL;
}

/* The rules that a zone has by this configuration; NULL: it is not in it. */
static const struct combiner_rules *
rules_of(const struct combiner_conf *conf, const struct zone *z)
{
	const struct combiner_rules *rules;

	if (is_member(conf, z)) {
		rules = z->rules->id != NULL
		    ? combiner_conf_template(conf, z->rules->id)
		    : NULL;
		return rules != NULL ? rules
				     : combiner_conf_template(conf, "default");
	}
	if (z->is_catalog) {
		const struct combiner_catalog_conf *cc =
		    find_catalog_conf(conf, z->name);
		return cc != NULL ? cc->rules : NULL;
	}
	const struct combiner_zone_conf *zc = find_zone_conf(conf, z->name);
	return zc != NULL ? zc->rules : NULL;
}

static void
update_zones(struct combiner *c, const struct combiner_conf *conf)
{
	char name[NAME_STRLEN];

	/* from the end, as what is dropped moves those behind it */
	for (size_t i = c->nzones; i > 0; i--) {
		struct zone *z = i <= c->nzones ? c->zones[i - 1] : NULL;
		const struct combiner_rules *rules =
		    z != NULL ? rules_of(conf, z) : NULL;
		if (z == NULL) {
			continue;
		}
		if (rules == NULL) {
			log_notice(
			    F(.zone = name_to_str(z->name, name),
			        .op = "reload"),
			    "not configured any more; its state stays on disk");
			zone_drop(z);
		} else {
			if (z->member_id != NULL && !is_member(conf, z)) {
				/* configured by hand now; without an id
				 * there is nothing to fail */
				z->catalog = NULL;
				(void)zone_assign(z, z->rules, NULL, NULL);
			}
			zone_set_rules(z, rules);
		}
	}
}

static void
add_zones(struct combiner *c)
{
	const struct combiner_conf *conf = c->conf;
	size_t n = conf->nzones + conf->ncatalogs;

	for (size_t i = 0; i < n; i++) {
		bool is_catalog = i >= conf->nzones;
		size_t k = is_catalog ? i - conf->nzones : i;
		const uint8_t *name = is_catalog ? conf->catalogs[k].name
						 : conf->zones[k].name;
		const struct combiner_rules *rules = is_catalog
		    ? conf->catalogs[k].rules
		    : conf->zones[k].rules;
		if (zone_find(c, name) != NULL) {
			continue;
		}
		int ret = zone_add(c, name, rules, NULL, NULL, NULL);
		if (ret != E_OK) {
			char s[NAME_STRLEN];
			log_err(F(.zone = name_to_str(name, s),
			            .op = "reload", .err = ret),
			    "zone not added");
		}
	}
}

int
combiner_reload(struct daemon *d, struct conf *fresh)
{
	struct combiner *c = d->ctx;
	struct combiner_conf *conf, *old = c->conf;
	int ret = combiner_conf_new(fresh, &conf);

	if (ret != E_OK) {
		return ret;
	}
	ret = listen_all(c, conf);
	if (ret != E_OK) {
		unlisten(c, conf, old); /* what was opened by now */
		combiner_conf_unref(conf);
		return ret;
	}
	unlisten(c, old, conf);
	dns_server_set_opts(c->server, &conf->dns);
	c->conf = conf;
	/* no zone may begin a round by rules that are going */
	c->xfr_giving = true;
	update_zones(c, conf);
	c->xfr_giving = false;
	refresh_give_places(c);
	add_zones(c);
	apply_catalogs(c);
	combiner_conf_unref(old);
	return E_OK;
}

/* ---- stop ---- */

static void
on_stop_poll(struct loop_timer *t, void *arg)
{
	struct combiner *c = arg;

	/* what was promised is written first; new work is not taken */
	if (store_pending(c->store) > 0 || loop_job_count(c->loop) > 0) {
		(void)loop_timer_start(c->loop, t, STOP_POLL_MS);
		return;
	}
	daemon_stopped(c->daemon);
}

void
combiner_stop(struct daemon *d)
{
	struct combiner *c = d->ctx;

	if (c->stopping) {
		return;
	}
	c->stopping = true;
	if (c->store == NULL) {
		daemon_stopped(d);
		return;
	}
	dns_server_free(c->server); /* ends transfers out … */
	c->server = NULL;
	for (size_t i = 0; i < c->nzones; i++) {
		refresh_free(c->zones[i]); /* … and in */
		notify_free(c->zones[i]);
	}
	dns_client_free(c->client);
	c->client = NULL;
	c->stop_timer.cb = on_stop_poll;
	c->stop_timer.arg = c;
	on_stop_poll(&c->stop_timer, c);
}

void
combiner_free(struct daemon *d)
{
	struct combiner *c = d->ctx;

	if (c == NULL) {
		return;
	}
	loop_timer_stop(&c->stop_timer);
	service_stop(c);
	dns_server_free(c->server);
	dns_client_free(c->client);
	zone_free_all(c);
	service_dns_free(c);
	store_close(c->store);
	combiner_conf_unref(c->conf);
	free(c);
	d->ctx = NULL;
}
