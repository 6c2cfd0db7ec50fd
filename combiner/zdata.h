/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All records of a zone that are not managed: an immutable base and a small
 * overlay over it (records removed from the base, records added).  Each entry
 * of the overlay carries the versions in which it came and went, so a transfer
 * that began at version v goes on seeing v while newer versions are published,
 * and a change costs what it changes.  When the overlay has grown, a job in
 * the pool merges it into a new base.
 *
 * Version = the zone's sequence number in the store, one for each publish.
 */
#ifndef COMBINER_ZDATA_H
#define COMBINER_ZDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/base.h"
#include "common/dns_wire.h"

/* One record, uncompressed: owner | type | class | TTL | RDLENGTH | RDATA. */
struct zrec {
	struct zrec *next;  /* in order of addition */
	struct zrec *chain; /* same hash bucket */
	uint64_t hash;
	uint32_t added;   /* version */
	uint32_t removed; /* version, 0 = still there */
	uint32_t len;     /* octets at rr */
	uint8_t rr[];
};

struct zmap { /* offset in the base -> version in which it was removed */
	uint32_t *keys, *vals; /* key 0 = free */
	uint32_t count, cap;   /* cap is a power of two */
};

struct zdata {
	unsigned refs;
	struct base *base;
	uint32_t version; /* current */
	uint64_t count;   /* records of the current version */
	struct zmap removed;
	uint16_t *touched; /* removals in each message, saturating; or NULL */
	struct zrec *first, **last;
	uint32_t nadded; /* records on the list, dead ones too */
	struct zrec **bucket;
	uint32_t nbuckets; /* power of two, or 0 */
};

/* Takes over the reference to base. */
int zdata_new(struct base *base, uint32_t version, struct zdata **out);
struct zdata *zdata_ref(struct zdata *d);
void zdata_unref(struct zdata *d);

/* Is the overlay large enough to be merged? */
bool zdata_wants_merge(const struct zdata *d);

/* ---- reading ---- */

/* Does message k of the base hold a record that is gone at `version`? */
bool zdata_is_touched(const struct zdata *d, uint32_t k, uint32_t version);
bool zdata_base_visible(const struct zdata *d, uint32_t offset,
    uint32_t version);
static inline bool
zrec_visible(const struct zrec *r, uint32_t version)
{
	return r->added <= version && (r->removed == 0 || r->removed > version);
}

/* The record of an uncompressed RR; false when the octets are not one. */
bool zrec_parse(const uint8_t *rr, size_t len, struct dns_rr *out);

typedef int (*zdata_each_fn)(const uint8_t *owner, uint16_t type,
    uint16_t class, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen,
    void *arg);
/* Every record of the current version; stops when fn does not return E_OK. */
int zdata_each(const struct zdata *d, zdata_each_fn fn, void *arg);
/* The same for the records of one base message, at a version. */
int zdata_each_in_message(const struct zdata *d, uint32_t k, uint32_t version,
    zdata_each_fn fn, void *arg);

/* ---- changing ---- */

struct delta; /* a difference under preparation */

int delta_new(struct zdata *d, struct delta **out);
void delta_free(struct delta *x);
/*
 * rr: one uncompressed record.  E_MISFIT: to be deleted and not there, or to
 * be added and there (TTLs are not compared).  A record deleted and added
 * again with the same TTL leaves no trace.
 */
int delta_del(struct delta *x, const uint8_t *rr, size_t len);
int delta_add(struct delta *x, const uint8_t *rr, size_t len);
bool delta_is_empty(const struct delta *x);
/* All deletions, then all additions, as uncompressed records. */
typedef int (*delta_fn)(const uint8_t *rr, size_t len, void *arg);
int delta_each_del(const struct delta *x, delta_fn fn, void *arg);
int delta_each_add(const struct delta *x, delta_fn fn, void *arg);
/* Gets all memory that applying needs, so that it cannot fail. */
int delta_reserve(struct delta *x);
/* Makes it version `version` of its zdata.  Frees x. */
void delta_apply(struct delta *x, uint32_t version);

/*
 * Marks base records as gone in `version` (offsets in the base).  For a zdata
 * that nobody else sees yet.
 */
int zdata_drop(struct zdata *d, const uint32_t *offsets, size_t count,
    uint32_t version);

/*
 * A merge: base and overlay as they are now, frozen for a job in the pool while
 * the zdata goes on changing.
 */
struct zmerge;
int zmerge_new(struct zdata *d, const uint8_t *zone, const char *dir,
    struct zmerge **out);
/* In the pool: writes the new base.  Kept inside until zmerge_take_base(). */
int zmerge_run(struct zmerge *m);
/* Lends the new base after a good run; version it shows. */
struct base *zmerge_base(const struct zmerge *m, uint32_t *version);
/* Was it made from this one? */
bool zmerge_is_of(const struct zmerge *m, const struct zdata *d);
/*
 * In the loop: a zdata over the new base with all that has changed since, equal
 * to the old one at its current version.
 */
int zmerge_finish(struct zmerge *m, struct zdata **out);
void zmerge_free(struct zmerge *m);

/* Writes the record as uncompressed RR; returns its length, or E_MALF. */
int zrec_write(const uint8_t *msg, size_t len, const struct dns_rr *rr,
    uint8_t *out, size_t cap);
#define ZREC_MAX (NAME_MAX_LEN + DNS_RR_FIXED + DNS_MSG_MAX)

/*
 * Records of `to` that `from` lacks and the other way round, by comparing the
 * two indexes: dels and adds in one pass.  Gives up with E_LIMIT when more than
 * `limit` records differ.  Reads only; both must stand still.
 */
int zdata_diff(const struct zdata *from, const struct zdata *to,
    size_t limit, delta_fn del, delta_fn add, void *arg);

#endif
