/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From disk to zones: all of them at start, one when it is added later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/refresh.h"
#include "combiner/store.h"
#include "combiner/zdata.h"
#include "combiner/zone_inner.h"
#include "common/errcode.h"

struct loader {
	struct combiner *c;
	struct zone *only;    /* one zone, or NULL: all */
	struct zone *current; /* that the rows belong to; NULL: nobody's */
	uint32_t failed;
	uint32_t orphans;
};

static const struct combiner_catalog_conf *
catalog_conf(const struct combiner *c, const uint8_t *name)
{
	for (size_t i = 0; i < c->conf->ncatalogs; i++) {
		if (name_equal(c->conf->catalogs[i].name, name)) {
			return &c->conf->catalogs[i];
		}
	}
	return NULL;
}

/* A member of a catalog comes back with its catalog's last word. */
static struct zone *
revive_member(struct loader *l, const struct store_zone *row)
{
	struct zone *catalog =
	    row->catalog != NULL ? zone_find(l->c, row->catalog) : NULL;
	const struct combiner_rules *rules = NULL;
	struct zone *z;

	if (catalog == NULL || !catalog->is_catalog) {
		return NULL;
	}
	if (row->group != NULL) {
		rules = combiner_conf_template(l->c->conf, row->group);
	}
	if (rules == NULL) {
		rules = combiner_conf_template(l->c->conf, "default");
	}
	if (rules == NULL ||
	    zone_new(l->c, row->name, rules, catalog, row->member_id, &z) !=
	        E_OK) {
		return NULL;
	}
	if (zone_set_insert(l->c, z) != E_OK) {
		zone_release(z);
		return NULL;
	}
	return z;
}

static int
load_base(struct zone *z, const struct store_loaded *row, struct store *store)
{
	struct base *b = NULL;
	int ret;

	if (row->zone.base_file != NULL) {
		ret = base_open(store_dir(store), row->zone.base_file, &b);
	} else if (row->base_data != NULL) {
		uint8_t *copy = malloc(row->base_len);
		if (copy == NULL) {
			return E_NOMEM;
		}
		memcpy(copy, row->base_data, row->base_len);
		ret = base_from_memory(copy, row->base_len, &b);
	} else {
		return E_NOENT;
	}
	if (ret == E_OK) {
		ret = zdata_new(b, row->zone.base_seq, &z->data);
		if (ret != E_OK) {
			base_unref(b);
		}
	}
	return ret;
}

static void
fill_zone(struct zone *z, const struct store_zone *row)
{
	z->id = row->id;
	z->soa_ttl = row->soa_ttl;
	z->owner_serial = row->owner_serial;
	z->owner_signed = row->owner_signed;
	z->has_out = row->has_out;
	z->out_serial = row->out_serial;
	z->seq = row->seq;
	z->base_seq = row->base_seq;
	z->checked_sec = z->stored_sec = row->checked_sec;
	z->published_sec = row->published_sec;
}

static int
fill_copy(struct zone *z, const struct store_loaded *row, struct store *store)
{
	struct dns_soa numbers;
	int ret;

	if (row->zone.soa == NULL) {
		return E_OK;
	}
	if (dns_soa_read(row->zone.soa, row->zone.soa_len, &numbers) != E_OK) {
		return E_STORE;
	}
	ret = apex_decode(row->zone.owner_apex, row->zone.owner_apex_len,
	    &z->owner_apex);
	if (ret == E_OK && row->zone.has_out) {
		ret = apex_decode(row->zone.out_apex, row->zone.out_apex_len,
		    &z->out_apex);
	}
	if (ret == E_OK && apex_equal(z->owner_apex, z->out_apex)) {
		apex_unref(z->out_apex); /* share one, as combining does */
		z->out_apex = apex_ref(z->owner_apex);
	}
	if (ret == E_OK) {
		ret = load_base(z, row, store);
	}
	if (ret == E_OK) {
		z->soa = malloc(row->zone.soa_len);
		if (z->soa == NULL) {
			return E_NOMEM;
		}
		memcpy(z->soa, row->zone.soa, row->zone.soa_len);
		z->soa_len = row->zone.soa_len;
	}
	return ret;
}

