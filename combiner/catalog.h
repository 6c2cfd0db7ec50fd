/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Catalog zones (RFC 9432, spec/combiner.md 8), the pure part: records in,
 * sorted members out; what changed against the zones there are; and the guard
 * against mass removal.  catalog_apply.c changes the set of zones.
 *
 *   version.$CATZ            TXT "2"        exactly one
 *   <id>.zones.$CATZ         PTR member.    one for each id
 *   group.<id>.zones.$CATZ   TXT "name"     any number
 *   coo.<id>.zones.$CATZ     PTR newcatz.   one
 *
 * All other records are ignored.
 */
#ifndef COMBINER_CATALOG_H
#define COMBINER_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog;
struct catalog_entry;
struct zone;

struct catalog_member {
	const uint8_t *name; /* lower case */
	const char *id;      /* label as text, lower case */
	const uint8_t *coo;  /* catalog that may take it over, or NULL */
	struct catalog_entry *const *groups; /* see catalog_group() */
	size_t ngroups;
};

int catalog_new(const uint8_t *name, struct catalog **out);
void catalog_free(struct catalog *c);
/*
 * One record of the zone, in any order (a zdata_each_fn; arg is the catalog).
 * E_OK, also for what is ignored; E_NOMEM.
 */
int catalog_add_record(const uint8_t *owner, uint16_t type, uint16_t class,
    uint32_t ttl, const uint8_t *rdata, uint16_t rdlen, void *arg);
/* After the last: E_OK, or E_MALF for a broken catalog (*why is static). */
int catalog_finish(struct catalog *c, const char **why);

/* Valid after E_OK; ascending by name_cmp(). */
size_t catalog_count(const struct catalog *c);
const struct catalog_member *catalog_at(const struct catalog *c, size_t k);
const struct catalog_member *catalog_find(const struct catalog *c,
    const uint8_t *name);
/* The k-th group, ascending; NULL after the last. */
const char *catalog_group(const struct catalog_member *m, size_t k);

/* ---- difference ---- */

struct catalog_have { /* a zone that this catalog brought */
	const uint8_t *name;
	const char *id;
	struct zone *zone; /* the caller's; not looked at */
};

enum catalog_change {
	CATALOG_KEEP = 0, /* the same member under the same id */
	CATALOG_ADD,
	CATALOG_REMOVE,
	CATALOG_RESET,    /* other id: removal, then a new member */
};

/*
 * have: ascending by name.  fn gets have (not with ADD) and m (not with
 * REMOVE), in order of names; it may free what have points to.
 */
typedef void (*catalog_diff_fn)(enum catalog_change change,
    const struct catalog_have *have, const struct catalog_member *m, void *arg);
void catalog_diff(const struct catalog_have *have, size_t count,
    const struct catalog *c, catalog_diff_fn fn, void *arg);
/* How many zones would lose their state. */
size_t catalog_lost(const struct catalog_have *have, size_t count,
    const struct catalog *c);
/* May so many of count members vanish in one version? */
bool catalog_may_lose(size_t count, size_t lost);

/* ---- catalog_apply.c ---- */

/*
 * A new version of a catalog zone is in force, or the templates have changed:
 * adds, removes, moves zones.  Doing it again changes nothing.
 */
void catalog_on_change(struct zone *catalog);

#endif
