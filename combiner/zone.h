/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A zone: the owner's copy, the contributions, what is published, and the one
 * pipeline through which each of them changes:
 *
 *   request -> queue of the zone -> prepare (checks, combined difference)
 *     -> store (on disk) -> apply in memory -> publish (NOTIFY, waiters)
 *
 * One change of a zone is under way at a time; changes of different zones go
 * to disk together.  Nothing is told to anybody before it is on disk.
 */
#ifndef COMBINER_ZONE_H
#define COMBINER_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "combiner/combine.h"
#include "combiner/conf.h"
#include "common/dns_wire.h"
#include "common/loop.h"

struct combiner;
struct owner_change;
struct refresh;  /* refresh.c: transfers in */
struct notify_out; /* notify.c: NOTIFY to the signers */
struct zdata;    /* zdata.h: records that are not managed */
struct zone_op;

enum zone_alert { /* bits of zone.alerts; texts in zone_alert.c */
	ZONE_ALERT_CSYNC_MANY = 1u << 0,
	ZONE_ALERT_OWNER_SIGNED = 1u << 1,
	ZONE_ALERT_NO_NS = 1u << 2,
	ZONE_ALERT_EXPIRED = 1u << 3,      /* owner away longer than expire */
	ZONE_ALERT_SERIAL_BACK = 1u << 4,  /* owner's serial is not ahead */
	ZONE_ALERT_TRANSFER = 1u << 5,     /* all masters failed */
	ZONE_ALERT_STORE = 1u << 6,        /* disk; nothing can be published */
	ZONE_ALERT_BAD_ZONE = 1u << 7,     /* owner's zone refused by the checks */
	ZONE_ALERT_SIGNER_SILENT = 1u << 8, /* a signer does not answer NOTIFY */
	ZONE_ALERT_CATALOG = 1u << 9,      /* catalog broken or held back */
	ZONE_ALERT_OWNER_DROPPED = 1u << 10, /* owner's CDS… left out */
	ZONE_ALERT_SOURCE = 1u << 11, /* contribution of one not configured */
};
#define ZONE_NALERTS 12

struct zone {
	struct combiner *combiner;
	uint8_t *name;  /* wire, lower case */
	const struct combiner_rules *rules;
	struct zone *catalog; /* that brought it, or NULL: configured */
	char *member_id;      /* in that catalog */

	/* the owner's zone; soa NULL: no copy yet */
	uint8_t *soa;         /* RDATA, serial is the owner's */
	uint16_t soa_len;
	uint32_t soa_ttl;
	uint32_t owner_serial;
	bool owner_signed;    /* signed by the owner and passed as it is */
	struct apex *owner_apex;
	struct zdata *data;   /* all other records; NULL: none yet */
	struct contrib *contribs;

	/* what is published; valid when has_out */
	bool has_out;
	uint32_t out_serial;
	struct apex *out_apex;
	bool serial_asked, has_floor; /* zone_serial.c, before the first */
	uint32_t serial_floor;        /* what a signer has: start behind it */

	uint32_t alerts;
	int64_t alert_sec;    /* when the first of them was raised */
	int64_t checked_sec;  /* last time a master confirmed our copy */
	int64_t stored_sec;   /* checked_sec that is on disk */
	int64_t published_sec;
	int64_t id;           /* row in the store, 0: none yet */
	uint32_t seq;         /* counts publishes; version of data */
	uint32_t base_seq;    /* seq that the stored base shows */
	struct blob *last_entry; /* journal entry of seq, if small */
	uint32_t last_from;   /* serial that it starts at */
	char **alert_text;    /* why, ZONE_NALERTS of them; NULL: none raised */

	struct refresh *refresh;
	struct notify_out *notify;
	struct zone_op *ops, **ops_tail; /* waiting; the first one is under way */
	bool row_stale;       /* on disk it belongs to another catalog */
	bool merging;         /* zone_merge.c has a job under way */
	unsigned refs;        /* transfers out and jobs that hold it */
	bool is_catalog;      /* its records are a list of zones; not published */
	bool expired_stop;    /* expired, and expire = stop: SERVFAIL */
	bool has_notified;    /* all signers answered for: */
	uint32_t notified_serial;
	bool gone;            /* removed from configuration; dies at refs 0 */
};