/*
 * Data that cannot be read is not served and not deleted: the zone starts
 * without copy and is transferred anew, going on with its serials.
 */
static void
give_up_copy(struct loader *l, struct zone *z, int err)
{
	char name[NAME_STRLEN];

	log_err(F(.zone = name_to_str(z->name, name), .op = "load",
	            .err = err),
	    "state on disk is damaged: the zone is transferred again; serials "
	    "and contributions are kept where they can be read");
	zdata_unref(z->data);
	z->data = NULL;
	free(z->soa);
	z->soa = NULL;
	apex_unref(z->owner_apex);
	apex_unref(z->out_apex);
	z->owner_apex = z->out_apex = NULL;
	l->failed++;
}

static int
on_zone(const struct store_loaded *row, void *arg)
{
	struct loader *l = arg;
	struct zone *z = l->only;
	int ret;

	l->current = NULL;
	if (z == NULL) {
		z = zone_find(l->c, row->zone.name);
		if (z == NULL) {
			z = revive_member(l, &row->zone);
		}
	} else if (zone_is_leaving(l->c, row->zone.name)) {
		return E_OK;
	}
	if (z == NULL) {
		l->orphans++;
		return E_OK;
	}
	fill_zone(z, &row->zone);
	ret = fill_copy(z, row, l->c->store);
	if (ret == E_NOMEM) {
		return ret;
	}
	if (ret != E_OK) {
		give_up_copy(l, z, ret);
	}
	l->current = z;
	return E_OK;
}

static int
on_contrib(int64_t id, const char *source, const uint8_t *sets, size_t len,
    int64_t changed_sec, void *arg)
{
	struct loader *l = arg;
	struct apex *a = NULL;
	struct contrib *c;
	char name[NAME_STRLEN];

	(void)id; /* rows come zone by zone */
	if (l->current == NULL) {
		return E_OK;
	}
	int ret = apex_decode(sets, len, &a);
	if (ret != E_OK) {
		log_err(F(.zone = name_to_str(l->current->name, name),
		            .op = "load", .peer = source, .err = ret),
		    "contribution on disk is damaged");
		return ret == E_NOMEM ? ret : E_OK;
	}
	c = contrib_new(source, a, changed_sec);
	if (c == NULL) {
		return E_NOMEM;
	}
	contrib_replace(&l->current->contribs, c);
	return E_OK;
}

/* Brings the base forward by one published change. */
static int
apply_entry(struct zone *z, uint32_t seq, const uint8_t *data, size_t len)
{
	struct journal_reader r;
	enum journal_part part;
	struct delta *x = NULL;
	const uint8_t *rr;
	size_t n;
	int ret = journal_open(&r, data, len);

	if (ret == E_OK) {
		ret = delta_new(z->data, &x);
	}
	while (ret == E_OK &&
	    (ret = journal_next(&r, &part, &rr, &n)) == E_OK) {
		if (part == JOURNAL_DEL_DATA) {
			ret = delta_del(x, rr, n);
		} else if (part == JOURNAL_ADD_DATA) {
			ret = delta_add(x, rr, n);
		}
	}
	if (ret == E_DONE) {
		ret = delta_reserve(x);
	}
	if (ret != E_OK) {
		delta_free(x);
		return ret;
	}
	delta_apply(x, seq);
	return E_OK;
}

