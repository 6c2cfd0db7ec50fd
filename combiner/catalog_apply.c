/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a catalog does to the set of zones (RFC 9432 4.3.1, 5):
 *
 *   decode -> broken: alert, all stays
 *   moves: members that another catalog hands over (coo), either way round
 *   guard: too many would vanish: alert, all stays
 *   removals and resets, each archived; then new members; then new rules
 *   a removal may end a clash: the other catalogs are looked at once more
 *
 * Only zones that this catalog brought are ever removed by it.
 */
#include <stdlib.h>
#include <string.h>

#include "combiner/catalog.h"
#include "combiner/combiner.h"
#include "combiner/notify.h"
#include "combiner/refresh.h"
#include "combiner/zdata.h"
#include "common/errcode.h"
#include "common/log.h"

struct counts {
	size_t added, removed, reset, moved, kept, clashed, homeless;
};

struct other { /* another catalog, decoded when first needed */
	struct zone *zone;
	struct catalog *catalog; /* NULL: broken */
};

struct ctx {
	struct combiner *c;
	struct zone *self;
	struct catalog *catalog;
	struct other *others;
	size_t nothers;
	struct counts n;
	struct log_limit limit; /* lines about single members in this run */
};

/* ---- helpers ---- */

static const struct combiner_catalog_conf *
find_conf(const struct combiner *c, const uint8_t *name)
{
	size_t i;

	for (i = 0; i < c->conf->ncatalogs; i++) {
		if (name_equal(c->conf->catalogs[i].name, name)) {
			return &c->conf->catalogs[i];
		}
	}
	return NULL;
}

static int
decode(const struct zone *z, struct catalog **out, const char **why)
{
	struct catalog *c;
	int err;

	*why = NULL;
	err = catalog_new(z->name, &c);
	if (err != E_OK) {
		return err;
	}
	if (z->data != NULL) {
		err = zdata_each(z->data, catalog_add_record, c);
	}
	if (err == E_OK) {
		err = catalog_finish(c, why);
	}
	if (err != E_OK) {
		catalog_free(c);
		return err;
	}
	*out = c;
	return E_OK;
}

/* The rules of the first group that is known here, else of `default`. */
static const struct combiner_rules *
member_rules(const struct combiner *c, const struct catalog_member *m)
{
	const struct combiner_rules *rules = NULL;
	const char *group;
	size_t k;

	for (k = 0; rules == NULL && (group = catalog_group(m, k)) != NULL;
	     k++) {
		rules = combiner_conf_template(c->conf, group);
	}
	return rules != NULL ? rules :
			       combiner_conf_template(c->conf, "default");
}

static void
log_member(struct ctx *x, enum log_level level, const uint8_t *name, int err,
    const char *text)
{
	char member[NAME_STRLEN], catalog[NAME_STRLEN];

	log_limited(&x->limit, loop_now_ms(x->c->loop), level,
	    F(.zone = name_to_str(name, member), .op = "catalog",
		.from = name_to_str(x->self->name, catalog), .err = err),
	    "%s", text);
}

static void
on_recombined(struct zone *z, int err, void *arg)
{
	(void)arg;
	if (err != E_OK) {
		char name[NAME_STRLEN];

		log_warning(F(.zone = name_to_str(z->name, name),
				.op = "catalog", .err = err),
		    "new rules are not published yet");
	}
}

/* Other rules, or another catalog, for a zone that keeps all it has. */
static int
assign(struct zone *z, const struct combiner_rules *rules, struct zone *catalog,
    const char *id)
{
	int err = zone_assign(z, rules, catalog, id);

	if (err == E_OK) {
		refresh_reload(z);
		notify_reload(z);
		err = zone_recombine(z, on_recombined, NULL);
	}
	return err;
}

static void
add_member(struct ctx *x, const struct catalog_member *m, struct zone *catalog)
{
	const struct combiner_rules *rules = member_rules(x->c, m);
	struct zone *z;
	int err;

	if (rules == NULL) {
		x->n.homeless++;
		log_member(x, LOG_LEVEL_WARNING, m->name, E_OK,
		    "not taken: no template for its group, and no default");
		return;
	}
	err = zone_add(x->c, m->name, rules, catalog, m->id, &z);
	if (err != E_OK) {
		log_member(x, LOG_LEVEL_ERR, m->name, err, "not added");
		return;
	}
	x->n.added++;
	log_member(x, LOG_LEVEL_NOTICE, m->name, E_OK, "added");
}

/* ---- change of ownership ---- */

