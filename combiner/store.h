/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What survives: SQLite (write-ahead log, full sync) for all that is small -
 * zones, contributions, journal, bases of small zones - and one file for each
 * larger base.  A change of a zone is one transaction; changes of many zones
 * that wait at the same time share one sync.  All of it runs in the pool; only
 * loading at start blocks.
 */
#ifndef COMBINER_STORE_H
#define COMBINER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/journal.h"
#include "common/dns_wire.h"

struct loop;
struct store;

/* The row of a zone, as it is after a change. */
struct store_zone {
	int64_t id; /* 0: new; set when its first change is done */
	const uint8_t *name;
	const uint8_t *catalog;  /* name, or NULL */
	const char *member_id, *group; /* or NULL */
	const uint8_t *soa;      /* RDATA, or NULL: no owner's copy */
	uint16_t soa_len;
	uint32_t soa_ttl;
	bool owner_signed, has_out;
	uint32_t owner_serial, out_serial, seq, base_seq;
	const uint8_t *owner_apex; /* encoded; the combined one follows */
	size_t owner_apex_len;
	const uint8_t *out_apex;
	size_t out_apex_len;
	int64_t checked_sec, published_sec;
	const char *base_file;   /* or NULL */
};

enum store_base { STORE_BASE_KEEP = 0, STORE_BASE_FILE = 1, STORE_BASE_INLINE = 2 };

/*
 * One change.  The store copies nothing: what the pointers name must stay until
 * done() was called; done frees.
 */
struct store_change {
	struct store_zone zone;
	/* contribution of one source: NULL source = none changed */
	const char *source;
	const uint8_t *sets; /* encoded; NULL: the row goes */
	size_t sets_len;
	int64_t changed_sec;
	/* new base */
	enum store_base base;
	const uint8_t *base_data; /* INLINE */
	size_t base_len;
	/* journal entry of zone.seq; NULL: none */
	const struct blob *entry;
	uint32_t serial_from;
	/*
	 * Old entries go that are not needed to bring the base forward, nor among
	 * the last keep_versions, nor within the last keep_octets.
	 */
	bool trim;
	bool drop_journal; /* none of the older entries leads here */
	uint32_t keep_versions;
	uint64_t keep_octets;
	bool remove;         /* the zone goes with all that belongs to it */

	/* In the pool, before it is written; an error ends the change.  Or NULL. */
	int (*before)(struct store_change *c);
	void (*done)(struct store_change *c, int err);
	void *arg;
	/* the store's own */
	struct store_change *next;
	int err;
	bool is_new;
};

/* Opens or makes the state in dir.  msg[256] says what is wrong. */
int store_open(struct loop *loop, const char *dir, struct store **out,
    char *msg, size_t msg_len);
/* Nothing may be under way: see store_pending() and loop_job_count(). */
void store_close(struct store *s);
const char *store_dir(const struct store *s);
const struct dns_hash_key *store_hash_key(const struct store *s);
void store_submit(struct store *s, struct store_change *c);
/* Changes submitted and not yet done. */
unsigned store_pending(const struct store *s);

/* ---- at start ---- */

struct store_loaded {
	struct store_zone zone;
	const uint8_t *base_data; /* of an inline base, or NULL */
	size_t base_len;
};
struct store_load_events {
	int (*on_zone)(const struct store_loaded *z, void *arg);
	/* after its zone: */
	int (*on_contrib)(int64_t zone_id, const char *source,
	    const uint8_t *sets, size_t len, int64_t changed_sec, void *arg);
	/* entries after the base, ascending */
	int (*on_entry)(int64_t zone_id, uint32_t seq, const uint8_t *data,
	    size_t len, void *arg);
};
/* Reads all, or one zone by name; a callback's error ends it. */
int store_load(struct store *s, const uint8_t *name,
    const struct store_load_events *ev, void *arg);
/* Removes base files that no zone names (left by a crash). */
void store_sweep(struct store *s);

/* ---- journal for IXFR out ---- */

/*
 * The entries from the one that starts at serial `from` up to seq `to_seq`, in
 * order; E_NOENT when the chain is not held.  entries are lent for the call.
 */
typedef void (*store_entries_fn)(void *arg, int err,
    struct blob *const *entries, size_t count);
int store_entries(struct store *s, int64_t zone_id, uint32_t from,
    uint32_t to_seq, uint64_t max_octets, store_entries_fn fn, void *arg);

#endif