static int
on_entry(int64_t id, uint32_t seq, const uint8_t *data, size_t len, void *arg)
{
	struct loader *l = arg;
	int ret;

	(void)id;
	if (l->current == NULL || l->current->data == NULL) {
		return E_OK;
	}
	ret = seq == l->current->data->version + 1
	    ? apply_entry(l->current, seq, data, len)
	    : E_STORE; /* one is missing */
	if (ret == E_NOMEM) {
		return ret;
	}
	if (ret != E_OK) {
		give_up_copy(l, l->current, ret);
	}
	return E_OK;
}

/* The entries must have led to the version that was published last. */
static void
check_version(struct loader *l, struct zone *z)
{
	if (z->data != NULL && z->data->version != z->seq) {
		give_up_copy(l, z, E_STORE);
	}
}

static const struct store_load_events load_events = {
    .on_zone = on_zone,
    .on_contrib = on_contrib,
    .on_entry = on_entry,
};

int
zone_add(struct combiner *c, const uint8_t *name,
    const struct combiner_rules *rules, struct zone *catalog,
    const char *member_id, struct zone **out)
{
	struct loader l = {.c = c};
	struct zone *z;
	int ret = zone_new(c, name, rules, catalog, member_id, &z);

	if (ret != E_OK) {
		return ret;
	}
	z->is_catalog = catalog == NULL && catalog_conf(c, name) != NULL;
	ret = zone_set_insert(c, z);
	if (ret != E_OK) {
		zone_release(z);
		return ret;
	}
	l.only = z;
	ret = store_load(c->store, name, &load_events, &l);
	if (ret == E_OK) {
		check_version(&l, z);
		zone_check_sources(z);
		ret = refresh_init(z);
	}
	if (ret != E_OK) {
		zone_drop(z);
		return ret;
	}
	if (z->id != 0) {
		z->row_stale = true; /* maybe another catalog's now */
		(void)zone_recombine(z, NULL, NULL); /* or at the next change */
	}
	if (out != NULL) {
		*out = z;
	}
	return E_OK;
}

static int
make_configured(struct combiner *c)
{
	const struct combiner_conf *conf = c->conf;
	struct zone *z;
	int ret = E_OK;

	for (size_t i = 0; ret == E_OK && i < conf->nzones; i++) {
		ret = zone_new(c, conf->zones[i].name, conf->zones[i].rules,
		    NULL, NULL, &z);
		if (ret == E_OK) {
			ret = zone_set_insert(c, z);
		}
	}
	for (size_t i = 0; ret == E_OK && i < conf->ncatalogs; i++) {
		ret = zone_new(c, conf->catalogs[i].name,
		    conf->catalogs[i].rules, NULL, NULL, &z);
		if (ret == E_OK) {
			z->is_catalog = true;
			ret = zone_set_insert(c, z);
		}
	}
	return ret;
}

int
zone_load_all(struct combiner *c, char *msg, size_t msg_len)
{
	struct loader l = {.c = c};
	uint64_t start_us = loop_now_us(c->loop);
	int ret = make_configured(c);

	if (ret == E_OK) {
		ret = store_load(c->store, NULL, &load_events, &l);
	}
	if (ret != E_OK) {
		(void)snprintf(msg, msg_len, "cannot load the zones: %s",
		    err_text(ret));
		return ret;
	}
	store_sweep(c->store);
	for (size_t i = 0; ret == E_OK && i < c->nzones; i++) {
		struct zone *z = c->zones[i];
		check_version(&l, z);
		zone_check_sources(z);
		ret = refresh_init(z);
		if (ret != E_OK || z->soa == NULL) {
			continue;
		}
		/* rules may be others than at the last stop */
		(void)zone_recombine(z, NULL, NULL);
		if (z->has_out && !z->is_catalog) {
			notify_zone(z); /* the last one may have been lost */
		}
	}
	log_info(F(.op = "load",
	             .dur_us = (int64_t)(loop_now_us(c->loop) - start_us)),
	    "%zu zones, %u with damaged state, %u on disk that are not "
	    "configured",
	    c->nzones, l.failed, l.orphans);
	return ret;
}