static const struct catalog *
other_catalog(struct ctx *x, struct zone *z)
{
	struct other *o;
	const char *why;
	size_t i;

	for (i = 0; i < x->nothers; i++) {
		if (x->others[i].zone == z) {
			return x->others[i].catalog;
		}
	}
	o = realloc(x->others, (x->nothers + 1) * sizeof(*o));
	if (o == NULL) {
		return NULL;
	}
	x->others = o;
	o += x->nothers++;
	o->zone = z;
	o->catalog = NULL;
	if (decode(z, &o->catalog, &why) != E_OK) {
		o->catalog = NULL;
	}
	return o->catalog;
}

/* m: the member as the catalog `to` has it. */
static void
move(struct ctx *x, struct zone *z, const struct catalog_member *m,
    struct zone *to)
{
	const struct combiner_rules *rules;
	int err;

	if (strcmp(z->member_id, m->id) != 0) {
		/* Other id: the new owner wants a fresh start (4.3.1). */
		err = zone_remove(z, true);
		if (err == E_OK) {
			x->n.reset++;
			log_member(x, LOG_LEVEL_NOTICE, m->name, E_OK,
			    "handed over to another catalog: state reset");
			add_member(x, m, to);
			return;
		}
	} else {
		rules = member_rules(x->c, m);
		err = assign(z, rules != NULL ? rules : z->rules, to, m->id);
	}
	if (err != E_OK) {
		log_member(x, LOG_LEVEL_ERR, m->name, err, "not handed over");
		return;
	}
	x->n.moved++;
	log_member(x, LOG_LEVEL_NOTICE, m->name, E_OK,
	    "handed over to another catalog: state kept");
}

/* Does the catalog that brought z let `to` have it? */
static bool
is_let_go(struct ctx *x, const struct zone *z, const struct zone *to)
{
	const struct catalog_member *m;
	const struct catalog *from;

	if (z->catalog == NULL || z->catalog == to || z->member_id == NULL) {
		return false;
	}
	from = z->catalog == x->self ? x->catalog :
				       other_catalog(x, z->catalog);
	m = from != NULL ? catalog_find(from, z->name) : NULL;
	return m != NULL && m->coo != NULL && name_equal(m->coo, to->name);
}

/* Members that this catalog lets go, and that the new one has already. */
static void
give_away(struct ctx *x)
{
	const struct catalog_member *m, *theirs;
	const struct catalog *their_catalog;
	struct zone *z, *to;
	size_t k;

	for (k = 0; (m = catalog_at(x->catalog, k)) != NULL; k++) {
		if (m->coo == NULL) {
			continue;
		}
		to = zone_find(x->c, m->coo);
		z = zone_find(x->c, m->name);
		if (to == NULL || !to->is_catalog || to == x->self ||
		    z == NULL || z->catalog != x->self ||
		    z->member_id == NULL) {
			continue;
		}
		their_catalog = other_catalog(x, to);
		theirs = their_catalog != NULL ?
		    catalog_find(their_catalog, m->name) : NULL;
		if (theirs != NULL) {
			move(x, z, theirs, to);
		}
	}
}

/* Members of this catalog that the old one lets go. */
static void
take_over(struct ctx *x)
{
	const struct catalog_member *m;
	struct zone *z;
	size_t k;

	for (k = 0; (m = catalog_at(x->catalog, k)) != NULL; k++) {
		z = zone_find(x->c, m->name);
		if (z != NULL && is_let_go(x, z, x->self)) {
			move(x, z, m, x->self);
		}
	}
}

/* ---- removals and additions ---- */

/* The zones that this catalog brought, in order of names. */
static int
collect(struct ctx *x, struct catalog_have **out, size_t *count)
{
	struct catalog_have *have = NULL;
	size_t k, n = 0, total = zone_count(x->c);
	struct zone *z;

	have = calloc(total + 1, sizeof(*have));
	if (have == NULL) {
		return E_NOMEM;
	}
	for (k = 0; k < total && (z = zone_at(x->c, k)) != NULL; k++) {
		if (z->catalog == x->self && !z->gone && z->member_id != NULL) {
			have[n].name = z->name;
			have[n].id = z->member_id;
			have[n].zone = z;
			n++;
		}
	}
	*out = have;
	*count = n;
	return E_OK;
}

static void
remove_one(enum catalog_change change, const struct catalog_have *have,
    const struct catalog_member *m, void *arg)
{
	struct ctx *x = arg;
	char member[NAME_STRLEN], catalog[NAME_STRLEN];
	int err;

	(void)m;
	if (change != CATALOG_REMOVE && change != CATALOG_RESET) {
		return;
	}
	/* State goes: each one is told, however many. */
	log_notice(F(.zone = name_to_str(have->name, member), .op = "catalog",
		       .from = name_to_str(x->self->name, catalog)),
	    "%s; state archived",
	    change == CATALOG_REMOVE ?
		"removed" :
		"id changed: owner's copy and contributions are reset");
	err = zone_remove(have->zone, true);
	if (err != E_OK) {
		log_member(x, LOG_LEVEL_ERR, have->name, err, "not removed");
	} else if (change == CATALOG_REMOVE) {
		x->n.removed++;
	} else {
		x->n.reset++;
	}
}