/* ---- changes ---- */

/*
 * Changes the store of one source.  edit gets a private copy when it is this
 * zone's turn and returns E_OK, or anything else to leave all as it is (that
 * value goes to done).  done is called after it is on disk: err, and the
 * serial that has the change (out_serial; unchanged when nothing changed).
 */
typedef int (*zone_edit_fn)(struct zone *z, struct apex *copy, void *arg);
typedef void (*zone_done_fn)(struct zone *z, int err, void *arg);
int zone_contribute(struct zone *z, const char *source, zone_edit_fn edit,
    zone_done_fn done, void *arg);
/* A new version of the owner's zone; takes over change unless it fails. */
int zone_take_owner(struct zone *z, struct owner_change *change,
    zone_done_fn done, void *arg);
/* Combines again (configuration changed). */
int zone_recombine(struct zone *z, zone_done_fn done, void *arg);

/* An operation of zone_op.c: merged base of zone_merge.c; takes over m. */
struct zmerge;
int zone_take_merge(struct zone *z, struct zmerge *m);
/* Starts a merge in the pool when the overlay has grown. */
void zone_merge_check(struct zone *z);

/*
 * Raises or clears the alert about contributions whose source the rules do not
 * name.  They stay: taking keys away could make answers bogus.
 */
void zone_check_sources(struct zone *z);
/* A master has confirmed our copy: remembered, now and then also on disk. */
void zone_checked(struct zone *z);

/* SOA record as published; rdata[512], returns its length. */
int zone_out_soa(const struct zone *z, uint8_t *rdata, uint32_t *ttl);

void zone_alert_set(struct zone *z, enum zone_alert a, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void zone_alert_clear(struct zone *z, enum zone_alert a);
/* Is it the disk that failed?  For errors of the pipeline and of ingest. */
bool zone_is_store_error(int err);

/* What is wrong and what to do, by alert bit, for polyctl and the manual. */
const char *zone_alert_name(enum zone_alert a);
const char *zone_alert_remedy(enum zone_alert a);
/* Why it is raised; "" when it is not. */
const char *zone_alert_text(const struct zone *z, enum zone_alert a);

/* ---- the set of zones ---- */

struct zone *zone_find(struct combiner *c, const uint8_t *name);
/* Makes it and schedules its first transfer; state on disk is taken up. */
int zone_add(struct combiner *c, const uint8_t *name,
    const struct combiner_rules *rules, struct zone *catalog,
    const char *member_id, struct zone **out);
/*
 * Other rules, or another catalog that brought it (a hand-over, RFC 9432
 * 4.3.1): remembered in memory and on disk; copy, contributions and serials
 * stay.  The caller sees to refresh, NOTIFY and recombination.
 */
int zone_assign(struct zone *z, const struct combiner_rules *rules,
    struct zone *catalog, const char *member_id);
/* Removes it with all state, archived when `archive`. */
int zone_remove(struct zone *z, bool archive);
/* Takes it out of service; its state stays on disk (left out of the config). */
void zone_drop(struct zone *z);
/* New rules after a reload. */
void zone_set_rules(struct zone *z, const struct combiner_rules *rules);
/*
 * At start: makes all configured zones and catalogs, takes up all state, then
 * schedules transfers.  msg says what failed.
 */
int zone_load_all(struct combiner *c, char *msg, size_t msg_len);
/* The k-th zone in canonical order of names; NULL after the last. */
size_t zone_count(const struct combiner *c);
struct zone *zone_at(const struct combiner *c, size_t k);
/* At the end: forgets all zones; disk stays as it is. */
void zone_free_all(struct combiner *c);
void zone_hold(struct zone *z);
void zone_release(struct zone *z);

#endif
