/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zones as objects, and the sorted set of them. */
#include "combiner/zone.h"

#include <stdlib.h>
#include <string.h>

#include "combiner/combiner.h"
#include "combiner/notify.h"
#include "combiner/refresh.h"
#include "combiner/store.h"
#include "combiner/zdata.h"
#include "combiner/zone_inner.h"
#include "common/buf.h"
#include "common/errcode.h"

int
zone_out_soa(const struct zone *z, uint8_t *rdata, uint32_t *ttl)
{
	if (!z->has_out || z->soa == NULL) {
		return E_NOENT;
	}
	memcpy(rdata, z->soa, z->soa_len);
	put_be32(rdata + z->soa_len - 20, z->out_serial);
	*ttl = z->soa_ttl;
	return z->soa_len;
}

void
zone_checked(struct zone *z)
{
	struct dns_soa soa;

	z->checked_sec = loop_wall_sec(z->combiner->loop);
	if (z->soa == NULL || dns_soa_read(z->soa, z->soa_len, &soa) != E_OK) {
		return;
	}
	/* so that a restart does not find the copy older than it is */
	if (z->checked_sec - z->stored_sec > (int64_t)soa.expire / 8) {
		z->stored_sec = z->checked_sec;
		z->row_stale = true;
		(void)zone_recombine(z, NULL, NULL); /* else with a change */
	}
}

static bool
is_source(const struct combiner_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->nsources; i++) {
		if (strcmp(rules->sources[i]->id, id) == 0) {
			return true;
		}
	}
	return false;
}

void
zone_check_sources(struct zone *z)
{
	for (const struct contrib *c = z->contribs; c != NULL; c = c->next) {
		if (!is_source(z->rules, c->source)) {
			zone_alert_set(z, ZONE_ALERT_SOURCE,
			    "%s is no source of this zone any more; what it "
			    "contributed stays",
			    c->source);
			return;
		}
	}
	zone_alert_clear(z, ZONE_ALERT_SOURCE);
}

/* ---- one zone ---- */

void
zone_hold(struct zone *z)
{
	z->refs++;
}

static void
zone_free(struct zone *z)
{
	refresh_free(z);
	notify_free(z);
	zone_alert_free(z);
	contrib_free_all(z->contribs);
	apex_unref(z->owner_apex);
	apex_unref(z->out_apex);
	zdata_unref(z->data);
	blob_unref(z->last_entry);
	free(z->member_id);
	free(z->soa);
	free(z);
}

void
zone_release(struct zone *z)
{
	if (--z->refs == 0) {
		zone_free(z);
	}
}

int
zone_new(struct combiner *c, const uint8_t *name,
    const struct combiner_rules *rules, struct zone *catalog,
    const char *member_id, struct zone **out)
{
	size_t n = name_len(name);
	/* the name stands behind the struct: one block a zone */
	struct zone *z = calloc(1, sizeof(*z) + n);

	if (z == NULL) {
		return E_NOMEM;
	}
	z->refs = 1; /* the set's */
	z->combiner = c;
	z->name = (uint8_t *)(z + 1);
	memcpy(z->name, name, n);
	z->rules = rules;
	z->catalog = catalog;
	z->ops_tail = &z->ops;
	if (member_id != NULL && (z->member_id = strdup(member_id)) == NULL) {
		free(z);
		return E_NOMEM;
	}
	*out = z;
	return E_OK;
}

/* ---- the set ---- */