static void
add_or_keep(struct ctx *x, const struct catalog_member *m)
{
	struct zone *z = zone_find(x->c, m->name);
	const struct combiner_rules *rules;
	int err;

	if (z == NULL) {
		add_member(x, m, x->self);
		return;
	}
	if (z->catalog != x->self) {
		x->n.clashed++;
		log_member(x, LOG_LEVEL_WARNING, m->name, E_EXIST,
		    z->catalog == NULL ?
			"not taken: the configuration has this zone" :
			"not taken: another catalog has this zone");
		return;
	}
	x->n.kept++;
	rules = member_rules(x->c, m);
	/* No rules any more: it goes on by the ones that it has. */
	if (rules == NULL || rules == z->rules || z->member_id == NULL ||
	    strcmp(z->member_id, m->id) != 0) {
		return;
	}
	err = assign(z, rules, x->self, m->id);
	if (err != E_OK) {
		log_member(x, LOG_LEVEL_ERR, m->name, err,
		    "group changed, not followed");
	} else {
		log_member(x, LOG_LEVEL_NOTICE, m->name, E_OK,
		    "group changed: follows other rules");
	}
}

/* E_LIMIT: held back by the guard. */
static int
change_set(struct ctx *x)
{
	const struct combiner_catalog_conf *conf =
	    find_conf(x->c, x->self->name);
	struct catalog_have *have;
	size_t count, lost, k;
	int err;

	err = collect(x, &have, &count);
	if (err != E_OK) {
		return err;
	}
	lost = catalog_lost(have, count, x->catalog);
	if (!catalog_may_lose(count, lost) &&
	    (conf == NULL || !conf->mass_removal)) {
		zone_alert_set(x->self, ZONE_ALERT_CATALOG,
		    "%zu of %zu members would lose their state at once: "
		    "held back until the catalog has them again or "
		    "catalog-mass-removal is on", lost, count);
		free(have);
		return E_LIMIT;
	}
	catalog_diff(have, count, x->catalog, remove_one, x);
	free(have);
	for (k = 0; k < catalog_count(x->catalog); k++) {
		add_or_keep(x, catalog_at(x->catalog, k));
	}
	return E_OK;
}

static void
log_result(const struct ctx *x)
{
	char name[NAME_STRLEN];
	const struct counts *n = &x->n;

	log_info(F(.zone = name_to_str(x->self->name, name), .op = "catalog",
		     .serial = log_serial(x->self->owner_serial)),
	    "applied: members=%zu added=%zu removed=%zu reset=%zu moved=%zu "
	    "kept=%zu clashes=%zu without-template=%zu",
	    catalog_count(x->catalog), n->added, n->removed, n->reset,
	    n->moved, n->kept, n->clashed, n->homeless);
}

/* Returns whether names have become free for other catalogs. */
static bool
apply(struct zone *z)
{
	struct ctx x = {.c = z->combiner, .self = z};
	const char *why;
	size_t i;
	int err;

	err = decode(z, &x.catalog, &why);
	if (err != E_OK) {
		zone_alert_set(z, ZONE_ALERT_CATALOG,
		    "catalog not taken: %s; its members go on as they are",
		    why != NULL ? why : err_text(err));
		return false;
	}
	give_away(&x);
	take_over(&x);
	err = change_set(&x);
	if (err == E_OK) {
		zone_alert_clear(z, ZONE_ALERT_CATALOG);
		log_result(&x);
	} else if (err != E_LIMIT) {
		zone_alert_set(z, ZONE_ALERT_CATALOG,
		    "catalog not taken: %s; its members go on as they are",
		    err_text(err));
	}
	for (i = 0; i < x.nothers; i++) {
		catalog_free(x.others[i].catalog);
	}
	free(x.others);
	catalog_free(x.catalog);
	return x.n.removed > 0;
}

void
catalog_on_change(struct zone *catalog)
{
	struct combiner *c = catalog->combiner;
	struct zone *other;
	size_t i;

	if (!apply(catalog)) {
		return;
	}
	for (i = 0; i < c->conf->ncatalogs; i++) {
		other = zone_find(c, c->conf->catalogs[i].name);
		if (other != NULL && other != catalog && other->is_catalog &&
		    other->soa != NULL) {
			(void)apply(other); /* once: clashes end in one pass */
		}
	}
}