/* Where the name is, or belongs. */
static size_t
find_at(const struct combiner *c, const uint8_t *name, bool *found)
{
	size_t lo = 0, hi = c->nzones;

	*found = false;
	/* the usual case when all zones are loaded: behind the last */
	if (hi > 0 && name_cmp(c->zones[hi - 1]->name, name) < 0) {
		return hi;
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = name_cmp(c->zones[mid]->name, name);
		if (d == 0) {
			*found = true;
			return mid;
		}
		if (d < 0) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return lo;
}

struct zone *
zone_find(struct combiner *c, const uint8_t *name)
{
	bool found;
	size_t at = find_at(c, name, &found);

	return found ? c->zones[at] : NULL;
}

size_t
zone_count(const struct combiner *c)
{
	return c->nzones;
}

struct zone *
zone_at(const struct combiner *c, size_t k)
{
	return k < c->nzones ? c->zones[k] : NULL;
}

int
zone_set_insert(struct combiner *c, struct zone *z)
{
	bool found;
	size_t at = find_at(c, z->name, &found);

	if (found) {
		return E_EXIST;
	}
	if (c->nzones == c->zones_cap) {
		size_t cap = c->zones_cap == 0 ? 16 : c->zones_cap * 2;
		struct zone **fresh =
		    realloc(c->zones, cap * sizeof(struct zone *));
		if (fresh == NULL) {
			return E_NOMEM;
		}
		c->zones = fresh;
		c->zones_cap = cap;
	}
	memmove(c->zones + at + 1, c->zones + at,
	    (c->nzones - at) * sizeof(struct zone *));
	c->zones[at] = z;
	c->nzones++;
	return E_OK;
}

/* Out of the set and out of service; lives on while somebody holds it. */
static void
retire(struct zone *z)
{
	struct combiner *c = z->combiner;
	bool found;
	size_t at = find_at(c, z->name, &found);

	if (found && c->zones[at] == z) {
		c->nzones--;
		memmove(c->zones + at, c->zones + at + 1,
		    (c->nzones - at) * sizeof(struct zone *));
	}
	/* members must not point to a catalog that is going */
	for (size_t i = 0; z->is_catalog && i < c->nzones; i++) {
		if (c->zones[i]->catalog == z) {
			c->zones[i]->catalog = NULL;
		}
	}
	z->gone = true;
	refresh_free(z);
	notify_free(z);
}

void
zone_drop(struct zone *z)
{
	if (!z->gone) {
		retire(z);
		zone_release(z);
	}
}

void
zone_free_all(struct combiner *c)
{
	while (c->nzones > 0) {
		zone_drop(c->zones[c->nzones - 1]);
	}
	free(c->zones);
	c->zones = NULL;
	c->zones_cap = 0;
}

int
zone_assign(struct zone *z, const struct combiner_rules *rules,
    struct zone *catalog, const char *member_id)
{
	char *id = member_id != NULL ? strdup(member_id) : NULL;

	if (member_id != NULL && id == NULL) {
		return E_NOMEM;
	}
	free(z->member_id);
	z->member_id = id;
	z->catalog = catalog;
	z->rules = rules;
	z->row_stale = true;
	return E_OK;
}

static void
on_recombined(struct zone *z, int err, void *arg)
{
	char name[NAME_STRLEN];

	(void)arg;
	if (err != E_OK && err != E_CANCEL) {
		log_warning(F(.zone = name_to_str(z->name, name),
		                .op = "reload", .err = err),
		    "the zone is not published by its new rules yet");
	}
}

/* By name: the remotes of two configurations are never the same structs. */
static bool
same_signers(const struct combiner_rules *a, const struct combiner_rules *b)
{
	if (a->nnotify != b->nnotify) {
		return false;
	}
	for (size_t i = 0; i < a->nnotify; i++) {
		if (strcmp(a->notify[i]->id, b->notify[i]->id) != 0) {
			return false;
		}
	}
	return true;
}

void
zone_set_rules(struct zone *z, const struct combiner_rules *rules)
{
	/* what was dropped, or kept, of the owner's signatures is not at hand */
	bool again = z->soa != NULL &&
	    z->rules->owner_signatures != rules->owner_signatures;

	bool new_signers = !same_signers(z->rules, rules);

	z->rules = rules;
	if (rules->expire == COMBINER_EXPIRE_SERVE) {
		z->expired_stop = false;
	}
	zone_check_sources(z);
	refresh_reload(z);
	notify_reload(z);
	if (new_signers && z->has_out && !z->is_catalog) {
		z->has_notified = false;
		notify_zone(z);
	}
	if (again) {
		refresh_retransfer(z, false); /* of the serial held, too */
	}
	(void)zone_recombine(z, on_recombined, NULL); /* E_NOMEM: at next change */
}

/* ---- removal ---- */

struct removal {
	struct removal *next; /* in combiner.removals */
	struct store_change row;
	struct zone *z; /* held: its data is what the archive shows */
	bool archive;
	int64_t now;
	char *file;
};

bool
zone_is_leaving(const struct combiner *c, const uint8_t *name)
{
	for (const struct removal *r = c->removals; r != NULL; r = r->next) {
		if (name_equal(r->z->name, name)) {
			return true;
		}
	}
	return false;
}

static void
removal_free(struct removal *r)
{
	struct removal **at = &r->z->combiner->removals;

	while (*at != r) {
		at = &(*at)->next;
	}
	*at = r->next;
	zone_release(r->z);
	free(r);
}

static int
removal_before(struct store_change *row)
{
	struct removal *r = row->arg;

	return r->archive
	    ? zone_archive(r->z, store_dir(r->z->combiner->store), r->now)
	    : E_OK;
}

static void
removal_done(struct store_change *row, int err)
{
	struct removal *r = row->arg;
	struct zone *z = r->z;
	char name[NAME_STRLEN];

	if (err != E_OK) {
		log_err(F(.zone = name_to_str(z->name, name), .op = "remove",
		            .err = err),
		    "the zone's state stays on disk");
	} else if (z->data != NULL) {
		base_discard(base_ref(z->data->base),
		    store_dir(z->combiner->store));
	}
	removal_free(r);
}

/* When no change of it is under way: submits the removal. */
static void
remove_now(struct zone *z, int err, void *arg)
{
	struct removal *r = arg;

	(void)err;
	if (z->id == 0) { /* nothing was ever written */
		removal_free(r);
		return;
	}
	if (z->data != NULL) {
		/* here, as transfers out may read it while it is archived */
		(void)base_need_index(z->data->base); /* else the job says so */
	}
	r->row.zone.id = z->id;
	r->row.remove = true;
	r->row.before = removal_before;
	r->row.done = removal_done;
	r->row.arg = r;
	store_submit(z->combiner->store, &r->row);
}

int
zone_remove(struct zone *z, bool archive)
{
	struct removal *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return E_NOMEM;
	}
	r->archive = archive;
	r->now = loop_wall_sec(z->combiner->loop);
	r->z = z;
	zone_hold(z);
	r->next = z->combiner->removals;
	z->combiner->removals = r;
	/*
	 * A change that is being stored comes first; those behind it are told
	 * E_CANCEL, as the zone is gone.
	 */
	if (z->ops == NULL || zone_op_last(z, remove_now, r) != E_OK) {
		retire(z);
		remove_now(z, E_OK, r);
	} else {
		retire(z);
	}
	zone_release(z); /* the set's */
	return E_OK;
}
